package guard

import (
	"fmt"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A Claim is a value that somebody says the source carries.
type Claim struct {
	// Value is a number, in Unit, or words.
	Value pipeline.Value
	// Unit is a UCUM code, empty for words and pure numbers.
	Unit string
	// Dimension is what the value measures; empty means that of Unit.
	Dimension quantity.Dimension
	// Implied is the unit, a UCUM code, that a number without one has by
	// convention in this field (mm for 25x52x15). Where it is empty a number
	// with a unit is never grounded by one without.
	Implied string
	// Prefixes are letters that announce a number of this field and may touch
	// it: d of d90, SW of SW13. Case does not matter.
	Prefixes []string
	// Span is where the claim says that it stands. The zero span asks to look
	// everywhere.
	Span pipeline.Span
	// Entry is the dictionary or standard entry that the value comes from, for
	// a value that does not stand in the text itself; Span is then the text
	// that names the entry.
	Entry *Entry
}

// An Entry is what a dictionary or standard says: whoever writes one of its
// spellings means its values.
type Entry struct {
	// Name identifies it, as in Attribute.Evidence: "bearing/seal/2RS".
	Name string
	// Spellings are the texts that name it. One of them must stand in the
	// source.
	Spellings []string
	// Also are further texts of which each must stand somewhere in the source:
	// the size beside the standard.
	Also []string
	// Values are what it stands for, in Unit.
	Values []pipeline.Value
	Unit   string
	// Fields are what it stands for, by field, where it says several things:
	// the width and the height of a nut. Check then takes for a field its own
	// values alone.
	Fields map[string]Said
}

// Said is what an entry says of one field.
type Said struct {
	Values []pipeline.Value
	Unit   string
}

// A Verdict says whether a claim is grounded, and by what.
type Verdict struct {
	Grounded bool `json:"grounded"`
	// Span is the text that carries the value, or that names the entry.
	pipeline.Span
	Provenance pipeline.Provenance `json:"provenance,omitempty"`
	// Reason says in words why not, or how the value was found.
	Reason string `json:"reason"`
}

// Ground judges one claim against one source: the value must stand in the text,
// token by token after normalisation (units converted exactly, decimal commas,
// fractions, accents), or come from the claim's entry, whose name must.
func Ground(source string, c Claim) Verdict {
	return Read(source, quantity.Options{}).Ground(c)
}

// A Source is a text that has been read once, so that many claims can be held
// against it. It is safe for concurrent use.
type Source struct {
	text       string
	language   quantity.Language
	quantities []quantity.Quantity
	parts      []quantity.Quantity // of designations, with the units that they imply
	tokens     []token
}

// Read prepares a text.
func Read(text string, opt quantity.Options) *Source {
	s := new(Source)
	s.read(text, opt)
	return s
}

func (s *Source) read(text string, opt quantity.Options) {
	s.text, s.language = text, opt.Language
	s.quantities = quantity.AppendScan(s.quantities[:0], text, opt)
	s.parts = s.parts[:0]
	for _, d := range quantity.Designations(text, s.quantities) {
		for _, p := range d.Parts {
			q := p.Quantity
			if p.Role == "series" {
				continue
			}
			if d.Pattern == quantity.Rated && !q.HasUnit() {
				switch d.Name {
				case "DN", "NW", "SW":
					q.Unit = quantity.Canonical(quantity.Length)
				case "PN":
					q.Unit = quantity.Canonical(quantity.Pressure)
				}
			}
			if q.HasUnit() {
				s.parts = append(s.parts, q)
			}
		}
	}
	s.tokens = tokenize(s.tokens[:0], text)
}

// Ground is the function Ground on a text that has been read.
func (s *Source) Ground(c Claim) Verdict {
	if c.Value.IsZero() {
		return no("the value is empty")
	}
	from, to := 0, len(s.text)
	if c.Span != (pipeline.Span{}) {
		if !c.Span.Valid(len(s.text)) {
			return no("the span %d-%d does not lie within the text of %d bytes", c.Span.Start, c.Span.End, len(s.text))
		}
		from, to = c.Span.Start, c.Span.End
	}
	if c.Entry != nil {
		return s.groundEntry(c, from, to)
	}
	if c.Value.IsNumber() {
		return s.groundNumber(c, from, to)
	}
	if c.Value.IsInterval() {
		return s.groundInterval(c, from, to)
	}
	return s.groundWords(c, from, to)
}

func no(format string, args ...any) Verdict {
	return Verdict{Reason: fmt.Sprintf(format, args...)}
}

// groundWords looks for the words of the value as consecutive tokens.
func (s *Source) groundWords(c Claim, from, to int) Verdict {
	var buf [16]token
	needle := tokenize(buf[:0], c.Value.String())
	if len(needle) == 0 {
		return no("%q has no letter or digit that could be looked for", clip(c.Value.String()))
	}
	start, end, ok := find(s.tokens, needle, from, to)
	if !ok {
		return no("%q does not stand in %q", clip(c.Value.String()), clip(s.text[from:to]))
	}
	v := Verdict{Grounded: true, Span: pipeline.Span{Start: start, End: end}, Provenance: pipeline.Normalised, Reason: "stands in the text in another form"}
	if s.text[start:end] == c.Value.String() {
		v.Provenance, v.Reason = pipeline.Verbatim, "stands in the text"
	}
	return v
}

// groundEntry checks that the text names the entry and that the entry holds
// the value.
func (s *Source) groundEntry(c Claim, from, to int) Verdict {
	e := c.Entry
	var v Verdict
	named := false
	for _, spelling := range e.Spellings {
		if start, end, ok := find(s.tokens, tokenize(nil, spelling), from, to); ok {
			v.Start, v.End, named = start, end, true
			break
		}
	}
	if !named {
		return no("the text %q does not name the entry %s", clip(s.text[from:to]), e.Name)
	}
	for _, also := range e.Also {
		if _, _, ok := find(s.tokens, tokenize(nil, also), 0, len(s.text)); !ok {
			return no("the entry %s needs %q in the text, which is not there", e.Name, clip(also))
		}
	}
	for _, value := range e.Values {
		if entryHolds(value, e.Unit, c) {
			v.Grounded, v.Provenance = true, pipeline.Dictionary
			v.Reason = "named entry " + e.Name
			return v
		}
	}
	return no("the entry %s does not say %q", e.Name, clip(strings.TrimSpace(c.Value.String()+" "+c.Unit)))
}

func entryHolds(value pipeline.Value, unit string, c Claim) bool {
	if value.IsNumber() != c.Value.IsNumber() || value.IsInterval() != c.Value.IsInterval() {
		return false
	}
	if value.IsInterval() && c.Value.IsInterval() {
		low, high := value.Ends()
		d := c
		d.Value, c.Value = c.Value.Ends()
		return entryHolds(low, unit, d) && entryHolds(high, unit, c)
	}
	if !value.IsNumber() {
		return value.String() == c.Value.String()
	}
	a, ok1 := quantity.ParseDecimal(value.String())
	b, ok2 := quantity.ParseDecimal(c.Value.String())
	if !ok1 || !ok2 || (unit == "") != (c.Unit == "") {
		return false
	}
	if unit == c.Unit {
		return a.Cmp(b) == 0
	}
	converted, err := quantity.Convert(a, unit, c.Unit)
	return err == nil && equal(converted, b, true)
}

// groundNumber looks for a quantity that is the claimed one.
func (s *Source) groundNumber(c Claim, from, to int) Verdict {
	value, ok := quantity.ParseDecimal(c.Value.String())
	if !ok {
		return no("%q is no number", clip(c.Value.String()))
	}
	var unit quantity.Unit
	if c.Unit != "" {
		u, err := quantity.ParseUnit(c.Unit)
		if err != nil {
			return no("%q is no unit", clip(c.Unit))
		}
		if c.Dimension != "" {
			u.Dimension = c.Dimension
			u = requalified(u)
		}
		unit = u
	}
	var implied quantity.Unit
	if c.Implied != "" {
		if u, err := quantity.ParseUnit(c.Implied); err == nil {
			u.Dimension = unit.Dimension
			implied = requalified(u)
		}
	}
	near := "" // a number that nearly fits, for the reason
	for i := range s.quantities {
		q := &s.quantities[i]
		if !covers(q, from, to) {
			continue
		}
		if how, ok := s.carries(s.released(q, &c), value, unit, implied); ok {
			return s.found(q, c, how)
		}
		if near == "" && sameDigits(q.Value, value) {
			near = q.Text
		}
	}
	for i := range s.parts {
		q := &s.parts[i]
		if !covers(q, from, to) || unit.IsZero() {
			continue
		}
		if how, ok := s.carries(q, value, unit, implied); ok {
			return s.found(q, c, how)
		}
	}
	what := strings.TrimSpace(c.Value.String() + " " + c.Unit)
	if near != "" {
		return no("%s is not in the text; %q is", what, clip(near))
	}
	return no("%s is not in the text %q", what, clip(s.text[from:to]))
}

// groundInterval looks for both ends.
func (s *Source) groundInterval(c Claim, from, to int) Verdict {
	low, high := c.Value.Ends()
	c.Value = low
	v := s.groundNumber(c, from, to)
	if !v.Grounded {
		return v
	}
	c.Value = high
	w := s.groundNumber(c, from, to)
	if !w.Grounded {
		return w
	}
	v.Start, v.End = min(v.Start, w.Start), max(v.End, w.End)
	v.Provenance = pipeline.Normalised
	return v
}

// covers reports whether the bytes from..to hold the number of q, or one end
// of it when it is a range.
func covers(q *quantity.Quantity, from, to int) bool {
	if q.Start >= from && q.NumEnd <= to {
		return true
	}
	return q.Kind == quantity.Range && from >= q.Start && to <= q.End
}

// requalified gives a unit the dimension that the field says, so that N.m is
// compared as torque.
func requalified(u quantity.Unit) quantity.Unit {
	return quantity.Unit{Code: u.Code, Dimension: u.Dimension}
}

func (s *Source) found(q *quantity.Quantity, c Claim, how string) Verdict {
	v := Verdict{Grounded: true, Provenance: pipeline.Normalised, Reason: how}
	v.Start, v.End = q.Start, q.End
	if c.Unit == "" && c.Span == (pipeline.Span{}) && len(q.Readings) == 0 {
		v.End = q.NumEnd
	}
	if v.In(s.text) == c.Value.String() && c.Unit == "" {
		v.Provenance = pipeline.Verbatim
	}
	return v
}

// sameDigits reports whether two numbers differ only in sign or decimal point.
func sameDigits(a, b quantity.Decimal) bool {
	digits := func(d quantity.Decimal) string {
		return strings.Trim(strings.ReplaceAll(d.Abs().String(), ".", ""), "0")
	}
	return digits(a) == digits(b)
}

// released is q without the mark that it is glued to a word, where the word is
// nothing but a prefix of the claim's field.
func (s *Source) released(q *quantity.Quantity, c *Claim) *quantity.Quantity {
	if !q.Glued || len(c.Prefixes) == 0 || q.End < len(s.text) && (isLetter(s.text[q.End]) || isDigit(s.text[q.End])) {
		return q
	}
	for _, p := range c.Prefixes {
		if strings.EqualFold(p, q.Prefix) {
			free := *q
			free.Glued = false
			return &free
		}
	}
	return q
}

// carries reports whether q is the value in the unit, and how.
func (s *Source) carries(q *quantity.Quantity, value quantity.Decimal, unit, implied quantity.Unit) (string, bool) {
	if unit.IsZero() {
		if q.HasUnit() && q.Unit.Dimension != quantity.Count || q.Kind == quantity.Coded {
			return "", false
		}
		return "stands in the text", s.matches(q, value, quantity.Unit{}, quantity.Unit{})
	}
	if len(q.Readings) == 0 && !q.HasUnit() {
		if implied.IsZero() || q.Glued {
			return "", false
		}
		return "stands in the text; its unit is implied by the field", s.matches(q, value, implied, unit)
	}
	if q.HasUnit() && q.Unit.Dimension == unit.Dimension {
		return "stands in the text", s.matches(q, value, q.Unit, unit)
	}
	r, ok := q.Resolve(unit.Dimension)
	if !ok {
		// Several readings of this dimension: the one in the exact case.
		r, ok = *q, false
		for _, u := range quantity.LookupUnit(s.text[q.UnitStart:q.UnitEnd]) {
			if u.Dimension == unit.Dimension {
				r.Unit, ok = u, true
				break
			}
		}
	}
	if !ok {
		return "", false
	}
	return "stands in the text; its unit is read as the field's", s.matches(&r, value, r.Unit, unit)
}

// matches compares every number of q, given in from, with value in to.
func (s *Source) matches(q *quantity.Quantity, value quantity.Decimal, from, to quantity.Unit) bool {
	try := func(d quantity.Decimal) bool {
		if from.Code == to.Code {
			return d.Cmp(value) == 0
		}
		v, err := from.In(d, to)
		return err == nil && equal(v, value, true)
	}
	if try(q.Value) || q.High != nil && try(*q.High) {
		return true
	}
	if q.Kind == quantity.Tolerant && (try(q.Value.Neg())) {
		return true
	}
	// The other reading of 1,500 counts only while the language is unknown.
	return q.Alt != nil && s.language == "" && strings.Contains(q.Text, ",") && try(*q.Alt)
}

// minDigits is the number of significant digits from which a converted value
// may be given rounded.
const minDigits = 5

// equal compares a converted value with a claimed one, which may be rounded at
// its last digit when it has five significant ones or more.
func equal(converted, claimed quantity.Decimal, rounded bool) bool {
	if converted.Cmp(claimed) == 0 {
		return true
	}
	if !rounded {
		return false
	}
	text := claimed.Abs().String()
	_, frac, _ := strings.Cut(text, ".")
	if len(strings.TrimLeft(strings.ReplaceAll(text, ".", ""), "0")) < minDigits {
		return false
	}
	return converted.Round(len(frac)).Cmp(claimed) == 0
}

func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	cut := 57
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "..."
}

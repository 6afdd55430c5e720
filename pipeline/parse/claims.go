package parse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A claim is what a model says of one attribute.
type claim struct {
	attribute   *knowledge.Attribute
	text        string // what it says that it read
	value, unit string
}

// A claimant turns claims into attributes with evidence. It only proposes:
// what it makes is judged by the guard again, like everything else.
type claimant struct {
	ps     *Parser
	schema *knowledge.Schema
	fields guard.Schema
	item   pipeline.Item
	source *guard.Source
	lang   quantity.Language
}

func (ps *Parser) claimant(s *knowledge.Schema, item pipeline.Item, lang quantity.Language) *claimant {
	return &claimant{ps: ps, schema: s, fields: ps.guards[s.Category], item: item, lang: lang,
		source: guard.Read(item.Source, quantity.Options{Language: lang})}
}

// Confidence of a model's values before repairs and re-asking lower it: those
// that stand in the text as claimed, those that stand elsewhere in it, and
// choices that follow from a passage. Measured figures replace them once there
// are reviewed answers (see Calibration).
const (
	claimedThere     = 0.93
	claimedElsewhere = 0.8
	claimedFrom      = 0.6
)

// resolve makes the attribute of a claim, or says what is wrong with it: a code
// of package guard, and words that help to answer again.
func (c *claimant) resolve(cl claim) (pipeline.Attribute, guard.Finding) {
	a := cl.attribute
	bad := func(code, format string, args ...any) (pipeline.Attribute, guard.Finding) {
		return pipeline.Attribute{}, guard.Finding{Code: code, Attribute: a.Name, Action: guard.NullAndFlag, Detail: fmt.Sprintf(format, args...)}
	}
	value := strings.TrimSpace(cl.value)
	if value == "" {
		return bad(guard.BadType, "the value is empty")
	}
	out := pipeline.Attribute{Name: a.Name, Unit: a.Unit, Value: pipeline.Text(value)}
	if a.Kind == knowledge.KindNumber {
		v, code, problem := c.number(a, value, strings.TrimSpace(cl.unit))
		if problem != "" {
			return bad(code, "%s", problem)
		}
		out.Value = v
	} else if want, ok := a.Canonical(value); ok {
		out.Value = want
	}
	f := c.field(a.Name)
	if len(f.Allowed) > 0 && !slices.Contains(f.Allowed, out.Value.String()) {
		return bad(guard.NotAllowed, "%q is not one of the values listed", clipped(value))
	}
	base := guard.Claim{Value: out.Value, Unit: a.Unit, Dimension: f.Dimension, Implied: f.Implied, Prefixes: f.Prefixes}
	spans := c.find(cl.text)
	for _, span := range spans {
		if c.ground(&out, base, span) {
			out.Confidence = claimedThere
			return out, guard.Finding{}
		}
	}
	reason := c.source.Ground(base).Reason
	if c.ground(&out, base, pipeline.Span{}) {
		out.Confidence = claimedElsewhere
		return out, guard.Finding{}
	}
	// A choice may follow from a passage that says it in other words. It is a
	// conclusion, so the record's confidence sinks with it, and where it decides
	// whether parts are interchangeable somebody has to look.
	if len(spans) > 0 && len(f.Allowed) > 0 && !strings.ContainsAny(out.Value.String(), "0123456789") {
		out.Span, out.Text = spans[0], spans[0].In(c.item.Source)
		out.Provenance, out.Confidence = pipeline.Inferred, claimedFrom
		return out, guard.Finding{}
	}
	return bad(guard.Ungrounded, "%s", reason)
}

// fix reads a number from the passage that a claim quotes, where that holds
// exactly one of the attribute's dimension: what the text says wins over what
// was made of it.
func (c *claimant) fix(cl claim) (pipeline.Attribute, bool) {
	a := cl.attribute
	spans := c.find(cl.text)
	if a.Kind != knowledge.KindNumber || len(spans) != 1 {
		return pipeline.Attribute{}, false
	}
	qs := quantity.Scan(spans[0].In(c.item.Source), quantity.Options{Language: c.lang})
	if len(qs) != 1 || qs[0].Alt != nil {
		return pipeline.Attribute{}, false
	}
	q := qs[0]
	if q.HasUnit() {
		r, ok := q.Resolve(a.Dimension)
		if !ok {
			return pipeline.Attribute{}, false
		}
		cl.unit = r.Unit.Code
	} else {
		cl.unit = ""
	}
	cl.value = q.Value.String()
	out, bad := c.resolve(cl)
	out.Confidence = min(out.Confidence, claimedElsewhere)
	return out, bad.Code == ""
}

// ground looks for evidence of a claim in a span (the zero span is all of the
// text): the words or the number themselves, or the name of an entry.
func (c *claimant) ground(out *pipeline.Attribute, base guard.Claim, span pipeline.Span) bool {
	base.Span = span
	v := c.source.Ground(base)
	if !v.Grounded {
		name := c.schema.EntryName(mustAttribute(c.schema, out.Name), out.Value.String())
		if std, ok := c.schema.Standard(out.Value.String()); ok {
			name = std.ID
		}
		e, ok := c.ps.entries[c.schema.Category][name]
		if !ok {
			return false
		}
		if e.Fields != nil {
			said := e.Fields[out.Name]
			e.Values, e.Unit = said.Values, said.Unit
		}
		if span != (pipeline.Span{}) && c.ps.means(c.schema, span.In(c.item.Source), name) {
			// The dictionary itself reads the passage as the entry.
			e.Spellings = append(slices.Clone(e.Spellings), span.In(c.item.Source))
		}
		base.Entry = &e
		if v = c.source.Ground(base); !v.Grounded {
			return false
		}
		out.Evidence = name
	}
	out.Span, out.Text, out.Provenance = v.Span, v.In(c.item.Source), v.Provenance
	return true
}

// number reads a number and its unit, and brings it to the attribute's unit
// exactly.
func (c *claimant) number(a *knowledge.Attribute, value, unit string) (v pipeline.Value, code, problem string) {
	d, ok := quantity.ParseDecimal(value)
	if !ok {
		if d, ok = quantity.ParseNumber(value, c.lang); !ok {
			return v, guard.BadType, fmt.Sprintf("%q is not a number", clipped(value))
		}
	}
	switch {
	case a.Unit == "" && unit == "":
	case unit == "" && a.Implied: // by the custom of the trade
	case unit == "":
		return v, guard.BadUnit, "the text gives a unit, or the value is not this attribute's"
	default:
		u, ok := unitFor(a, unit)
		if !ok {
			return v, guard.BadUnit, fmt.Sprintf("%q is not a unit of this attribute, which is kept in %q", clipped(unit), a.Unit)
		}
		to, err := quantity.ParseUnit(a.Unit)
		if err != nil {
			return v, guard.BadUnit, fmt.Sprintf("%q is not a unit", a.Unit)
		}
		if d, err = u.In(d, to); err != nil {
			return v, guard.BadUnit, err.Error()
		}
	}
	v, ok = pipeline.Number(d.String())
	if !ok {
		return v, guard.BadType, fmt.Sprintf("%q is not a plain number", clipped(value))
	}
	return v, "", ""
}

// unitFor finds the unit of the attribute's dimension that a symbol means.
func unitFor(a *knowledge.Attribute, symbol string) (quantity.Unit, bool) {
	if a.Unit == "" {
		return quantity.Unit{}, false
	}
	to, err := quantity.ParseUnit(a.Unit)
	if err != nil {
		return quantity.Unit{}, false
	}
	for _, u := range quantity.LookupUnit(symbol) {
		if u.Convertible(to) && (u.Dimension == a.Dimension || u.Dimension == quantity.None || a.Dimension == quantity.None || u.Dimension == to.Dimension) {
			return u, true
		}
	}
	if u, err := quantity.ParseUnit(symbol); err == nil && u.Convertible(to) {
		return u, true
	}
	return quantity.Unit{}, false
}

// find returns where a passage stands in the text: exactly, else without
// regard to case. At most 8 places are looked at.
func (c *claimant) find(text string) (spans []pipeline.Span) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	in, what := c.item.Source, text
	if !strings.Contains(in, what) {
		// Lower case must not move offsets: only ASCII is folded.
		in, what = lowerASCII(in), lowerASCII(what)
	}
	for from := 0; len(spans) < 8; {
		i := strings.Index(in[from:], what)
		if i < 0 {
			break
		}
		spans = append(spans, pipeline.Span{Start: from + i, End: from + i + len(what)})
		from += i + len(what)
	}
	return spans
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, x := range b {
		if 'A' <= x && x <= 'Z' {
			b[i] = x + 'a' - 'A'
		}
	}
	return string(b)
}

func (c *claimant) field(name string) guard.Field {
	for _, f := range c.fields.Fields {
		if f.Name == name {
			return f
		}
	}
	return guard.Field{}
}

func mustAttribute(s *knowledge.Schema, name string) *knowledge.Attribute {
	a, _, ok := s.Attribute(name)
	if !ok {
		return new(knowledge.Attribute)
	}
	return a
}

func clipped(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

package catalog

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// maxTokens bounds what is kept of one text.
const maxTokens = 256

// A view is an entry prepared for comparison.
type view struct {
	id       string
	category string
	crit     *criteria // nil where the category has no schema
	vals     []value   // one per criterion
	known    uint64    // bit i: critical criterion i has a value, implied or not
	parts    []string  // part numbers, comparable form, sorted
	maker    []string  // words of the name of the maker, without legal form and country
	makerRaw string
	pack     string // pack quantity and unit of measure, comparable form
	text     string // the folded source
	strict   string // text and what folding loses: signs, and m against M
	tokens   []string
	numbers  []string // numbers and codes of the text that no attribute explains
	words    []string // other words that no attribute explains
	vector   []float32
}

// viewOf prepares e. The vector is shared, not copied.
func viewOf(e *Entry, all map[string]*criteria) *view {
	v := &view{
		id:       e.Item.ID,
		category: categoryOf(e),
		vector:   e.Vector,
		text:     string(embed.Fold(nil, e.Item.Source)),
	}
	v.strict = v.text + signs(e.Item.Source)
	meta := e.Item.Meta.Believed()
	v.addPart(meta.PartNumber)
	v.makerRaw = meta.Manufacturer
	v.pack = packOf(meta)

	if v.crit = all[v.category]; v.crit != nil {
		v.vals = make([]value, len(v.crit.list))
		for i := range e.Record.Attributes {
			a := &e.Record.Attributes[i]
			j, ok := v.crit.byName[a.Name]
			if !ok || v.vals[j].known || a.Value.IsZero() {
				continue
			}
			v.vals[j] = v.crit.list[j].valueOf(a)
		}
		v.bases(e)
		v.doubts(e)
		v.fillImplicit()
		v.unheard(e)
		for bit, j := range v.crit.critical {
			if v.vals[j].known {
				v.known |= 1 << bit
			}
		}
	}
	for i := range e.Record.Attributes {
		switch a := &e.Record.Attributes[i]; a.Name {
		case makerAttribute:
			v.makerRaw = a.Value.String()
		case partAttribute:
			v.addPart(a.Value.String())
		}
	}
	v.maker = makerWords(v.makerRaw)
	slices.Sort(v.parts)
	v.parts = slices.Compact(v.parts)
	v.tokens = strings.Fields(v.text)
	if len(v.tokens) > maxTokens {
		v.tokens = v.tokens[:maxTokens]
	}
	slices.Sort(v.tokens)
	v.tokens = slices.Compact(v.tokens)
	v.numbers, v.words = unexplained(e)
	return v
}

// Flags of a record that the matcher looks at. contradiction: the text says two
// things about one attribute.
const (
	contradiction = "contradiction"
	disagreement  = "disagreement" // of rules and model
	concluded     = "concluded"    // by a model, from other words
	ungrounded    = "ungrounded"   // read, and not in the text
	toReview      = "review"       // wanted by the pack where a model failed
)

// doubts marks the critical values that the record itself flags as
// contradictory.
func (v *view) doubts(e *Entry) {
	for i := range e.Record.Flags {
		f := &e.Record.Flags[i]
		if j, ok := v.crit.byName[f.Attribute]; ok && f.Code == contradiction && v.crit.list[j].critical && v.vals[j].known {
			v.vals[j].doubtful = f.Detail
			if f.Detail == "" {
				v.vals[j].doubtful = "contradictory"
			}
		}
	}
}

// unheard casts doubt on what the custom of the trade fills in where something
// else was read that the text does not carry beyond doubt.
func (v *view) unheard(e *Entry) {
	for i := range e.Record.Flags {
		f := &e.Record.Flags[i]
		if j, ok := v.crit.byName[f.Attribute]; ok && f.Code == ungrounded && v.crit.list[j].critical && v.vals[j].implied {
			v.vals[j].doubtful = cmpString(f.Detail, "something else may be meant")
		}
	}
}

// bases makes sure that what counts as derived follows from a critical value of
// the same item: one that was read at the same place. Where the record does not
// keep what a value followed from, the value stands for itself.
func (v *view) bases(e *Entry) {
	at := map[pipeline.Span]bool{}
	for i := range e.Record.Attributes {
		a := &e.Record.Attributes[i]
		if j, ok := v.crit.byName[a.Name]; ok && v.crit.list[j].critical && !v.vals[j].derived {
			at[a.Span] = true
		}
	}
	for i := range e.Record.Attributes {
		a := &e.Record.Attributes[i]
		if j, ok := v.crit.byName[a.Name]; ok && v.vals[j].derived && !at[a.Span] {
			v.vals[j].derived = false
		}
	}
}

// name is how a reason calls v: one that is about to be entered may have no id.
func (v *view) name() string { return cmpString(v.id, "the new item") }

// partAttribute is the name under which categories keep a maker's part number.
const partAttribute = "part_number"

// fillImplicit gives the value that the trade means to what is not written,
// but only in an item that names its thing at all: one that states at least
// half of the required attributes that have no such custom (of the critical
// ones, where none is required).
func (v *view) fillImplicit() {
	var stated, open [2]int // critical, required
	for _, j := range v.crit.critical {
		c := &v.crit.list[j]
		if c.implicit != "" {
			continue
		}
		for n := range open {
			if n == 1 && !c.required {
				continue
			}
			open[n]++
			if v.vals[j].known {
				stated[n]++
			}
		}
	}
	n := 0
	if open[1] > 0 {
		n = 1
	}
	if open[n] == 0 || 2*stated[n] < open[n] {
		return
	}
	for j := range v.vals {
		if c := &v.crit.list[j]; !v.vals[j].known && c.implicit != "" {
			v.vals[j] = c.implicitValue()
		}
	}
}

// addPart keeps a part number that can identify something: at least four
// letters and digits, one digit among them.
func (v *view) addPart(s string) {
	p := plain(s)
	p = strings.ReplaceAll(p, ".", "")
	if len(p) >= 4 && strings.ContainsAny(p, "0123456789") {
		v.parts = append(v.parts, p)
	}
}

// aside are words of a maker's name that do not tell makers apart: legal forms
// and countries.
var aside = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`ag gmbh mbh kg kgaa ohg se eg gbr ug ltd limited plc llc llp inc incorporated
		corp corporation co company sa sas sarl spa srl bv nv oy oyj ab as aps sro zoo kk pte pty
		deutschland germany uk usa us europe europa international intl group gruppe holding und and`) {
		m[w] = true
	}
	return m
}()

// makerWords is the name of a maker in comparable form.
func makerWords(s string) []string {
	words := strings.Fields(string(embed.Fold(nil, s)))
	kept := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return aside[w] })
	if len(kept) == 0 {
		return words
	}
	return kept
}

// sameMaker reports whether one name is the other or begins it: SEW and
// SEW-Eurodrive, Acme and Acme Bearings.
func sameMaker(a, b []string) bool {
	n := min(len(a), len(b))
	return n > 0 && slices.Equal(a[:n], b[:n])
}

func packOf(m pipeline.Meta) string {
	u, q := plain(m.UnitOfMeas), plain(m.PackQuantity)
	if q == "" {
		return ""
	}
	return strings.TrimSpace(q + " " + u)
}

// unexplained returns the words of the text that no attribute's span touches:
// those with a digit, and the others. They are what the parser did not
// understand; where two texts disagree there, nobody can say they are equal.
func unexplained(e *Entry) (numbers, words []string) {
	src := e.Item.Source
	if len(src) > 64<<10 {
		src = src[:64<<10]
	}
	covered := make([]bool, len(src))
	for i := range e.Record.Attributes {
		s := e.Record.Attributes[i].Span
		if !s.Valid(len(e.Item.Source)) {
			continue
		}
		for k := s.Start; k < s.End && k < len(src); k++ {
			covered[k] = true
		}
	}
	word := func(s string) {
		f := plain(s)
		if f == "" {
			return
		}
		if strings.ContainsAny(f, "0123456789") {
			numbers = append(numbers, f)
		} else if len(f) >= 2 {
			words = append(words, f)
		}
	}
	start, touched := -1, false
	for i := 0; i <= len(src); {
		r, n := rune(' '), 1
		if i < len(src) {
			r, n = utf8.DecodeRuneInString(src[i:])
		}
		inside := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) ||
			start >= 0 && (r == '.' || r == ',') && i+1 < len(src) && isDigit(src[i+1]) && isDigit(src[i-1])
		if inside {
			if start < 0 {
				start, touched = i, false
			}
			touched = touched || covered[i]
		} else if start >= 0 {
			if !touched {
				word(src[start:i])
			}
			start = -1
		}
		i += n
	}
	slices.Sort(numbers)
	slices.Sort(words)
	return clip(slices.Compact(numbers)), clip(slices.Compact(words))
}

func clip(s []string) []string {
	if len(s) > maxTokens {
		return s[:maxTokens]
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// common counts the elements that two sorted sets share.
func common(a, b []string) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			n, i, j = n+1, i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return n
}

// signs lists what tells two texts apart that fold alike: the sign of a number
// (-15 V, 15 V), and milli against mega (10 mW, 10 MW) in a text that uses both
// cases.
func signs(src string) string {
	var b strings.Builder
	mixed := strings.ToUpper(src) != src && strings.ToLower(src) != src
	runes := []rune(src)
	digit := func(i int) bool { return i >= 0 && i < len(runes) && unicode.IsDigit(runes[i]) }
	word := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	for i, r := range runes {
		switch r {
		case '-', '\u2212', '\u2013':
			if digit(i+1) && !word(i-1) {
				b.WriteString("|-")
				for k := i + 1; digit(k); k++ {
					b.WriteRune(runes[k])
				}
			}
		case 'm', 'M':
			before := i - 1
			if before >= 0 && runes[before] == ' ' {
				before--
			}
			if mixed && digit(before) && i+1 < len(runes) && strings.ContainsRune("WVAFHΩΩ", runes[i+1]) {
				b.WriteByte('|')
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// sketch is a word without its vowels and doubled letters: what is left of it
// in most abbreviations.
func sketch(w string) string {
	var b []byte
	for i := range len(w) {
		c := w[i]
		if i > 0 && strings.IndexByte("aeiou", c) >= 0 || len(b) > 0 && b[len(b)-1] == c {
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

// alike reports whether two words may be one: equal, one the beginning of the
// other, or the same but for vowels.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= 3 && strings.HasPrefix(b, a) || len(a) >= 2 && sketch(a) == sketch(b)
}

// plainWords are the words without digits of at least two letters.
func (v *view) plainWords() []string {
	var out []string
	for _, t := range v.tokens {
		if len(t) >= 2 && !strings.ContainsAny(t, "0123456789") {
			out = append(out, t)
		}
	}
	return out
}

// thin reports whether v says too little to be told from others: at most four
// words, and not a number or code among them that both sides could compare.
func (v *view) thin() bool { return len(v.tokens) <= 4 }

// overlapping reports whether the words of the shorter of two texts are, for
// the most part, words of the longer, abbreviated perhaps.
func overlapping(a, b *view) bool {
	x, y := a.plainWords(), b.plainWords()
	if len(x) > len(y) {
		x, y = y, x
	}
	n := 0
	for _, w := range x {
		if slices.ContainsFunc(y, func(u string) bool { return alike(w, u) }) {
			n++
		}
	}
	return n > 0 && 3*n >= 2*len(x)
}

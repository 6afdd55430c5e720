package parse

import (
	"context"
	"sort"
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// Rules is the built-in extractor: patterns, terms, quantities, in this order.
// It is deterministic and safe for concurrent use.
type Rules struct {
	pack    *knowledge.Pack
	expect  map[string][]quantity.Dimension
	scratch sync.Pool
}

// NewRules returns a Rules extractor over the pack.
func NewRules(p *knowledge.Pack) *Rules {
	x := &Rules{pack: p, expect: map[string][]quantity.Dimension{}}
	for _, name := range p.Categories() {
		s, _ := p.Schema(name)
		seen := map[quantity.Dimension]bool{}
		for i := range s.Attributes {
			if d := s.Attributes[i].Dimension; d != quantity.None && !seen[d] {
				seen[d] = true
				x.expect[name] = append(x.expect[name], d)
			}
		}
	}
	x.scratch.New = func() any { return new(reading) }
	return x
}

// A reading is the state of one extraction, used again from item to item.
type reading struct {
	knowledge.Folded
	x      *Rules
	schema *knowledge.Schema
	source string
	lang   quantity.Language

	taken      []bool // by source byte
	units      []bool // source bytes that are the unit of a number
	filled     []bool // by attribute
	out        []pipeline.Attribute
	flags      []pipeline.Flag
	captures   []knowledge.Capture
	matches    []knowledge.Match
	order      []int
	labels     []label
	quantities []quantity.Quantity
}

// A label announces a number.
type label struct {
	attribute  int
	start, end int // source
}

// Extract reads one item.
func (x *Rules) Extract(_ context.Context, req Request) (Response, error) {
	r, _ := x.scratch.Get().(*reading)
	defer x.scratch.Put(r)
	r.x, r.schema, r.source, r.lang = x, req.Schema, req.Item.Source, req.Language
	r.Fold(r.source)
	r.taken = zeroed(r.taken, len(r.source))
	r.filled = zeroed(r.filled, len(r.schema.Attributes))
	r.out, r.flags, r.labels = nil, nil, r.labels[:0]
	r.scan()
	r.patterns()
	r.terms()
	r.numbers()
	return Response{Attributes: r.out, Flags: r.flags}, nil
}

func zeroed(b []bool, n int) []bool {
	if cap(b) < n {
		return make([]bool, n)
	}
	b = b[:n]
	clear(b)
	return b
}

// free reports whether nothing has read the source bytes yet.
func (r *reading) free(start, end int) bool {
	for i := start; i < end; i++ {
		if r.taken[i] {
			return false
		}
	}
	return true
}

func (r *reading) take(start, end int) {
	for i := start; i < end; i++ {
		r.taken[i] = true
	}
}

// emit adds a value. Of two values of one attribute the first stays; another
// one is flagged, because a buyer would have to choose.
func (r *reading) emit(attr int, v pipeline.Value, start, end int, p pipeline.Provenance, entry string, confidence float64) {
	a := &r.schema.Attributes[attr]
	if r.filled[attr] {
		for i := range r.out {
			if r.out[i].Name != a.Name || same(a, r.out[i].Value, v) {
				continue
			}
			if related(a, r.out[i].Value, v) {
				if len(v.String()) > len(r.out[i].Value.String()) { // A2 says more than stainless
					r.out[i] = r.attribute(a, v, start, end, p, entry, confidence)
				}
				continue
			}
			if r.out[i].Confidence > confidence {
				continue // an uncertain second reading is no contradiction
			}
			r.flags = append(r.flags, pipeline.Flag{Code: Contradiction, Attribute: a.Name, Detail: "the text says both " + withUnit(r.out[i].Value, a.Unit) + " and " + withUnit(v, a.Unit)})
			r.out[i].Confidence = round(r.out[i].Confidence * 0.6)
		}
		return
	}
	r.filled[attr] = true
	r.out = append(r.out, r.attribute(a, v, start, end, p, entry, confidence))
}

func (r *reading) attribute(a *knowledge.Attribute, v pipeline.Value, start, end int, p pipeline.Provenance, entry string, confidence float64) pipeline.Attribute {
	text := r.source[start:end]
	if p == pipeline.Normalised && text == v.String() {
		p = pipeline.Verbatim
	}
	return pipeline.Attribute{
		Name: a.Name, Value: v, Unit: a.Unit, Text: text, Span: pipeline.Span{Start: start, End: end},
		Provenance: p, Evidence: entry, Confidence: round(confidence),
	}
}

// patterns reads designations and other fixed forms.
func (r *reading) patterns() {
	for pi := range r.schema.Patterns {
		p := &r.schema.Patterns[pi]
		for i := 0; i < len(r.Atoms); i++ {
			a := &r.Atoms[i]
			if r.taken[a.Start] || !r.starts(i) {
				continue
			}
			var end int
			r.captures, end = p.MatchAt(r.captures[:0], r.Text, a.Pos)
			if end == 0 {
				continue
			}
			start, stop := r.Source(a.Pos, end)
			if !r.free(start, stop) {
				continue
			}
			read := false
			for _, c := range r.captures {
				if r.filled[c.Attribute] && r.schema.Attributes[c.Attribute].Kind == knowledge.KindDesignation {
					continue
				}
				read = r.capture(c) || read
			}
			for _, im := range p.Sets {
				at, k, ok := r.schema.Attribute(im.Attribute)
				if !ok {
					continue
				}
				if v, ok := at.Canonical(im.Value); ok {
					r.emit(k, v, start, stop, pipeline.Dictionary, p.ID, 0.95)
					read = true
				}
			}
			switch {
			case len(p.Sets) > 0:
				r.take(start, stop)
			case read: // words before and after what was captured stay free
				c, d := r.captures[0], r.captures[len(r.captures)-1]
				from, _ := r.Source(c.Start, c.End)
				_, to := r.Source(d.Start, d.End)
				r.take(from, max(from, to))
			}
		}
	}
}

// starts reports whether a pattern may start at atom i: not in the middle of a
// number, and not in a word whose front nobody knows.
func (r *reading) starts(i int) bool {
	a := &r.Atoms[i]
	if i == 0 {
		return true
	}
	p := &r.Atoms[i-1]
	if a.Digits && !a.Break && p.Digits && (a.Join == '.' || a.Join == ',') {
		return false
	}
	if a.Glued {
		return r.taken[p.Start] || a.Digits && len(p.Text) >= 3 && r.schema.Lexicon().Knows(p.Text)
	}
	return true
}

// capture reads one group of a pattern.
func (r *reading) capture(c knowledge.Capture) bool {
	a := &r.schema.Attributes[c.Attribute]
	for c.Start < c.End && r.Text[c.Start] == ' ' {
		c.Start++
	}
	for c.End > c.Start && r.Text[c.End-1] == ' ' {
		c.End--
	}
	if c.Start == c.End {
		return false
	}
	start, end := r.Source(c.Start, c.End)
	folded := string(r.Text[c.Start:c.End])
	switch a.Kind {
	case knowledge.KindNumber:
		for i := range r.quantities {
			q := r.quantities[i]
			if q.Start != start || q.End > end {
				continue
			}
			if !q.HasUnit() {
				q, _ = q.Resolve(a.Dimension)
			}
			if q.HasUnit() && q.Unit.Dimension == a.Dimension {
				return r.number(c.Attribute, &q, 0.95)
			}
		}
		d, ok := quantity.ParseNumber(strings.TrimSpace(folded), r.lang)
		if !ok || !d.Exact() {
			return false
		}
		v, ok := pipeline.Number(d.String())
		if !ok || !r.plausible(a, v) {
			return false
		}
		r.emit(c.Attribute, v, start, end, pipeline.Normalised, "", 0.97)
		return true
	case knowledge.KindEnum:
		for _, m := range r.schema.Lexicon().Lookup(folded) {
			if m.Role == knowledge.RoleValue && m.Attribute == c.Attribute {
				r.emit(c.Attribute, pipeline.Text(a.Allowed[m.Index].Value), start, end, pipeline.Dictionary, m.Entry, 0.98)
				return true
			}
		}
		for k := range a.Allowed {
			if knowledge.FoldText(a.Allowed[k].Value) == folded {
				r.emit(c.Attribute, pipeline.Text(a.Allowed[k].Value), start, end, pipeline.Normalised, "", 0.95)
				return true
			}
		}
		return false
	default:
		r.emit(c.Attribute, pipeline.Text(code(folded)), start, end, pipeline.Normalised, "", 0.98)
		return true
	}
}

// code is the written form of designations: capitals, no spaces, a point for
// the decimal comma. An inch thread keeps one space before its series.
func code(folded string) string {
	s := strings.ToUpper(strings.TrimSpace(folded))
	for _, series := range []string{"UNC", "UNF", "UNEF", "UN", "BSW", "BSF"} {
		if rest, ok := strings.CutSuffix(s, series); ok {
			return strings.ReplaceAll(compact(rest), "\"", "") + " " + series
		}
	}
	return compact(s)
}

var compactor = strings.NewReplacer(" ", "", ",", ".")

func compact(s string) string { return compactor.Replace(s) }

func (r *reading) plausible(a *knowledge.Attribute, v pipeline.Value) bool {
	x := v.Float()
	return !(a.Min.IsNumber() && x < a.Min.Float()) && !(a.Max.IsNumber() && x > a.Max.Float())
}

// terms reads words: values, standards, labels. Longer terms come first, then
// those that stand as written.
func (r *reading) terms() {
	lex := r.schema.Lexicon()
	r.matches = r.matches[:0]
	for i := range r.Atoms {
		if r.taken[r.Atoms[i].Start] {
			continue
		}
		from := len(r.matches)
		r.matches = append(r.matches, lex.MatchesAt(nil, r.Atoms, i, true, r.x.pack.Common)...)
		r.matches = keep(r.matches, from, func(m knowledge.Match) bool { return r.whole(m) })
	}
	r.order = r.order[:0]
	for i := range r.matches {
		r.order = append(r.order, i)
	}
	weight := func(m knowledge.Match) float64 {
		n := 0
		for k := m.From; k < m.To; k++ {
			n += len(r.Atoms[k].Text)
		}
		return float64(n) * m.Score * m.Score * m.Score
	}
	sort.SliceStable(r.order, func(i, j int) bool {
		return weight(r.matches[r.order[i]]) > weight(r.matches[r.order[j]])
	})
	var chosen, partial []knowledge.Match
	for _, i := range r.order {
		m := r.matches[i]
		start, end := r.Atoms[m.From].Start, r.Atoms[m.To-1].End
		if !r.free(start, end) {
			// What another term has read in part may still say something of
			// its own: edelstahl A4-70 is a material and a strength class.
			if m.Score >= exact && !r.taken[end-1] && m.To-m.From > 1 {
				partial = append(partial, m)
			}
			continue
		}
		r.take(start, end)
		if !r.clear(m) {
			continue
		}
		chosen = append(chosen, m)
	}
	defer func() {
		for _, m := range partial {
			r.term(m, true)
		}
	}()
	// Values are emitted in the order of the text, the certain ones first.
	sort.SliceStable(chosen, func(i, j int) bool {
		a, b := chosen[i].Score > 0.95, chosen[j].Score > 0.95
		if a != b {
			return a
		}
		return chosen[i].From < chosen[j].From
	})
	inverted := false
	for _, m := range chosen {
		if m.Score <= 0.95 && !inverted {
			inverted = true
			r.inverted()
		}
		r.term(m, false)
	}
	if !inverted {
		r.inverted()
	}
}

// inverted reads names that start with their noun, for attributes that nothing
// else has given a value.
func (r *reading) inverted() {
	var best knowledge.Match
	ms := r.schema.Lexicon().Inverted(nil, r.Atoms, true, r.x.pack.Common)
	for _, m := range ms {
		if hasRole(m, knowledge.RoleValue) && m.Score*float64(m.To) > best.Score*float64(best.To) {
			best = m
		}
	}
	for _, m := range ms {
		if m.To == best.To && m.Score > best.Score-knowledge.Margin && !r.agree(best, m) {
			return
		}
	}
	if best.To > 0 {
		r.term(best, true)
	}
}

// exact is the score of a term as written, or by a listed abbreviation.
const exact = 0.985

// openScore is what a maker's name must reach: most makers are not listed, so
// a word that merely resembles one is more likely another.
const openScore = 0.86

func keep(ms []knowledge.Match, from int, ok func(knowledge.Match) bool) []knowledge.Match {
	out := ms[:from]
	for _, m := range ms[from:] {
		if ok(m) {
			out = append(out, m)
		}
	}
	return out
}

// whole rejects a term that is a piece of a longer code: the A2 of BA2X, the K
// of 10K.
func (r *reading) whole(m knowledge.Match) bool {
	first, last := &r.Atoms[m.From], &r.Atoms[m.To-1]
	if m.Score < exact {
		for k := m.From; k < m.To; k++ {
			if r.units[r.Atoms[k].Start] {
				return false // min of 1400 /min stands for no word
			}
		}
		for _, me := range m.Meanings {
			if me.Role != knowledge.RoleValue {
				continue
			}
			// Fest is no Festo: a maker's name is not cut down to four letters.
			a := &r.schema.Attributes[me.Attribute]
			if a.Open && (m.Score < openScore || len(first.Text) <= 4 && strings.HasPrefix(knowledge.FoldText(a.Allowed[me.Index].Value), first.Text)) {
				return false
			}
		}
	}
	if first.Glued && !r.taken[r.Atoms[m.From-1].Start] {
		return false
	}
	if m.To < len(r.Atoms) {
		if n := &r.Atoms[m.To]; n.Glued && !r.taken[n.Start] {
			// A label may touch its number: L50, SW13.
			return !last.Digits && n.Digits && hasRole(m, knowledge.RoleLabel)
		}
	}
	return true
}

func hasRole(m knowledge.Match, role knowledge.Role) bool {
	for _, me := range m.Meanings {
		if me.Role == role {
			return true
		}
	}
	return false
}

// clear reports whether an expansion leads every other meaning of the same
// text by the margin.
func (r *reading) clear(m knowledge.Match) bool {
	if m.Score >= exact {
		return true
	}
	for _, o := range r.matches {
		if o.From != m.From || o.To != m.To || o.Score < m.Score-knowledge.Margin {
			continue
		}
		if !r.agree(m, o) {
			r.flags = append(r.flags, pipeline.Flag{Code: Ambiguous, Detail: "\"" + r.source[r.Atoms[m.From].Start:r.Atoms[m.To-1].End] + "\" could mean several things"})
			return false
		}
	}
	return true
}

// agree reports whether two matches would give the same values.
func (r *reading) agree(a, b knowledge.Match) bool {
	for _, x := range a.Meanings {
		if x.Role != knowledge.RoleValue && x.Role != knowledge.RoleStandard {
			continue
		}
		found, other := false, false
		for _, y := range b.Meanings {
			if y.Role == knowledge.RoleValue || y.Role == knowledge.RoleStandard {
				other = true
				found = found || x.Role == y.Role && x.Attribute == y.Attribute && x.Index == y.Index
			}
		}
		if other && !found {
			return false
		}
	}
	return true
}

// term takes what a term says into the record.
func (r *reading) term(m knowledge.Match, onlyEmpty bool) {
	start, end := r.Atoms[m.From].Start, r.Atoms[m.To-1].End
	confidence := 0.55 + 0.43*m.Score
	done := false
	for pass := range 2 { // an attribute that is still empty goes first
		for _, me := range m.Meanings {
			if done || (pass == 0 || onlyEmpty) && me.Attribute >= 0 && r.filled[me.Attribute] {
				continue
			}
			switch me.Role {
			case knowledge.RoleValue:
				a := &r.schema.Attributes[me.Attribute]
				v, ok := a.Canonical(a.Allowed[me.Index].Value)
				if !ok {
					continue
				}
				p, entry := pipeline.Dictionary, me.Entry
				if r.source[start:end] == v.String() {
					p, entry = pipeline.Verbatim, ""
				}
				r.emit(me.Attribute, v, start, end, p, entry, confidence)
				done = true
			case knowledge.RoleStandard:
				r.emit(me.Attribute, pipeline.Text(r.schema.Standards[me.Index].ID), start, end, pipeline.Dictionary, me.Entry, confidence)
				done = true
			case knowledge.RoleLabel:
				if pass == 0 {
					r.labels = append(r.labels, label{me.Attribute, start, end})
				}
			}
		}
	}
}

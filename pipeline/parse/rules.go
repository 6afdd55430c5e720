package parse

import (
	"context"
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
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
	*knowledge.Folded
	own    knowledge.Folded
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
	conditions []int // where quantities start that are conditions
}

// A label announces a number.
type label struct {
	attribute  int
	start, end int // source
}

// Extract reads one item.
func (x *Rules) Extract(_ context.Context, req Request) (Response, error) {
	r, _ := x.scratch.Get().(*reading)
	defer func() {
		r.Folded = nil // it belongs to the caller
		x.scratch.Put(r)
	}()
	r.x, r.schema, r.source, r.lang = x, req.Schema, req.Item.Source, req.Language
	if r.Folded = req.folded; r.Folded == nil {
		r.Folded = &r.own
		r.Fold(r.source)
	}
	r.taken = zeroed(r.taken, len(r.source))
	r.filled = zeroed(r.filled, len(r.schema.Attributes))
	r.out, r.flags, r.labels, r.conditions = make([]pipeline.Attribute, 0, 2+len(r.schema.Attributes)/2), nil, r.labels[:0], r.conditions[:0]
	r.addresses()
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

// addresses takes mail addresses out of what is read: a letter of somebody's
// name is no insulation class.
func (r *reading) addresses() {
	if strings.IndexByte(r.source, '@') < 0 {
		return
	}
	for _, p := range guard.FindPII(r.source) {
		if p.Kind == guard.Email {
			r.take(p.Start, p.End)
		}
	}
}

// patterns reads designations and other fixed forms.
func (r *reading) patterns() {
	for pi := range r.schema.Patterns {
		p := &r.schema.Patterns[pi]
		if !p.Possible(r.Folded) {
			continue
		}
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
	case knowledge.KindNumber, knowledge.KindInterval:
		for i := range r.quantities {
			q := r.quantities[i]
			if q.Start != start || q.End > end || !takes(a, &q) {
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
	low, high := v.Ends()
	return !(a.Min.IsNumber() && low.Float() < a.Min.Float()) && !(a.Max.IsNumber() && high.Float() > a.Max.Float())
}

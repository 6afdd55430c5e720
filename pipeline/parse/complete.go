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

// complete adds what follows from the values that were read: the dimensions of
// 6205, the head of DIN 933, the material of A2-70. What the text says itself
// stays, and a contradiction is flagged.
func (ps *Parser) complete(s *knowledge.Schema, r *pipeline.Record) {
	if ps.completeOnce(s, r) {
		// A value that gave way may stand before the one that it gave way to:
		// what follows from it follows now.
		ps.completeOnce(s, r)
	}
}

// completeOnce reports whether a value gave way to a standard.
func (ps *Parser) completeOnce(s *knowledge.Schema, r *pipeline.Record) (gaveWay bool) {
	read := len(r.Attributes)
	for i := 0; i < len(r.Attributes) && i < read+len(s.Attributes); i++ {
		from := r.Attributes[i] // a copy: the slice grows
		a, _, ok := s.Attribute(from.Name)
		if !ok {
			continue
		}
		if s.Keyed(a.Name) {
			if row, ok := s.Row(a.Name, from.Value.String()); ok {
				for c, name := range row.Columns {
					gaveWay = ps.follow(s, r, from, name, row.Values[c], row.Entry, row.Default) || gaveWay
				}
				for _, im := range row.Implies {
					gaveWay = ps.imply(s, r, from, im, row.Entry) || gaveWay
				}
			}
		}
		switch a.Kind {
		case knowledge.KindStandard:
			std, ok := s.Standard(from.Value.String())
			if !ok {
				continue
			}
			for _, im := range std.Implies {
				gaveWay = ps.imply(s, r, from, im, std.ID) || gaveWay
			}
			for _, name := range std.Sized() {
				if v, ok := r.Attribute(name); ok && !std.HasSize(name, v.Value.String()) && !sized(r, name) {
					flag(r, pipeline.Flag{Code: NoSuchSize, Attribute: name, Detail: fmt.Sprintf("%s has no %s %s", std.ID, name, v.Value)})
				}
			}
		case knowledge.KindEnum:
			for k := range a.Allowed {
				if a.Allowed[k].Value != from.Value.String() || len(a.Allowed[k].Implies) == 0 {
					continue
				}
				for _, im := range a.Allowed[k].Implies {
					entry := from.Evidence
					if entry == "" {
						entry = s.EntryName(a, a.Allowed[k].Value)
					}
					gaveWay = ps.imply(s, r, from, im, entry) || gaveWay
				}
			}
		}
	}
	return gaveWay
}

func sized(r *pipeline.Record, name string) bool {
	for _, f := range r.Flags {
		if f.Code == NoSuchSize && f.Attribute == name {
			return true
		}
	}
	return false
}

func (ps *Parser) imply(s *knowledge.Schema, r *pipeline.Record, from pipeline.Attribute, im knowledge.Implied, entry string) bool {
	a, _, ok := s.Attribute(im.Attribute)
	if !ok {
		return false
	}
	v, ok := a.Canonical(im.Value)
	return ok && ps.follow(s, r, from, im.Attribute, v, entry, false)
}

// follow adds the value of attribute name that follows from another one. The
// text wins over a standard; it is flagged where they differ, unless the
// standard only says what is usual.
func (ps *Parser) follow(s *knowledge.Schema, r *pipeline.Record, from pipeline.Attribute, name string, v pipeline.Value, entry string, usual bool) (gaveWay bool) {
	if v.IsZero() || entry == "" {
		return false
	}
	a, _, ok := s.Attribute(name)
	if !ok {
		return false
	}
	if have, ok := r.Attribute(name); ok {
		if !usual && !same(a, have.Value, v) && yields(a, have) {
			for i := range r.Attributes {
				if r.Attributes[i].Name == name {
					r.Attributes[i] = implied(a, from, v, entry)
				}
			}
			return true
		}
		if !usual && !same(a, have.Value, v) && !related(a, have.Value, v) {
			flag(r, pipeline.Flag{
				Code: Contradiction, Attribute: name,
				Detail: fmt.Sprintf("%s means %s %s, the text says %s", entry, a.Title, withUnit(v, a.Unit), withUnit(have.Value, a.Unit)),
			})
		}
		return false
	}
	if len(from.Text) == 0 {
		return false
	}
	r.Attributes = append(r.Attributes, implied(a, from, v, entry))
	return false
}

// implied is the value of a that follows from another one by an entry.
func implied(a *knowledge.Attribute, from pipeline.Attribute, v pipeline.Value, entry string) pipeline.Attribute {
	p := pipeline.Standard
	if from.Provenance == pipeline.Dictionary && entry == from.Evidence {
		p = pipeline.Dictionary
	}
	return pipeline.Attribute{
		Name: a.Name, Value: v, Unit: a.Unit, Text: from.Text, Span: from.Span,
		Provenance: p, Evidence: entry, Confidence: round(from.Confidence * 0.98),
	}
}

// flag adds a flag once.
func flag(r *pipeline.Record, f pipeline.Flag) {
	if !slices.Contains(r.Flags, f) {
		r.Flags = append(r.Flags, f)
	}
}

// expanded is the confidence below which a value was read from a word that
// the dictionary does not list.
const expanded = 0.97

// yields reports whether a value gives way to what a named standard says: a
// word for the whole family, or one that was merely expanded.
func yields(a *knowledge.Attribute, have pipeline.Attribute) bool {
	if have.Provenance != pipeline.Dictionary {
		return false
	}
	if have.Confidence < expanded {
		return true
	}
	for k := range a.Allowed {
		if a.Allowed[k].Value == have.Value.String() {
			return a.Allowed[k].Generic
		}
	}
	return false
}

func withUnit(v pipeline.Value, unit string) string {
	if unit == "" {
		return v.String()
	}
	return v.String() + " " + unit
}

func same(a *knowledge.Attribute, x, y pipeline.Value) bool {
	if x.IsNumber() && y.IsNumber() {
		d := x.Float() - y.Float()
		tol := a.Tolerance.Float() + 1e-9
		return d <= tol && -d <= tol
	}
	if x.IsInterval() && y.IsInterval() {
		x1, x2 := x.Ends()
		y1, y2 := y.Ends()
		return same(a, x1, y1) && same(a, x2, y2)
	}
	return x.String() == y.String()
}

// related reports whether one value is a kind of the other: "stainless steel"
// in the text does not contradict the "stainless steel A2" of a class.
func related(a *knowledge.Attribute, x, y pipeline.Value) bool {
	if a.Kind != knowledge.KindEnum {
		return false
	}
	s, t := x.String(), y.String()
	if len(s) > len(t) {
		s, t = t, s
	}
	return len(s) >= 4 && t[:len(s)] == s
}

// guardSchema is the guard's view of a category.
func guardSchema(s *knowledge.Schema) guard.Schema {
	g := guard.Schema{}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		f := guard.Field{Name: a.Name, Kind: guard.Word, Critical: a.Critical, Below: a.Below}
		switch a.Kind {
		case knowledge.KindNumber, knowledge.KindInterval:
			f.Kind, f.Dimension, f.Unit = guard.Number, a.Dimension, a.Unit
			f.Min, f.Max = a.Min.String(), a.Max.String()
			if a.Kind == knowledge.KindInterval {
				f.Kind = guard.Interval
			}
			if a.Implied {
				f.Implied, f.Prefixes = a.Unit, prefixes(s, a.Dimension)
			}
		case knowledge.KindEnum:
			for k := range a.Allowed {
				if a.Open {
					break
				}
				f.Allowed = append(f.Allowed, a.Allowed[k].Value)
			}
		case knowledge.KindStandard:
			for k := range s.Standards {
				f.Allowed = append(f.Allowed, s.Standards[k].ID)
			}
		}
		g.Fields = append(g.Fields, f)
	}
	return g
}

// prefixes are the labels of a dimension: d of d90 is the bore's and, in a text
// of capitals, the outer diameter's too.
func prefixes(s *knowledge.Schema, d quantity.Dimension) (out []string) {
	for i := range s.Attributes {
		if s.Attributes[i].Dimension == d {
			out = append(out, s.Attributes[i].Labels...)
		}
	}
	return out
}

// check runs the guard over the record and takes out what it rejects.
func (ps *Parser) check(s *knowledge.Schema, r *pipeline.Record, lang quantity.Language) {
	g := ps.guards[s.Category]
	g.Language = lang
	// The values that follow from one standard come one after the other.
	var last guard.Entry
	g.Entry = func(name string) (guard.Entry, bool) {
		if name == last.Name && name != "" {
			return last, true
		}
		e, ok := ps.entry(s, r, name)
		if ok {
			last = e
		}
		return e, ok
	}
	k, _ := ps.checkers.Get().(*guard.Checker)
	guard.Enforce(r, k.Check(r.Source, r, g))
	ps.checkers.Put(k)
}

// entry is a dictionary or standard entry as the guard reads it. Beside the
// spellings that the pack lists stand those that the lexicon itself reads as
// the entry: an abbreviation that nobody listed is grounded because the
// dictionary expands it, whatever the extractor says.
func (ps *Parser) entry(s *knowledge.Schema, r *pipeline.Record, name string) (guard.Entry, bool) {
	out, ok := ps.entries[s.Category][name]
	if !ok {
		e, found := s.Entry(name)
		if !found {
			return guard.Entry{}, false
		}
		out = guardEntry(s, e)
	}
	for i := range r.Attributes {
		a := &r.Attributes[i]
		if a.Evidence != name {
			continue
		}
		if a.Valid(len(r.Source)) && a.In(r.Source) == a.Text && (ps.means(s, a.Text, name) || keys(s, r, a, name)) {
			out.Spellings = []string{a.Text}
			break
		}
	}
	return out, true
}

// guardEntry is an entry of the pack in the guard's form.
func guardEntry(s *knowledge.Schema, e knowledge.Entry) guard.Entry {
	out := guard.Entry{Name: e.Name, Spellings: e.Spellings, Fields: make(map[string]guard.Said, len(e.Values))}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		v, ok := e.Values[a.Name]
		if !ok {
			continue
		}
		if val, ok := a.Canonical(v); ok {
			out.Fields[a.Name] = guard.Said{Values: []pipeline.Value{val}, Unit: a.Unit}
		}
	}
	return out
}

// keys reports whether another value that was read from the same text is what
// the entry belongs to: a table's row (1450 U/min for the speed 1310..1500) or
// one of an attribute's values (the property class 8, which implies steel).
func keys(s *knowledge.Schema, r *pipeline.Record, a *pipeline.Attribute, entry string) bool {
	for i := range r.Attributes {
		b := &r.Attributes[i]
		if b.Span != a.Span || b.Name == a.Name || b.Evidence != "" {
			continue
		}
		// A class that is only a number is no word of the dictionary: "8" after
		// "class" is read by its label, and what follows from it by its value.
		if e, _, ok := s.Attribute(b.Name); ok && e.Kind == knowledge.KindEnum && s.EntryName(e, b.Value.String()) == entry {
			return true
		}
		if row, ok := s.Row(b.Name, b.Value.String()); ok && row.Entry == entry {
			return true
		}
	}
	return false
}

// meaning is a question that means has answered.
type meaning struct{ category, text, entry string }

const (
	// maxMeanings bounds the answers kept, and maxMeaning the text of one; when
	// they are full they start afresh, so memory stays flat.
	maxMeanings = 1 << 14
	maxMeaning  = 48
)

// means reports whether the dictionary reads text as the entry. The answer
// depends on nothing else, so it is kept: the same words come again and again.
func (ps *Parser) means(s *knowledge.Schema, text, entry string) bool {
	if len(text) > maxMeaning {
		return ps.reads(s, text, entry)
	}
	key := meaning{s.Category, text, entry}
	ps.mu.RLock()
	yes, ok := ps.meanings[key]
	ps.mu.RUnlock()
	if ok {
		return yes
	}
	yes = ps.reads(s, text, entry)
	key.text = strings.Clone(text) // not the whole item
	ps.mu.Lock()
	if ps.meanings == nil || len(ps.meanings) >= maxMeanings {
		ps.meanings = make(map[meaning]bool, 256)
	}
	ps.meanings[key] = yes
	ps.mu.Unlock()
	return yes
}

func (ps *Parser) reads(s *knowledge.Schema, text, entry string) bool {
	var f knowledge.Folded
	f.Fold(text)
	if len(f.Atoms) == 0 {
		return false
	}
	matches := s.Lexicon().MatchesAt(nil, f.Atoms, 0, true, ps.pack.Common)
	for _, m := range s.Lexicon().Inverted(matches, f.Atoms, true, ps.pack.Common) {
		if m.To != len(f.Atoms) {
			continue
		}
		for _, me := range m.Meanings {
			if me.Entry == entry {
				return true
			}
		}
	}
	// A row of a table is named by the designation that it is keyed by.
	for i := range s.Tables {
		if row, ok := s.Row(s.Tables[i].Key, text); ok && row.Entry == entry {
			return true
		}
	}
	return false
}

package parse

import (
	"sort"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

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

package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A Matcher judges pairs of items by rules: a conflict in a class-critical
// attribute is a veto, everything else is evidence. The zero value works on
// text and part numbers alone; a Pack makes it understand attributes. It is
// safe for concurrent use.
type Matcher struct {
	// Pack gives the schemas; nil knows none.
	Pack *knowledge.Pack
	// K is how many nearest vectors of an item become candidates; default
	// DefaultK.
	K int
	// Weights of the evidence; the zero value means DefaultWeights.
	Weights Weights
	// Embedder makes the vectors that entries lack, or that lie in another
	// space than its own; default the hashing embedder without a fit.
	Embedder embed.Embedder
	// Learned, where set, judges what the rules leave to people; see learn. The
	// veto stays outside of it.
	Learned *learn.Model
	// Told keeps the distinct pairs that a buyer may ask about: near twins,
	// which differ in exactly one critical attribute. Without it Pairs returns
	// duplicates and reviews only.
	Told bool

	once  sync.Once
	known map[string]*criteria
}

// DefaultK is how many nearest vectors become candidates where nobody says.
const DefaultK = 10

// With is m with another model, nil for the rules alone.
func (m *Matcher) With(l *learn.Model) *Matcher {
	if l == m.Learned {
		return m
	}
	return &Matcher{Pack: m.Pack, K: m.K, Weights: m.Weights, Embedder: m.Embedder, Learned: l, Told: m.Told, known: m.criteria()}
}

// criteria of the pack's categories, worked out on first use.
func (m *Matcher) criteria() map[string]*criteria {
	m.once.Do(func() {
		if m.known == nil {
			m.known = categories(m.Pack)
		}
	})
	return m.known
}

func (m *Matcher) k() int {
	if m.K > 0 {
		return m.K
	}
	return DefaultK
}

func (m *Matcher) weights() *Weights {
	if m.Weights == (Weights{}) {
		w := DefaultWeights()
		return &w
	}
	w := m.Weights
	return &w
}

// Judge compares two items by themselves, without a catalog around them:
// values count as equally rare, and a critical attribute that one side leaves
// out cannot be resolved, so that such a pair goes to review. The result does
// not depend on the order of a and b.
func (m *Matcher) Judge(a, b *Entry) Match {
	match, _ := m.Explain(a, b)
	return match
}

// Explain is Judge with the waterfall of the evidence.
func (m *Matcher) Explain(a, b *Entry) (Match, []Evidence) {
	crit := m.criteria()
	if b.Item.ID < a.Item.ID {
		a, b = b, a
	}
	x, y := viewOf(a, crit), viewOf(b, crit)
	h := embed.NewHashing(nil)
	if len(x.vector) == 0 || len(x.vector) != len(y.vector) || a.Space != b.Space {
		x.vector, y.vector = h.Vector(a.Item.Source), h.Vector(b.Item.Source)
	}
	w := m.weights()
	c := w.compare(x, y, nil)
	return w.verdict(c, func(*view, int) bool { return true }), c.evidence
}

// Pairs judges the candidates among all that are not retired and returns
// duplicates and reviews, ordered by (A, B). The order of all does not matter.
//
// changed limits the result to pairs that touch one of those ids; nil means
// all. The verdict of a pair depends on its competitors: give the ids that
// Affected names to have everything that a change may have altered.
func (m *Matcher) Pairs(ctx context.Context, all []Entry, changed []string) ([]Match, error) {
	views, err := m.views(ctx, all)
	if err != nil {
		return nil, err
	}
	lead := leaders(views)
	pairs, err := propose(ctx, views, lead, m.k())
	if err != nil {
		return nil, err
	}
	w := m.weights()
	counts := map[*criteria]*frequencies{}
	for _, v := range views {
		if v.crit == nil {
			continue
		}
		f := counts[v.crit]
		if f == nil {
			f = newFrequencies(v.crit)
			counts[v.crit] = f
		}
		f.add(v)
	}
	comparisons := make([]*comparison, len(pairs))
	for n, p := range pairs {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, canceled(ctx.Err())
		}
		a, b := views[p.a], views[p.b]
		if !m.Told && conflictOf(a, b) >= 0 {
			continue
		}
		comparisons[n] = w.compare(a, b, counts[a.crit])
	}
	rivals := contests(views, pairs, comparisons)
	matches := make([]Match, 0, len(pairs))
	var kept []*comparison // parallel to matches
	for n, c := range comparisons {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, canceled(ctx.Err())
		}
		if c == nil {
			continue
		}
		match := w.verdict(c, rivals.contested)
		if match.Verdict == Distinct && (!m.Told || c.vetoes != 1) {
			continue
		}
		matches = append(matches, match)
		if m.Learned != nil {
			kept = append(kept, c)
		}
	}
	if err := m.learned(ctx, all, kept, matches, rivals.contested); err != nil {
		return nil, err
	}
	matches = slices.DeleteFunc(matches, func(x Match) bool { return x.Verdict == Distinct && x.Veto == "" })
	byID := map[string]*view{}
	first := map[string]string{}
	for i, v := range views {
		byID[v.id] = v
		if int(lead[i]) != i {
			first[v.id] = views[lead[i]].id
		}
	}
	untangle(matches, byID, first)
	if changed != nil {
		touched := map[string]bool{}
		for _, id := range changed {
			touched[id] = true
		}
		matches = slices.DeleteFunc(matches, func(m Match) bool { return !touched[m.A] && !touched[m.B] })
	}
	return matches, nil
}

// Affected returns the ids whose pairs may be judged otherwise after the items
// in changed were added, altered or retired: those themselves and all live
// ones of their categories, since rarity and competitors are counted there;
// items of no category, since they look among all; and everything, where one
// of those changed. all still holds what is being retired. Passing the result
// to Pairs and to Store.ReplaceMatches leaves the same matches as one run over
// everything would, whatever the order of the changes.
func Affected(all []Entry, changed []string) []string {
	touched := map[string]bool{}
	for _, id := range changed {
		touched[id] = true
	}
	cats := map[string]bool{}
	for i := range all {
		if touched[all[i].Item.ID] {
			cats[categoryOf(&all[i])] = true
		}
	}
	for i := range all {
		c := categoryOf(&all[i])
		if !all[i].Retired && len(cats) > 0 && (cats[c] || cats[pipeline.Unknown] || c == pipeline.Unknown) {
			touched[all[i].Item.ID] = true
		}
	}
	out := make([]string, 0, len(touched))
	for id := range touched {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func categoryOf(e *Entry) string {
	if e.Record.Category == "" {
		return pipeline.Unknown
	}
	return e.Record.Category
}

// views prepares the live entries in order of id, with vectors of one space.
func (m *Matcher) views(ctx context.Context, all []Entry) ([]*view, error) {
	live := make([]*Entry, 0, len(all))
	for i := range all {
		if !all[i].Retired {
			live = append(live, &all[i])
		}
	}
	slices.SortFunc(live, func(a, b *Entry) int { return cmp.Compare(a.Item.ID, b.Item.ID) })
	for i := 1; i < len(live); i++ {
		if live[i].Item.ID == live[i-1].Item.ID {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "item %s is there twice", live[i].Item.ID).
				WithHint("ids must be unique; give two files different names or feeds")
		}
	}
	crit := m.criteria()
	e := m.Embedder
	if e == nil {
		e = embed.NewHashing(nil)
	}
	views := make([]*view, len(live))
	var texts []string
	var lack []int
	for i, entry := range live {
		views[i] = viewOf(entry, crit)
		if entry.Space != e.Space() || len(entry.Vector) != e.Dimensions() {
			lack = append(lack, i)
			texts = append(texts, entry.Item.Source)
		}
	}
	vectors, err := e.Embed(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("embedding %d items: %w", len(texts), err)
	}
	for n, i := range lack {
		views[i].vector = vectors[n]
	}
	return views, nil
}

// rivalry holds, per item, the values that compatible items give to the
// critical attributes which the item leaves out.
type rivalry map[*view]map[int][]*value

// contests collects the rivals among the candidates. A pair that is vetoed or
// in doubt for other reasons is no rival.
func contests(views []*view, pairs []pair, comparisons []*comparison) rivalry {
	r := rivalry{}
	note := func(v, other *view, i int) {
		if v.vals[i].known || !other.vals[i].known {
			return
		}
		m := r[v]
		if m == nil {
			m = map[int][]*value{}
			r[v] = m
		}
		cr := &v.crit.list[i]
		x := &other.vals[i]
		for _, y := range m[i] {
			if cr.equal(x, y) {
				return
			}
		}
		m[i] = append(m[i], x)
	}
	for n := range pairs {
		c := comparisons[n]
		if c == nil || c.veto >= 0 || c.a.crit == nil || c.a.crit != c.b.crit || c.blurred {
			continue
		}
		for _, i := range c.oneSided {
			note(c.a, c.b, i)
			note(c.b, c.a, i)
		}
	}
	return r
}

func (r rivalry) contested(v *view, i int) bool { return len(r[v][i]) > 1 }

// untangle sends to review what a veto makes impossible: where a is a
// duplicate of b and of c, and b and c conflict, nobody can say which of the
// two a is. first names the item that each of many copies follows: a copy
// brings nothing that its first does not.
func untangle(matches []Match, byID map[string]*view, first map[string]string) {
	adjacent := map[string][]int{}
	for i := range matches {
		if matches[i].Verdict == Duplicate && first[matches[i].A] != matches[i].B && first[matches[i].B] != matches[i].A {
			adjacent[matches[i].A] = append(adjacent[matches[i].A], i)
			adjacent[matches[i].B] = append(adjacent[matches[i].B], i)
		}
	}
	demote := map[int]string{}
	for id, edges := range adjacent {
		looked := 0
		for x, i := range edges {
			for _, j := range edges[x+1:] {
				if looked++; looked > maxAcross {
					break
				}
				b, c := otherEnd(&matches[i], id), otherEnd(&matches[j], id)
				v := conflictOf(byID[b], byID[c])
				if v < 0 {
					continue
				}
				why := fmt.Sprintf("%s fits %s and %s, which differ in %s", id, min(b, c), max(b, c), byID[b].crit.list[v].title)
				for _, k := range []int{i, j} {
					if old, ok := demote[k]; !ok || why < old {
						demote[k] = why
					}
				}
			}
		}
	}
	for i, why := range demote {
		m := &matches[i]
		m.Verdict = Review
		m.Score = min(m.Score, 0.5)
		m.Reasons = append([]string{why}, m.Reasons...)
	}
}

func otherEnd(m *Match, id string) string {
	if m.A == id {
		return m.B
	}
	return m.A
}

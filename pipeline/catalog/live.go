package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// An Answer says what is known of an item at the moment of its entry.
type Answer struct {
	// Verdict: duplicate where the catalog has the thing, review where it may
	// have it or the item says too little, distinct where it is new.
	Verdict Verdict         `json:"verdict"`
	Record  pipeline.Record `json:"record"`
	// Reasons say why nobody can tell whether the catalog has it, where that lies
	// in the item itself.
	Reasons []string `json:"reasons,omitempty"`
	// Matches are the duplicates and reviews, and near twins that differ in one
	// critical attribute; duplicates first, then by score.
	Matches []Checked `json:"matches"`
	// Missing are the critical attributes that the item leaves out; category,
	// where it is not even known what it is.
	Missing []Missing `json:"missing"`
	// Exists: the catalog has an item of this id already.
	Exists bool `json:"exists,omitempty"`
	// Degraded says why less was looked at than usual; empty usually. The verdict
	// is then review at best: that nothing was found says nothing.
	Degraded string `json:"degraded,omitempty"`
}

// A Checked is one item of the catalog beside the new one.
type Checked struct {
	Item     string     `json:"item"`
	Text     string     `json:"text"`
	Verdict  Verdict    `json:"verdict"`
	Score    float64    `json:"score"`
	Reasons  []string   `json:"reasons"`
	Veto     string     `json:"veto,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	Entry    *Entry     `json:"-"`
}

// A Live catalog is held in memory and answers checks at the moment of entry:
// the nearest vectors of the category by exact scan, shared part numbers, and
// agreement in the two rarest critical values. About 6 KB an item. It is safe
// for concurrent use.
type Live struct {
	m *Matcher

	mu      sync.RWMutex
	slots   []*Entry // by slot; nil where the item left or was replaced
	at      map[string]int32
	dead    int
	shelves map[string]*shelf
	keys    map[string][]int32 // part numbers and critical values → slots
}

// A shelf holds the items of one category.
type shelf struct {
	index *Index
	freq  *frequencies // nil without a schema
}

// NewLive returns a catalog of entries that m judges with.
func NewLive(ctx context.Context, m *Matcher, entries []Entry) (*Live, error) {
	l := &Live{m: m, at: map[string]int32{}, shelves: map[string]*shelf{}, keys: map[string][]int32{}}
	return l, l.Put(ctx, entries)
}

// A Checker judges items at the moment of entry with one model.
type Checker struct {
	l *Live
	m *Matcher
}

// With is l judging with another model, nil for the rules alone.
func (l *Live) With(model *learn.Model) Checker { return Checker{l, l.m.With(model)} }

// Len is the number of items.
func (l *Live) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.at)
}

func (l *Live) embedder() embed.Embedder {
	if l.m.Embedder != nil {
		return l.m.Embedder
	}
	return embed.NewHashing(nil)
}

// Put adds or replaces items; a retired one leaves. Errors: those of the
// embedder, for entries that have no vector of its space.
func (l *Live) Put(ctx context.Context, entries []Entry) error {
	e := l.embedder()
	put := make([]*Entry, 0, len(entries))
	var texts []string
	var lack []*Entry
	for i := range entries {
		x := entries[i]
		if !x.Retired && (x.Space != e.Space() || len(x.Vector) != e.Dimensions()) {
			texts = append(texts, x.Item.Source)
			lack = append(lack, &x)
		}
		put = append(put, &x)
	}
	vectors, err := e.Embed(ctx, texts)
	if err != nil {
		return fmt.Errorf("embedding %d items: %w", len(texts), err)
	}
	for i, x := range lack {
		x.Vector, x.Space = vectors[i], e.Space()
	}
	crit := l.m.criteria()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range put {
		l.remove(x.Item.ID, crit)
		if x.Retired {
			continue
		}
		if err := l.add(x, crit, e.Dimensions()); err != nil {
			return err
		}
	}
	if l.dead > 1024 && l.dead > len(l.slots)/2 {
		l.compact(crit)
	}
	return nil
}

func (l *Live) add(x *Entry, crit map[string]*criteria, dim int) error {
	v := viewOf(x, crit)
	s := l.shelves[v.category]
	if s == nil {
		s = &shelf{index: NewIndex(dim)}
		if v.crit != nil {
			s.freq = newFrequencies(v.crit)
		}
		l.shelves[v.category] = s
	}
	if err := s.index.Add(x.Item.ID, x.Vector); err != nil {
		return err
	}
	if s.freq != nil {
		s.freq.add(v)
	}
	slot := int32(len(l.slots))
	l.slots = append(l.slots, x)
	l.at[x.Item.ID] = slot
	for _, k := range v.keys() {
		l.keys[k] = append(l.keys[k], slot)
	}
	return nil
}

func (l *Live) remove(id string, crit map[string]*criteria) {
	slot, ok := l.at[id]
	if !ok {
		return
	}
	v := viewOf(l.slots[slot], crit)
	s := l.shelves[v.category]
	s.index.Remove(id)
	if s.freq != nil {
		s.freq.remove(v)
	}
	l.slots[slot] = nil
	l.dead++
	delete(l.at, id)
}

// compact drops the slots of what left.
func (l *Live) compact(crit map[string]*criteria) {
	slots := make([]*Entry, 0, len(l.at))
	l.keys = map[string][]int32{}
	for _, x := range l.slots {
		if x == nil {
			continue
		}
		slot := int32(len(slots))
		slots = append(slots, x)
		l.at[x.Item.ID] = slot
		for _, k := range viewOf(x, crit).keys() {
			l.keys[k] = append(l.keys[k], slot)
		}
	}
	l.slots, l.dead = slots, 0
}

// remove takes back what add counted.
func (f *frequencies) remove(v *view) {
	f.records--
	for i := range v.vals {
		if v.vals[i].known {
			f.stated[i]--
			if f.values[i][v.vals[i].key]--; f.values[i][v.vals[i].key] <= 0 {
				delete(f.values[i], v.vals[i].key)
			}
		}
	}
}

// keys are the part numbers and critical values by which v can be found.
func (v *view) keys() []string {
	out := make([]string, 0, len(v.parts)+8)
	for _, p := range v.parts {
		out = append(out, "p\x00"+p)
	}
	return append(out, v.values()...)
}

// values are the keys of the critical values that v states.
func (v *view) values() []string {
	if v.crit == nil {
		return nil
	}
	var out []string
	for _, j := range v.crit.critical {
		if x := &v.vals[j]; x.known && !x.implied {
			out = append(out, v.valueKey(j))
		}
	}
	return out
}

// valueKey is the key of the j-th value.
func (v *view) valueKey(j int) string {
	return v.category + "\x00" + strconv.Itoa(j) + "\x00" + v.vals[j].key
}

// maxFound bounds what one key or one pair of values proposes, maxLooked how
// many of those that share two values are looked at for it.
const (
	maxFound  = 64
	maxLooked = 256
)

// find returns the entries that may be the same thing as v, in order of id.
func (l *Live) find(v *view, k int) []*Entry {
	found := map[int32]bool{}
	id := v.id
	near := func(s *shelf) {
		if s == nil {
			return
		}
		for _, h := range s.index.Search(v.vector, k, func(x string) bool { return x != id }) {
			if h.Similarity > floor {
				found[l.at[h.ID]] = true
			}
		}
	}
	if v.category == pipeline.Unknown {
		for _, s := range l.shelves {
			near(s)
		}
	} else {
		near(l.shelves[v.category])
		near(l.shelves[pipeline.Unknown])
	}
	for _, p := range v.parts {
		n := 0
		for _, slot := range l.keys["p\x00"+p] {
			if x := l.slots[slot]; x != nil && x.Item.ID != id && n < maxFound {
				found[slot] = true
				n++
			}
		}
	}
	// The two rarest values that items of the catalog share with v.
	var lists [][]int32
	for _, key := range v.values() {
		if s := l.keys[key]; len(s) > 0 {
			lists = append(lists, s)
		}
	}
	slices.SortStableFunc(lists, func(a, b []int32) int { return cmp.Compare(len(a), len(b)) })
	if len(lists) >= 2 && len(lists[0]) <= 1<<14 {
		crit, n, looked := l.m.criteria(), 0, 0
		for _, slot := range lists[0] {
			if n >= maxFound || looked >= maxLooked {
				break
			}
			if _, both := slices.BinarySearch(lists[1], slot); !both {
				continue
			}
			looked++
			if x := l.slots[slot]; x != nil && x.Item.ID != id && !found[slot] && conflictOf(v, viewOf(x, crit)) < 0 {
				found[slot] = true
				n++
			}
		}
	}
	out := make([]*Entry, 0, len(found))
	for slot := range found {
		out = append(out, l.slots[slot])
	}
	slices.SortFunc(out, func(a, b *Entry) int { return cmp.Compare(a.Item.ID, b.Item.ID) })
	return out
}

// Nearest returns the ids of the k nearest vectors of a category, "" for all.
func (l *Live) Nearest(vec []float32, category string, k int) []Hit {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var hits []Hit
	for name, s := range l.shelves {
		if category == "" || category == name {
			hits = append(hits, s.index.Search(vec, k, nil)...)
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), cmp.Compare(a.ID, b.ID))
	})
	return hits[:min(k, len(hits))]
}

// Entry returns the item of that id.
func (l *Live) Entry(id string) (Entry, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	slot, ok := l.at[id]
	if !ok {
		return Entry{}, false
	}
	return *l.slots[slot], true
}

// Stating returns up to n items for each part number or designation of e that they
// state too, in order of id, without the item of e's own id.
func (l *Live) Stating(e *Entry, n int) []Entry {
	v := viewOf(e, l.m.criteria())
	keys := make([]string, 0, len(v.parts)+1)
	for _, p := range v.parts {
		keys = append(keys, "p\x00"+p)
	}
	if v.crit != nil {
		if j, ok := v.crit.byName[designationAttribute]; ok && v.vals[j].known && !v.vals[j].implied {
			keys = append(keys, v.valueKey(j))
		}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	found := map[int32]bool{}
	for _, key := range keys {
		some := 0
		for _, slot := range l.keys[key] {
			if x := l.slots[slot]; x != nil && x.Item.ID != e.Item.ID && some < n {
				found[slot] = true
				some++
			}
		}
	}
	out := make([]Entry, 0, len(found))
	for slot := range found {
		out = append(out, *l.slots[slot])
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Item.ID, b.Item.ID) })
	return out
}

// Check says what e, which need not be in the catalog, may be a duplicate of.
// An item of e's own id is not compared with. Errors: those of the embedder.
func (l *Live) Check(ctx context.Context, e Entry) (Answer, error) {
	return Checker{l, l.m}.Check(ctx, e)
}

// Check is Live.Check.
func (c Checker) Check(ctx context.Context, e Entry) (Answer, error) {
	l := c.l
	em := l.embedder()
	if e.Space != em.Space() || len(e.Vector) != em.Dimensions() {
		vs, err := em.Embed(ctx, []string{e.Item.Source})
		if err != nil {
			return Answer{}, err
		}
		e.Vector, e.Space = vs[0], em.Space()
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	v := viewOf(&e, c.m.criteria())
	_, exists := l.at[v.id]
	var freq *frequencies
	if s := l.shelves[v.category]; s != nil {
		freq = s.freq
	}
	a, err := c.m.check(ctx, &e, v, l.find(v, c.m.k()), freq)
	a.Exists = exists
	return a, err
}

// Check is Live.Check among candidates that were found elsewhere, all of them
// with vectors of e's space.
func (m *Matcher) Check(ctx context.Context, e *Entry, candidates []*Entry) (Answer, error) {
	return m.check(ctx, e, viewOf(e, m.criteria()), candidates, nil)
}

func (m *Matcher) check(ctx context.Context, e *Entry, v *view, candidates []*Entry, freq *frequencies) (Answer, error) {
	w := m.weights()
	crit := m.criteria()
	views := []*view{v}
	var pairs []pair
	var comps []*comparison
	for _, c := range candidates {
		x := viewOf(c, crit)
		views = append(views, x)
		f := freq
		if x.crit != v.crit {
			f = nil
		}
		pairs = append(pairs, pair{0, int32(len(views) - 1)})
		comps = append(comps, w.compare(v, x, f))
	}
	rivals := contests(views, pairs, comps)
	matches := make([]Match, len(comps))
	byID := map[string]*view{v.id: v}
	for i, c := range comps {
		matches[i] = w.verdict(c, rivals.contested)
		byID[c.b.id] = c.b
	}
	if err := m.learnedAtEntry(ctx, e, candidates, comps, matches, rivals.contested); err != nil {
		return Answer{}, err
	}
	untangle(matches, byID, nil)
	a := Answer{Verdict: Distinct, Record: e.Record, Matches: []Checked{}, Missing: m.Missing(e)}
	rank := map[Verdict]int{Duplicate: 0, Review: 1, Distinct: 2}
	for i, x := range matches {
		if x.Verdict == Distinct && comps[i].vetoes != 1 {
			continue
		}
		if rank[x.Verdict] < rank[a.Verdict] {
			a.Verdict = x.Verdict
		}
		a.Matches = append(a.Matches, Checked{
			Item: candidates[i].Item.ID, Text: candidates[i].Item.Source, Verdict: x.Verdict, Score: x.Score, Reasons: x.Reasons, Veto: x.Veto,
			Evidence: comps[i].evidence, Entry: candidates[i],
		})
	}
	if a.Verdict == Distinct {
		if why, ask := m.cannotTell(e, v); why != nil {
			a.Verdict, a.Reasons, a.Missing = Review, why, append(a.Missing, ask...)
		}
	}
	slices.SortStableFunc(a.Matches, func(x, y Checked) int {
		return cmp.Or(cmp.Compare(rank[x.Verdict], rank[y.Verdict]), cmp.Compare(y.Score, x.Score), cmp.Compare(x.Item, y.Item))
	})
	return a, nil
}

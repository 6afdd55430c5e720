package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
)

// Bounds of what a learned matcher decides by itself: between them a pair goes
// to a person.
const (
	learnedSame      = 0.95
	learnedDifferent = 0.05
)

// maxCompeting is how many pairs are judged with their competitors; more are
// judged each by itself, which takes a fraction of the time.
const maxCompeting = 5000

// LearningTable is the catalog as the learned matcher reads it: the text and
// what the source system says beside it.
func LearningTable(entries []Entry) (*learn.Table, error) {
	live := make([]*Entry, 0, len(entries))
	for i := range entries {
		if !entries[i].Retired {
			live = append(live, &entries[i])
		}
	}
	slices.SortFunc(live, func(a, b *Entry) int {
		if a.Item.ID < b.Item.ID {
			return -1
		}
		return 1
	})
	ids, rows := make([]string, len(live)), make([][]string, len(live))
	for i, e := range live {
		ids[i] = e.Item.ID
		rows[i] = learningRow(e)
	}
	return learn.NewTable("catalog", learningColumns, ids, rows)
}

var learningColumns = []string{"text", "manufacturer", "part_number", "category"}

func learningRow(e *Entry) []string {
	return []string{e.Item.Source, e.Item.Meta.Manufacturer, e.Item.Meta.PartNumber, e.Record.Category}
}

// learned lets the model judge what the rules leave to people. It never touches a veto, never makes a duplicate of a pair
// of which a critical attribute is missing or in doubt, nor of one whose texts
// differ in a sign or in numbers that nobody could read.
func (m *Matcher) learned(ctx context.Context, entries []Entry, comps []*comparison, matches []Match, contested func(*view, int) bool) error {
	if m.Learned == nil {
		return nil
	}
	var asked []int
	items := map[string]bool{}
	for i := range matches {
		if x := &matches[i]; asks(x) {
			asked = append(asked, i)
			items[x.A], items[x.B] = true, true
		}
	}
	if len(asked) == 0 {
		return nil
	}
	pool := make([]Entry, 0, len(items))
	for i := range entries {
		if !entries[i].Retired && (items[entries[i].Item.ID] || len(entries) <= maxLearningItems) {
			pool = append(pool, entries[i])
		}
	}
	t, err := LearningTable(pool)
	if err != nil {
		return err
	}
	labels := make([]learn.Label, len(asked))
	for n, i := range asked {
		labels[n] = learn.Label{A: matches[i].A, B: matches[i].B}
	}
	said, err := m.Learned.Predict(ctx, learn.NewSpace(t, t), labels, len(asked) > maxCompeting)
	if err != nil {
		return err
	}
	for n, i := range asked {
		comps[i].judged(&matches[i], said[n], m.weights(), contested)
	}
	return nil
}

// maxAtEntry bounds how many pairs of one new item the model is asked about,
// those first for which the rules see most.
const maxAtEntry = 32

// learnedAtEntry is learned for the pairs of one new item. Each pair is judged
// by itself, with the rarity of words as it was when the model was trained: the
// catalog is not looked through for it.
func (m *Matcher) learnedAtEntry(ctx context.Context, e *Entry, candidates []*Entry, comps []*comparison, matches []Match, contested func(*view, int) bool) error {
	if m.Learned == nil || m.Learned.Rarity == nil {
		return nil
	}
	var asked []int
	for i := range matches {
		if asks(&matches[i]) {
			asked = append(asked, i)
		}
	}
	slices.SortStableFunc(asked, func(x, y int) int { return cmp.Compare(matches[y].Score, matches[x].Score) })
	if asked = asked[:min(len(asked), maxAtEntry)]; len(asked) == 0 {
		return nil
	}
	// The new item may have no id yet, or that of an item which it replaces.
	const own = "\x00"
	ids, rows := []string{own}, [][]string{learningRow(e)}
	labels := make([]learn.Label, len(asked))
	for n, i := range asked {
		ids, rows = append(ids, candidates[i].Item.ID), append(rows, learningRow(candidates[i]))
		labels[n] = learn.Label{A: own, B: candidates[i].Item.ID}
		if e.Item.ID != "" && candidates[i].Item.ID < e.Item.ID { // as in the catalog
			labels[n] = learn.Label{A: candidates[i].Item.ID, B: own}
		}
	}
	t, err := learn.NewTable("catalog", learningColumns, ids, rows)
	if err != nil {
		return err
	}
	said, err := m.Learned.PredictAlone(ctx, t, labels)
	if err != nil {
		return err
	}
	for n, i := range asked {
		comps[i].judged(&matches[i], said[n], m.weights(), contested)
	}
	return nil
}

// asks reports whether the model has a say in x: in what the rules leave to
// people.
func asks(x *Match) bool { return x.Veto == "" && x.Verdict == Review }

// maxLearningItems is the catalog up to which every item counts for the rarity
// of words and as a competitor; of a larger one those that are asked about do.
const maxLearningItems = 50000

// bySchema reports whether both items are of one category whose critical
// attributes are known.
func (c *comparison) bySchema() bool {
	return c.a.crit != nil && c.a.crit == c.b.crit && len(c.a.crit.critical) > 0
}

// judged applies what the model says of a pair for review.
func (c *comparison) judged(x *Match, p learn.Prediction, w *Weights, contested func(*view, int) bool) {
	told := fmt.Sprintf("pairs that people judged before suggest %.2f", p.Probability)
	signed := c.a.text == c.b.text && !c.sameText()
	switch {
	case p.Probability <= learnedDifferent && !p.Same && !c.bySchema():
		x.Verdict, x.Score = Distinct, p.Probability
	case p.Probability <= learnedDifferent && !p.Same && len(c.doubts(contested)) == 0:
		x.Verdict, x.Score = Distinct, p.Probability
	case p.Probability >= learnedSame && p.Same && !signed && !c.blurred && !c.foreign && len(c.missing()) == 0 &&
		(!c.bySchema() || len(c.doubts(contested)) == 0):
		x.Verdict, x.Score = Duplicate, max(x.Score, p.Probability)
	default:
		// It stays for people; those that are likely one thing come first.
		x.Score = min(p.Probability, w.Duplicate-0.01)
	}
	x.Reasons = append([]string{told}, x.Reasons...)
}

// missing are the reasons why a pair without a schema says too little: a text
// of few words is no description, whatever was learned of such pairs.
func (c *comparison) missing() []string {
	if !c.bySchema() && (c.a.thin() || c.b.thin()) && !c.sameText() {
		return []string{"too little is said to tell"}
	}
	return nil
}

// Decision of a person about a pair.
type Decision struct {
	A, B string
	Same bool
	Who  string
	Note string
}

// Decide puts what people decided in place of what was computed. A veto
// stands: two items that conflict in a critical attribute are not merged, and
// the match says that a person thought otherwise. Pairs of items that are not
// live are left out; the result is ordered by (A, B).
func (m *Matcher) Decide(entries []Entry, matches []Match, decisions []Decision) []Match {
	if len(decisions) == 0 {
		return matches
	}
	by := map[string]*Entry{}
	for i := range entries {
		if !entries[i].Retired {
			by[entries[i].Item.ID] = &entries[i]
		}
	}
	at := map[[2]string]int{}
	for i, x := range matches {
		at[[2]string{x.A, x.B}] = i
	}
	for _, d := range decisions {
		if d.B < d.A {
			d.A, d.B = d.B, d.A
		}
		a, b := by[d.A], by[d.B]
		if a == nil || b == nil {
			continue
		}
		i, ok := at[[2]string{d.A, d.B}]
		if !ok {
			i = len(matches)
			matches = append(matches, m.Judge(a, b))
			at[[2]string{d.A, d.B}] = i
		}
		matches[i].decided(d)
	}
	slices.SortFunc(matches, compareMatches)
	return matches
}

func compareMatches(x, y Match) int {
	switch {
	case x.A != y.A && x.A < y.A, x.A == y.A && x.B < y.B:
		return -1
	case x.A == y.A && x.B == y.B:
		return 0
	}
	return 1
}

func (x *Match) decided(d Decision) {
	word, v, score := "different things", Distinct, 0.0
	if d.Same {
		word, v, score = "the same thing", Duplicate, 1.0
	}
	why := d.Who + " decided: " + word
	if d.Note != "" {
		why += " (" + d.Note + ")"
	}
	if d.Same && x.Veto != "" {
		x.Reasons = append(slices.Clone(x.Reasons), why+", but what conflicts is never merged")
		return
	}
	x.Verdict, x.Score, x.Reasons = v, score, append([]string{why}, x.Reasons...)
}

// Train fits a model to decisions about items of the catalog. Errors: those of
// learn.Train.
func Train(ctx context.Context, entries []Entry, labels []learn.Label) (*learn.Model, error) {
	items := map[string]bool{}
	for _, l := range labels {
		items[l.A], items[l.B] = true, true
	}
	pool := make([]Entry, 0, len(entries))
	for i := range entries {
		if items[entries[i].Item.ID] || len(entries) <= maxLearningItems {
			e := entries[i]
			e.Retired = false // what was decided about it stays true
			pool = append(pool, e)
		}
	}
	t, err := LearningTable(pool)
	if err != nil {
		return nil, err
	}
	for n, l := range labels {
		for _, id := range []string{l.A, l.B} {
			if !t.Has(id) {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "label %d: the catalog has no item %q", n+1, id).
					WithHint("labels name items by the ids of the catalog, FEED/KEY; give --a and --b for labels of two files")
			}
		}
	}
	return learn.Train(ctx, learn.NewSpace(t, t), labels)
}

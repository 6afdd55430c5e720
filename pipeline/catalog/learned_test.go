package catalog

import (
	"context"
	"fmt"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
)

// spares are pairs of descriptions of things that no schema describes, and what
// people decided about all but the first five.
func spares() (entries []Entry, labels []learn.Label) {
	kinds := []string{"gripper module", "cutting blade", "cover hood", "guide rail", "drive belt"}
	for i := range 60 {
		kind, code := kinds[i%5], fmt.Sprintf("%c%c%d", 'p'+rune(i%7), 'a'+rune(i%11), 1000+37*i)
		a, b := fmt.Sprintf("a%02d", i), fmt.Sprintf("b%02d", i)
		entries = append(entries,
			Entry{Item: pipeline.Item{ID: a, Source: fmt.Sprintf("%s %s for packing line, steel", kind, code)}},
			Entry{Item: pipeline.Item{ID: b, Source: fmt.Sprintf("%s packing line %s steel spare", code, kind)}})
		if i >= 5 {
			labels = append(labels, learn.Label{A: a, B: b, Same: true},
				learn.Label{A: fmt.Sprintf("a%02d", i-5), B: b, Same: false}, learn.Label{A: fmt.Sprintf("a%02d", i-5), B: a, Same: false})
		}
	}
	return entries, labels
}

// TestLearnedJudgesWhatRulesLeave: with a model that saw how people decided,
// fewer pairs of things that no schema describes are left to them; what people
// decided about a pair stands, and a veto stands above both.
func TestLearnedJudgesWhatRulesLeave(t *testing.T) {
	ctx := context.Background()
	entries, labels := spares()
	count := func(m *Matcher) (reviews, wrong int) {
		ms, err := m.Pairs(ctx, entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range ms {
			if x.Verdict == Review {
				reviews++
			} else if x.Verdict == Duplicate && x.A[1:] != x.B[1:] {
				wrong++
			}
		}
		return reviews, wrong
	}
	before, _ := count(new(Matcher))
	model, err := Train(ctx, entries, labels)
	if err != nil {
		t.Fatal(err)
	}
	after, wrong := count(&Matcher{Learned: model})
	if before == 0 || after >= before || wrong > 0 {
		t.Errorf("%d reviews without a model, %d with one, %d wrong duplicates", before, after, wrong)
	}

	m := new(Matcher)
	ms := m.Decide(entries, nil, []Decision{{A: "b00", B: "a01", Same: true, Who: "ann"}, {A: "a00", B: "gone", Same: true, Who: "ann"}})
	if len(ms) != 1 || ms[0].A != "a01" || ms[0].Verdict != Duplicate || ms[0].Reasons[0] != "ann decided: the same thing" {
		t.Errorf("decided: %+v", ms)
	}
	veto := []Match{{A: "a00", B: "b00", Verdict: Distinct, Veto: "bore"}}
	if ms = m.Decide(entries, veto, []Decision{{A: "a00", B: "b00", Same: true, Who: "ann"}}); ms[0].Verdict != Distinct {
		t.Errorf("a decision overruled a veto: %+v", ms[0])
	}
}

// TestLearnedAtEntry: the model has its say before an item is created, too; it
// neither needs the catalog it was trained on nor sees another item than the
// pair's, and a veto is none of its business.
func TestLearnedAtEntry(t *testing.T) {
	ctx := context.Background()
	entries, labels := spares()
	model, err := Train(ctx, entries, labels)
	if err != nil {
		t.Fatal(err)
	}
	var have []Entry
	for _, e := range entries {
		if e.Item.ID[0] == 'a' {
			have = append(have, e)
		}
	}
	live, err := NewLive(ctx, new(Matcher), have)
	if err != nil {
		t.Fatal(err)
	}
	count := func(c interface {
		Check(context.Context, Entry) (Answer, error)
	},
	) (duplicates, reviews, wrong int) {
		for _, e := range entries {
			if e.Item.ID[0] != 'b' {
				continue
			}
			a, err := c.Check(ctx, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range a.Matches {
				switch {
				case x.Verdict == Review:
					reviews++
				case x.Verdict == Duplicate && x.Item[1:] == e.Item.ID[1:]:
					duplicates++
				case x.Verdict == Duplicate:
					wrong++
				}
			}
		}
		return duplicates, reviews, wrong
	}
	d0, r0, _ := count(live)
	d1, r1, wrong := count(live.With(model))
	if d1 <= d0 || r1 >= r0 || wrong > 0 {
		t.Errorf("rules: %d duplicates and %d reviews; with a model %d and %d, %d wrong", d0, r0, d1, r1, wrong)
	}
	if d, r, _ := count(live.With(nil)); d != d0 || r != r0 {
		t.Errorf("without a model again: %d duplicates and %d reviews, before %d and %d", d, r, d0, r0)
	}

	row := func(e Entry) []string { return learningRow(&e) }
	alone, err := learn.NewTable("t", learningColumns, []string{"x", "y"}, [][]string{row(entries[0]), row(entries[1])})
	if err != nil {
		t.Fatal(err)
	}
	among, err := learn.NewTable("t", learningColumns, []string{"p", "x", "q", "y"}, [][]string{row(entries[20]), row(entries[0]), row(entries[33]), row(entries[1])})
	if err != nil {
		t.Fatal(err)
	}
	ask := []learn.Label{{A: "x", B: "y"}}
	p, err := model.PredictAlone(ctx, alone, ask)
	if err != nil {
		t.Fatal(err)
	}
	q, err := model.PredictAlone(ctx, among, ask)
	if err != nil || p[0] != q[0] {
		t.Errorf("%+v alone, %+v among others, %v", p, q, err)
	}
	veto := []Match{{A: "a00", B: "b00", Verdict: Distinct, Veto: "bore", Score: 0.01}}
	if err := (&Matcher{Learned: model}).learnedAtEntry(ctx, &entries[0], []*Entry{&entries[1]}, []*comparison{nil}, veto, nil); err != nil || veto[0].Verdict != Distinct {
		t.Errorf("a veto was asked about: %+v, %v", veto[0], err)
	}
}

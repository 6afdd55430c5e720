package catalog

import (
	"context"
	"fmt"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
)

// TestLearnedJudgesWhatRulesLeave: with a model that saw how people decided,
// fewer pairs of things that no schema describes are left to them; what people
// decided about a pair stands, and a veto stands above both.
func TestLearnedJudgesWhatRulesLeave(t *testing.T) {
	ctx := context.Background()
	var entries []Entry
	var labels []learn.Label
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

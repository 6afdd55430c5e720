package catalog

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
)

// TestLiveFindsWhatPairsFind: asked one by one, the items of a catalog are told
// the same duplicates as by a match of the whole, also after some were taken
// out and put back.
func TestLiveFindsWhatPairsFind(t *testing.T) {
	cats, entries := synthetic(1500)
	ctx := context.Background()
	m := &Matcher{known: syntheticCriteria(cats)}
	ms, err := m.Pairs(ctx, entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, x := range ms {
		if x.Verdict == Duplicate {
			want[x.A] = append(want[x.A], x.B)
			want[x.B] = append(want[x.B], x.A)
		}
	}
	l, err := NewLive(ctx, m, entries)
	if err != nil {
		t.Fatal(err)
	}
	gone := slices.Clone(entries[:1200])
	for i := range gone {
		gone[i].Retired = true
	}
	if err := l.Put(ctx, gone); err != nil {
		t.Fatal(err)
	}
	if l.Len() != 300 {
		t.Fatalf("%d items are left of 300", l.Len())
	}
	if err := l.Put(ctx, entries[:1200]); err != nil {
		t.Fatal(err)
	}
	found, total := 0, 0
	for _, e := range entries {
		a, err := l.Check(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		if !a.Exists {
			t.Fatalf("%s is not known to exist", e.Item.ID)
		}
		told := map[string]bool{}
		for _, c := range a.Matches {
			if c.Item == e.Item.ID {
				t.Fatalf("%s is a match of itself", c.Item)
			}
			if c.Verdict == Duplicate {
				told[c.Item] = true
			}
		}
		for _, id := range want[e.Item.ID] {
			total++
			if told[id] {
				found++
			}
		}
	}
	if total < 100 || found < total*98/100 {
		t.Errorf("%d of %d duplicates are told", found, total)
	}
}

// TestCheckSaysWhatIsMissing: an item that leaves out what tells such items
// apart is asked for it, and one that is like nothing is new.
func TestCheckSaysWhatIsMissing(t *testing.T) {
	cats, entries := synthetic(400)
	m := &Matcher{known: syntheticCriteria(cats)}
	l, err := NewLive(context.Background(), m, entries)
	if err != nil {
		t.Fatal(err)
	}
	e := Entry{Item: pipeline.Item{Source: "screw"}, Record: pipeline.Record{Category: entries[0].Record.Category}}
	a, err := l.Check(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Missing) != 4 || a.Exists {
		t.Errorf("missing %v, exists %v", a.Missing, a.Exists)
	}
	a, err = l.Check(context.Background(), Entry{Item: pipeline.Item{ID: "new", Source: "überdruckventil messing 3/4 zoll"}})
	if err != nil || a.Verdict != Distinct || len(a.Matches) != 0 || a.Reasons != nil {
		t.Errorf("a valve among screws: %+v, %v", a, err)
	}
	if a, err = l.Check(context.Background(), Entry{}); err != nil || a.Verdict != Review || len(a.Reasons) != 1 {
		t.Errorf("an item without text: %+v, %v", a, err)
	}
	wide := Entry{Item: pipeline.Item{ID: "wide", Source: "screw"}, Record: pipeline.Record{Category: entries[0].Record.Category}}
	for i := range 10000 {
		wide.Record.Attributes = append(wide.Record.Attributes, pipeline.Attribute{Name: fmt.Sprintf("a%d", i), Value: pipeline.Text("x")})
	}
	if _, err = l.Check(context.Background(), wide); err != nil {
		t.Errorf("an item of 10,000 attributes: %v", err)
	}
}

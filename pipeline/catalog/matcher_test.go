package catalog

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
)

func TestNothing(t *testing.T) {
	m := new(Matcher)
	ms, err := m.Pairs(context.Background(), nil, nil)
	if err != nil || len(ms) != 0 {
		t.Errorf("pairs of nothing: %v, %v", ms, err)
	}
	cs, ch, err := m.Clusters(context.Background(), nil, nil, nil)
	if err != nil || len(cs) != 0 || len(ch) != 0 {
		t.Errorf("clusters of nothing: %v, %v, %v", cs, ch, err)
	}
}

func TestSameIDTwice(t *testing.T) {
	es := items("aba")
	if _, err := new(Matcher).Pairs(context.Background(), es, nil); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "item a") {
		t.Errorf("error %v, want one that names item a", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := new(Matcher).Pairs(ctx, items("ab"), nil); pipeline.ErrorCode(err) != pipeline.CodeCanceled {
		t.Errorf("error %v, want code canceled", err)
	}
}

// TestChangedLimits: the verdicts of the pairs that touch a change are those
// of the whole run.
func TestChangedLimits(t *testing.T) {
	m := &Matcher{known: readSchemas(t, shop)}
	es := []Entry{
		shopItem("a", "10", "20", ""), shopItem("b", "10", "20", ""),
		shopItem("c", "12", "20", ""), shopItem("d", "12", "20", ""), shopItem("e", "12", "", ""),
	}
	all, err := m.Pairs(context.Background(), es, nil)
	if err != nil {
		t.Fatal(err)
	}
	some, err := m.Pairs(context.Background(), es, []string{"c"})
	if err != nil {
		t.Fatal(err)
	}
	var want []Match
	for _, x := range all {
		if x.A == "c" || x.B == "c" {
			want = append(want, x)
		}
	}
	if len(want) == 0 || !reflect.DeepEqual(some, want) {
		t.Errorf("got %+v\nwant %+v", some, want)
	}
	if got := Affected(es, []string{"c"}); len(got) != 5 {
		t.Errorf("affected %v, want the whole category", got)
	}
}

func TestScoreIsTheSumOfTheWaterfall(t *testing.T) {
	m := &Matcher{known: readSchemas(t, shop)}
	a, b := shopItem("a", "10", "20", ""), shopItem("b", "10", "20", "")
	match, waterfall := m.Explain(&a, &b)
	bits := 0.0
	for _, e := range waterfall {
		bits += e.Weight
	}
	if want := 1 / (1 + math.Exp2(-bits)); math.Abs(match.Score-want) > 1e-9 {
		t.Errorf("score %v, the waterfall says %v", match.Score, want)
	}
	if match.Verdict != Duplicate || len(match.Reasons) == 0 {
		t.Errorf("match %+v, want a duplicate with reasons", match)
	}
}

// TestHugeItem: an item with very many attributes and a long text is one item
// like any other.
func TestHugeItem(t *testing.T) {
	m := &Matcher{known: readSchemas(t, shop)}
	big := shopItem("big", "10", "20", "")
	for range 10000 {
		big.Record.Attributes = append(big.Record.Attributes, pipeline.Attribute{Name: "size", Value: pipeline.Text("x")})
	}
	big.Item.Source = strings.Repeat("part 10 x 20 ", 100000)
	if _, err := m.Pairs(context.Background(), append(items("abc"), big), nil); err != nil {
		t.Error(err)
	}
}

func TestJudgeIsSymmetric(t *testing.T) {
	crit := readSchemas(t, shop)
	rapid.Check(t, func(t *rapid.T) {
		m := &Matcher{known: crit}
		draw := func(id string) Entry {
			e := shopItem(id,
				rapid.SampledFrom([]string{"10", "12", ""}).Draw(t, "size"),
				rapid.SampledFrom([]string{"20", "30", ""}).Draw(t, "length"),
				rapid.SampledFrom([]string{"left", ""}).Draw(t, "hand"))
			e.Item.Meta.PartNumber = rapid.SampledFrom([]string{"", "A100", "B200"}).Draw(t, "part")
			e.Item.Meta.Manufacturer = rapid.SampledFrom([]string{"", "Acme", "Bolt & Co"}).Draw(t, "maker")
			e.Item.Source = rapid.StringN(0, 40, 80).Draw(t, "text")
			return e
		}
		a, b := draw("a"), draw("b")
		x, y := m.Judge(&a, &b), m.Judge(&b, &a)
		if !reflect.DeepEqual(x, y) {
			t.Fatalf("%+v\n%+v", x, y)
		}
		if x.Score < 0 || x.Score > 1 || math.IsNaN(x.Score) {
			t.Fatalf("score %v", x.Score)
		}
		if conflictOf(viewOf(&a, crit), viewOf(&b, crit)) >= 0 && (x.Verdict != Distinct || x.Veto == "") {
			t.Fatalf("a veto was overruled: %+v", x)
		}
	})
}

// TestOrderOfArrival: matching batch by batch, each with what Affected names,
// leaves the matches of one run over everything, whatever the order.
func TestOrderOfArrival(t *testing.T) {
	crit := readSchemas(t, shop+"\nother size number unit=mm required\n")
	rapid.Check(t, func(t *rapid.T) {
		m := &Matcher{known: crit, K: 2}
		var all []Entry
		for i := range rapid.IntRange(2, 16).Draw(t, "items") {
			e := shopItem(fmt.Sprintf("i%02d", i),
				rapid.SampledFrom([]string{"10", "12", ""}).Draw(t, "size"),
				rapid.SampledFrom([]string{"20", "30", ""}).Draw(t, "length"), "")
			e.Record.Category = rapid.SampledFrom([]string{"part", "part", "other", pipeline.Unknown, ""}).Draw(t, "category")
			all = append(all, e)
		}
		ctx := context.Background()
		want, err := m.Pairs(ctx, all, nil)
		if err != nil {
			t.Fatal(err)
		}
		order := rapid.Permutation(all).Draw(t, "order")
		cut := rapid.IntRange(0, len(order)).Draw(t, "first batch")
		stored := map[[2]string]Match{}
		for _, span := range [][2]int{{0, cut}, {cut, len(order)}} {
			present := order[:span[1]]
			var changed []string
			for _, e := range order[span[0]:span[1]] {
				changed = append(changed, e.Item.ID)
			}
			touched := Affected(present, changed)
			ms, err := m.Pairs(ctx, present, touched)
			if err != nil {
				t.Fatal(err)
			}
			for k := range stored {
				if slices.Contains(touched, k[0]) || slices.Contains(touched, k[1]) {
					delete(stored, k)
				}
			}
			for _, x := range ms {
				stored[[2]string{x.A, x.B}] = x
			}
		}
		if len(stored) != len(want) {
			t.Fatalf("%d matches batch by batch, %d at once", len(stored), len(want))
		}
		for _, x := range want {
			if got := stored[[2]string{x.A, x.B}]; !reflect.DeepEqual(got, x) {
				t.Fatalf("batch by batch %+v\nat once %+v", got, x)
			}
		}
	})
}

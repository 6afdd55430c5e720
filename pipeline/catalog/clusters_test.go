package catalog

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
)

// shop is a category in which an item is a few words and two critical numbers.
var shop = `part size number unit=mm critical
part length number unit=mm critical
part hand enum critical implicit=right
part manufacturer enum`

func shopItem(id, size, length, hand string) Entry {
	e := Entry{Item: pipeline.Item{ID: id, Source: "part " + size + " x " + length + " " + hand}}
	e.Record = pipeline.Record{ID: id, Source: e.Item.Source, Category: "part"}
	put := func(name, v string) {
		if v == "" {
			return
		}
		val, ok := pipeline.Number(v)
		if !ok {
			val = pipeline.Text(v)
		}
		e.Record.Attributes = append(e.Record.Attributes, pipeline.Attribute{Name: name, Value: val, Confidence: 1})
	}
	put("size", size)
	put("length", length)
	put("hand", hand)
	return e
}

func ring(pairs ...string) []Match {
	var ms []Match
	for _, p := range pairs {
		ms = append(ms, Match{A: p[:1], B: p[1:], Verdict: Duplicate, Score: 0.95})
	}
	return ms
}

func items(ids string) []Entry {
	var es []Entry
	for _, r := range ids {
		es = append(es, shopItem(string(r), "10", "20", ""))
	}
	return es
}

// TestIDsLast follows one catalog through growth, a merge, a split and an end.
func TestIDsLast(t *testing.T) {
	ctx := context.Background()
	m := &Matcher{known: readSchemas(t, shop)}
	var was []Cluster
	step := func(es []Entry, ms []Match) ([]Cluster, []Change) {
		t.Helper()
		now, changes, err := m.Clusters(ctx, es, ms, was)
		if err != nil {
			t.Fatal(err)
		}
		again, none, err := m.Clusters(ctx, es, ms, now)
		if err != nil || !reflect.DeepEqual(now, again) || len(none) != 0 {
			t.Fatalf("a second run changed %v to %v: %v, %v", now, again, none, err)
		}
		was = now
		return now, changes
	}
	is := func(got []Change, want ...string) {
		t.Helper()
		var kinds []string
		for _, c := range got {
			kinds = append(kinds, string(c.Kind))
		}
		slices.Sort(kinds)
		if !slices.Equal(kinds, want) {
			t.Fatalf("changes %v, want %v", got, want)
		}
	}
	one, ch := step(items("bc"), ring("bc"))
	is(ch, "formed")
	id := one[0].ID
	grown, ch := step(items("abc"), ring("bc", "ab", "ac"))
	is(ch, "altered")
	if grown[0].ID != id {
		t.Fatalf("adding an item that sorts first renamed %s to %s", id, grown[0].ID)
	}
	two, ch := step(items("abcde"), ring("bc", "ab", "ac", "de"))
	is(ch, "formed")
	if len(two) != 2 {
		t.Fatalf("clusters %v", two)
	}
	merged, ch := step(items("abcde"), ring("bc", "ab", "ac", "de", "ad", "bd", "cd", "ae", "be", "ce"))
	is(ch, "merged")
	if len(merged) != 1 || merged[0].ID != id || len(ch[0].From) != 1 {
		t.Fatalf("merged into %v by %v, want %s", merged, ch, id)
	}
	apart, ch := step(items("abcde"), ring("bc", "ab", "ac", "de"))
	is(ch, "altered", "split")
	if len(apart) != 2 || !slices.ContainsFunc(apart, func(c Cluster) bool { return c.ID == id && len(c.Items) == 3 }) {
		t.Fatalf("split into %v", apart)
	}
	_, ch = step(items("abc"), ring("bc", "ab", "ac"))
	is(ch, "dissolve")
	_, ch = step(items("a"), nil)
	is(ch, "dissolve")
}

func TestHubDoesNotBridge(t *testing.T) {
	m := &Matcher{known: readSchemas(t, shop)}
	// h is a duplicate of one item of each of two tight groups.
	now, _, err := m.Clusters(context.Background(), items("abcdefh"), ring("ab", "ac", "bc", "de", "df", "ef", "ah", "dh"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range now {
		if slices.Contains(c.Items, "a") && slices.Contains(c.Items, "d") {
			t.Errorf("the hub joined %v", c.Items)
		}
	}
}

func TestRetiredLeaveTheirClusters(t *testing.T) {
	m := &Matcher{known: readSchemas(t, shop)}
	es := items("abc")
	es[1].Retired = true
	now, _, err := m.Clusters(context.Background(), es, ring("ab", "ac", "bc"), nil)
	if err != nil || len(now) != 1 || !slices.Equal(now[0].Items, []string{"a", "c"}) {
		t.Errorf("clusters %v, %v", now, err)
	}
}

// TestNoVetoInACluster draws catalogs of items that differ, agree and leave
// out, and looks at every pair of every cluster: even when told that all pairs
// are duplicates, Clusters never joins two that conflict.
func TestNoVetoInACluster(t *testing.T) {
	crit := readSchemas(t, shop)
	rapid.Check(t, func(t *rapid.T) {
		m := &Matcher{known: crit}
		n := rapid.IntRange(2, 14).Draw(t, "items")
		var es []Entry
		for i := range n {
			es = append(es, shopItem(fmt.Sprintf("i%02d", i),
				rapid.SampledFrom([]string{"10", "12", ""}).Draw(t, "size"),
				rapid.SampledFrom([]string{"20", "30", ""}).Draw(t, "length"),
				rapid.SampledFrom([]string{"left", "", ""}).Draw(t, "hand")))
		}
		ctx := context.Background()
		ms, err := m.Pairs(ctx, es, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "credulous") {
			ms = nil
			for i := range es {
				for j := range i {
					ms = append(ms, Match{A: es[j].Item.ID, B: es[i].Item.ID, Verdict: Duplicate, Score: rapid.Float64Range(0, 1).Draw(t, "score")})
				}
			}
		}
		views := map[string]*view{}
		for i := range es {
			views[es[i].Item.ID] = viewOf(&es[i], crit)
		}
		for _, x := range ms {
			if x.A >= x.B {
				t.Fatalf("match %s %s is not ordered", x.A, x.B)
			}
		}
		cs, _, err := m.Clusters(ctx, es, ms, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range cs {
			for i, a := range c.Items {
				if seen[a] {
					t.Fatalf("%s lies in two clusters", a)
				}
				seen[a] = true
				for _, b := range c.Items[i+1:] {
					if v := conflictOf(views[a], views[b]); v >= 0 {
						t.Fatalf("%s and %s share a cluster and conflict in %s", a, b, views[a].crit.list[v].name)
					}
				}
			}
		}
	})
}

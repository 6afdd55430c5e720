package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// formation reads "k1: a b, k2: c d".
func formation(text string) (out []Cluster) {
	for part := range strings.SplitSeq(text, ",") {
		if id, items, ok := strings.Cut(strings.TrimSpace(part), ":"); ok {
			out = append(out, Cluster{id, strings.Fields(items)})
		}
	}
	return out
}

func told(es []ClusterEvent) string {
	var out []string
	for _, e := range es {
		s := fmt.Sprintf("%s %s %d", e.Cluster, e.Kind, e.Items)
		for _, x := range []struct {
			sign  string
			names []string
		}{{"+", e.Came.Items}, {"-", e.Went.Items}, {"<", e.From}, {">", e.To}} {
			for _, n := range x.names {
				s += " " + x.sign + n
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestHistory(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"nothing", "", "", ""},
		{"nothing new", "k: a b", "k: a b", ""},
		{"made", "", "k: a b", "k made 2 +a +b"},
		{"one joins", "k: a b", "k: a b c", "k grown 3 +c"},
		{"one leaves", "k: a b c", "k: a b", "k shrunk 2 -c"},
		{"one for another", "k: a b", "k: a c", "k shrunk 2 +c -b"},
		{"dissolved", "k: a b", "", "k gone 0 -a -b"},
		{"merged", "k: a b c, l: d e", "k: a b c d e", "k merged 5 +d +e <l; l gone 0 -d -e >k"},
		{"cut", "k: a b c d", "k: a b, n: c d", "k split 2 -c -d >n; n split 2 +c +d <k"},
		{"one moves over", "k: a b c, l: d e", "k: a b, l: c d e", "k shrunk 2 -c >l; l grown 3 +c <k"},
		{"broken up", "k: a b c d", "m: a b, n: c d", "k gone 0 -a -b -c -d >m >n; m split 2 +a +b <k; n split 2 +c +d <k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := told(History(formation(c.before), formation(c.after))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHistoryNamesSome(t *testing.T) {
	var items []string
	for n := range 1000 {
		items = append(items, fmt.Sprintf("i%04d", n))
	}
	es := History(nil, []Cluster{{"k", items}})
	if len(es) != 1 || es[0].Came.Count != 1000 || !slices.Equal(es[0].Came.Items, items[:Listed]) {
		t.Errorf("%+v", es)
	}
}

// Whatever happens, the counts of the history add up to what is there.
func TestHistoryAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) []Cluster {
			by := map[string][]string{}
			for n := range 12 {
				if k := rapid.IntRange(0, 4).Draw(t, label); k > 0 {
					id := fmt.Sprintf("k%d", k)
					by[id] = append(by[id], fmt.Sprintf("i%02d", n))
				}
			}
			var out []Cluster
			for id, items := range by {
				out = append(out, Cluster{id, items})
			}
			slices.SortFunc(out, func(a, b Cluster) int { return strings.Compare(a.ID, b.ID) })
			return out
		}
		before, after := draw("before"), draw("after")
		size := map[string]int{}
		for _, c := range before {
			size[c.ID] = len(c.Items)
		}
		for _, e := range History(before, after) {
			size[e.Cluster] += e.Came.Count - e.Went.Count
			if size[e.Cluster] != e.Items {
				t.Fatalf("%+v leaves %d items", e, size[e.Cluster])
			}
			if (e.Kind == ClusterGone) != (e.Items == 0) {
				t.Fatalf("%+v", e)
			}
		}
		for _, c := range after {
			if size[c.ID] != len(c.Items) {
				t.Fatalf("%s has %d items, its history %d", c.ID, len(c.Items), size[c.ID])
			}
			delete(size, c.ID)
		}
		for id, n := range size {
			if n != 0 {
				t.Fatalf("%s is gone, its history has %d items", id, n)
			}
		}
	})
}

package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// catalogModel does random things to a catalog and to a few maps that are the
// plainest reading of the port, and compares the two after each step.
func catalogModel(t *testing.T, p Place) {
	s := p(t)
	rnd := rand.New(rand.NewPCG(20260329, 5))
	ids := make([]string, 9)
	for i := range ids {
		ids[i] = fmt.Sprint("f/", i)
	}
	some := func() []string {
		var out []string
		for range rnd.IntN(4) {
			out = append(out, ids[rnd.IntN(len(ids))])
		}
		return out
	}
	items := map[string]catalog.Entry{}
	vecs := map[string]map[string][]float32{"s1": {}, "s2": {}}
	pairs := map[[2]string]catalog.Match{}
	home := map[string]string{} // item → cluster
	for step := range 250 {
		what := ""
		switch rnd.IntN(5) {
		case 0:
			what = "put"
			var es []catalog.Entry
			for _, id := range some() {
				e := entry(0)
				e.Item.ID, e.Record.ID, e.Seq, e.Updated = id, id, int64(rnd.IntN(4)), at(step)
				e.Item.Source = fmt.Sprint("text ", rnd.IntN(3))
				e.Record.Source = e.Item.Source
				if rnd.IntN(2) == 0 {
					e.Space = []string{"s1", "s2"}[rnd.IntN(2)]
					e.Vector = []float32{rnd.Float32(), float32(step)}
				}
				es = append(es, e)
			}
			ok(t, s.PutEntries(ctx, es))
			// Of several of one id in a call only the last of the highest Seq
			// counts, against what was stored before the call.
			last := map[string]catalog.Entry{}
			for _, e := range es {
				if l, twice := last[e.Item.ID]; !twice || e.Seq >= l.Seq {
					last[e.Item.ID] = e
				}
			}
			for id, e := range last {
				old, known := items[id]
				if known && e.Seq < old.Seq {
					continue
				}
				if known && old.Item.Source != e.Item.Source {
					delete(vecs["s1"], id)
					delete(vecs["s2"], id)
				}
				if e.Vector != nil {
					vecs[e.Space][id] = e.Vector
				}
				e.Space, e.Vector = "", nil
				items[id] = e
			}
		case 1:
			what = "retire"
			gone := some()
			ok(t, s.RetireItems(ctx, gone, at(step)))
			for _, id := range gone {
				if e, known := items[id]; known && !e.Retired {
					e.Retired, e.Updated = true, at(step)
					items[id] = e
				}
			}
		case 2, 3:
			what = "match"
			touched := some()
			var ms []catalog.Match
			for range rnd.IntN(4) {
				a, b := ids[rnd.IntN(len(ids))], ids[rnd.IntN(len(ids))]
				if a < b {
					ms = append(ms, catalog.Match{A: a, B: b, Verdict: catalog.Review, Score: rnd.Float64(), Reasons: []string{fmt.Sprint(step)}})
				}
			}
			ok(t, s.ReplaceMatches(ctx, touched, ms))
			maps.DeleteFunc(pairs, func(k [2]string, _ catalog.Match) bool {
				return slices.Contains(touched, k[0]) || slices.Contains(touched, k[1])
			})
			for _, m := range ms {
				pairs[[2]string{m.A, m.B}] = m
			}
		case 4:
			what = "cluster"
			cluster := func() string { return fmt.Sprint("k", rnd.IntN(4)) }
			remove := []string{cluster()}
			var put []catalog.Cluster
			for range rnd.IntN(3) {
				put = append(put, catalog.Cluster{ID: cluster(), Items: some()})
			}
			// The same cluster twice in one call has no meaning.
			put = slices.CompactFunc(slices.SortedFunc(slices.Values(put), func(a, b catalog.Cluster) int {
				if a.ID < b.ID {
					return -1
				}
				return 1
			}), func(a, b catalog.Cluster) bool { return a.ID == b.ID })
			ok(t, s.PutClusters(ctx, remove, put))
			for _, c := range put {
				remove = append(remove, c.ID)
			}
			maps.DeleteFunc(home, func(_, k string) bool { return slices.Contains(remove, k) })
			for _, c := range put {
				for _, id := range c.Items {
					home[id] = c.ID
				}
			}
		}
		var want []catalog.Entry
		for _, id := range ids {
			if e, known := items[id]; known {
				if v := vecs["s1"][id]; v != nil {
					e.Space, e.Vector = "s1", v
				}
				want = append(want, e)
			}
		}
		name := fmt.Sprint("step ", step, ", ", what)
		equal(t, name+": entries", must(s.Entries(ctx, catalog.Query{Vectors: "s1"}))(t), want)
		var ms []catalog.Match
		of := some()
		for _, k := range slices.SortedFunc(maps.Keys(pairs), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
			if of == nil || slices.Contains(of, k[0]) || slices.Contains(of, k[1]) {
				ms = append(ms, pairs[k])
			}
		}
		equal(t, name+": matches", must(s.Matches(ctx, of))(t), ms)
		sets := map[string][]string{}
		for id, k := range home {
			sets[k] = append(sets[k], id)
		}
		var cs []catalog.Cluster
		for _, k := range slices.Sorted(maps.Keys(sets)) {
			slices.Sort(sets[k])
			cs = append(cs, catalog.Cluster{ID: k, Items: sets[k]})
		}
		equal(t, name+": clusters", must(s.Clusters(ctx, nil))(t), cs)
		if t.Failed() {
			return
		}
	}
}

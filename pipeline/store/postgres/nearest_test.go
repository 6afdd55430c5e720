package postgres_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
)

// crowd makes n unit vectors in clusters, as texts that resemble each other do.
func crowd(rnd *rand.Rand, n, dims int) [][]float32 {
	centres := make([][]float32, 50)
	for i := range centres {
		centres[i] = make([]float32, dims)
		for j := range centres[i] {
			centres[i][j] = float32(rnd.NormFloat64())
		}
	}
	out := make([][]float32, n)
	for i := range out {
		v, sum := make([]float32, dims), 0.0
		for j, c := range centres[rnd.IntN(len(centres))] {
			v[j] = c + 0.5*float32(rnd.NormFloat64())
			sum += float64(v[j] * v[j])
		}
		for j := range v {
			v[j] /= float32(math.Sqrt(sum))
		}
		out[i] = v
	}
	return out
}

func cosine(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// exact is the answer of a full scan over the live items, every third of which
// is retired.
func exact(vs [][]float32, q []float32, n int) []string {
	type hit struct {
		item string
		cos  float64
	}
	var hits []hit
	for i, v := range vs {
		if i%3 != 0 {
			hits = append(hits, hit{item(i), cosine(v, q)})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		if a.cos > b.cos {
			return -1
		}
		return 1
	})
	var out []string
	for _, h := range hits[:n] {
		out = append(out, h.item)
	}
	return out
}

func item(i int) string { return fmt.Sprintf("parts/%06d", i) }

func TestNearest(t *testing.T) {
	const n, dims, top, queries = 3000, 64, 10, 40
	ctx := context.Background()
	db := open(t, postgres.Options{Schema: fresh(t)})
	rnd := rand.New(rand.NewPCG(7, 7))
	vs := crowd(rnd, n+queries, dims)
	qs := vs[n:]
	vs = vs[:n]
	es := make([]catalog.Entry, n)
	var gone []string
	for i := range es {
		es[i] = catalog.Entry{Item: pipeline.Item{ID: item(i), Source: item(i)}, Space: "new", Vector: vs[i]}
		if i%3 == 0 {
			gone = append(gone, item(i))
		}
	}
	if err := db.PutEntries(ctx, es); err != nil {
		t.Fatal(err)
	}
	// Another space beside it, with other dimensions, must not disturb.
	for i := range 100 {
		es[i].Space, es[i].Vector = "old", []float32{1, float32(i), 3}
	}
	if err := db.PutEntries(ctx, es[:100]); err != nil {
		t.Fatal(err)
	}
	if err := db.RetireItems(ctx, gone, time.Now()); err != nil {
		t.Fatal(err)
	}
	recall := func() float64 {
		t.Helper()
		found := 0
		for _, q := range qs {
			got, err := db.Nearest(ctx, "new", q, top)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != top {
				t.Fatalf("%d neighbours", len(got))
			}
			want := exact(vs, q, top)
			last := math.Inf(1)
			for _, g := range got {
				if g.Cosine > last {
					t.Fatalf("not the nearest first: %v", got)
				}
				last = g.Cosine
				if slices.Contains(want, g.Item) {
					found++
				}
			}
		}
		return float64(found) / float64(len(qs)*top)
	}
	if r := recall(); r < 0.999 {
		t.Errorf("recall without an index is %.3f", r)
	}
	if err := db.IndexSpace(ctx, "new"); err != nil {
		t.Fatal(err)
	}
	if err := db.IndexSpace(ctx, "new"); err != nil {
		t.Fatal("again:", err)
	}
	if r := recall(); r < 0.97 {
		t.Errorf("recall with the index is %.3f", r)
	} else {
		t.Logf("recall with the index %.3f", r)
	}
	// The index is of no concern to a program that opens the store, and
	// vectors written later are found as well.
	late := catalog.Entry{Item: pipeline.Item{ID: "late", Source: "late"}, Space: "new", Vector: qs[0]}
	if err := db.PutEntries(ctx, []catalog.Entry{late}); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Nearest(ctx, "new", qs[0], 1); err != nil || len(got) != 1 || got[0].Item != "late" || math.Abs(got[0].Cosine-1) > 1e-6 {
		t.Errorf("a late one: %v, %v", got, err)
	}

	// The switch: the old space goes, the new one stays.
	if err := db.DropSpace(ctx, "old"); err != nil {
		t.Fatal(err)
	}
	if err := db.DropSpace(ctx, "old"); err != nil {
		t.Fatal("again:", err)
	}
	if _, err := db.Nearest(ctx, "old", []float32{1, 2, 3}, 1); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("a dropped space: %v", err)
	}
	if _, err := db.Nearest(ctx, "new", []float32{1, 2, 3}, 1); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("another length: %v", err)
	}
	if r := recall(); r < 0.97 {
		t.Errorf("recall after the switch is %.3f", r)
	}
}

// The planner must use the index, or the figures above mean nothing.
func TestNearestUsesTheIndex(t *testing.T) {
	ctx := context.Background()
	db := open(t, postgres.Options{Schema: fresh(t)})
	rnd := rand.New(rand.NewPCG(1, 1))
	vs := crowd(rnd, 5000, 64)
	es := make([]catalog.Entry, len(vs))
	for i := range es {
		es[i] = catalog.Entry{Item: pipeline.Item{ID: item(i), Source: item(i)}, Space: "sp", Vector: vs[i]}
	}
	if err := db.PutEntries(ctx, es); err != nil {
		t.Fatal(err)
	}
	if err := db.IndexSpace(ctx, "sp"); err != nil {
		t.Fatal(err)
	}
	plan, err := postgres.Explain(ctx, db, "sp", vs[0], 10)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, "points_hnsw_") {
		t.Errorf("the plan does without the index:\n%s", plan)
	}
}

// Items of one text share a point: however many there are, each is found, and a
// point goes with the last item that has it.
func TestNearestOfManyEqual(t *testing.T) {
	ctx := context.Background()
	schema := fresh(t)
	db := open(t, postgres.Options{Schema: schema})
	rnd := rand.New(rand.NewPCG(3, 3))
	vs := crowd(rnd, 40, 64)
	put := func(from, to, v int, category string) {
		t.Helper()
		var es []catalog.Entry
		for i := from; i < to; i++ {
			es = append(es, catalog.Entry{Item: pipeline.Item{ID: item(i), Source: fmt.Sprint("text ", v)}, Record: pipeline.Record{Category: category}, Space: "sp", Vector: vs[v]})
		}
		if err := db.PutEntries(ctx, es); err != nil {
			t.Fatal(err)
		}
	}
	for v := range 20 {
		put(v*300, v*300+300, v, "nut")
	}
	if err := db.IndexSpace(ctx, "sp"); err != nil {
		t.Fatal(err)
	}
	put(6000, 6010, 20, "screw") // a new text
	put(6010, 6020, 3, "screw")  // one that is known
	points := func() (n int) {
		t.Helper()
		if err := db.Query(ctx, &n, `SELECT count(*) FROM points`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := points(); n != 21 {
		t.Errorf("%d points of 21 texts", n)
	}
	near := func(v int, category string, n int) (ids []string) {
		t.Helper()
		hits, err := db.Neighbours(ctx, "sp", vs[v], category, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Similarity > 0.9999 {
				ids = append(ids, h.ID)
			}
		}
		return ids
	}
	if ids := near(20, "", 10); len(ids) != 10 || ids[0] != item(6000) {
		t.Errorf("those of a new text: %v", ids)
	}
	if ids := near(3, "", 310); len(ids) != 310 {
		t.Errorf("%d of 310 of one text", len(ids))
	}
	if ids := near(3, "screw", 10); len(ids) != 10 || ids[0] != item(6010) {
		t.Errorf("those of one text in a category: %v", ids)
	}
	// The text of one changes: the others keep the point.
	put(6000, 6001, 21, "screw")
	if ids, n := near(20, "", 10), points(); len(ids) != 9 || n != 22 {
		t.Errorf("after a change: %v, %d points", ids, n)
	}
	var last []string
	for i := 6001; i < 6010; i++ {
		last = append(last, item(i))
	}
	if _, err := db.EraseItems(ctx, last); err != nil {
		t.Fatal(err)
	}
	if ids, n := near(20, "", 10), points(); len(ids) != 0 || n != 21 {
		t.Errorf("after the last was erased: %v, %d points", ids, n)
	}
}

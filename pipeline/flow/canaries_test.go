package flow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// canaries of the world, with a share of what indexes hold lost.
func (w *world) canaries(lost float64) *flow.Canaries {
	w.t.Helper()
	c, err := w.app.Canaries(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range c.Sets {
		find := c.Sets[i].Find
		c.Sets[i].Find = func(ctx context.Context, q string, k int) ([]string, error) {
			ids, err := find(ctx, q, k)
			return slices.DeleteFunc(ids, func(id string) bool { return float64(xxh3.HashString(id)%1000) < 1000*lost }), err
		}
	}
	return c
}

// bolts are items that each say something else.
func bolts(from, n int) (rows []string) {
	for i := range n {
		rows = append(rows, fmt.Sprintf("p%05d,HEX BOLT M%dx%d DIN 933 8.8 ZINC PLATED,1", from+i, []int{6, 8, 10}[i%3], 20+5*((from+i)/3)))
	}
	return rows
}

// TestCanaries: the first run locks, healthy runs trip nothing however the catalog
// moves on, an index that lost 30 % of its items trips the breaker of its stage
// with a slice and five examples before and now; canaries that pass after the
// cooldown close it, a suite does not.
func TestCanaries(t *testing.T) {
	onBothStores(t, nil, func(t *testing.T, w *world) {
		ctx := context.Background()
		run := func(lost float64) map[string]flow.CanaryOutcome {
			t.Helper()
			w.now = w.now.Add(time.Minute)
			os, err := w.canaries(lost).Run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]flow.CanaryOutcome{}
			for _, o := range os {
				out[o.Set] = o
			}
			return out
		}
		if os := run(0); len(os) != 1 || !os[flow.KnowledgeCanaries].Locked {
			t.Fatalf("an empty catalog: %+v", os)
		}
		w.land("2026-03-01.csv", bolts(0, 150)...)
		w.once()
		for name, o := range run(0) {
			if locked := name != flow.KnowledgeCanaries; o.Locked != locked || o.Precision < 0.75 || o.Queries != 60 || o.Tripped {
				t.Errorf("the first run of %s: %+v", name, o)
			}
		}
		w.land("2026-03-02.csv", bolts(200, 60)...)
		w.once()
		for name, o := range run(0) {
			if o.Tripped || o.Locked || o.Position == breaker.Open {
				t.Errorf("a healthy run of %s: %s", name, o.Reason)
			}
		}
		for name, o := range run(0.3) {
			if !o.Tripped || o.Position != breaker.Open || len(o.Worst) == 0 {
				t.Errorf("30 %% of the index of %s are gone: %+v", name, o)
			}
		}
		var told flow.EvalData
		w.once()
		w.event(pipeline.EvalTripped, &told)
		before := 0
		for _, e := range told.Examples {
			if e.Before {
				before++
			}
		}
		if told.Source != flow.CanarySource || !strings.HasPrefix(told.Slice, "category=") || told.Was <= told.Is || before != 5 || len(told.Examples) != 10 {
			t.Errorf("the event: %+v", told)
		}
		wire, err := w.app.Wire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(2 * time.Hour)
		if s, err := wire.Passed(ctx, flow.SearchStage, "search", "run-1"); err != nil || s.Position != breaker.HalfOpen {
			t.Errorf("a suite that asks no index closed it: %s, %v", s.Position, err)
		}
		if o := run(0.3)[flow.SearchCanaries]; o.Position != breaker.Open {
			t.Errorf("still lost, but %s", o.Position)
		}
		w.now = w.now.Add(24 * time.Hour)
		for name, o := range run(0) {
			if o.Tripped || o.Position != breaker.Closed {
				t.Errorf("mended, but %s is %s: %s", name, o.Position, o.Reason)
			}
		}
		runs, err := w.db.CanaryRuns(ctx, flow.ItemCanaries, 10)
		if err != nil || len(runs) != 5 {
			t.Errorf("%d runs, %v", len(runs), err)
		}
	})
}

// TestCanariesOfItems: what is retired is asked no more, what the store lost is
// not found, and a baseline is locked anew by name and reason alone.
func TestCanariesOfItems(t *testing.T) {
	onBothStores(t, nil, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.land("2026-03-01.csv", bolts(0, 80)...)
		w.once()
		first, err := w.canaries(0).Run(ctx, flow.SearchCanaries)
		if err != nil || len(first) != 1 {
			t.Fatal(first, err)
		}
		var ids []string
		for id := range first[0].Scores {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		if err := w.db.RetireItems(ctx, ids[:20], w.now); err != nil {
			t.Fatal(err)
		}
		second, err := w.canaries(0).Run(ctx, flow.SearchCanaries)
		if err != nil || second[0].Queries != 40 || second[0].Tripped {
			t.Fatalf("%+v, %v", second, err)
		}
		c := w.canaries(0)
		if _, err := c.Lock(ctx, "ann", " "); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("without a reason: %v", err)
		}
		if os, err := c.Lock(ctx, "ann", "another assortment", flow.SearchCanaries); err != nil || !os[0].Locked || os[0].Queries != 60 {
			t.Errorf("%+v, %v", os, err)
		}
		if _, err := c.Run(ctx, "nothing"); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("a set that is none: %v", err)
		}
		b, err := w.db.LiveBaseline(ctx, "canaries/search")
		if err != nil || b.Generation != 2 || b.By != "ann" {
			t.Errorf("%d by %q, %v", b.Generation, b.By, err)
		}
	})
}

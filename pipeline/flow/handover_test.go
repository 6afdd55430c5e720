package flow_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A careless store keeps values without their units.
type careless struct{ flow.Store }

func (c careless) Atomic(ctx context.Context, fn func(flow.Tx) error) error {
	return c.Store.Atomic(ctx, func(tx flow.Tx) error { return fn(carelessTx{tx}) })
}

type carelessTx struct{ flow.Tx }

func (c carelessTx) PutEntries(ctx context.Context, entries []catalog.Entry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		as := slices.Clone(entries[i].Record.Attributes)
		for k := range as {
			as[k].Unit = ""
		}
		entries[i].Record.Attributes = as
	}
	return c.Tx.PutEntries(ctx, entries)
}

// TestHandover: what the catalog keeps is read back; units that are lost on the
// way open the breaker of parsing with the batch that loses them, and the event
// names the feed and five items. Without a fault nothing is told.
func TestHandover(t *testing.T) {
	onBothStores(t, []string{"ASSAY_OBSERVE={sample_rate: 1}"}, func(t *testing.T, w *world) {
		w.land("2026-03-01.csv", bolts(0, 40)...)
		w.once()
		if s := w.evalBreaker(); s.Position == breaker.Open {
			t.Fatalf("nothing was lost, but %s", s.Cause)
		}
		w.run.Parse.Store = careless{w.db}
		w.land("2026-03-02.csv", bolts(100, 40)...)
		w.once()
		if s := w.evalBreaker(); s.Position != breaker.Open || !strings.Contains(s.Cause, "did not arrive in 40 of 40 items") {
			t.Errorf("%s: %s", s.Position, s.Cause)
		}
		var told flow.EvalData
		w.event(pipeline.EvalTripped, &told)
		if told.Source != "handover" || told.Slice != "feed=parts" || len(told.Examples) != 10 || told.Is != 0 {
			t.Errorf("%+v", told)
		}
	})
}

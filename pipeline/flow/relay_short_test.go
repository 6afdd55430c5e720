package flow_test

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A shortBus takes so many events before its caller's time is over.
type shortBus struct {
	takes int
	took  map[string]int
}

func (b *shortBus) Publish(_ context.Context, events []pipeline.Event) error {
	for i, e := range events {
		if i == b.takes {
			return pipeline.Errorf(pipeline.CodeCanceled, "the time is over")
		}
		b.took[e.ID]++
	}
	return nil
}

// TestRelayToAShortBus: a bus that takes fewer events in the time of a call than a
// pass has gets all of them in the end, and the first ones not again with each call.
func TestRelayToAShortBus(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "")
	const n = 250
	for i := range n {
		e, err := pipeline.NewEvent(pipeline.BreakerChanged, "assay/feed/parts", strconv.Itoa(i), "parts", w.now.Add(time.Duration(i)), map[string]int{"i": i})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.db.PutOutgoing(ctx, flow.Outgoing{Event: &e}); err != nil {
			t.Fatal(err)
		}
	}
	bus := &shortBus{takes: 9, took: map[string]int{}}
	r := &flow.Relay{Outbox: w.db, Queue: w.db, Publisher: bus, Log: slog.New(slog.DiscardHandler)}
	calls, most := 0, 0
	for left := n; left > 0; calls++ {
		if calls > 100 {
			t.Fatalf("%d entries are left after %d calls", left, calls)
		}
		if _, err := r.Drain(ctx); err != nil && pipeline.ErrorCode(err) != pipeline.CodeCanceled {
			t.Fatal(err)
		}
		out, err := w.db.Outgoing(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		left = len(out)
	}
	for _, times := range bus.took {
		most = max(most, times)
	}
	if len(bus.took) != n || most > 8 {
		t.Errorf("%d of %d events, one of them %d times, in %d calls", len(bus.took), n, most, calls)
	}
}

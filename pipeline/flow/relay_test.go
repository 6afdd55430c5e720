package flow_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A slowBus counts what it is told, by id.
type slowBus struct {
	mu   sync.Mutex
	told map[string]int
}

func (b *slowBus) Publish(_ context.Context, events []pipeline.Event) error {
	for _, e := range events {
		time.Sleep(time.Millisecond)
		b.mu.Lock()
		b.told[e.ID]++
		b.mu.Unlock()
	}
	return nil
}

// TestRelaysSideBySide: of several relays one sends at a time, and what any of
// them wrote leaves once, though nobody waits for the lease.
func TestRelaysSideBySide(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "")
	bus := &slowBus{told: map[string]int{}}
	const relays, each = 6, 20
	var wg sync.WaitGroup
	for i := range relays {
		r := &flow.Relay{Outbox: w.db, Queue: w.db, Publisher: bus, Leases: w.db, Owner: fmt.Sprint("relay-", i), Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		wg.Go(func() {
			for n := range each {
				e, err := pipeline.NewEvent(pipeline.BatchPublished, "assay/feed/x", fmt.Sprint(i, "-", n), fmt.Sprint(i), time.Now(), n)
				if err != nil {
					t.Error(err)
					return
				}
				if err := w.db.PutOutgoing(ctx, flow.Outgoing{Event: &e}); err != nil {
					t.Error(err)
				}
				if _, err := r.Drain(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left, err := w.db.Outgoing(ctx, 10); err != nil || len(left) != 0 {
		t.Errorf("%d entries were left, %v", len(left), err)
	}
	if len(bus.told) != relays*each {
		t.Errorf("%d events were told, want %d", len(bus.told), relays*each)
	}
	for id, n := range bus.told {
		if n != 1 {
			t.Errorf("event %s was told %d times", id, n)
		}
	}
}

package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// redelivery: eight handles work off events of three feeds, each delivered one
// to three times in any order, the way the pipeline decides batches: under the
// feed's lease, in one transaction. In the end each batch was decided once, the
// places of a feed have no gap, the breaker is the fold of its samples in that
// order, and each left once.
func redelivery(t *testing.T, p Place) {
	const workers, feeds, batches = 8, 3, 45
	handles := make([]Store, workers)
	for i := range handles {
		handles[i] = p(t)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	var events []int
	for n := range batches {
		for range 1 + rnd.IntN(3) {
			events = append(events, n)
		}
	}
	rnd.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	work := make(chan int, len(events))
	for _, n := range events {
		work <- n
	}
	close(work)

	feed := func(n int) string { return fmt.Sprint("feed", n%feeds) }
	decide := func(s Store, owner string, n int) error {
		lease := "feed:" + feed(n)
		for {
			err := s.Acquire(ctx, lease, owner, at(0), at(60))
			if err == nil {
				break
			}
			if pipeline.ErrorCode(err) != pipeline.CodeLocked {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		err := s.Atomic(ctx, func(tx flow.Tx) error {
			b := batch(n, feed(n))
			if _, err := tx.Batch(ctx, b.ID); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
				return err // decided before, or an outage
			}
			last, err := tx.LastSeq(ctx, b.Feed)
			if err != nil {
				return err
			}
			b.Seq, b.Stage = last+1, flow.Done
			state, err := tx.LoadBreaker(ctx, breaker.Key{Scope: b.Feed, Signal: "quality"})
			if err != nil {
				return err
			}
			state.Window = append(state.Window, sample(n))
			if err := tx.SaveBreaker(ctx, state, sample(n), nil); err != nil {
				return err
			}
			if err := tx.PutBatch(ctx, b); err != nil {
				return err
			}
			return tx.PutOutgoing(ctx, event(n))
		})
		if rerr := s.Release(ctx, lease, owner); err == nil {
			err = rerr
		}
		return err
	}
	var wg sync.WaitGroup
	for w, s := range handles {
		wg.Go(func() {
			for n := range work {
				if err := decide(s, fmt.Sprint("worker", w), n); err != nil {
					t.Errorf("batch %d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()

	s := handles[0]
	left := map[string]int{}
	for _, id := range outgoingIDs(must(s.Outgoing(ctx, 1000))(t)) {
		left[id]++
	}
	equal(t, "events that left", len(left), batches)
	for f := range feeds {
		bs := must(s.Batches(ctx, flow.BatchFilter{Feed: feed(f)}))(t)
		order := make([]string, len(bs))
		for _, b := range bs {
			if b.Seq < 1 || int(b.Seq) > len(bs) || order[b.Seq-1] != "" {
				t.Fatalf("%s: batch %s has place %d of %d", feed(f), b.ID, b.Seq, len(bs))
			}
			order[b.Seq-1] = b.ID
		}
		state := must(s.LoadBreaker(ctx, breaker.Key{Scope: feed(f), Signal: "quality"}))(t)
		in, _, err := s.BreakerHistory(ctx, state.Key)
		ok(t, err)
		equal(t, "the breaker's window is the fold of its samples", state.Window, in)
		var folded []string
		for _, x := range in {
			folded = append(folded, x.Batch)
		}
		equal(t, "in the order of decision", folded, order)
		equal(t, "batches of "+feed(f), []int{len(bs), int(state.Version)}, []int{batches / feeds, batches / feeds})
	}
}

package storetest

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func sample(n int) breaker.Sample {
	return breaker.Sample{Batch: id("b", n), At: at(n), Rows: int64(n), Published: n%2 == 0,
		Metrics: map[string]float64{"reject_rate": 0.1 * float64(n), "null_rate.größe": 1e-300}, Violations: []string{"<schema>"}}
}

func breakers(t *testing.T, p Place) {
	s := p(t)
	key := breaker.Key{Scope: "feed:orders", Signal: "quality"}
	equal(t, "one that was never stored", must(s.LoadBreaker(ctx, key))(t), breaker.State{Key: key})

	state := breaker.State{Key: key, Position: breaker.Open, Since: at(1), Cause: "reject rate", Fallback: breaker.LastGood,
		Window: []breaker.Sample{sample(1)}, Until: at(60), Trips: 2, Good: 1}
	move := breaker.Transition{Key: key, From: breaker.Closed, To: breaker.Open, At: at(1), Cause: "reject rate 12 % > 5 %",
		Evidence: map[string]float64{"reject_rate": 0.12}, Actor: "policy", Batch: "b0001"}
	ok(t, s.SaveBreaker(ctx, state, sample(1), []breaker.Transition{move}))
	want := state
	want.Version = 1
	equal(t, "loaded", must(s.LoadBreaker(ctx, key))(t), want)

	// The same sample again, as after a crash: folded once.
	again := state
	again.Trips, again.Version = 99, 1
	ok(t, s.SaveBreaker(ctx, again, sample(1), []breaker.Transition{move}))
	equal(t, "after a repeated sample", must(s.LoadBreaker(ctx, key))(t), want)

	// A state that moved on is not overwritten, and nothing of the call stays.
	code(t, "a stale version", s.SaveBreaker(ctx, state, sample(2), []breaker.Transition{move}), pipeline.CodeConflict)
	in, ts, err := s.BreakerHistory(ctx, key)
	ok(t, err)
	equal(t, "samples", in, []breaker.Sample{sample(1)})
	equal(t, "transitions", ts, []breaker.Transition{move})

	// Saves without a sample, and many with.
	half := want
	half.Position = breaker.HalfOpen
	back := move
	back.From, back.To, back.Batch = breaker.Open, breaker.HalfOpen, ""
	ok(t, s.SaveBreaker(ctx, half, breaker.Sample{}, []breaker.Transition{back}))
	half.Version = 2
	for n := 5; n > 2; n-- { // stored in the order of saving, not of time
		ok(t, s.SaveBreaker(ctx, half, sample(n), nil))
		half.Version++
	}
	in, ts, err = s.BreakerHistory(ctx, key)
	ok(t, err)
	equal(t, "samples", in, []breaker.Sample{sample(1), sample(5), sample(4), sample(3)})
	equal(t, "transitions", ts, []breaker.Transition{move, back})
	equal(t, "loaded", must(s.LoadBreaker(ctx, key))(t), half)

	// Keys are apart, and one sample may feed several breakers.
	other := breaker.Key{Scope: "feed:orders", Signal: "evals"}
	ok(t, s.SaveBreaker(ctx, breaker.State{Key: other}, sample(1), nil))
	third := breaker.Key{Scope: "category:bearing", Signal: "quality"}
	ok(t, s.SaveBreaker(ctx, breaker.State{Key: third}, sample(1), nil))
	equal(t, "all", must(s.Breakers(ctx))(t), []breaker.State{{Key: third, Version: 1}, {Key: other, Version: 1}, half})
	code(t, "no scope", s.SaveBreaker(ctx, breaker.State{Key: breaker.Key{Signal: "x"}}, sample(1), nil), pipeline.CodeInvalid)
}

// breakerRace: folding under contention loses no sample.
func breakerRace(t *testing.T, p Place) {
	handles := []Store{p(t), p(t)}
	key := breaker.Key{Scope: "feed:race", Signal: "quality"}
	const n = 40
	var next atomic.Int32
	var wg sync.WaitGroup
	for w := range 4 {
		s := handles[w%2]
		wg.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				for {
					err := s.Atomic(ctx, func(tx flow.Tx) error {
						state, err := tx.LoadBreaker(ctx, key)
						if err != nil {
							return err
						}
						state.Good++
						return tx.SaveBreaker(ctx, state, sample(int(i)), nil)
					})
					if err == nil {
						break
					}
					if pipeline.ErrorCode(err) != pipeline.CodeConflict {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	state := must(handles[0].LoadBreaker(ctx, key))(t)
	in, _, err := handles[1].BreakerHistory(ctx, key)
	ok(t, err)
	equal(t, "folded, stored, version", []int{state.Good, len(in), int(state.Version)}, []int{n, n, n})
}

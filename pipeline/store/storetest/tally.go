package storetest

import (
	"testing"

	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func tally(t *testing.T, p Place) {
	s := p(t)
	equal(t, "batches of an empty store", len(must(s.UndecidedBatches(ctx))(t)), 0)
	equal(t, "breakers of an empty store", len(must(s.OpenBreakers(ctx, flow.Quality))(t)), 0)
	for n, b := range []struct {
		feed  string
		stage flow.Stage
	}{{"b", flow.Held}, {"b", flow.Held}, {"b", flow.Done}, {"b", flow.Waiting}, {"B", flow.Held}, {"é", flow.Staged}, {"z", flow.Duplicate}} {
		ok(t, s.PutBatch(ctx, flow.Batch{ID: id("b", n), Feed: b.feed, Key: id("k", n), Stage: b.stage, Created: at(n), Updated: at(n)}))
	}
	equal(t, "batches", must(s.UndecidedBatches(ctx))(t), []flow.StageCount{{Feed: "B", Stage: flow.Held, N: 1}, {Feed: "b", Stage: flow.Held, N: 2}, {Feed: "b", Stage: flow.Waiting, N: 1}, {Feed: "é", Stage: flow.Staged, N: 1}})
	for n, b := range []struct {
		scope, signal string
		position      breaker.Position
	}{{"feed:b", flow.Quality, breaker.HalfOpen}, {"feed:a", flow.Quality, breaker.Open}, {"feed:c", flow.Quality, breaker.Closed}, {"feed:d", flow.Quality, ""}, {"feed:e", "other", breaker.Open}} {
		ok(t, s.SaveBreaker(ctx, breaker.State{Key: breaker.Key{Scope: b.scope, Signal: b.signal}, Position: b.position, Since: at(n), Cause: "open"}, breaker.Sample{}, nil))
	}
	open := must(s.OpenBreakers(ctx, flow.Quality))(t)
	equal(t, "open breakers", len(open), 2)
	for i, want := range []string{"feed:a", "feed:b"} {
		equal(t, "an open breaker", open[i], must(s.LoadBreaker(ctx, breaker.Key{Scope: want, Signal: flow.Quality}))(t))
	}
}

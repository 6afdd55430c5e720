package flow

import (
	"context"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
)

// Signal trips or resets the breaker of a feed by hand, or has an open one tried
// again before its cooldown is over, and says who did it and why; both go into the history and leave as an event. Errors: invalid (an
// unknown command, no reason), not_found (a feed without a contract), locked.
func (in *Ingest) Signal(ctx context.Context, feed, command, actor, reason string) (breaker.State, error) {
	if command != breaker.Trip && command != breaker.Reset && command != breaker.Retry {
		return breaker.State{}, pipeline.Errorf(pipeline.CodeInvalid, "breaker command %q", command).WithHint("use trip, reset or retry")
	}
	if strings.TrimSpace(reason) == "" || strings.TrimSpace(actor) == "" {
		return breaker.State{}, pipeline.Errorf(pipeline.CodeInvalid, "a breaker is not moved by hand without a name and a reason").
			WithHint("say --reason \"…\"")
	}
	f, err := in.Contracts.Feed(feed)
	if err != nil {
		return breaker.State{}, err
	}
	policy, err := BreakerPolicy(f)
	if err != nil {
		return breaker.State{}, err
	}
	ctx, done, err := in.lease(ctx, feed)
	if err != nil {
		return breaker.State{}, err
	}
	defer done()
	at, key := stamp(in.Now), FeedBreaker(feed)
	sample := breaker.Sample{
		Batch: pipeline.ContentID("signal", key.Scope, key.Signal, command, actor, reason, at.Format(time.RFC3339Nano)),
		At:    at, Command: command, Actor: actor, Reason: reason,
	}
	var after breaker.State
	err = in.Store.Atomic(ctx, func(tx Tx) error {
		state, err := tx.LoadBreaker(ctx, key)
		if err != nil {
			return err
		}
		next, ts := policy.Step(state, sample)
		after = next
		if err := tx.SaveBreaker(ctx, next, sample, ts); err != nil {
			return err
		}
		var out []Outgoing
		for _, t := range ts {
			e, err := breakerEvent(feed, t)
			if err != nil {
				return err
			}
			out = append(out, Outgoing{Event: &e})
		}
		if out, err = in.askReplay(ctx, tx, out, Batch{}, f, ts); err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, out...)
	})
	if err != nil {
		return breaker.State{}, err
	}
	in.Log.Info("breaker moved by hand", "feed", feed, "command", command, "actor", actor, "position", after.Position)
	return after, in.mark(ctx, feed, after)
}

// breakerEvent tells the world of a change of position.
func breakerEvent(feed string, t breaker.Transition) (pipeline.Event, error) {
	return pipeline.NewEvent(pipeline.BreakerChanged, source(feed), t.Key.Scope+"/"+t.Key.Signal, feed, t.At, BreakerData{
		Scope: t.Key.Scope, Signal: t.Key.Signal, From: string(t.From), To: string(t.To), Cause: t.Cause,
		Actor: t.Actor, Batch: t.Batch, Evidence: t.Evidence, At: t.At,
	})
}

package flow

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// A WindowDecision is what happens to a window of events.
type WindowDecision struct {
	// ID of the window, by feed and content.
	ID       string            `json:"id"`
	Decision pipeline.Decision `json:"decision"`
	Reason   string            `json:"reason,omitempty"`
	Degraded bool              `json:"degraded,omitempty"`
	// Breaker is the position of the feed's breaker after the window.
	Breaker breaker.Position `json:"breaker"`
	Cause   string           `json:"cause,omitempty"`
}

// Window folds a judged window of a stream into the breaker of its feed, the
// same one that batches feed, and says whether its accepted events may pass.
// content names the events: a window that comes twice counts once. Errors:
// those of the store and the lake.
func (in *Ingest) Window(ctx context.Context, f *contract.Feed, content string, report *gate.Report) (WindowDecision, error) {
	policy, err := BreakerPolicy(f)
	if err != nil {
		return WindowDecision{}, err
	}
	ctx, release, err := in.lease(ctx, f.Name)
	if err != nil {
		return WindowDecision{}, err
	}
	defer release()
	b := Batch{ID: pipeline.ContentID("window", f.Name, content), Feed: f.Name}
	d := WindowDecision{ID: b.ID}
	at, key := stamp(in.Now), FeedBreaker(f.Name)
	var after breaker.State
	err = in.Store.Atomic(ctx, func(tx Tx) error {
		state, err := tx.LoadBreaker(ctx, key)
		if err != nil {
			return err
		}
		o := judgeWith(policy, state, b, f, report, at)
		d.Decision, d.Reason, d.Degraded = o.decision, o.reason, o.degraded
		sample := sampleOf(b, f, report, at)
		next, ts := policy.Step(state, sample)
		after = next
		if err := tx.SaveBreaker(ctx, next, sample, ts); err != nil {
			return err
		}
		var out []Outgoing
		for _, t := range ts {
			e, err := breakerEvent(f.Name, t)
			if err != nil {
				return err
			}
			out = append(out, Outgoing{Event: &e})
		}
		return tx.PutOutgoing(ctx, out...)
	})
	if err != nil {
		return WindowDecision{}, err
	}
	d.Breaker, d.Cause = after.Position, after.Cause
	if d.Breaker == "" {
		d.Breaker = breaker.Closed
	}
	return d, in.mark(ctx, f.Name, after)
}

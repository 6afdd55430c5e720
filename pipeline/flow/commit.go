package flow

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// commit is step 3: ledger, sample, breaker and outbox in one transaction.
// Doing it again is harmless.
func (in *Ingest) commit(ctx context.Context, b Batch, f *contract.Feed, report *gate.Report, o outcome, m *lake.Manifest) (Batch, error) {
	policy, err := BreakerPolicy(f)
	if err != nil {
		return Batch{}, err
	}
	if m != nil {
		in.trace(StepFinish)
		if err := in.Lake.Finish(ctx, m); err != nil {
			return Batch{}, err
		}
		if err := in.indexKeys(ctx, b, f, m); err != nil {
			return Batch{}, err
		}
	}
	b.Verdict, b.Decision, b.Reason, b.Rows = report.Verdict, o.decision, o.reason, report.Rows
	b.Breaker, b.Report, b.Updated = string(o.position), lake.ReportKey(b.Feed, b.ID, "json"), o.at
	b.Stage = Held
	if o.ask != "" {
		b.Stage = Waiting
	}
	var shards []ParseShard
	if m != nil {
		b.Stage, b.Manifest = Done, m.ID
		if f.Catalog != nil {
			if shards, err = in.shards(ctx, b, f, report, m, o.degraded); err != nil {
				return Batch{}, err
			}
		}
	}
	b.Shards = len(shards)
	broken := violation(b, f, report)
	if broken.Consumers, err = in.affected(ctx, f, broken); err != nil {
		return Batch{}, err
	}
	if m != nil {
		if err := in.evolve(ctx, b, f, report, m); err != nil {
			return Batch{}, err
		}
	}
	in.trace(StepCommit)
	var after breaker.State
	err = in.Store.Atomic(ctx, func(tx Tx) error {
		if err := stillHeld(ctx); err != nil {
			return err
		}
		last, err := tx.LastSeq(ctx, b.Feed)
		if err != nil {
			return err
		}
		// A release is a decision of its own, and what it publishes comes after
		// what was published before.
		if b.Seq == 0 || m != nil && b.Replays > 0 {
			b.Seq = last + 1
		}
		state, err := tx.LoadBreaker(ctx, FeedBreaker(b.Feed))
		if err != nil {
			return err
		}
		var transitions []breaker.Transition
		for _, sample := range o.samples {
			ticked, ticks := policy.Tick(state, o.at)
			next, steps := policy.Step(ticked, sample)
			moves := slices.Concat(ticks, steps)
			if err := tx.SaveBreaker(ctx, next, sample, moves); err != nil {
				return err
			}
			transitions = append(transitions, moves...)
			if state, err = tx.LoadBreaker(ctx, FeedBreaker(b.Feed)); err != nil {
				return err
			}
		}
		after = state
		if err := tx.PutBatch(ctx, b); err != nil {
			return err
		}
		out, err := in.outgoing(b, broken, transitions, shards, o.degraded)
		if err == nil {
			out, err = in.askReplay(ctx, tx, out, b, f, transitions)
		}
		if err != nil {
			return err
		}
		if err := tx.PutOutgoing(ctx, out...); err != nil || o.ask == "" {
			return err
		}
		return ask(ctx, tx, b, f, report, o.ask)
	})
	if err != nil {
		return Batch{}, err
	}
	in.trace(StepMark)
	if err := in.mark(ctx, b.Feed, after); err != nil {
		return Batch{}, err
	}
	if in.Decided != nil {
		in.Decided(ctx, b, broken.Checks, after.Position)
	}
	in.Log.InfoContext(ctx, "batch decided", "feed", b.Feed, "batch", b.ID, "seq", b.Seq, "verdict", b.Verdict, "decision", b.Decision,
		"read", b.Rows.Read, "accepted", b.Rows.Accepted, "rejected", b.Rows.Rejected, "breaker", after.Position)
	return b, nil
}

// recover finishes a batch whose manifest was published by a process that died
// before step 3. The report of the first run is in the lake, and the manifest
// says what the decision saw, so nothing is judged anew.
func (in *Ingest) recover(ctx context.Context, b Batch, f *contract.Feed, m *lake.Manifest) (Batch, error) {
	report, err := ReadReport(ctx, in.Lake, lake.ReportKey(b.Feed, b.ID, "json"))
	if err != nil {
		return Batch{}, err
	}
	o := outcome{
		decision: report.Decision,
		position: breaker.Position(m.Breaker),
		degraded: m.Degraded,
		at:       m.At,
	}
	switch sample := sampleOf(b, f, report, m.At); {
	case b.ReleasedBy != "":
		o = released(o, b, report)
	case b.Replays > 0:
		// The decision saw a breaker that was half-open or closed; where it is
		// open still, it was tried again for this batch.
		if state, err := in.Store.LoadBreaker(ctx, FeedBreaker(b.Feed)); err != nil {
			return Batch{}, err
		} else if state.Position == breaker.Open && !m.Degraded {
			o.samples = append(o.samples, retryOf(sample))
		}
		o.samples = append(o.samples, sample)
	default:
		o.samples = append(o.samples, sample)
	}
	in.Log.Info("batch recovered", "feed", b.Feed, "batch", b.ID, "manifest", m.ID)
	return in.commit(ctx, b, f, report, o, m)
}

// mark writes the status marker that a consumer of the last good data reads.
func (in *Ingest) mark(ctx context.Context, feed string, s breaker.State) error {
	st := lake.Status{Feed: feed, State: string(s.Position), Cause: s.Cause, Fallback: string(s.Fallback), Since: s.Since}
	if st.State == "" {
		st.State = string(breaker.Closed)
	}
	return in.Lake.SetStatus(ctx, feed, st)
}

// Mark brings the status marker of every feed up to date, in case a process
// died between the transaction and the marker.
func (in *Ingest) Mark(ctx context.Context) error {
	states, err := in.Store.Breakers(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		feed, ok := strings.CutPrefix(s.Key.Scope, "feed:")
		if !ok || s.Key.Signal != Quality {
			continue
		}
		if err := in.mark(ctx, feed, s); err != nil {
			return err
		}
	}
	return nil
}

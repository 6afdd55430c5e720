package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// experiment delivers a good batch, then faulty ones until somebody notices,
// then, for the strongest form, good ones until the breaker is closed.
func (r *runner) experiment(ctx context.Context, feed *contract.Feed, f *Fault, level int) (Experiment, error) {
	start := r.now()
	e := Experiment{Name: f.Name, Column: f.Column, Strength: Strengths[level], Level: f.Levels[level], Expected: f.Detectors[0].String(), Outcome: Missed}
	w := r.world(feed)
	if err := w.inherit(ctx); err != nil {
		return e, err
	}
	d := r.random(f.Name, level)
	day := history
	w.at(day, 0)
	good, rep, err := w.draw(ctx, day)
	if err != nil {
		return e, err
	}
	if good.Stage != flow.Done || len(w.fired(good, rep)) > 0 {
		return e, pipeline.Errorf(pipeline.CodeInternal, "experiment %s: the good batch before the fault is %s: %s", f.Name, good.Stage, good.Reason)
	}
	later := time.Duration(0)
	for turn := range patience {
		day++
		later += w.delay(f, level)
		w.at(day, later)
		b, rep, fires, err := w.faulty(ctx, f, level, day, d, &e, turn == 0)
		if err != nil {
			return e, err
		}
		e.Decision = string(b.Decision)
		if b.Stage == flow.Duplicate {
			e.Decision = string(flow.Duplicate)
		}
		if turn == 0 {
			w.meanwhile(&e, b, rep, good)
		}
		if f.harmless() {
			e.harmless(fires, b)
			break
		}
		if name := by(fires, f.Detectors); name != "" {
			e.Outcome, e.DetectedBy, e.Detected = Named, name, true
			if b.Stage == flow.Done && len(fires) == 1 && fires[0].rule == Overdue {
				e.Decision = "late"
			}
			break
		}
		if len(fires) > 0 && e.Outcome == Missed {
			// Another noticed; the named one may need a batch more.
			e.Outcome, e.DetectedBy, e.Detected = Other, fires[0].name, true
		}
		if e.Outcome == Other {
			break
		}
		e.Latency++
	}
	if level == strongest && e.Detected && !f.harmless() {
		if e.Recovery, err = w.recover(ctx, day+1, later); err != nil {
			return e, err
		}
	}
	if r.opt.Now != nil {
		e.Seconds = r.now().Sub(start).Seconds()
	}
	return e, nil
}

func (w *world) delay(f *Fault, level int) time.Duration {
	if f.Delay == nil {
		return 0
	}
	return f.Delay(level, w.r.twin.cadence)
}

// faulty delivers one faulty batch and tells what fired.
func (w *world) faulty(ctx context.Context, f *Fault, level, day int, d *rand.Rand, e *Experiment, first bool) (flow.Batch, *gate.Report, []fire, error) {
	var fires []fire
	// Whoever looks after the feed looks before the batch comes.
	late, err := w.overdue(ctx)
	if err != nil {
		return flow.Batch{}, nil, nil, err
	}
	if late {
		fires = append(fires, fire{rule: Overdue, name: Overdue})
	}
	t := w.r.twin.Draw(day, w.r.opt.Seed)
	if f.Rows != nil {
		n := f.Rows(level, t, d)
		if first {
			e.Damaged = int64(n)
		}
	}
	name, b, err := w.file(t)
	if err != nil {
		return flow.Batch{}, nil, nil, err
	}
	if f.File != nil {
		name, b = f.File(level, name, b, d)
		if first {
			e.Damaged = int64(len(t.Rows))
		}
	}
	batch, rep, err := w.land(ctx, name, b)
	if err != nil || f.Again == nil {
		return batch, rep, append(fires, w.fired(batch, rep)...), err
	}
	f.Again(level, t, d)
	if _, b, err = w.file(t); err != nil {
		return batch, rep, nil, err
	}
	if first {
		e.Damaged = int64(len(t.Rows))
	}
	batch, rep, err = w.land(ctx, "again-"+w.next(".csv"), b)
	return batch, rep, w.fired(batch, rep), err
}

// harmless: nothing may fire, and every row must pass.
func (e *Experiment) harmless(fires []fire, b flow.Batch) {
	switch {
	case len(fires) > 0:
		e.Outcome, e.DetectedBy = Other, fires[0].name
	case b.Stage == flow.Done && b.Rows.Rejected == 0:
		e.Outcome, e.DetectedBy, e.Detected = Named, None, true
	default:
		e.Outcome, e.DetectedBy = Other, b.Reason
	}
}

// meanwhile says what a consumer would have read after the first faulty batch.
func (w *world) meanwhile(e *Experiment, b flow.Batch, rep *gate.Report, good flow.Batch) {
	switch {
	case b.Stage == flow.Duplicate:
		e.Consumer = "each row once: the second delivery changed nothing"
	case b.Stage != flow.Done:
		e.Consumer = fmt.Sprintf("the last good batch, %d rows of %s", good.Rows.Accepted, good.EventTime.Format(time.DateTime))
	case e.Damaged == 0:
		e.Consumer = fmt.Sprintf("the batch, %d rows", b.Rows.Accepted)
	default:
		if rep != nil {
			e.Read = max(e.Damaged-rep.Rows.Rejected, 0)
		}
		e.Consumer = fmt.Sprintf("the batch, %d rows; %d of %d damaged or missing rows", b.Rows.Accepted, e.Read, e.Damaged)
	}
}

// recover delivers good batches until the breaker is closed.
func (w *world) recover(ctx context.Context, day int, later time.Duration) (*Recovery, error) {
	rec := &Recovery{}
	held, err := w.r.scratch.Store.Batches(ctx, flow.BatchFilter{Feed: w.name, Stage: flow.Held})
	if err != nil {
		return nil, err
	}
	rec.Faulty = len(held)
	for {
		s, _, err := w.state(ctx)
		if err != nil {
			return nil, err
		}
		if n := len(rec.Path); n == 0 || rec.Path[n-1] != string(s.Position) {
			rec.Path = append(rec.Path, string(s.Position))
		}
		if rec.Closed = s.Position == breaker.Closed; rec.Closed || rec.Batches == maxRecovery {
			return rec, nil
		}
		w.at(day+rec.Batches, later)
		if s, _, err = w.state(ctx); err != nil {
			return nil, err
		}
		if rec.Path[len(rec.Path)-1] != string(s.Position) {
			rec.Path = append(rec.Path, string(s.Position))
		}
		b, _, err := w.draw(ctx, day+rec.Batches)
		if err != nil {
			return nil, err
		}
		rec.Batches++
		if b.Stage == flow.Held {
			rec.Held++
		}
	}
}

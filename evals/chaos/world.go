package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A world is one feed of the scratch lake, with a clock of its own.
type world struct {
	r      *runner
	feed   *contract.Feed
	name   string
	ingest *flow.Ingest
	clock  atomic.Int64 // microseconds
	n      int
	// published are the deliveries so far, for service levels.
	published []contract.Delivery
}

// world makes a feed of the contract f, without a past.
func (r *runner) world(f *contract.Feed) *world {
	r.mu.Lock()
	r.feat++
	name := fmt.Sprintf("x%05d", r.feat)
	r.mu.Unlock()
	own := *f
	own.Name = name
	r.names.mu.Lock()
	r.names.feeds[name] = &own
	r.names.mu.Unlock()
	w := &world{r: r, feed: &own, name: name}
	w.clock.Store(r.twin.first.UnixMicro())
	w.ingest = r.scratch.Ingest(r.names, w.now)
	return w
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

// at sets the clock to a day of the twin, and so much later.
func (w *world) at(day int, later time.Duration) {
	w.clock.Store(w.r.twin.first.Add(time.Duration(day)*w.r.twin.cadence + later).UnixMicro())
}

// file is the name of the next file, with its event time, and its bytes.
func (w *world) file(t *Table) (string, []byte, error) {
	ext := ".csv"
	if w.feed.Format == contract.JSONL {
		ext = ".jsonl"
	}
	b, err := t.Encode(w.feed)
	return w.next(ext), b, err
}

func (w *world) next(ext string) string {
	w.n++
	return fmt.Sprintf("%s-%03d%s", w.now().Format("20060102T150405Z"), w.n, ext)
}

// land delivers a file and has it decided.
func (w *world) land(ctx context.Context, name string, b []byte) (flow.Batch, *gate.Report, error) {
	key := lake.LandingKey(w.name, name)
	if err := w.r.scratch.Lake.WriteObject(ctx, key, b); err != nil {
		return flow.Batch{}, nil, err
	}
	batch, err := w.ingest.Object(ctx, key)
	if err != nil {
		return flow.Batch{}, nil, err
	}
	if batch.Stage == flow.Done {
		w.published = append(w.published, contract.Delivery{Event: batch.EventTime, Decided: w.now(), Published: true})
	}
	if batch.Report == "" || batch.Stage == flow.Unjudged || batch.Stage == flow.Duplicate {
		return batch, nil, nil
	}
	rep, err := flow.ReadReport(ctx, w.r.scratch.Lake, batch.Report)
	return batch, rep, err
}

// draw delivers the twin's batch of a day.
func (w *world) draw(ctx context.Context, day int) (flow.Batch, *gate.Report, error) {
	name, b, err := w.file(w.r.twin.Draw(day, w.r.opt.Seed))
	if err != nil {
		return flow.Batch{}, nil, err
	}
	return w.land(ctx, name, b)
}

// state is the position of the feed's breaker, as of the clock.
func (w *world) state(ctx context.Context) (breaker.State, breaker.Policy, error) {
	p, err := flow.BreakerPolicy(w.feed)
	if err != nil {
		return breaker.State{}, p, err
	}
	s, err := w.r.scratch.Store.LoadBreaker(ctx, flow.FeedBreaker(w.name))
	if err != nil {
		return s, p, err
	}
	s, _ = p.Tick(s, w.now())
	if s.Position == "" {
		s.Position = breaker.Closed
	}
	return s, p, nil
}

// overdue looks at the feed between batches: does anything say that one is
// missing?
func (w *world) overdue(ctx context.Context) (bool, error) {
	for _, s := range w.feed.SLA {
		if s.Property == "frequency" {
			if res := s.Judge(contract.Facts{Now: w.now(), Batches: w.published}); res.Unjudged == "" && !res.Holds {
				return true, nil
			}
		}
	}
	if len(w.published) == 0 {
		return false, nil
	}
	s, p, err := w.state(ctx)
	if err != nil {
		return false, err
	}
	last := w.published[len(w.published)-1]
	age := w.now().Sub(last.Decided)
	_, ts := p.Step(s, breaker.Sample{At: w.now(), Watch: true, Metrics: map[string]float64{breaker.Freshness: age.Seconds()}})
	return slices.ContainsFunc(ts, func(t breaker.Transition) bool { return t.To == breaker.Open }), nil
}

// fired are the checks of a report that noticed something, as FIELD.RULE and
// their ids, without those that always do.
func (w *world) fired(b flow.Batch, rep *gate.Report) []fire {
	switch b.Stage {
	case flow.Unjudged:
		return []fire{{rule: Readable, name: Readable}}
	case flow.Duplicate:
		return []fire{{rule: Redelivery, name: Redelivery}}
	}
	if rep == nil {
		return nil
	}
	var out []fire
	for _, c := range rep.Checks {
		if (c.Result == gate.ResultFailed || c.Result == gate.ResultWarned) && !w.r.standing[c.ID] {
			out = append(out, fire{rule: c.Rule, field: c.Field, name: c.ID})
		}
	}
	return out
}

// A fire is a detector that fired.
type fire struct{ rule, field, name string }

// by is whether one of the detectors fired, by its name in the report.
func by(fires []fire, detectors []Detector) string {
	for _, d := range detectors {
		for _, f := range fires {
			if f.rule == d.Rule && f.field == d.Field {
				return d.String()
			}
		}
	}
	return ""
}

// seed delivers the history into a feed of its own, from which every experiment
// inherits it.
func (r *runner) seed(ctx context.Context) error {
	w := r.world(r.feed)
	r.standing = map[string]bool{}
	for day := range history {
		w.at(day, 0)
		b, rep, err := w.draw(ctx, day)
		if err != nil {
			return err
		}
		if b.Stage != flow.Done {
			return pipeline.Errorf(pipeline.CodeInvalid, "a batch drawn from the good ones of %s is not published: %s", r.opt.Feed.Name, b.Reason).
				WithHint("the contract has a rule that rows of good batches do not keep when they come in other numbers; assay chaos needs one that passes them")
		}
		if day == 0 {
			for _, f := range w.fired(b, rep) {
				r.standing[f.name] = true
			}
		}
		r.past = append(r.past, b)
	}
	return nil
}

// inherit gives the world the history.
func (w *world) inherit(ctx context.Context) error {
	for _, b := range w.r.past {
		b.Feed = w.name
		b.Key = lake.LandingKey(w.name, b.Key[len(lake.LandingKey(w.r.pastFeed(), ""))+1:])
		b.ID = flow.BatchID(w.name, b.Key, b.Content, 0)
		if err := w.r.scratch.Store.PutBatch(ctx, b); err != nil {
			return err
		}
		w.published = append(w.published, contract.Delivery{Event: b.EventTime, Decided: b.Updated, Published: true})
	}
	return nil
}

func (r *runner) pastFeed() string { return "x00001" }

// clean judges n batches of the clean twin and tells what tripped.
func (r *runner) clean(ctx context.Context, f *contract.Feed, n int) ([]string, error) {
	w := r.world(f)
	if err := w.inherit(ctx); err != nil {
		return nil, err
	}
	var trips []string
	for i := range n {
		day := history + i
		w.at(day, 0)
		b, rep, err := w.draw(ctx, day)
		if err != nil {
			return nil, err
		}
		s, _, err := w.state(ctx)
		if err != nil {
			return nil, err
		}
		switch fires := w.fired(b, rep); {
		case len(fires) > 0:
			trips = append(trips, fmt.Sprintf("batch %d: %s", i+1, fires[0].name))
		case b.Stage != flow.Done:
			trips = append(trips, fmt.Sprintf("batch %d: %s", i+1, b.Reason))
		case s.Position != breaker.Closed:
			trips = append(trips, fmt.Sprintf("batch %d: the breaker is %s: %s", i+1, s.Position, s.Cause))
		}
		// What lies in the lake is not looked at again.
		if err := w.r.scratch.Lake.Delete(ctx, b.Key); err != nil {
			return nil, err
		}
		r.step(1)
	}
	return trips, nil
}

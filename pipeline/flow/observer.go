package flow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// An Observer samples live answers, locks their baseline, and trips a breaker
// where they drift. Answers are stored in the transaction of their shard.
type Observer struct {
	Settings observe.Settings
	Version  observe.Version
	// Rules is the parser without a model, nil where the parser is that.
	Rules *parse.Parser
	// Calls is the log of questions, for the model, latency and cost of an
	// answer; nil knows none.
	Calls model.Store
	Wire  *Wire
}

// lookBack is how many answers since the lock the cumulative sums look at.
const lookBack = 1000

// read makes answers of the sampled entries, before the transaction. Those that
// a stand-in read say nothing of the version and are left out.
func (o *Observer) read(ctx context.Context, ps *parse.Parser, entries []catalog.Entry, fell []bool, at time.Time) ([]observe.Answer, error) {
	var out []observe.Answer
	for i, e := range entries {
		if fell[i] || !observe.Sampled(e.Item.ID, o.Settings.SampleRate) {
			continue
		}
		r := observe.Reading{Item: e.Item, Record: e.Record, Version: o.Version, At: at}
		if o.Rules != nil {
			rec, err := o.Rules.Parse(ctx, e.Item)
			if err != nil {
				return nil, err
			}
			r.Rules = &rec
		}
		if o.Calls != nil && len(e.Record.Trace) > 0 {
			calls, err := o.Calls.Calls(ctx, model.CallFilter{Item: e.Item.ID, Batch: e.Batch, Limit: 20})
			if err != nil {
				return nil, err
			}
			for _, c := range calls {
				r.Model = c.Model
				r.Micros += c.Micros
				r.LatencyMS += float64(c.Reply.Latency.Microseconds()) / 1000
			}
		}
		r.Violations = Violations(ps, &e.Record)
		out = append(out, observe.Score(r))
	}
	return out, nil
}

// Violations are the invariants that a finished record breaks, by an audit that
// does not read the record's own flags: a number without a source, personal data
// as a value. There are none unless the guard has a hole.
func Violations(ps *parse.Parser, r *pipeline.Record) []string {
	var out []string
	add := func(v string) {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	numeric := func(name string) bool {
		a, ok := r.Attribute(name)
		return ok && (a.Value.IsNumber() || a.Value.IsInterval())
	}
	for _, f := range ps.Audit(r) {
		switch f.Code {
		case guard.Ungrounded, guard.InferredNumber, guard.BadSpan, guard.BadProvenance:
			if numeric(f.Attribute) {
				add("no-ungrounded-number")
			}
		case guard.BadType, guard.BadUnit, guard.NotAllowed, guard.UnknownField:
			add("schema-valid")
		}
	}
	personal := guard.Scrub(r.Source).Found
	for _, a := range r.Attributes {
		if a.Valid(len(r.Source)) && slices.ContainsFunc(personal, func(p guard.PII) bool { return p.Overlaps(a.Span) }) {
			add("no-pii-leak")
		}
	}
	return out
}

// Watch locks the baseline where there are enough answers, and judges each
// window that the fresh ones complete. It has a transaction of its own, after
// that of the shard: shards that are stored side by side must not wait for each
// other because of it. Whoever dies in between leaves the window to the next.
func (o *Observer) Watch(ctx context.Context, fresh int, broken bool) error {
	if fresh == 0 {
		return nil
	}
	at := stamp(o.Wire.Now)
	return o.Wire.Store.Atomic(ctx, func(tx Tx) error {
		version := o.Version.ID()
		n, err := tx.CountObserved(ctx, version)
		if err != nil {
			return err
		}
		b, err := tx.LiveBaseline(ctx, version)
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			if !broken {
				return o.lock(ctx, tx, n, at)
			}
			b, err = observe.Baseline{Version: version}, nil
		}
		if err != nil {
			return err
		}
		// A window is judged once, by the shard that completes it; a broken
		// invariant does not wait for one.
		n -= b.Seen
		if !broken && n/observe.Window == max(0, n-fresh)/observe.Window {
			return nil
		}
		since, err := o.since(ctx, tx, b)
		if err != nil {
			return err
		}
		rep, err := o.judge(ctx, tx, b, since)
		if err != nil || !rep.Drifted {
			return err
		}
		t := tripOf(rep, fmt.Sprintf("%s.%d/%d", version, b.Generation, n))
		if t.Tell {
			told, err := o.told(ctx, tx, b, since, n, fresh)
			if err != nil || told {
				return err
			}
		}
		_, out, err := o.Wire.trip(ctx, tx, t, at)
		if err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, out...)
	})
}

// told reports whether the window before told of other input already: both the
// first answers that can have completed it and all before the fresh ones show it.
// n counts the answers since the lock.
func (o *Observer) told(ctx context.Context, s observe.Store, b observe.Baseline, since []observe.Answer, n, fresh int) (bool, error) {
	for _, after := range []int{n - (n-fresh)/observe.Window*observe.Window, fresh} {
		if after >= n || len(since)-after < observe.Window {
			return false, nil
		}
		rep, err := o.judge(ctx, s, b, since[:len(since)-after])
		if err != nil || !rep.InputAlone() {
			return false, err
		}
	}
	return true, nil
}

// lock makes the first baseline of the version of as many answers as it needs.
func (o *Observer) lock(ctx context.Context, tx Tx, seen int, at time.Time) error {
	if seen < o.Settings.BaselineSize {
		return nil
	}
	first, err := tx.Observed(ctx, observe.AnswerFilter{Version: o.Version.ID(), Limit: o.Settings.BaselineSize})
	if err != nil || len(first) < o.Settings.BaselineSize {
		return err
	}
	return tx.PutLiveBaseline(ctx, observe.Baseline{Version: o.Version.ID(), Generation: 1, Of: o.Version, Locked: at, Seen: seen, Answers: first})
}

// since are the latest answers after the lock, in order.
func (o *Observer) since(ctx context.Context, s observe.Store, b observe.Baseline) ([]observe.Answer, error) {
	all, err := s.Observed(ctx, observe.AnswerFilter{Version: b.Version, Latest: true, Limit: lookBack})
	if err != nil {
		return nil, err
	}
	locked := map[string]bool{}
	for _, a := range b.Answers {
		locked[a.ID] = true
	}
	last := -1
	for i, a := range all {
		if locked[a.ID] {
			last = i
		}
	}
	return all[last+1:], nil
}

func (o *Observer) judge(ctx context.Context, s observe.Store, b observe.Baseline, since []observe.Answer) (observe.Report, error) {
	reviewed, err := s.Observed(ctx, observe.AnswerFilter{Version: b.Version, Reviewed: true, Latest: true, Limit: 500})
	if err != nil {
		return observe.Report{}, err
	}
	seed := uint64(len(since)) //nolint:gosec // a number of answers
	return observe.Judge(b, since, reviewed, o.Settings, seed), nil
}

func tripOf(rep observe.Report, id string) Trip {
	t := Trip{Scope: ParseStage, Source: "observer", ID: id, Reason: rep.Reason(), Examples: rep.Examples, Evidence: map[string]float64{}, Tell: rep.InputAlone()}
	if rep.Only != "" {
		t.Scope = rep.Only
	}
	if rep.Moved != nil {
		t.Slice, t.Was, t.Is = rep.Moved.String(), rep.Moved.Was, rep.Moved.Is
	}
	for _, f := range rep.Findings {
		if f.Drifted {
			t.Evidence[f.Signal] = f.Effect
		}
	}
	return t
}

// An Observation is how live answers stand now.
type Observation struct {
	Settings observe.Settings `json:"settings"`
	Version  observe.Version  `json:"version"`
	ID       string           `json:"version_id"`
	Answers  int              `json:"answers"` // of this version
	// Needed is how many answers are missing until the baseline locks.
	Needed   int               `json:"needed,omitempty"`
	Baseline *observe.Baseline `json:"baseline,omitempty"`
	Since    int               `json:"since"` // answers after the lock
	Report   *observe.Report   `json:"report,omitempty"`
	// Before is how the baseline of the version before compares with this one:
	// what a deployment changed. It trips nothing.
	Before *observe.Report `json:"before,omitempty"`
}

// Look judges the latest answers and changes nothing.
func (o *Observer) Look(ctx context.Context, s observe.Store) (Observation, error) {
	v := Observation{Settings: o.Settings, Version: o.Version, ID: o.Version.ID()}
	var err error
	if v.Answers, err = s.CountObserved(ctx, v.ID); err != nil {
		return v, err
	}
	b, err := s.LiveBaseline(ctx, v.ID)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		v.Needed = max(0, o.Settings.BaselineSize-v.Answers)
		return v, nil
	}
	if err != nil {
		return v, err
	}
	since, err := o.since(ctx, s, b)
	if err != nil {
		return v, err
	}
	v.Baseline, v.Since = &b, max(0, v.Answers-b.Seen)
	if len(since) > 0 {
		rep, err := o.judge(ctx, s, b, since)
		if err != nil {
			return v, err
		}
		v.Report = &rep
	}
	all, err := s.LiveBaselines(ctx)
	if err != nil {
		return v, err
	}
	for _, x := range slices.Backward(all) {
		if x.Version != b.Version && len(x.Answers) > 0 && x.Locked.Before(b.Locked) {
			rep := observe.Judge(x, b.Answers, nil, o.Settings, 1)
			v.Before = &rep
			break
		}
	}
	return v, nil
}

// Relock locks the latest answers of the version as the next generation of its
// baseline, by somebody's name and for a reason; the one before stays. Errors:
// invalid (no name or reason, too few answers), conflict, unavailable.
func (o *Observer) Relock(ctx context.Context, by, reason string) (observe.Baseline, error) {
	if by == "" || reason == "" {
		return observe.Baseline{}, pipeline.Errorf(pipeline.CodeInvalid, "a live baseline is not replaced without a name and a reason").WithHint("say --reason \"…\"")
	}
	b := observe.Baseline{Version: o.Version.ID(), Generation: 1, Of: o.Version, Locked: stamp(o.Wire.Now), By: by, Reason: reason}
	err := o.Wire.Store.Atomic(ctx, func(tx Tx) error {
		b.Generation = 1
		last, err := tx.LiveBaseline(ctx, b.Version)
		switch {
		case err == nil:
			b.Generation = last.Generation + 1
		case pipeline.ErrorCode(err) != pipeline.CodeNotFound:
			return err
		}
		b.Answers, err = tx.Observed(ctx, observe.AnswerFilter{Version: b.Version, Latest: true, Limit: o.Settings.BaselineSize})
		if err != nil {
			return err
		}
		if b.Seen, err = tx.CountObserved(ctx, b.Version); err != nil {
			return err
		}
		if len(b.Answers) < o.Settings.BaselineSize {
			return pipeline.Errorf(pipeline.CodeInvalid, "there are %d answers of this version, a baseline needs %d", len(b.Answers), o.Settings.BaselineSize).
				WithHint("wait for more items, or lower baseline_size")
		}
		return tx.PutLiveBaseline(ctx, b)
	})
	return b, err
}

package flow

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// ByItself is who ends a trial that nobody ended.
const ByItself = "canary"

// trialEvery is how many further answers of the new one call for a judgement, and
// mostTrial how many of each arm are looked at.
const (
	trialEvery = 20
	mostTrial  = 5000
)

// Trials let a share of the items see a new model, prompt or knowledge, compare
// it with a control group, roll it back where it is worse, and promote it where
// that was asked for.
type Trials struct {
	Store Store
	// Present is the configured version: trials that began against another one do
	// not act.
	Present observe.Version
	// Build makes the parser of a change, and says which version that is. Error:
	// invalid where what it names is not there.
	Build func(ctx context.Context, c observe.Change) (*parse.Parser, observe.Version, error)
	// Calls is the log of questions, for latency and cost; nil knows none.
	Calls model.Store
	Now   func() time.Time
	Log   *slog.Logger

	mu    sync.Mutex
	built map[string]*parse.Parser // by trial; nil where it could not be built
}

// A CanaryData is the data of assay.canary.changed.
type CanaryData struct {
	Trial    string             `json:"trial"`
	State    string             `json:"state"`
	Change   string             `json:"change"`
	Percent  float64            `json:"percent"`
	By       string             `json:"by"`
	Reason   string             `json:"reason"`
	Evidence map[string]float64 `json:"evidence,omitempty"`
	At       time.Time          `json:"at"`
}

// Start begins a trial. Errors: invalid (no change, a share that is none, what it
// names is not there), conflict where one is running.
func (ts *Trials) Start(ctx context.Context, t observe.Trial) (observe.Trial, error) {
	bad := func(format string, args ...any) (observe.Trial, error) {
		return t, pipeline.Errorf(pipeline.CodeInvalid, format, args...)
	}
	switch {
	case t.Change == (observe.Change{}):
		return t, pipeline.Errorf(pipeline.CodeInvalid, "a canary needs something new").WithHint("name --model, --prompt or --knowledge")
	case !(t.Percent > 0 && t.Percent <= 50):
		return bad("a canary sees more than 0 and at most 50 percent of the items, not %g: as many others are its control group", t.Percent)
	case strings.TrimSpace(t.By) == "":
		return t, pipeline.Errorf(pipeline.CodeInvalid, "a canary is not started without a name").WithHint("say --as NAME")
	case !(t.Tolerance > 0 && t.Tolerance < 1) || !(t.Slower >= 1) || !(t.Dearer >= 1) || t.Least < 50:
		return bad("a canary's tolerance lies between 0 and 1, --slower and --dearer are 1 at least, and --least is 50 at least")
	}
	_, version, err := ts.Build(ctx, t.Change)
	if err != nil {
		return t, err
	}
	if version == ts.Present {
		return t, pipeline.Errorf(pipeline.CodeInvalid, "%s is what reads already", t.Change).WithHint("name another model, or a folder with other prompts or knowledge")
	}
	at := stamp(ts.Now)
	t.State, t.New, t.Control, t.Started = observe.Running, version, ts.Present, at
	t.ID = pipeline.ContentID("trial", t.Change.String(), version.ID(), at.Format(time.RFC3339Nano))
	err = ts.Store.Atomic(ctx, func(tx Tx) error {
		all, err := tx.Trials(ctx, 1)
		if err != nil {
			return err
		}
		if len(all) > 0 && all[0].State == observe.Running {
			return pipeline.Errorf(pipeline.CodeConflict, "the canary %s (%s) is running", pipeline.ShortID(all[0].ID), all[0].Change).
				WithHint("end it first: assay canary promote or rollback")
		}
		return ts.put(ctx, tx, t, t.By, "started", nil, at)
	})
	return t, err
}

// put stores a trial and says so.
func (ts *Trials) put(ctx context.Context, tx Tx, t observe.Trial, by, reason string, evidence map[string]float64, at time.Time) error {
	if err := tx.PutTrial(ctx, t); err != nil {
		return err
	}
	e, err := pipeline.NewEvent(pipeline.CanaryChanged, "/canary", t.ID, "canary", at, CanaryData{
		Trial: t.ID, State: string(t.State), Change: t.Change.String(), Percent: t.Percent, By: by, Reason: reason, Evidence: evidence, At: at,
	})
	if err != nil {
		return err
	}
	return tx.PutOutgoing(ctx, Outgoing{Event: &e})
}

// End promotes the latest trial or rolls it back, by somebody's name and for a
// reason. What was promoted can be rolled back; what was rolled back cannot be
// promoted. Errors: invalid, not_found, conflict.
func (ts *Trials) End(ctx context.Context, state observe.TrialState, by, reason string) (t observe.Trial, err error) {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" {
		return t, pipeline.Errorf(pipeline.CodeInvalid, "a canary is not ended without a name and a reason").WithHint("say --reason \"…\"")
	}
	at := stamp(ts.Now)
	err = ts.Store.Atomic(ctx, func(tx Tx) error {
		all, err := tx.Trials(ctx, 1)
		switch {
		case err != nil:
			return err
		case len(all) == 0:
			return noCanary()
		}
		t = all[0]
		if t.State == state || t.State == observe.RolledBack {
			return pipeline.Errorf(pipeline.CodeConflict, "the canary %s is %s already", pipeline.ShortID(t.ID), t.State).WithHint("assay canary start begins another one")
		}
		t.State, t.Ended, t.EndedBy, t.Reason = state, at, by, reason
		return ts.put(ctx, tx, t, by, reason, nil, at)
	})
	return t, err
}

func noCanary() error {
	return pipeline.Errorf(pipeline.CodeNotFound, "there was no canary yet").WithHint("assay canary start begins one")
}

// Latest is the latest trial and what its answers say now. Error: not_found.
func (ts *Trials) Latest(ctx context.Context) (observe.Trial, observe.TrialReport, error) {
	all, err := ts.Store.Trials(ctx, 1)
	if err != nil {
		return observe.Trial{}, observe.TrialReport{}, err
	}
	if len(all) == 0 {
		return observe.Trial{}, observe.TrialReport{}, noCanary()
	}
	rep, err := judgeTrial(ctx, ts.Store, &all[0])
	return all[0], rep, err
}

// Acts reports whether a trial has a say in who reads: it is running or was
// promoted, against the version that is configured now.
func (ts *Trials) Acts(t *observe.Trial) bool {
	return (t.State == observe.Running || t.State == observe.Promoted) && t.Control == ts.Present
}

func judgeTrial(ctx context.Context, s observe.Store, t *observe.Trial) (observe.TrialReport, error) {
	var arms [2][]observe.Answer
	for i, arm := range []observe.Arm{observe.ControlArm, observe.NewArm} {
		var err error
		if arms[i], err = s.Observed(ctx, observe.AnswerFilter{Version: t.Version(arm), Limit: mostTrial}); err != nil {
			return observe.TrialReport{}, err
		}
	}
	return t.Judge(arms[0], arms[1]), nil
}

// acting is the trial that has a say in who reads, with its parser; nil is none.
// One whose parser cannot be built has none: its items are read as always, and
// the log says so once.
func (ts *Trials) acting(ctx context.Context) (*observe.Trial, *parse.Parser, error) {
	if ts == nil {
		return nil, nil, nil
	}
	all, err := ts.Store.Trials(ctx, 1)
	if err != nil || len(all) == 0 || !ts.Acts(&all[0]) {
		return nil, nil, err
	}
	t := &all[0]
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ps, known := ts.built[t.ID]
	if !known {
		var version observe.Version
		ps, version, err = ts.Build(ctx, t.Change)
		if err == nil && version != t.New {
			err = pipeline.Errorf(pipeline.CodeInvalid, "%s is not what it was when the canary began", t.Change)
		}
		if err != nil {
			if pipeline.ErrorCode(err) != pipeline.CodeInvalid && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
				return nil, nil, err // tried again
			}
			ts.Log.ErrorContext(ctx, "the canary cannot be read with; its items are read as always", "trial", t.ID, "error", err)
			ps = nil
		}
		if ts.built == nil {
			ts.built = map[string]*parse.Parser{}
		}
		ts.built[t.ID] = ps
	}
	if ps == nil {
		return nil, nil, nil
	}
	return t, ps, nil
}

// read makes the answers of both arms of a trial, before the transaction.
func (ts *Trials) read(ctx context.Context, t *observe.Trial, usual, fresh *parse.Parser, entries []catalog.Entry, fell []bool, at time.Time) ([]observe.Answer, error) {
	if t == nil || t.State != observe.Running {
		return nil, nil
	}
	var out []observe.Answer
	for i, e := range entries {
		arm := t.ArmOf(e.Item.ID)
		if arm == "" || fell[i] {
			continue
		}
		ps := usual
		if arm == observe.NewArm {
			ps = fresh
		}
		r := observe.Reading{Item: e.Item, Record: e.Record, At: at, Violations: Violations(ps, &e.Record)}
		if ts.Calls != nil && len(e.Record.Trace) > 0 {
			calls, err := ts.Calls.Calls(ctx, model.CallFilter{Item: e.Item.ID, Batch: e.Batch, Limit: 20})
			if err != nil {
				return nil, err
			}
			for _, c := range calls {
				r.Model = c.Model
				r.Micros += c.Micros
				r.LatencyMS += float64(c.Reply.Latency.Microseconds()) / 1000
			}
		}
		out = append(out, t.Answer(arm, r))
	}
	return out, nil
}

// watch judges a running trial after answers were stored, and ends it where they
// say so. It has a transaction of its own, as Observer.Watch.
func (ts *Trials) watch(ctx context.Context, t *observe.Trial, answers []observe.Answer, fresh int) error {
	if t == nil || t.State != observe.Running || fresh == 0 {
		return nil
	}
	at := stamp(ts.Now)
	// A broken invariant waits for no round number.
	broken := slices.ContainsFunc(answers, func(a observe.Answer) bool { return len(a.Violations) > 0 })
	return ts.Store.Atomic(ctx, func(tx Tx) error {
		all, err := tx.Trials(ctx, 1)
		if err != nil || len(all) == 0 || all[0].ID != t.ID || all[0].State != observe.Running {
			return err // somebody was faster
		}
		now := all[0]
		n, err := tx.CountObserved(ctx, now.Version(observe.NewArm))
		if err != nil {
			return err
		}
		if before := max(0, n-fresh); n/trialEvery == before/trialEvery && !broken {
			return nil
		}
		rep, err := judgeTrial(ctx, tx, &now)
		if err != nil {
			return err
		}
		if rep.Looked {
			now.Looks++
		}
		verdict := rep.Verdict
		if verdict == observe.Promoted && !now.Auto {
			verdict = observe.Running // a person decides
		}
		if verdict == observe.Running {
			if rep.Looked {
				return tx.PutTrial(ctx, now)
			}
			return nil
		}
		now.State, now.Ended, now.EndedBy, now.Reason = verdict, at, ByItself, rep.Reason
		evidence := map[string]float64{"pairs": float64(rep.Pairs)}
		for _, c := range rep.Comparisons {
			evidence[c.Signal+".control"], evidence[c.Signal+".new"] = c.Control, c.New
		}
		ts.Log.WarnContext(ctx, "the canary has ended", "trial", now.ID, "state", now.State)
		return ts.put(ctx, tx, now, ByItself, rep.Reason, evidence, at)
	})
}

// usual reads items with the parser, those of a trial with its own.
func (p *Parse) usual(ctx context.Context, c *cohort, items []pipeline.Item) ([]pipeline.Record, error) {
	if c.trial == nil {
		return p.Parser.ParseAll(ctx, items)
	}
	out := make([]pipeline.Record, len(items))
	for _, fresh := range []bool{false, true} {
		ps := p.Parser
		if fresh {
			ps = c.parser
		}
		var at []int
		var part []pipeline.Item
		for i, it := range items {
			if c.trial.Reads(it.ID) == fresh {
				at, part = append(at, i), append(part, it)
			}
		}
		if len(part) == 0 {
			continue
		}
		recs, err := ps.ParseAll(ctx, part)
		if err != nil {
			return nil, err
		}
		for k, i := range at {
			out[i] = recs[k]
			if fresh {
				out[i].Trace = append(out[i].Trace, pipeline.Step{Did: "canary", Detail: fmt.Sprintf("read by the canary %s: %s", pipeline.ShortID(c.trial.ID), c.trial.Change)})
			}
		}
	}
	return out, nil
}

// A cohort is the trial that has a say in who reads, with its parser.
type cohort struct {
	trial  *observe.Trial
	parser *parse.Parser
}

// observer is who watches the answers, and the parser that they come from: once a
// trial is promoted, its answers are those of the stage.
func (c *cohort) observer(o *Observer, ps *parse.Parser) (*Observer, *parse.Parser) {
	if o == nil || c.trial == nil || c.trial.State != observe.Promoted {
		return o, ps
	}
	promoted := *o
	promoted.Version = c.trial.New
	return &promoted, c.parser
}

// others are the entries that the observer must not take for answers of the
// version that it watches: those that a stand-in or a running trial read.
func (c *cohort) others(entries []catalog.Entry, fell []bool) []bool {
	if c.trial == nil || c.trial.State != observe.Running {
		return fell
	}
	fell = slices.Clone(fell)
	for i, e := range entries {
		fell[i] = fell[i] || c.trial.Reads(e.Item.ID)
	}
	return fell
}

package evals

import (
	"context"
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
)

// A Runner runs suites against a subject.
type Runner struct {
	Subject *Subject
	// Store keeps runs and baselines; nil keeps nothing.
	Store Store
	Now   func() time.Time
	// Told, where set, is told of every run that was kept and judged against a
	// baseline: what opens a breaker stands there.
	Told func(ctx context.Context, run *Run) error
	// Step, where set, is told of progress. It is called by several workers at
	// once.
	Step func(suite string, pass, passes, done, cases int)
	// Seed of the statistics; the same seed gives the same judgement.
	Seed uint64
}

// LockOptions of a lock.
type LockOptions struct {
	// By is who locks, Note why.
	By, Note string
	// Replace allows a suite that has a baseline to get another one.
	Replace bool
	// Detect is the true drop that one run must be able to find; 0 asks nothing.
	Detect float64
}

// Lock runs a suite as often as it takes, and makes the run the baseline. The
// run is returned, whatever became of it; one that did not finish, or that
// breaks an invariant, is no baseline. Errors: invalid where there is a
// baseline that may not be replaced, or too few cases for what is to be found;
// unavailable.
func (r *Runner) Lock(ctx context.Context, set *Set, opt LockOptions) (*Run, []Result, error) {
	if r.Store != nil && !opt.Replace {
		before, err := r.Store.Baselines(ctx, set.Name)
		if err != nil {
			return nil, nil, err
		}
		if len(before) > 0 {
			return nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "the suite %s has a baseline, locked %s (run %s)", set.Name, before[0].At.Format(time.DateOnly), pipeline.ShortID(before[0].Run)).
				WithHint("--replace locks it anew; the old one stays in the history")
		}
	}
	passes := stats.BaselineRuns
	if r.Subject.Deterministic {
		passes = 1
	}
	run, results, err := r.start(ctx, set, Lock, passes)
	if err != nil {
		return nil, nil, err
	}
	if run.Judgement == "" {
		run.Judgement = Locked
		if len(run.Breaches) > 0 {
			run.Judgement = Tripped
			run.Reasons = append(run.Reasons, breached(run.Breaches))
		}
	}
	if run.Judgement == Locked {
		pairs := pairsOf(results, results)
		plan := r.plan(set, pairs, run)
		if opt.Detect > 0 && run.Detectable > opt.Detect {
			return run, results, pipeline.Errorf(pipeline.CodeInvalid, "%s: %d cases find a drop of %s points at least, not of %s", set.Name, run.Cases-run.Errors, points(run.Detectable), points(opt.Detect)).
				WithHint("%s", needs(plan.Needed(opt.Detect), opt.Detect, set.Tolerance))
		}
		if r.Subject.Deterministic {
			run.Reasons = append(run.Reasons, "one pass: the answers do not vary")
		} else {
			run.Reasons = append(run.Reasons, fmt.Sprintf("%d passes: the answers may vary", run.Passes))
		}
	}
	if err := r.keep(ctx, run, results); err != nil {
		return run, results, err
	}
	if run.Judgement == Locked && r.Store != nil {
		b := Baseline{Suite: set.Name, Run: run.ID, At: run.At, By: opt.By, Note: opt.Note}
		if err := r.Store.PutBaseline(ctx, b); err != nil {
			return run, results, err
		}
	}
	return run, results, nil
}

func needs(n int, drop, tolerance float64) string {
	if n == 0 {
		return fmt.Sprintf("no number of cases finds a drop of %s points with a tolerance of %s; lower the tolerance", points(drop), points(tolerance))
	}
	return fmt.Sprintf("%d cases would find it, by the noise of this suite", n)
}

// points shows a share as points of a hundred.
func points(x float64) string { return fmt.Sprintf("%.2g", 100*x) }

// A Locked run with its results: what a run is compared with.
type LockedRun struct {
	Run     Run
	Results []Result
}

// Latest is the baseline in force. Error: not_found.
func Latest(ctx context.Context, s Store, suite string) (*LockedRun, error) {
	all, err := s.Baselines(ctx, suite)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "the suite %s has no baseline", suite).WithHint("assay eval lock %s makes one", suite)
	}
	run, err := s.Run(ctx, all[0].Run)
	if err != nil {
		return nil, err
	}
	results, err := s.Results(ctx, run.ID)
	return &LockedRun{run, results}, err
}

// Run runs a suite once and compares it with its baseline case by case; where
// that is suspicious, at once a second time. base may be nil: then the run is
// only measured. Everything that can be said of the answers is in the returned
// run; an error is of the store, the suite or the caller giving up.
func (r *Runner) Run(ctx context.Context, set *Set, base *LockedRun) (*Run, []Result, error) {
	return r.run(ctx, set, base, Nightly)
}

func (r *Runner) run(ctx context.Context, set *Set, base *LockedRun, kind RunKind) (*Run, []Result, error) {
	run, results, err := r.start(ctx, set, kind, 1)
	if err != nil {
		return nil, nil, err
	}
	if run.Judgement != "" { // unfinished
		return run, results, r.keep(ctx, run, results)
	}
	if err := r.compare(ctx, set, base, run, &results); err != nil {
		return nil, nil, err
	}
	return run, results, r.keep(ctx, run, results)
}

// compare judges a finished run.
func (r *Runner) compare(ctx context.Context, set *Set, base *LockedRun, run *Run, results *[]Result) error {
	if len(run.Breaches) > 0 {
		// One event is enough, and no second run can undo it.
		run.Judgement = Tripped
		run.Reasons = append(run.Reasons, breached(run.Breaches))
	}
	if why := incomparable(set, base); why != "" {
		if run.Judgement == "" {
			run.Judgement = Uncompared
		}
		run.Reasons = append(run.Reasons, why)
		run.Reasons = append(run.Reasons, brokenThresholds(run.Figures)...)
		return nil
	}
	run.Baseline, run.Changed = base.Run.ID, run.Versions.Changes(base.Run.Versions)
	pairs := pairsOf(base.Results, *results)
	rule := r.rule(set, base.Run.Deterministic && run.Deterministic)
	r.plan(set, pairs, run)
	first := rule.Compare(pairs)
	run.Difference = &first
	run.moved(base.Results, *results)
	broken := brokenThresholds(run.Figures)
	if !rule.Suspects(first) && len(broken) == 0 {
		if run.Judgement == "" {
			run.Judgement = Passed
		}
		why := rule.Judge(pairs, nil).Reason
		if first.Mean == 0 && first.Lo == 0 && first.Hi == 0 {
			why = "every case scores as it did"
		}
		run.Reasons = append(run.Reasons, why)
		return nil
	}
	return r.confirm(ctx, set, base, run, results, pairs, rule)
}

// confirm runs the suite a second time, because the first was suspicious.
func (r *Runner) confirm(ctx context.Context, set *Set, base *LockedRun, run *Run, results *[]Result, first []stats.Pair, rule stats.Rule) error {
	second, again, err := r.start(ctx, set, Nightly, 1)
	if err != nil {
		return err
	}
	run.Passes++
	run.Seconds += second.Seconds
	if second.Judgement == Unfinished {
		if run.Judgement != Tripped { // a broken invariant stands without it
			run.Judgement = Unfinished
		}
		run.Reasons = append(run.Reasons, "the first pass was suspicious, and the second did not finish")
		run.Reasons = append(run.Reasons, second.Reasons...)
		return nil
	}
	v := rule.Judge(first, pairsOf(base.Results, again))
	run.Second = &v.Second
	run.Reasons = append(run.Reasons, v.Reason)
	broken := brokenThresholds(run.Figures)
	joined := join2(*results, again)
	if v.Tripped || len(broken) > 0 && len(brokenThresholds(second.Figures)) > 0 || len(second.Breaches) > 0 {
		run.Judgement = Tripped
	} else if run.Judgement == "" {
		run.Judgement = Passed
	}
	if len(second.Breaches) > 0 && len(run.Breaches) == 0 {
		run.Reasons = append(run.Reasons, breached(second.Breaches))
	}
	run.Reasons = append(run.Reasons, broken...)
	*results = joined
	run.sum(set.Suite, joined)
	run.moved(base.Results, joined)
	return nil
}

// rule of a suite.
func (r *Runner) rule(set *Set, deterministic bool) stats.Rule {
	return stats.Rule{Tolerance: set.Tolerance, Deterministic: deterministic, Seed: r.Seed}
}

// plan says what the run can find. What is wished is a drop of twice the
// tolerance.
func (r *Runner) plan(set *Set, pairs []stats.Pair, run *Run) stats.Plan {
	plan := stats.PlanOf(pairs, r.rule(set, run.Deterministic))
	run.Detectable = plan.Detectable()
	run.Wished = 2 * set.Tolerance
	run.Needed = plan.Needed(run.Wished)
	return plan
}

// incomparable says in words why a run cannot be compared, "" where it can.
func incomparable(set *Set, base *LockedRun) string {
	switch {
	case base == nil:
		return "there is no baseline to compare with; `assay eval lock " + set.Name + "` makes one"
	case base.Run.Suite != set.Name:
		return fmt.Sprintf("the baseline is one of the suite %s, not of %s", base.Run.Suite, set.Name)
	case base.Run.Judgement != Locked:
		return fmt.Sprintf("the run %s is no baseline: it is %s", pipeline.ShortID(base.Run.ID), base.Run.Judgement)
	case base.Run.Versions.Suite != set.Hash:
		return fmt.Sprintf("the baseline was locked with another version of the suite or its golden set (%s, now %s), so the scores do not compare; `assay eval lock %s --replace` locks this one",
			pipeline.ShortID(base.Run.Versions.Suite), pipeline.ShortID(set.Hash), set.Name)
	}
	return ""
}

func breached(all []Breach) string {
	b := all[0]
	more := ""
	if len(all) > 1 {
		more = fmt.Sprintf(", and %d more", len(all)-1)
	}
	return fmt.Sprintf("an invariant broke: %s in %s: %s%s", b.Invariant, b.Case, b.Detail, more)
}

func brokenThresholds(fs []Figure) (out []string) {
	for _, f := range fs {
		if f.Broken {
			side := "below"
			if f.Less {
				side = "above"
			}
			out = append(out, fmt.Sprintf("%s is %.4g (%.4g to %.4g), all of it %s the threshold %.4g", f.Scorer, f.Value, f.Lo, f.Hi, side, *f.Threshold))
		}
	}
	return out
}

// pairsOf sets results against those of the baseline; cases that either side
// could not score are left out.
func pairsOf(base, now []Result) []stats.Pair {
	before := make(map[string]*Result, len(base))
	for i := range base {
		before[base[i].Case] = &base[i]
	}
	var out []stats.Pair
	for i := range now {
		b := before[now[i].Case]
		if b == nil || len(b.Scores) == 0 || len(now[i].Scores) == 0 {
			continue
		}
		out = append(out, stats.Pair{ID: now[i].Case, Cluster: now[i].Cluster, Base: b.Scores, Now: now[i].Mean()})
	}
	return out
}

// join2 joins the results of two passes over the same cases.
func join2(a, b []Result) []Result {
	at := make(map[string]*Result, len(b))
	for i := range b {
		at[b[i].Case] = &b[i]
	}
	out := make([]Result, len(a))
	for i := range a {
		out[i] = a[i]
		if o := at[a[i].Case]; o != nil {
			out[i].take(o.Last)
		}
	}
	return out
}

// start makes a run of some passes. Where too many cases cannot be scored it
// stops and the run is unfinished.
func (r *Runner) start(ctx context.Context, set *Set, kind RunKind, passes int) (*Run, []Result, error) {
	if err := r.Subject.needs(set.Task); err != nil {
		return nil, nil, err
	}
	at := r.Now().UTC()
	run := &Run{SchemaVersion: SchemaVersion, Suite: set.Name, Title: set.Title, Task: set.Task, Kind: kind, At: at.Truncate(time.Microsecond),
		Deterministic: r.Subject.Deterministic, Versions: r.Subject.Versions, Tolerance: set.Tolerance, Cases: len(set.Cases), Reasons: []string{}}
	run.Versions.Suite = set.Hash
	results := make([]Result, len(set.Cases))
	for i, c := range set.Cases {
		results[i] = Result{Case: c.ID, Cluster: c.Cluster, Scores: []float64{}}
	}
	for pass := range passes {
		scored, err := r.pass(ctx, set, pass, passes)
		if err != nil {
			return nil, nil, err
		}
		bad := 0
		for i, s := range scored {
			results[i].take(s)
			if s.Error != "" {
				bad++
				if run.FirstError == "" {
					run.FirstError = s.Case + ": " + s.Error
				}
			}
		}
		run.Passes++
		if bad > set.mayFail() {
			run.Judgement = Unfinished
			run.Reasons = append(run.Reasons, fmt.Sprintf("%d of %d cases could not be answered or scored, and %d may; the first: %s", bad, len(scored), set.mayFail(), run.FirstError))
			break
		}
	}
	run.Seconds = r.Now().Sub(at).Seconds()
	run.sum(set.Suite, results)
	run.ID = pipeline.ContentID("evals", run.Suite, string(kind), at.Format(time.RFC3339Nano), run.Versions.Suite, run.Versions.Model, run.Versions.Knowledge)
	return run, results, nil
}

// mayFail is how many cases may be errors in one pass.
func (s *Set) mayFail() int { return int(s.Errors * float64(len(s.Cases))) }

// sum makes the figures of a run from its results.
func (run *Run) sum(suite *Suite, results []Result) {
	run.Score, run.Errors, run.Breaches = 0, 0, []Breach{}
	n := 0
	seen := map[Breach]bool{}
	for i := range results {
		if len(results[i].Scores) == 0 {
			run.Errors++
			continue
		}
		n++
		run.Score += results[i].Mean()
		for _, b := range results[i].Last.Breaches {
			if !seen[b] {
				seen[b] = true
				run.Breaches = append(run.Breaches, b)
			}
		}
	}
	if n > 0 {
		run.Score /= float64(n)
	}
	run.Figures = figuresOf(suite, results)
	run.Reliability = reliability(results)
	run.Slices = slicesOf(suite, results)
}

func (r *Runner) keep(ctx context.Context, run *Run, results []Result) error {
	if r.Store == nil {
		return nil
	}
	if err := r.Store.PutRun(ctx, *run, results); err != nil {
		return err
	}
	if r.Told != nil && run.Kind == Nightly {
		return r.Told(ctx, run)
	}
	return nil
}

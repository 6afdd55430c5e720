package app

import (
	"cmp"
	"context"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A Probed breaker of answers is one that was half-open, and what a suite or the
// canary queries said.
type Probed struct {
	Scope string
	// After is where the breaker stands now.
	After breaker.State
	// Report of the suite; nil where canary queries were asked.
	Report   *evals.Report
	Canaries []flow.CanaryOutcome
}

// Probe tries the breakers of answers that are half-open: what tripped one is run
// again on a sample that could find the same drop again. One that passes closes
// its breaker, one that trips opens it again, for longer; where nothing can be
// said the breaker stays half-open. least is how many cases are asked at least, 0
// is evals.LeastSample; suites, where named, are run in place of the one that
// tripped. Errors: not_found (a suite), unavailable.
func (a *App) Probe(ctx context.Context, r *evals.Runner, least int, suites ...string) ([]Probed, error) {
	w, err := a.Wire(ctx)
	if err != nil {
		return nil, err
	}
	moved, err := w.Moved(ctx)
	if err != nil {
		return nil, err
	}
	out := []Probed{}
	for _, s := range moved {
		if s.Position != breaker.HalfOpen {
			continue
		}
		p, err := a.probe(ctx, r, w, s, least, suites)
		if err != nil {
			return out, err
		}
		out = append(out, p...)
	}
	return out, nil
}

func (a *App) probe(ctx context.Context, r *evals.Runner, w *flow.Wire, s breaker.State, least int, suites []string) ([]Probed, error) {
	scope := s.Key.Scope
	by, seen, err := w.OpenedBy(ctx, scope)
	if err != nil {
		return nil, err
	}
	if by == flow.CanarySource && len(suites) == 0 {
		return a.probeCanaries(ctx, w, scope)
	}
	folder, err := a.EvalFolder()
	if err != nil {
		return nil, err
	}
	if len(suites) == 0 {
		if suites, err = suitesOf(folder, scope, by); err != nil {
			return nil, err
		}
	}
	sets, err := evals.LoadAll(folder, suites)
	if err != nil {
		return nil, err
	}
	var out []Probed
	for _, set := range sets {
		if stage, ok := stageOf(set.Task); !ok || stage != stageOfScope(scope) {
			continue
		}
		p, err := probeBy(ctx, r, w, set, scope, seen, least)
		if err != nil {
			return out, err
		}
		out = append(out, p)
	}
	return out, nil
}

func probeBy(ctx context.Context, r *evals.Runner, w *flow.Wire, set *evals.Set, scope string, seen map[string]float64, least int) (Probed, error) {
	p := Probed{Scope: scope}
	base, err := evals.Latest(ctx, r.Store, set.Name)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return p, err
	}
	opt := evals.SampleOptions{Least: least, Drop: math.Abs(seen["change"])}
	opt.Category, _ = strings.CutPrefix(scope, "category:")
	if opt.Category == scope {
		opt.Category = ""
	}
	if base != nil {
		if opt.Cases, err = lostCases(ctx, r.Store, base, set.Name); err != nil {
			return p, err
		}
	}
	run, results, part, err := r.Probe(ctx, set, base, opt)
	if err != nil {
		return p, err
	}
	p.Report = &evals.Report{Run: run, Results: results, Set: part}
	switch run.Judgement {
	case evals.Tripped:
		t := tripOf(run)
		t.Scope = scope // whatever moved most now: it is this one that is not well
		p.After, err = w.Trip(ctx, t)
	case evals.Passed:
		p.After, err = w.Passed(ctx, scope, run.Suite, run.ID)
	default:
		p.After, err = w.State(ctx, scope)
	}
	return p, err
}

func (a *App) probeCanaries(ctx context.Context, w *flow.Wire, scope string) ([]Probed, error) {
	c, err := a.Canaries(ctx)
	if err != nil {
		return nil, err
	}
	p := Probed{Scope: scope}
	for _, set := range c.Sets {
		if set.Scope == scope {
			if p.Canaries, err = c.Run(ctx, set.Name); err != nil {
				return nil, err
			}
		}
	}
	p.After, err = w.State(ctx, scope)
	return []Probed{p}, err
}

// lostCases are those that the latest run of a suite that tripped had lost: a
// sample without them would pass by luck.
func lostCases(ctx context.Context, s evals.Store, base *evals.LockedRun, suite string) ([]string, error) {
	runs, err := s.Runs(ctx, evals.RunFilter{Suite: suite, Since: base.Run.At})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r evals.Run) bool { return r.Judgement == evals.Tripped })
	if i < 0 {
		return nil, nil
	}
	results, err := s.Results(ctx, runs[i].ID)
	return evals.Lost(base, results), err
}

// stageOfScope is the stage that a scope belongs to: categories and models are
// those of parsing.
func stageOfScope(scope string) string {
	if strings.HasPrefix(scope, "stage:") {
		return scope
	}
	return flow.ParseStage
}

// suitesOf is the suite that tripped a breaker, else the first of its stage: the
// one that is named as it, where there is one.
func suitesOf(folder fs.FS, scope, by string) ([]string, error) {
	sets, err := evals.LoadAll(folder, nil)
	if err != nil {
		return nil, err
	}
	stage := stageOfScope(scope)
	var of []string
	for _, s := range sets {
		if at, ok := stageOf(s.Task); ok && at == stage {
			if s.Name == by {
				return []string{by}, nil
			}
			of = append(of, s.Name)
		}
	}
	if len(of) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "no suite speaks for %s", scope).WithHint("write one, or close it by hand: assay breaker reset %s --reason \"…\"", scope)
	}
	name := strings.TrimPrefix(stage, "stage:")
	slices.SortStableFunc(of, func(a, b string) int { return cmp.Compare(b2i(b == name), b2i(a == name)) })
	return of[:1], nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

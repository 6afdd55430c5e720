package storetest

import (
	"testing"
	"time"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
)

func evalRun(n int, suite string) (evals.Run, []evals.Result) {
	limit, change := 0.9, -0.25
	r := evals.Run{
		SchemaVersion: 1, ID: id("run-", n), Suite: suite, Title: "Größen <b>", Task: evals.Parse, Kind: evals.Nightly, At: at(n), Seconds: 1.5, Passes: 2,
		Versions: evals.Versions{Suite: "h", Knowledge: "k", Model: "rules:"}, Cases: 2, Errors: 1, FirstError: "c2: \x00 down", Score: 0.75,
		Figures:     []evals.Figure{{Scorer: "f1", Value: 0.75, Lo: 0.5, Hi: 1, Cases: 1, Weight: 1, Threshold: &limit, Broken: true}},
		Reliability: []evals.Bin{{From: 0.9, To: 1, Answers: 3, Confidence: 0.95, Right: 1}},
		Slices:      []evals.Slice{{Key: "category", Value: "bearing", Cases: 1, Score: 0.75, Change: &change}},
		Breaches:    []evals.Breach{{Invariant: evals.SchemaValid, Case: "c1", Detail: "bore"}},
		Judgement:   evals.Tripped, Reasons: []string{"because"}, Baseline: "run-0", Tolerance: 0.02,
		Changed:    []evals.Changed{{What: "model", Was: "a", Is: "b"}},
		Difference: &stats.Difference{Items: 1, Clusters: 1, Base: 1, Now: 0.75, Mean: -0.25, Lo: -0.5, Hi: -0.1},
		Examples:   []evals.Example{{Case: "c1", Text: "6205", Before: 1, After: 0.75, Is: []string{"bore: want 25, got 30"}}},
	}
	results := []evals.Result{
		{Case: "c1", Cluster: "p", Scores: []float64{0.5, 1}, Last: evals.Scored{Case: "c1", Score: 0.75, Values: map[string]float64{"f1": 0.75},
			Counts: evals.Counts{Right: 3, Stated: 4, Found: 3}, Text: "6205 größe", Slices: map[string]string{"category": "bearing"},
			Beliefs: []evals.Belief{{P: 0.9, Right: true}}, Misses: []evals.Miss{{What: "bore", Want: "25", Got: "30", Text: "30", Span: pipeline.Span{Start: 1, End: 3}, Critical: true}},
			Spent: evals.Spent{Latency: time.Millisecond, Asked: 1, Tokens: 100, Micros: 12}}},
		{Case: "c2", Scores: []float64{}, Errors: 2, Last: evals.Scored{Case: "c2", Error: "down"}},
	}
	return r, results
}

func evalRuns(t *testing.T, p Place) {
	s := p(t)
	_, err := s.Run(ctx, "nothing")
	code(t, "no run", err, pipeline.CodeNotFound)
	equal(t, "no runs", len(must(s.Runs(ctx, evals.RunFilter{}))(t)), 0)
	equal(t, "no results", len(must(s.Results(ctx, "nothing"))(t)), 0)

	r1, results := evalRun(1, "parse")
	r2, _ := evalRun(2, "parse")
	r3, _ := evalRun(3, "match")
	r2.Kind = evals.Lock
	ok(t, s.PutRun(ctx, r1, []evals.Result{results[1], results[0]}))
	ok(t, s.PutRun(ctx, r2, nil))
	ok(t, s.PutRun(ctx, r3, nil))
	equal(t, "a run", must(p(t).Run(ctx, r1.ID))(t), r1)
	equal(t, "its results, by case", must(s.Results(ctx, r1.ID))(t), results)
	ids := func(f evals.RunFilter) (out []string) {
		t.Helper()
		for _, r := range must(s.Runs(ctx, f))(t) {
			out = append(out, r.ID)
		}
		return out
	}
	equal(t, "the latest first", ids(evals.RunFilter{}), []string{r3.ID, r2.ID, r1.ID})
	equal(t, "of a suite", ids(evals.RunFilter{Suite: "parse"}), []string{r2.ID, r1.ID})
	equal(t, "of a kind", ids(evals.RunFilter{Kind: evals.Lock}), []string{r2.ID})
	equal(t, "by prefix", ids(evals.RunFilter{Prefix: r3.ID[:len(r3.ID)-1], Limit: 1}), []string{r3.ID})
	equal(t, "a prefix is no pattern", len(ids(evals.RunFilter{Prefix: "%"})), 0)
	equal(t, "since", ids(evals.RunFilter{Since: r2.At}), []string{r3.ID, r2.ID})

	// Again replaces both.
	r1.Judgement = evals.Passed
	ok(t, s.PutRun(ctx, r1, results[:1]))
	equal(t, "replaced", must(s.Run(ctx, r1.ID))(t).Judgement, evals.Passed)
	equal(t, "with its results", must(s.Results(ctx, r1.ID))(t), results[:1])

	// A run and its results are stored together or not at all.
	bad, _ := evalRun(4, "parse")
	code(t, "a result without a case", s.PutRun(ctx, bad, []evals.Result{results[0], {}}), pipeline.CodeInvalid)
	_, err = s.Run(ctx, bad.ID)
	code(t, "half a run", err, pipeline.CodeNotFound)
	code(t, "a run without id", s.PutRun(ctx, evals.Run{}, nil), pipeline.CodeInvalid)

	many := make([]evals.Result, 1200)
	for i := range many {
		many[i] = evals.Result{Case: id("m", i), Scores: []float64{1}, Last: evals.Scored{Case: id("m", i)}}
	}
	ok(t, s.PutRun(ctx, bad, many))
	equal(t, "many results", len(must(s.Results(ctx, bad.ID))(t)), len(many))
}

func evalBaselines(t *testing.T, p Place) {
	s := p(t)
	equal(t, "no baseline", len(must(s.Baselines(ctx, "parse"))(t)), 0)
	b := evals.Baseline{Suite: "parse", Run: "run-9", At: at(1), By: "ann", Note: "größer"}
	code(t, "a baseline of no run", s.PutBaseline(ctx, b), pipeline.CodeNotFound)
	r1, results := evalRun(1, "parse")
	r2, _ := evalRun(2, "parse")
	ok(t, s.PutRun(ctx, r1, results))
	ok(t, s.PutRun(ctx, r2, results))
	first, second := b, b
	first.Run, second.Run, second.At = r1.ID, r2.ID, at(2)
	ok(t, s.PutBaseline(ctx, first))
	ok(t, s.PutBaseline(ctx, second))
	equal(t, "the latest first", must(p(t).Baselines(ctx, "parse"))(t), []evals.Baseline{second, first})
	again := first
	again.By, again.At = "bob", at(9)
	ok(t, s.PutBaseline(ctx, again))
	equal(t, "a baseline stays as it is", must(s.Baselines(ctx, "parse"))(t), []evals.Baseline{second, first})
	equal(t, "of another suite", len(must(s.Baselines(ctx, "match"))(t)), 0)
	// Storing the run of a baseline again leaves the baseline.
	ok(t, s.PutRun(ctx, r1, results))
	equal(t, "still there", len(must(s.Baselines(ctx, "parse"))(t)), 2)
	// Old runs go; those that are, or were, baselines stay.
	r3, _ := evalRun(3, "parse")
	ok(t, s.PutRun(ctx, r3, results))
	r4, _ := evalRun(4, "parse")
	ok(t, s.PutRun(ctx, r4, results))
	equal(t, "trimmed", must(s.TrimRuns(ctx, at(4)))(t), 1)
	equal(t, "left", len(must(s.Runs(ctx, evals.RunFilter{}))(t)), 3)
	equal(t, "results of a run that went", len(must(s.Results(ctx, r3.ID))(t)), 0)
	equal(t, "results of a baseline", len(must(s.Results(ctx, r1.ID))(t)), len(results))
	code(t, "no suite", s.PutBaseline(ctx, evals.Baseline{Run: r1.ID}), pipeline.CodeInvalid)
}

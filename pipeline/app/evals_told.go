package app

import (
	"context"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// stageOf is the stage that a suite of a task speaks for.
func stageOf(t evals.Task) (scope string, ok bool) {
	switch t {
	case evals.Parse, evals.Category, evals.Guard:
		return flow.ParseStage, true
	case evals.Retrieve:
		return flow.RetrieveStage, true
	case evals.Match:
		return flow.MatchStage, true
	case evals.Search:
		return flow.SearchStage, true
	}
	return "", false
}

// tellWire leads a judged run to the breakers of the answers: a trip opens one,
// and a run that passed closes those that are half-open.
func tellWire(w *flow.Wire) func(context.Context, *evals.Run) error {
	return func(ctx context.Context, run *evals.Run) error {
		if _, ok := stageOf(run.Task); !ok {
			return nil
		}
		switch run.Judgement {
		case evals.Tripped:
			_, err := w.Trip(ctx, tripOf(run))
			return err
		case evals.Passed:
			for _, scope := range scopesOf(run) {
				if _, err := w.Passed(ctx, scope, run.Suite, run.ID); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// tripOf says what a run has to stop: the stage of its task; of parsing the one
// category that carries the loss, else the model under test, else the stage.
func tripOf(run *evals.Run) flow.Trip {
	stage, _ := stageOf(run.Task)
	t := flow.Trip{Scope: stage, Source: run.Suite, ID: run.ID, Reason: run.Reasons[0], Evidence: map[string]float64{"score": run.Score}}
	parsing := stage == flow.ParseStage
	if parsing && run.Versions.Model != "rules:" {
		t.Scope = "model:" + run.Versions.Model
	}
	if d := run.Difference; d != nil {
		t.Evidence["change"], t.Evidence["lo"], t.Evidence["hi"] = d.Mean, d.Lo, d.Hi
	}
	if m := run.Moved; m != nil && m.Change != nil {
		t.Slice, t.Is, t.Was = m.Key+"="+m.Value, m.Score, m.Score-*m.Change
		// Nearly all of what was lost was lost in one category.
		const most = 0.8
		if d := run.Difference; parsing && m.Key == "category" && d != nil && *m.Change*float64(m.Cases) <= most*d.Mean*float64(d.Items) {
			t.Scope = "category:" + m.Value
		}
	}
	for _, e := range run.Examples {
		t.Examples = append(t.Examples, observe.Example{Item: e.Case, Before: true, Score: e.Before}, observe.Example{Item: e.Case, Score: e.After})
	}
	return t
}

// scopesOf are the breakers that a run which passed speaks for.
func scopesOf(run *evals.Run) []string {
	if stage, _ := stageOf(run.Task); stage != flow.ParseStage {
		return []string{stage}
	}
	out := []string{flow.ParseStage, "model:" + run.Versions.Model}
	for _, s := range run.Slices {
		if s.Key == "category" {
			out = append(out, "category:"+s.Value)
		}
	}
	return out
}

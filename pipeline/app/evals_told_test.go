package app

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// TestTripOfARun: the breaker that a run opens is the narrowest that holds the
// loss, and a run that passes after the cooldown closes it.
func TestTripOfARun(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	cfg, err := ReadConfig([]string{"ASSAY_STORE=sqlite:" + filepath.Join(t.TempDir(), "a.db")}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := Open(cfg, Options{Now: func() time.Time { return now }})
	defer a.Close()
	w, err := a.Wire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	told := tellWire(w)
	change, small := -0.5, -0.01
	run := func(id, model string, moved *evals.Slice) *evals.Run {
		return &evals.Run{ID: id, Suite: "parse", Task: evals.Parse, Judgement: evals.Tripped, Reasons: []string{"worse"}, Versions: evals.Versions{Model: model},
			Difference: &stats.Difference{Items: 100, Mean: -0.1}, Moved: moved, Slices: []evals.Slice{{Key: "category", Value: "bearing"}},
			Examples: []evals.Example{{Case: "c1", Before: 1, After: 0}}}
	}
	position := func(scope string) breaker.Position {
		t.Helper()
		s, err := w.Store.LoadBreaker(ctx, flow.EvalBreaker(scope))
		if err != nil {
			t.Fatal(err)
		}
		return s.Position
	}
	for _, tc := range []struct {
		run  *evals.Run
		want string
	}{
		{run("1", "rules:", &evals.Slice{Key: "category", Value: "bearing", Cases: 20, Change: &change}), "category:bearing"},
		{run("2", "rules:", &evals.Slice{Key: "category", Value: "screw", Cases: 20, Change: &small}), "stage:parse"},
		{run("3", "openai:x", &evals.Slice{Key: "language", Value: "de", Cases: 20, Change: &change}), "model:openai:x"},
	} {
		if err := told(ctx, tc.run); err != nil {
			t.Fatal(err)
		}
		if got := position(tc.want); got != breaker.Open {
			t.Errorf("%s: %s is %q", tc.run.ID, tc.want, got)
		}
	}
	if got := position("category:screw"); got == breaker.Open {
		t.Errorf("category:screw is %q", got)
	}
	passed := run("4", "rules:", nil)
	passed.Judgement = evals.Passed
	if err := told(ctx, passed); err != nil || position("category:bearing") != breaker.Open {
		t.Errorf("closed before its cooldown: %q, %v", position("category:bearing"), err)
	}
	now = now.Add(2 * time.Hour)
	passed.ID = "5"
	if err := told(ctx, passed); err != nil || position("category:bearing") == breaker.Open || position("model:openai:x") != breaker.Open {
		t.Errorf("after the cooldown: %q, the other model %q, %v", position("category:bearing"), position("model:openai:x"), err)
	}
	// Suites of the other stages open theirs, whatever slice moved, and close no
	// other.
	for task, scope := range map[evals.Task]string{evals.Match: flow.MatchStage, evals.Retrieve: flow.RetrieveStage, evals.Search: flow.SearchStage} {
		other := run("6"+string(task), "openai:x", &evals.Slice{Key: "category", Value: "bearing", Cases: 20, Change: &change})
		other.Task = task
		if err := told(ctx, other); err != nil || position(scope) != breaker.Open {
			t.Errorf("%s: %s is %q, %v", task, scope, position(scope), err)
		}
	}
	now = now.Add(2 * time.Hour)
	other := run("7", "rules:", nil)
	other.Task, other.Judgement = evals.Match, evals.Passed
	if err := told(ctx, other); err != nil || position(flow.MatchStage) != breaker.Closed || position(flow.SearchStage) == breaker.Closed {
		t.Errorf("match %q, search %q, %v", position(flow.MatchStage), position(flow.SearchStage), err)
	}
}

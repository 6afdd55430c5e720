package app

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// unwell reads bearings no more.
type unwell struct{ evals.Reader }

func (u unwell) Parse(ctx context.Context, it pipeline.Item) (pipeline.Record, error) {
	r, err := u.Reader.Parse(ctx, it)
	if r.Category == "bearing" {
		r.Category, r.Attributes = pipeline.Unknown, nil
	}
	return r, err
}

// TestProbe: a run that trips opens the breaker of the category that lost; after
// its cooldown the suite that tripped is run on a sample that holds what was lost:
// while it is still lost the breaker opens again, for longer, and once it is mended
// it closes.
func TestProbe(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	cfg, err := ReadConfig([]string{"ASSAY_STORE=sqlite:" + filepath.Join(t.TempDir(), "a.db"), "ASSAY_KNOWLEDGE=embed:", "ASSAY_EVALS=embed:"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := Open(cfg, Options{Now: func() time.Time { return now }})
	defer a.Close()
	r, err := a.Evals(ctx, EvalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := evals.Load(evals.FS, "category")
	if err != nil {
		t.Fatal(err)
	}
	if run, _, err := r.Lock(ctx, set, evals.LockOptions{}); err != nil || run.Judgement != evals.Locked {
		t.Fatal(run, err)
	}
	base, err := evals.Latest(ctx, r.Store, "category")
	if err != nil {
		t.Fatal(err)
	}
	well := r.Subject.Reader
	r.Subject.Reader = unwell{well}
	now = now.Add(time.Minute)
	run, _, err := r.Run(ctx, set, base)
	if err != nil || run.Judgement != evals.Tripped {
		t.Fatal(run.Judgement, run.Reasons, err)
	}
	const scope = "category:bearing"
	w, err := a.Wire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	state := func() breaker.State {
		t.Helper()
		s, err := w.State(ctx, scope)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := state(); s.Position != breaker.Open {
		t.Fatalf("%s is %s", scope, s.Position)
	}
	if ps, err := a.Probe(ctx, r, 0); err != nil || len(ps) != 0 {
		t.Fatal("before the cooldown is over", ps, err)
	}
	now = now.Add(time.Hour + time.Minute)
	if s := state(); s.Position != breaker.HalfOpen {
		t.Fatalf("after the cooldown %s", s.Position)
	}
	ps, err := a.Probe(ctx, r, 20)
	if err != nil || len(ps) != 1 || ps[0].Report == nil {
		t.Fatal(ps, err)
	}
	if s := ps[0].After; s.Position != breaker.Open || s.Trips != 2 || s.Until.Sub(s.Since) != 2*time.Hour {
		t.Errorf("still lost: %s, %d openings, until %s: %s, %s, %v", s.Position, s.Trips, s.Until, ps[0].Report.Run.Suite, ps[0].Report.Run.Judgement, ps[0].Report.Run.Reasons)
	}
	if kind := ps[0].Report.Run.Kind; kind != evals.Tried {
		t.Errorf("kept as %q", kind)
	}
	asked := ps[0].Report.Set.Cases
	for _, c := range set.Cases {
		if slices.Contains(c.Want.Category, "bearing") && !slices.ContainsFunc(asked, func(x evals.Case) bool { return x.ID == c.ID }) {
			t.Errorf("the case %s of the category was not asked", c.ID)
		}
	}
	r.Subject.Reader = well
	now = now.Add(2*time.Hour + time.Minute)
	ps, err = a.Probe(ctx, r, 20)
	if err != nil || len(ps) != 1 || ps[0].After.Position != breaker.Closed {
		t.Fatal(ps, err)
	}
	if ps, err = a.Probe(ctx, r, 20); err != nil || len(ps) != 0 {
		t.Error("nothing is half-open", ps, err)
	}
	// A breaker that nobody's suite opened is tried by that of its stage.
	if _, err := w.Trip(ctx, flow.Trip{Scope: flow.RetrieveStage, Source: "observer", ID: "x", Reason: "worse"}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if ps, err = a.Probe(ctx, r, 0); err != nil || len(ps) != 1 || ps[0].Report.Run.Suite != "retrieve" || ps[0].After.Position != breaker.HalfOpen {
		t.Errorf("without a baseline nothing can be said: %+v, %v", ps, err)
	}
}

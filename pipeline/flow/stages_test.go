package flow_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// onBothStores runs a test with each backend.
func onBothStores(t *testing.T, environ []string, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, backend := range []string{"sqlite", "postgres"} {
		t.Run(backend, func(t *testing.T) {
			w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC), environ: environ}
			if backend == "postgres" {
				w.environ = append([]string{"ASSAY_STORE=" + postgresStore(t)}, environ...)
			}
			w.contract(feedContract(""))
			if backend == "postgres" {
				w.migrate()
			}
			w.open()
			test(t, w)
		})
	}
}

// migrate brings a new Postgres store up.
func (w *world) migrate() {
	w.t.Helper()
	cfg, err := app.ReadConfig(append([]string{"ASSAY_KNOWLEDGE=embed:"}, w.environ...), w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{})
	if err := a.Migrate(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) trip(scope string) *flow.Wire {
	w.t.Helper()
	wire, err := w.app.Wire(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := wire.Trip(context.Background(), flow.Trip{Scope: scope, Source: "match", ID: "r1", Reason: "worse", Slice: "category=bearing", Was: 1, Is: 0.5})
	if err != nil || s.Position != breaker.Open {
		w.t.Fatalf("%s is %q, %v", scope, s.Position, err)
	}
	return wire
}

// verdict of the stored pair, with its first reason.
func (w *world) verdict(a, b string) (catalog.Verdict, string) {
	w.t.Helper()
	ms, err := w.db.Matches(context.Background(), []string{a})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range ms {
		if m.A == a && m.B == b {
			return m.Verdict, m.Reasons[0]
		}
	}
	return "", ""
}

const bearing = ",DEEP GROOVE BALL BEARING 6205-2RS C3,1"

// TestMatchBreaker: while the breaker of matching is open no new pair is called a
// duplicate without a person, what was one stays one, an item that is checked is
// looked up by exact part numbers alone and never called new. Once a suite
// passed, what was held back is judged again.
func TestMatchBreaker(t *testing.T) {
	onBothStores(t, nil, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.land("2026-03-01.csv", "p1"+bearing, "p2"+bearing)
		w.once()
		if v, _ := w.verdict("parts/p1", "parts/p2"); v != catalog.Duplicate {
			t.Fatalf("on a good day the pair is %q", v)
		}
		wire := w.trip(flow.MatchStage)
		w.now = w.now.Add(time.Minute)
		w.land("2026-03-02.csv", "p3"+bearing, "p4,WASHER M8 DIN 125 A STEEL,1")
		w.once()
		if v, why := w.verdict("parts/p1", "parts/p3"); v != catalog.Review || !strings.Contains(why, "not to be trusted") {
			t.Errorf("a new pair is %q: %s", v, why)
		}
		if v, _ := w.verdict("parts/p1", "parts/p2"); v != catalog.Duplicate {
			t.Errorf("what was a duplicate is %q", v)
		}
		check, err := w.app.CheckItem(ctx)
		if err != nil {
			t.Fatal(err)
		}
		ask := func() []catalog.Answer {
			t.Helper()
			as, err := check.Items(ctx, []pipeline.Item{{Source: "BALL BEARING 6205-2RS C3"}, {Source: "HYDRAULIC HOSE 12MM"}})
			if err != nil {
				t.Fatal(err)
			}
			return as
		}
		for i, a := range ask() {
			if a.Verdict != catalog.Review || !strings.Contains(a.Degraded, "exact part numbers alone") {
				t.Errorf("item %d: %s, %q", i, a.Verdict, a.Degraded)
			}
			if n := len(a.Matches); i == 0 && n == 0 || i == 1 && n != 0 {
				t.Errorf("item %d: %d matches", i, n)
			}
		}
		w.now = w.now.Add(2 * time.Hour)
		if s, err := wire.Passed(ctx, flow.MatchStage, "match", "run-2"); err != nil || s.Position != breaker.Closed {
			t.Fatal(s.Position, err)
		}
		w.land("2026-03-03.csv", "p5,WASHER M10 DIN 125 A STEEL,1")
		w.once()
		if v, _ := w.verdict("parts/p1", "parts/p3"); v != catalog.Duplicate {
			t.Errorf("closed again, but what was held back is %q", v)
		}
		if as := ask(); as[0].Degraded != "" || as[0].Verdict != catalog.Duplicate {
			t.Errorf("closed again, but %s, %q", as[0].Verdict, as[0].Degraded)
		}
	})
}

// TestSearchBreaker: words alone are looked up, and the results say so.
func TestSearchBreaker(t *testing.T) {
	onBothStores(t, nil, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.land("2026-03-01.csv", "p1"+bearing, "p2,WASHER M8 DIN 125 A STEEL,1")
		w.once()
		wire := w.trip(flow.SearchStage)
		s, err := w.app.Search(ctx)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Query(ctx, "washer", 5)
		if err != nil || len(r.Found) != 1 || r.Found[0].ID != "parts/p2" || !strings.Contains(r.Degraded, "words alone") {
			t.Fatalf("%+v, %v", r, err)
		}
		// In another language nothing is found by its words.
		if r, err = s.Query(ctx, "Unterlegscheibe", 5); err != nil || len(r.Found) != 0 || r.Degraded == "" {
			t.Errorf("%+v, %v", r, err)
		}
		w.now = w.now.Add(2 * time.Hour)
		if _, err := wire.Passed(ctx, flow.SearchStage, "search", "run-2"); err != nil {
			t.Fatal(err)
		}
		if r, err = s.Query(ctx, "Unterlegscheibe", 5); err != nil || len(r.Found) == 0 || r.Degraded != "" {
			t.Errorf("closed again: %+v, %v", r, err)
		}
	})
}

// TestStagesHalt: where the fallback is to halt, a question is refused and a batch
// waits; neither is answered by "nothing found".
func TestStagesHalt(t *testing.T) {
	onBothStores(t, []string{"ASSAY_EVALS_FALLBACK=halt"}, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.land("2026-03-01.csv", "p1"+bearing)
		w.once()
		w.trip(flow.SearchStage)
		wire := w.trip(flow.MatchStage)
		s, err := w.app.Search(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Query(ctx, "bearing", 5); pipeline.ErrorCode(err) != pipeline.CodeLocked {
			t.Errorf("search: %v", err)
		}
		check, err := w.app.CheckItem(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := check.Items(ctx, []pipeline.Item{{Source: "BALL BEARING 6205-2RS C3"}}); pipeline.ErrorCode(err) != pipeline.CodeLocked {
			t.Errorf("check: %v", err)
		}
		w.land("2026-03-02.csv", "p2"+bearing)
		for range 7 {
			w.now = w.now.Add(time.Minute)
			res, err := w.run.Once(ctx, "")
			if pipeline.ErrorCode(err) != pipeline.CodeLocked {
				t.Fatal(err)
			}
			w.want("messages given up", res.Dead, 0)
		}
		if _, err := wire.Signal(ctx, flow.MatchStage, breaker.Reset, "ann", "mended"); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Minute)
		w.once()
		if v, _ := w.verdict("parts/p1", "parts/p2"); v != catalog.Duplicate {
			t.Errorf("after the reset the pair is %q", v)
		}
	})
}

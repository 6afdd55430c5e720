package flow_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

func (w *world) sweep() flow.SweepResult {
	w.t.Helper()
	s, err := w.app.Sweep(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := s.Once(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// TestSweepNoFileCame: nothing happens at all, and that is noticed: not while
// it is in time, at the first sweep after, once, and again for the next time.
func TestSweepNoFileCame(t *testing.T) {
	w := newWorld(t, "  - {property: assay.schedule, value: {cron: '0 6 * * *', grace: 1h}}\n")
	w.now = time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		hour, minute int
		want         int
	}{{5, 0, 0}, {6, 30, 0}, {7, 0, 0}, {7, 1, 1}, {7, 2, 0}, {23, 0, 0}, {24 + 7, 0, 0}, {24 + 9, 0, 1}, {4*24 + 8, 0, 3}} {
		w.now = time.Date(2026, 3, 1, c.hour, c.minute, 0, 0, time.UTC)
		res := w.sweep()
		if len(res.Lapses) != c.want {
			t.Errorf("at %s: %+v, want %d", w.now, res.Lapses, c.want)
		}
	}
	// A file ends it.
	w.land("1.csv", "1,screw M8,2")
	w.once()
	w.now = w.now.Add(time.Hour)
	w.sweep()
	states, err := w.db.Sweeps(context.Background())
	if err != nil || len(states) != 1 || len(states[0].Open) != 0 {
		t.Errorf("%+v %v", states, err)
	}
}

// TestSweepLanded: a file that nobody takes is told apart from none.
func TestSweepLanded(t *testing.T) {
	w := newWorld(t, "slaProperties:\n  - {property: frequency, value: 1, unit: d}\n")
	w.sweep()
	w.land("1.csv", "1,screw M8,2")
	w.now = w.now.Add(25 * time.Hour)
	if err := os.Chtimes(filepath.Join(w.dir, "lake", "landing", "parts", "1.csv"), w.now, w.now); err != nil {
		t.Fatal(err)
	}
	res := w.sweep()
	if len(res.Lapses) != 1 || res.Lapses[0].Kind != flow.LapseFrequency || res.Lapses[0].Detail != "nothing ever came; landing/parts/1.csv landed and was not taken: assay run judges it" {
		t.Errorf("%+v", res.Lapses)
	}
}

// TestSweepFreshness: old data opens the breaker by itself, once.
func TestSweepFreshness(t *testing.T) {
	w := newWorld(t, "slaProperties:\n  - {property: frequency, value: 1, unit: h}\n")
	w.sweep()
	w.land("1.csv", "1,screw M8,2")
	w.once()
	w.now = w.now.Add(2*time.Hour - time.Second)
	if res := w.sweep(); len(res.Breakers) != 0 {
		t.Errorf("too early: %+v", res.Breakers)
	}
	w.now = w.now.Add(2 * time.Second)
	res := w.sweep()
	if len(res.Breakers) != 1 || res.Breakers[0].To != breaker.Open {
		t.Fatalf("%+v", res.Breakers)
	}
	if res := w.sweep(); len(res.Breakers) != 0 {
		t.Errorf("twice: %+v", res.Breakers)
	}
	// The cooldown ends though nothing comes.
	w.now = w.now.Add(time.Hour)
	res = w.sweep()
	if len(res.Breakers) != 1 || res.Breakers[0].To != breaker.HalfOpen {
		t.Errorf("%+v", res.Breakers)
	}
}

// TestSweepAvailability: a level that begins to fail is told once.
func TestSweepAvailability(t *testing.T) {
	w := newWorld(t, "slaProperties:\n  - {property: availability, value: 90, unit: percent}\n")
	w.sweep()
	w.land("1.csv", "1,screw M8,2")
	w.land("2.csv", "2,,2") // held
	w.once()
	w.now = w.now.Add(24 * time.Hour)
	if res := w.sweep(); len(res.Lapses) != 1 || res.Lapses[0].Kind != flow.LapseAvailability {
		t.Errorf("%+v", res.Lapses)
	}
	w.now = w.now.Add(24 * time.Hour)
	if res := w.sweep(); len(res.Lapses) != 0 {
		t.Errorf("told every day: %+v", res.Lapses)
	}
}

// TestSweepLifetimes: what has outlived its time goes, what is needed stays.
func TestSweepLifetimes(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "  - {property: assay.maxRejectRate, value: 0.6}\n")
	w.land("1.csv", "1,screw M8,2", "2,,2") // published, with a reject
	w.land("2.csv", "3,,2")                 // held
	bs := w.once()
	now := time.Now()
	for i, b := range bs {
		held := b.Stage == flow.Held
		if held != (i == 1) {
			t.Fatalf("%+v", b)
		}
	}
	if err := w.db.AddReviews(ctx, []review.Entry{{ID: "old", Kind: review.Batch, Subject: "x", State: review.Decided, Decided: now.Add(-15 * 24 * time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	w.now = now
	if res := w.sweep(); res.Removed["raw"] != 0 || res.Removed["approvals"] != 1 {
		t.Errorf("before their time: %v", res.Removed)
	}
	w.now = now.Add(91 * 24 * time.Hour)
	res := w.sweep()
	if res.Removed["raw"] != 1 || res.Removed["quarantine"] != 2 || res.Removed["reports"] != 0 {
		t.Errorf("%v", res.Removed)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "lake", "quarantine", "parts", "*", "rejects.csv"))
	if err != nil || len(left) != 1 {
		t.Errorf("what is held keeps its rejects: %v %v", left, err)
	}
}

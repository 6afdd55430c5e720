package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// healthy and thin are rows of a feed on a good day and on one on which the
// source sends codes in place of descriptions.
func healthy(from, n int) (rows []string) {
	for i := range n {
		d := 4 + 2*(i%9)
		switch i % 3 {
		case 0:
			rows = append(rows, fmt.Sprintf("p%05d,HEX BOLT M%dx%d DIN 933 8.8 ZINC PLATED,1", from+i, d, 20+5*(i%12)))
		case 1:
			rows = append(rows, fmt.Sprintf("p%05d,DEEP GROOVE BALL BEARING 62%02d-2RS C3,1", from+i, i%12))
		default:
			rows = append(rows, fmt.Sprintf("p%05d,WASHER M%d DIN 125 A STEEL,1", from+i, d))
		}
	}
	return rows
}

func thin(from, n int) (rows []string) {
	for i := range n {
		rows = append(rows, fmt.Sprintf("p%05d,MAT %06d/%02d,1", from+i, 7919*i%1_000_000, i%97))
	}
	return rows
}

// observed opens a world that looks at every item.
func observed(t *testing.T, fallback string) *world {
	t.Helper()
	w := newWorld(t, "")
	w.environ = []string{"ASSAY_OBSERVE={sample_rate: 1, baseline_size: 50, drift_threshold: 0.15}", "ASSAY_EVALS_FALLBACK=" + fallback}
	w.open()
	return w
}

func (w *world) evalBreaker() breaker.State {
	w.t.Helper()
	s, err := w.db.LoadBreaker(context.Background(), flow.EvalBreaker(flow.ParseStage))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// event reads the data of the last event of a type.
func (w *world) event(typ string, data any) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, ".assay", "events.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	found := false
	for line := range strings.Lines(string(b)) {
		var e pipeline.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatal(err)
		}
		if e.Type != typ {
			continue
		}
		found = true
		if err := json.Unmarshal(e.Data, data); err != nil {
			w.t.Fatal(err)
		}
	}
	if !found {
		w.t.Fatalf("no event %s", typ)
	}
}

// TestObserver: the live baseline locks itself, good days trip nothing, a day of
// codes in place of descriptions opens the breaker of the stage; then the rules
// read, records say degraded, and the sample does not see them.
func TestObserver(t *testing.T) {
	w := observed(t, "degraded")
	ctx := context.Background()
	w.land("2026-03-01.csv", healthy(0, 120)...)
	w.once()
	o, err := w.app.Observer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.db.LiveBaseline(ctx, o.Version.ID())
	if err != nil {
		t.Fatal(err)
	}
	w.want("answers of the baseline", len(b.Answers), 50)
	for day := range 3 {
		w.now = w.now.Add(24 * time.Hour)
		w.land(fmt.Sprintf("2026-03-%02d.csv", day+2), healthy(1000*(day+1), 120)...)
		w.once()
	}
	w.want("position after good days", w.evalBreaker().Position, breaker.Position(""))

	w.now = w.now.Add(24 * time.Hour)
	w.land("2026-03-10.csv", thin(9000, 150)...)
	w.once()
	s := w.evalBreaker()
	w.want("position after the bad day", s.Position, breaker.Open)
	if !strings.Contains(s.Cause, "unplaced") || !strings.Contains(s.Cause, "tripped by observer") {
		t.Errorf("cause: %s", s.Cause)
	}
	var told flow.EvalData
	w.event(pipeline.EvalTripped, &told)
	if told.Slice == "" || len(told.Examples) == 0 || told.Scope != flow.ParseStage {
		t.Errorf("the event does not say what moved: %+v", told)
	}

	// While it is open the rules read, and say so.
	before, err := w.db.CountObserved(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	w.land("2026-03-11.csv", healthy(20000, 10)...)
	w.once()
	es, err := w.db.Entries(ctx, catalog.Query{IDs: []string{"parts/p20000"}})
	if err != nil || len(es) != 1 {
		t.Fatal(es, err)
	}
	if r := es[0].Record; !r.HasFlag("degraded") || r.Confidence > 0.5 {
		t.Errorf("flags %v, confidence %g", r.Flags, r.Confidence)
	}
	after, err := w.db.CountObserved(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	w.want("answers of the stand-in in the sample", after-before, 0)

	// Its cooldown over, a suite that passes closes it; live items do not.
	wire, err := w.app.Wire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = wire.Passed(ctx, flow.ParseStage, "parse", "too early"); err != nil {
		t.Fatal(err)
	}
	w.want("a pass before the cooldown is over", s.Position, breaker.Open)
	w.now = w.now.Add(2 * time.Hour)
	moved, err := wire.Moved(ctx)
	if err != nil || len(moved) != 1 || moved[0].Position != breaker.HalfOpen {
		t.Fatal(moved, err)
	}
	if s, err = wire.Passed(ctx, flow.ParseStage, "parse", "run-1"); err != nil {
		t.Fatal(err)
	}
	w.want("a pass on a sample", s.Position, breaker.Closed)
	w.now = w.now.Add(time.Minute)
	w.land("2026-03-12.csv", healthy(30000, 3)...)
	w.once()
	if es, err = w.db.Entries(ctx, catalog.Query{IDs: []string{"parts/p30000"}}); err != nil || es[0].Record.HasFlag("degraded") {
		t.Errorf("closed again, but %v %v", es, err)
	}
}

// TestHalt: shards wait, however often they are tried, and are read when the
// breaker is reset. A breaker of one category stops that one alone.
func TestHalt(t *testing.T) {
	w := observed(t, "halt")
	ctx := context.Background()
	wire, err := w.app.Wire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	trip := flow.Trip{Scope: "category:bearing", Source: "parse", ID: "r1", Reason: "bearings are wrong"}
	if _, err := wire.Trip(ctx, trip); err != nil {
		t.Fatal(err)
	}
	w.land("2026-03-01.csv", "p1,WASHER M8 DIN 125 A STEEL,1", "p2,HEX BOLT M8x40 DIN 933,1")
	w.once()
	w.want("items of other categories", len(w.items()), 2)
	w.land("2026-03-02.csv", "p3,DEEP GROOVE BALL BEARING 6205-2RS,1")
	for range 7 {
		w.now = w.now.Add(time.Minute)
		res, err := w.run.Once(ctx, "")
		if pipeline.ErrorCode(err) != pipeline.CodeLocked || !strings.Contains(err.Error(), "bearings are wrong") {
			t.Fatal(err)
		}
		w.want("messages given up", res.Dead, 0)
	}
	if _, err := wire.Signal(ctx, trip.Scope, breaker.Reset, "ann", "mended"); err != nil {
		t.Fatal(err)
	}
	w.once()
	w.want("items after the reset", len(w.items()), 3)
}

func TestTrip(t *testing.T) {
	w := observed(t, "degraded")
	ctx := context.Background()
	wire, err := w.app.Wire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	trip := flow.Trip{Scope: flow.ParseStage, Source: "parse", ID: "r1", Reason: "worse"}
	for range 2 {
		s, err := wire.Trip(ctx, trip)
		if err != nil {
			t.Fatal(err)
		}
		w.want("openings", s.Trips, 1)
	}
	for _, scope := range []string{"", "stage:nothing", "feed:x", "category:"} {
		if _, err := wire.Trip(ctx, flow.Trip{Scope: scope, Reason: "x"}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("scope %q: %v", scope, err)
		}
	}
	if _, err := wire.Signal(ctx, flow.ParseStage, breaker.Reset, "ann", ""); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("without a reason: %v", err)
	}
}

// TestRelock: a baseline is replaced by name and reason alone, and the one
// before stays.
func TestRelock(t *testing.T) {
	w := observed(t, "degraded")
	ctx := context.Background()
	o, err := w.app.Observer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Relock(ctx, "ann", ""); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := o.Relock(ctx, "ann", "why not"); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("without answers: %v", err)
	}
	w.land("2026-03-01.csv", healthy(0, 120)...)
	w.once()
	b, err := o.Relock(ctx, "ann", "another supplier")
	if err != nil {
		t.Fatal(err)
	}
	w.want("generation", b.Generation, 2)
	all, err := w.db.LiveBaselines(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.want("baselines", len(all), 2)
	v, err := o.Look(ctx, w.db)
	if err != nil {
		t.Fatal(err)
	}
	w.want("by", v.Baseline.By, "ann")
	w.want("since", v.Since, 0)
}

// TestOneBrokenAnswer: one answer that breaks an invariant trips in the run in
// which it comes, wherever it comes, before there is a baseline too, and the event
// names the item.
func TestOneBrokenAnswer(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		good      int
		violation string
	}{{0, "no-ungrounded-number"}, {20, "no-ungrounded-number"}, {60, "no-ungrounded-number"}, {90, "no-pii-leak"}} {
		w := observed(t, "degraded")
		if c.good > 0 {
			w.land("2026-03-01.csv", healthy(0, c.good)...)
			w.once()
		}
		o, err := w.app.Observer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.LiveBaseline(ctx, o.Version.ID()); (err == nil) != (c.good >= 50) {
			t.Errorf("after %d answers: %v", c.good, err)
		}
		a := observe.Answer{ID: "bad", Item: "parts/x", Version: o.Version.ID(), At: w.now, Category: "bearing", Violations: []string{c.violation}}
		if _, err := w.db.PutObserved(ctx, []observe.Answer{a}); err != nil {
			t.Fatal(err)
		}
		if err := o.Watch(ctx, 1, true); err != nil {
			t.Fatal(err)
		}
		if s := w.evalBreaker(); s.Position != breaker.Open || !strings.Contains(s.Cause, c.violation) {
			t.Errorf("%s: %s %s", c.violation, s.Position, s.Cause)
		}
		w.once() // what is to leave leaves
		var told flow.EvalData
		w.event(pipeline.EvalTripped, &told)
		var now []string
		for _, e := range told.Examples {
			if !e.Before {
				now = append(now, e.Item)
			}
		}
		if !slices.Equal(now, []string{"parts/x"}) {
			t.Errorf("%d answers and a broken one: examples %v", c.good, told.Examples)
		}
	}
}

// TestObserveSettings: the configuration's own, with every mistake told.
func TestObserveSettings(t *testing.T) {
	for text, want := range map[string]string{
		"off": "", "{sample_rate: 0.01}": "", "sample_rate=2": "is no share", "{rate: 1}": "is none of", "{sample_rate}": "is no setting",
		"{baseline_size: 3}": "is not between 20",
	} {
		_, err := app.ReadConfig([]string{"ASSAY_OBSERVE=" + text}, t.TempDir())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestObserverTellsOtherInput: texts in another language that are read as well as
// those before are told once, and open nothing.
func TestObserverTellsOtherInput(t *testing.T) {
	w := observed(t, "degraded")
	in := func(names [3]string, from, n int) (rows []string) {
		for i := range n {
			d := 4 + 2*(i%9)
			switch i % 3 {
			case 0:
				rows = append(rows, fmt.Sprintf("p%05d,%s M%dx%d DIN 933 8.8,1", from+i, names[0], d, 20+5*(i%12)))
			case 1:
				rows = append(rows, fmt.Sprintf("p%05d,%s 62%02d-2RS C3,1", from+i, names[1], i%12))
			default:
				rows = append(rows, fmt.Sprintf("p%05d,%s M%d DIN 125 A,1", from+i, names[2], d))
			}
		}
		return rows
	}
	w.land("2026-03-01.csv", in([3]string{"Sechskantschraube verzinkt", "Rillenkugellager", "Unterlegscheibe verzinkt"}, 0, 120)...)
	w.once()
	for day := range 3 {
		w.now = w.now.Add(24 * time.Hour)
		w.land(fmt.Sprintf("2026-03-%02d.csv", day+2), in([3]string{"hexagon head screw zinc plated", "deep groove ball bearing", "plain washer zinc plated"}, 1000*(day+1), 240)...)
		w.once()
	}
	w.want("position after another language", w.evalBreaker().Position, breaker.Position(""))
	var told flow.EvalData
	w.event(pipeline.EvalTripped, &told)
	if told.Fallback != "none" || !strings.Contains(told.Reason, "input:") {
		t.Errorf("told: %+v", told)
	}
	b, err := os.ReadFile(filepath.Join(w.dir, ".assay", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	w.want("times told", strings.Count(string(b), pipeline.EvalTripped), 1)
}

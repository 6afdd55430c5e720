package flow_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// knowing writes the shipped knowledge without some categories to a folder of the
// project.
func (w *world) knowing(name string, without ...string) {
	w.t.Helper()
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		w.t.Fatal(err)
	}
	dir := filepath.Join(w.dir, name)
	if err := os.CopyFS(dir, sub); err != nil {
		w.t.Fatal(err)
	}
	for _, c := range without {
		if err := os.RemoveAll(filepath.Join(dir, c)); err != nil {
			w.t.Fatal(err)
		}
	}
	pack := filepath.Join(dir, "pack.yaml")
	b, err := os.ReadFile(pack)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(pack, []byte(strings.Replace(string(b), `version: "1.0"`, `version: "`+name+`"`, 1)), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) trials() *flow.Trials {
	w.t.Helper()
	ts, err := w.app.Trials(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return ts
}

func (w *world) begin(t observe.Trial) observe.Trial {
	w.t.Helper()
	t.By, t.Percent, t.Limits = "ann", 40, observe.DefaultLimits
	begun, err := w.trials().Start(context.Background(), t)
	if err != nil {
		w.t.Fatal(err)
	}
	return begun
}

// readBy counts the records that a canary read, and those that it did not.
func (w *world) readBy(trial observe.Trial) (fresh, usual int) {
	w.t.Helper()
	es, err := w.db.Entries(context.Background(), catalog.Query{Live: true, Limit: 10_000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range es {
		if e.Record.Knowledge == trial.New.Knowledge {
			fresh++
			if n := len(e.Record.Trace); n == 0 || e.Record.Trace[n-1].Did != "canary" {
				w.t.Errorf("%s does not say who read it", e.Item.ID)
			}
		} else {
			usual++
		}
	}
	return fresh, usual
}

func (w *world) day(n, from, rows int) {
	w.t.Helper()
	w.now = w.now.Add(24 * time.Hour)
	w.land(fmt.Sprintf("2026-03-%02d.csv", n), healthy(from, rows)...)
	w.once()
}

// TestCanaryRollsBack: knowledge that lost two categories is read with for a share
// of the items, is found to be worse, and reads nothing any more.
func TestCanaryRollsBack(t *testing.T) {
	w := newWorld(t, "")
	ctx := context.Background()
	w.knowing("worse", "screw", "bearing")
	began := w.begin(observe.Trial{Change: observe.Change{Knowledge: "worse"}})
	if _, err := w.trials().Start(ctx, observe.Trial{Change: observe.Change{Knowledge: "worse"}, By: "bob", Percent: 5, Limits: observe.DefaultLimits}); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Errorf("two at once: %v", err)
	}
	w.day(2, 0, 400)
	got, rep, err := w.trials().Latest(ctx)
	if err != nil || got.ID != began.ID || got.State != observe.RolledBack || got.EndedBy != flow.ByItself {
		t.Fatalf("%+v %+v %v", got, rep, err)
	}
	if !strings.Contains(got.Reason, "live score") {
		t.Errorf("reason: %s", got.Reason)
	}
	var told flow.CanaryData
	w.event(pipeline.CanaryChanged, &told)
	if told.State != "rolled_back" || told.Trial != began.ID || told.Evidence["score.new"] >= told.Evidence["score.control"] {
		t.Errorf("%+v", told)
	}
	fresh, usual := w.readBy(began)
	if fresh < 50 || usual < 200 {
		t.Errorf("%d items were read by the canary, %d as always", fresh, usual)
	}
	w.day(3, 5000, 200)
	if again, _ := w.readBy(began); again != fresh {
		t.Errorf("%d items were read by a canary that was rolled back", again-fresh)
	}
	if _, err := w.trials().End(ctx, observe.Promoted, "ann", "I like it"); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Errorf("promoted after it was rolled back: %v", err)
	}
}

// TestCanaryIsPromoted: knowledge that reads as well is promoted by itself where
// that was asked for, and waits for a person where not; then it reads everything,
// until somebody takes it back.
func TestCanaryIsPromoted(t *testing.T) {
	w := newWorld(t, "")
	ctx := context.Background()
	w.knowing("same")
	began := w.begin(observe.Trial{Change: observe.Change{Knowledge: "same"}, Auto: true})
	w.day(2, 0, 4800)
	got, rep, err := w.trials().Latest(ctx)
	if err != nil || got.State != observe.Promoted || got.EndedBy != flow.ByItself || rep.Pairs < 100 {
		t.Fatalf("%+v %+v %v", got, rep, err)
	}
	before, _ := w.readBy(began)
	w.day(3, 5000, 100)
	if now, _ := w.readBy(began); now != before+100 {
		t.Errorf("a promoted canary read %d of 100 items", now-before)
	}
	if _, err := w.trials().End(ctx, observe.RolledBack, "ann", ""); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("without a reason: %v", err)
	}
	if got, err = w.trials().End(ctx, observe.RolledBack, "ann", "a customer complained"); err != nil || got.State != observe.RolledBack {
		t.Fatalf("%+v %v", got, err)
	}
	w.day(4, 6000, 100)
	if now, _ := w.readBy(began); now != before+100 {
		t.Error("it reads on after it was rolled back")
	}

	// Without auto a person decides.
	w.now = w.now.Add(time.Hour)
	w.begin(observe.Trial{Change: observe.Change{Knowledge: "same"}})
	w.day(5, 7000, 2000)
	got, rep, err = w.trials().Latest(ctx)
	if err != nil || got.State != observe.Running || rep.Verdict != observe.Promoted {
		t.Fatalf("%+v %+v %v", got, rep, err)
	}

	// Knowledge that was altered meanwhile is not what was to be compared.
	w.knowing("other", "washer")
	if err := os.RemoveAll(filepath.Join(w.dir, "same")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(w.dir, "other"), filepath.Join(w.dir, "same")); err != nil {
		t.Fatal(err)
	}
	w.open()
	before, _ = w.readBy(began)
	w.day(6, 10000, 100)
	if now, _ := w.readBy(began); now != before {
		t.Error("an altered canary read items")
	}
}

// TestCanaryRefuses: what cannot be a canary.
func TestCanaryRefuses(t *testing.T) {
	w := newWorld(t, "")
	w.knowing("same")
	for name, trial := range map[string]observe.Trial{
		"nothing new":    {},
		"no such folder": {Change: observe.Change{Knowledge: "nowhere"}},
		"a prompt alone": {Change: observe.Change{Prompt: "same"}},
		"no such model":  {Change: observe.Change{Model: "gpt"}},
		"what there is":  {Change: observe.Change{Model: "rules:"}},
		"everything":     {Change: observe.Change{Knowledge: "same"}, Percent: 80},
		"nobody":         {Change: observe.Change{Knowledge: "same"}, By: " "},
	} {
		if trial.Percent == 0 {
			trial.Percent = 5
		}
		if trial.By == "" {
			trial.By = "ann"
		}
		trial.Limits = observe.DefaultLimits
		if _, err := w.trials().Start(context.Background(), trial); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := w.trials().Latest(context.Background()); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("none yet: %v", err)
	}
}

package pages_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
	"github.com/assay-pipeline/assay/pipeline/model"
)

const steering = "</td><script>alert(1)</script> \u202egnp.exe\u2066 \x1b[2J"

func TestEvals(t *testing.T) {
	opt := options(t, project(t), httpapi.Local{Subject: "ann"})
	b := browse(t, opt)
	b.get("/evals").want(t, "none", 200, "No run is kept", `<a href="/evals" aria-current="page">`)
	run := func(id string, day int, score float64, j evals.Judgement) evals.Run {
		return evals.Run{ID: id, Suite: "parse", Title: "Parsing", Kind: evals.Nightly, At: noon.AddDate(0, 0, day-10), Score: score, Cases: 3, Passes: 2, Judgement: j, Tolerance: 0.02,
			Difference: &stats.Difference{Base: 0.9, Now: score, Mean: score - 0.9, Lo: score - 0.95, Hi: score - 0.85},
			Figures:    []evals.Figure{{Scorer: "exact", Value: score, Lo: score - 0.05, Hi: score + 0.05, Cases: 3}},
			Slices:     []evals.Slice{{Key: "category", Value: steering, Cases: 2, Score: score}}, Reasons: []string{"because " + steering}}
	}
	ctx := context.Background()
	long := strings.Repeat("ä", 500_000)
	for _, r := range []evals.Run{run("r1", 1, 0.9, evals.Locked), run("r2", 2, 0.91, evals.Passed), run("r3", 3, 0.7, evals.Tripped)} {
		results := []evals.Result{{Case: "c1", Scores: []float64{0.5}, Last: evals.Scored{Case: "c1", Text: steering + long, Misses: []evals.Miss{{What: "thread", Want: "M8", Got: steering, Critical: true}}}}, {Case: "c2", Scores: []float64{1}}}
		if err := opt.Evals.PutRun(ctx, r, results); err != nil {
			t.Fatal(err)
		}
	}
	if err := opt.Evals.PutBaseline(ctx, evals.Baseline{Suite: "parse", Run: "r1", At: noon, By: "ann", Note: steering}); err != nil {
		t.Fatal(err)
	}
	b.get("/evals").want(t, "the list", 200, `href="/evals/r3"`, "tripped", "-20.00 (-25.00 to -15.00)", "score of 3 runs, now 0.700")
	b.get("/evals?suite=other").want(t, "another suite", 200, "No run is kept of this suite")
	a := b.get("/evals/r3")
	a.want(t, "a run", 200, "baseline 0.900, tolerance 0.020", "95 % interval", "&lt;script&gt;", "⟦U+202E⟧", "␛[2J", "critical", "Baselines", "by ann", `class="trip"`, "kB more)")
	if strings.Contains(a.body, "\u202e") || strings.Contains(a.body, "<script>") || inline.MatchString(a.body) {
		t.Error("steering text reaches the page as it is")
	}
	if len(a.body) > 60_000 {
		t.Errorf("the page has %d bytes", len(a.body))
	}
	b.get("/evals/none").want(t, "none", 404, "There is nothing here")
}

func TestCost(t *testing.T) {
	opt := options(t, project(t), httpapi.Local{Subject: "ann"}, func(o *pages.Options) { o.Budget = pages.Budget{Micros: 5_000_000, Tokens: -1} })
	b := browse(t, opt)
	b.get("/cost").want(t, "nothing", 200, "No model was asked in this time", "no bound", "of 5")
	call := func(id, item, name string, micros int64, at time.Time) model.Call {
		return model.Call{ID: id, Key: id, At: at, Model: name, Purpose: "extract", Item: item, Batch: "b", Usage: model.Usage{In: 1200, Out: 30, Cached: 1000}, Micros: micros, Priced: micros > 0}
	}
	err := opt.Store.Settle(context.Background(), model.Settlement{Day: noon.Format(time.DateOnly), Spendings: []model.Spending{{Account: "model.micros", Amount: 2_500_000, Most: -1}},
		Calls: []model.Call{call("1", "parts/1", "bedrock:x", 2_000_000, noon), call("2", "spares/9", steering, 500_000, noon.Add(-time.Hour)), call("3", "parts/2", "ollama:y", 0, noon.AddDate(0, 0, -3))}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.get("/cost").body, "not asked") {
		t.Error("nothing was saved")
	}
	if err := opt.Store.Spend(context.Background(), noon.AddDate(0, 0, -2).Format(time.DateOnly), model.Spending{Account: "model.kept", Amount: 1234, Most: -1}, model.Spending{Account: "model.kept_micros", Amount: 3_100_000, Most: -1}, model.Spending{Account: "model.rules", Amount: 77, Most: -1}); err != nil {
		t.Fatal(err)
	}
	b.get("/cost").want(t, "what was saved", 200, "What was not asked", "<b>1 234</b>", "<b>77</b>", model.Money(3_100_000), "Since the beginning of 2026-02-23")
	b.get("/cost").want(t, "costs", 200, "bedrock:x", "By stage", "extract", "By feed", ">parts<", ">spares<", "no price", "50 %", "&lt;script&gt;", "2026-03-02")
	if a := b.get("/cost?days=1"); a.status != 200 || strings.Contains(a.body, "ollama") {
		t.Errorf("%d: a day shows what is older", a.status)
	}
}

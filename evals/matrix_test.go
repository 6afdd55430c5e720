package evals

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// ran is a run of n cases with a model, all with one score, price and latency.
func ran(model string, score float64, micros int64, late time.Duration) (*Run, []Result) {
	run := &Run{Suite: "s", Versions: Versions{Model: model}, Score: score, Cases: 40, Judgement: Uncompared}
	var results []Result
	for i := range run.Cases {
		results = append(results, Result{Case: fmt.Sprint(i), Scores: []float64{score}, Last: Scored{Spent: Spent{Micros: micros, Tokens: 100, Latency: late}}})
	}
	return run, results
}

// TestMatrix: who is on the front, what a model costs that has no price, what a
// model is that is down, and one that breaks an invariant.
func TestMatrix(t *testing.T) {
	var m Matrix
	add := func(model string, score float64, micros int64, late time.Duration, priced bool) *Run {
		run, results := ran(model, score, micros, late)
		m.Add(run, results, "present", priced)
		return run
	}
	add("good", 0.95, 2000, 900*time.Millisecond, true)
	add("cheap", 0.90, 100, 900*time.Millisecond, true)
	add("worse in all", 0.89, 2100, 950*time.Millisecond, true)
	add("as good, a little later", 0.95, 2000, 904*time.Millisecond, true)
	add("no price", 0.99, 0, 100*time.Millisecond, false)
	run, results := ran("leaks", 1, 1, time.Millisecond)
	run.Breaches = []Breach{{Invariant: NoPIILeak, Case: "1", Detail: "x"}}
	m.Add(run, results, "present", true)
	run, results = ran("down", 0, 0, 0)
	run.Judgement, run.Reasons = Unfinished, []string{"40 of 40 cases could not be answered"}
	m.Add(run, results, "present", true)
	m.Fail("s", "nobody", "present", pipeline.Errorf(pipeline.CodeUnavailable, "no such host"))
	m.Mark()
	var front []string
	for _, c := range m.Cells {
		if c.Front {
			front = append(front, c.Model)
		}
	}
	if got := strings.Join(front, ", "); got != "good, cheap, as good, a little later, no price" {
		t.Errorf("on the front: %s", got)
	}
	if !m.Failed() {
		t.Error("a model that is down did not fail")
	}
	if c := m.Cells[1]; c.Against == nil || c.Against.Mean > -0.04 || *c.Dollars != 0.1 || c.P95 != 900 {
		t.Errorf("%+v", c)
	}
	var text, lines bytes.Buffer
	if err := m.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no price", "breaks no-pii-leak", "error", "pareto", "40 of 40"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &text)
		}
	}
	if err := m.WriteCSV(&lines); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&lines).ReadAll()
	if err != nil || len(rows) != 1+len(m.Cells) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows[7][4] == "" || rows[7][5] != "" || rows[5][10] != "" {
		t.Errorf("a model that is down has a score, or one without a price a cost: %q %q", rows[7], rows[5])
	}
}

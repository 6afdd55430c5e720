package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// project is a folder with an empty lake.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lake"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The clock's event runs the suites that it names: without a baseline nothing is
// compared, with one it is, and each run leaves its page.
func TestHandleEvent(t *testing.T) {
	ctx := context.Background()
	dir := project(t)
	h, err := newHandler(ctx, nil, dir, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	event, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := h.Handle(ctx, json.RawMessage(event))
	if err != nil || len(first.Runs) != 1 || first.Runs[0].Suite != "category" || first.Runs[0].Judgement != evals.Uncompared {
		t.Fatalf("%+v, %v", first, err)
	}
	set, err := evals.Load(h.folder, "category")
	if err != nil {
		t.Fatal(err)
	}
	if run, _, err := h.runner.Lock(ctx, set, evals.LockOptions{}); err != nil || run.Judgement != evals.Locked {
		t.Fatalf("%+v, %v", run, err)
	}
	again, err := h.Handle(ctx, json.RawMessage(event))
	if err != nil || again.Runs[0].Judgement != evals.Passed {
		t.Fatalf("%+v, %v", again, err)
	}
	page, err := h.lake.ReadObject(ctx, again.Runs[0].Report)
	if err != nil || !strings.Contains(string(page), "Telling what an item is") {
		t.Errorf("%d bytes, %v", len(page), err)
	}
	if _, err := h.Handle(ctx, json.RawMessage(`{"suites": ["nothing"]}`)); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("a suite that is none: %v", err)
	}
	if _, err := h.Handle(ctx, json.RawMessage(`[]`)); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("an event that is none: %v", err)
	}
	all, err := h.Handle(ctx, json.RawMessage(`{}`))
	if err != nil || len(all.Runs) < 6 {
		t.Errorf("%d runs, %v", len(all.Runs), err)
	}
}

// The red team's clock: variants of the cases are asked beside them, and what
// failed lies in the lake as cases to be adopted.
func TestRedTeam(t *testing.T) {
	ctx := context.Background()
	h, err := newHandler(ctx, nil, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	event, err := os.ReadFile(filepath.Join("testdata", "redteam.json"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Handle(ctx, json.RawMessage(event))
	if err != nil || len(res.Runs) != 1 || res.Runs[0].Suite != "redteam" {
		t.Fatalf("%+v, %v", res, err)
	}
	set, err := evals.Load(h.folder, "redteam")
	if err != nil {
		t.Fatal(err)
	}
	run, err := h.runner.Store.Run(ctx, res.Runs[0].Run)
	if err != nil || run.Cases != 11*len(set.Cases) {
		t.Errorf("%d cases, %v", run.Cases, err)
	}
	if key := res.Runs[0].Failures; key != "" {
		lines, err := h.lake.ReadObject(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := evals.Adopt(set, "failures.jsonl", lines); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Handle(ctx, json.RawMessage(`{"suites": ["redteam"], "variants": 9999}`)); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("too many variants: %v", err)
	}
}

// A model that is down in the middle of the night: the run is unfinished, the
// schedule is told to come again.
func TestModelDown(t *testing.T) {
	ctx := context.Background()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer down.Close()
	h, err := newHandler(ctx, []string{"ASSAY_LLM=ollama:any", "ASSAY_LLM_URL=" + down.URL, "ASSAY_LLM_TRIES=1"}, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Handle(ctx, json.RawMessage(`{"suites": ["category"]}`))
	if pipeline.ErrorCode(err) == "" || !strings.Contains(err.Error(), "category could not be finished") {
		t.Fatalf("%+v, %v", res, err)
	}
	if len(res.Runs) != 1 || res.Runs[0].Judgement != evals.Unfinished {
		t.Errorf("%+v", res)
	}
}

// The hourly event asks the live indexes and counts what they found, then tries
// what is half-open: a breaker that a suite opened closes where the suite passes.
func TestWatch(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	var lines bytes.Buffer
	h, err := newHandler(ctx, []string{"ASSAY_METRICS=emf:Assay"}, project(t), app.Options{Now: func() time.Time { return now }, Metrics: &lines, Function: "evals"})
	if err != nil {
		t.Fatal(err)
	}
	event, err := os.ReadFile(filepath.Join("testdata", "watch.json"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := h.Handle(ctx, event)
	if err != nil || len(first.Runs) != 0 || len(first.Canaries) != 1 || !first.Canaries[0].Locked || len(first.Probed) != 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, name := range []string{`"CanaryPrecision"`, `"CanaryLatency"`, `"CanaryErrors"`, `"Set":"knowledge"`} {
		if !strings.Contains(lines.String(), name) {
			t.Errorf("no %s in %s", name, lines.String())
		}
	}
	set, err := evals.Load(h.folder, "category")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.runner.Lock(ctx, set, evals.LockOptions{}); err != nil {
		t.Fatal(err)
	}
	w, err := h.app.Wire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Trip(ctx, flow.Trip{Scope: flow.ParseStage, Source: "category", ID: "r1", Reason: "worse", Evidence: map[string]float64{"change": -0.1}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if res, err := h.Handle(ctx, event); err != nil || len(res.Probed) != 0 || res.Canaries[0].Tripped {
		t.Fatalf("before the cooldown is over: %+v, %v", res, err)
	}
	now = now.Add(2 * time.Hour)
	if res, err := h.Handle(ctx, event); err != nil || len(res.Probed) != 1 || res.Probed[0].Scope != flow.ParseStage || res.Probed[0].Position != breaker.Closed {
		t.Fatalf("%+v, %v", res, err)
	}
}

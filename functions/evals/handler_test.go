package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
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

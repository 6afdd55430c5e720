package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// What stands in the outbox leaves when the clock says so, once, with the trace
// of what caused it.
func TestHandle(t *testing.T) {
	ctx := pipeline.WithTrace(context.Background(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lake"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{})
	defer a.Close()
	s, err := a.Store(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e, err := pipeline.NewEvent(pipeline.BudgetReached, "assay/budget", "b", "b", time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC), flow.BudgetData{Account: "model.micros", Day: "2026-03-02", Percent: 50, Most: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutOutgoing(ctx, flow.Outgoing{Event: &e}, flow.Outgoing{Message: &flow.Message{ID: "m", Topic: flow.TopicParse, Body: json.RawMessage(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	h, err := newHandler(ctx, nil, dir, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	event, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} {
		if res, err := h.Handle(ctx, event); err != nil || res.Sent != want {
			t.Errorf("%+v, %v, want %d sent", res, err, want)
		}
	}
	out, err := os.ReadFile(filepath.Join(dir, ".assay", "events.jsonl"))
	if err != nil || !strings.Contains(string(out), `"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"`) {
		t.Errorf("the event left without its trace: %s %v", out, err)
	}
}

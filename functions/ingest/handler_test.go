package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// project is a folder as assay init writes it, with one landed file.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	scaffold := filepath.Join("..", "..", "cmd", "assay", "scaffold")
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join(scaffold, "contracts"))); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(scaffold, "landing", "parts-2026-03-02.csv"))
	if err != nil {
		t.Fatal(err)
	}
	landing := filepath.Join(dir, "lake", "landing", "parts")
	if err := os.MkdirAll(landing, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(landing, "parts 2026-03-02.csv"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestHandleEvent(t *testing.T) {
	ctx := context.Background()
	h, err := newHandler(ctx, nil, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	event, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := h.Handle(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Batches) != 1 {
		t.Fatalf("%d batches, want 1", len(first.Batches))
	}
	b := first.Batches[0]
	if b.Stage != flow.Done || b.Rows != (pipeline.Rows{Read: 6, Accepted: 4, Rejected: 2}) || b.Decision != pipeline.PublishAccepted {
		t.Errorf("batch: %+v", b)
	}
	// The event comes twice; nothing changes.
	again, err := h.Handle(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Batches[0]; got.ID != b.ID || got.Seq != b.Seq || !got.Updated.Equal(b.Updated) {
		t.Errorf("the second delivery changed the batch: %+v, was %+v", got, b)
	}
	direct, err := h.Handle(ctx, json.RawMessage(`{"bucket": "assay-lake", "key": "landing/parts/parts 2026-03-02.csv"}`))
	if err != nil || direct.Batches[0].ID != b.ID {
		t.Errorf("direct invocation: %+v, %v", direct, err)
	}
}

func TestHandleWhatCanNeverSucceed(t *testing.T) {
	ctx := context.Background()
	h, err := newHandler(ctx, nil, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, event := range map[string]string{
		"not JSON":  `landing/parts/x.csv`,
		"no object": `{"Records": []}`,
		"bad key":   `{"Records": [{"s3": {"object": {"key": "landing/parts/%zz.csv"}}}]}`,
	} {
		if _, err := h.Handle(ctx, json.RawMessage(event)); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	// An object that is gone, or that landed nowhere, ends here with a reason:
	// the event must not come again for ever.
	for _, key := range []string{"landing/parts/gone.csv", "elsewhere/x.csv"} {
		res, err := h.Handle(ctx, json.RawMessage(`{"bucket": "b", "key": "`+key+`"}`))
		if err != nil || len(res.Batches) != 1 || res.Batches[0].Stage != flow.Unjudged || res.Batches[0].Reason == "" {
			t.Errorf("%s: %+v, %v", key, res, err)
		}
	}
}

func TestNewHandlerReportsConfiguration(t *testing.T) {
	if _, err := newHandler(context.Background(), []string{"ASSAY_MEMORY=lots"}, t.TempDir(), app.Options{}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("%v, want invalid", err)
	}
}

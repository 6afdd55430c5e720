package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// held is a handler whose project has one batch that the breaker holds.
func held(t *testing.T) *handler {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	scaffold := filepath.Join("..", "..", "cmd", "assay", "scaffold")
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join(scaffold, "contracts"))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "lake", "landing", "parts"), os.DirFS(filepath.Join(scaffold, "landing"))); err != nil {
		t.Fatal(err)
	}
	h, err := newHandler(ctx, nil, dir, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ingest.Signal(ctx, "parts", "trip", "ops", "a drill"); err != nil {
		t.Fatal(err)
	}
	b, err := h.ingest.Object(ctx, "landing/parts/parts-2026-03-02.csv")
	if err != nil || b.Stage != flow.Held {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, err := h.ingest.Signal(ctx, "parts", "reset", "ops", "the drill is over"); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRequests(t *testing.T) {
	ctx := context.Background()
	h := held(t)
	event, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Handle(ctx, event)
	if err != nil || len(out.(response).Batches) != 1 || !out.(response).Batches[0].Released {
		t.Fatalf("dry: %+v, %v", out, err)
	}
	out, err = h.Handle(ctx, json.RawMessage(`{"feed": "parts"}`))
	if err != nil || len(out.(response).Batches) != 1 || out.(response).Batches[0].Stage != flow.Done {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err = h.Handle(ctx, json.RawMessage(`{"all": true}`)); err != nil || len(out.(response).Batches) != 0 {
		t.Errorf("a second time: %+v, %v", out, err)
	}
	for _, bad := range []string{`{}`, `[]`, `{"redrive": {"from": "x", "to": "x", "most": 1}}`, `{"redrive": {}}`} {
		if _, err := h.Handle(ctx, json.RawMessage(bad)); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%s: %v, want invalid", bad, err)
		}
	}
}

func TestQueue(t *testing.T) {
	ctx := context.Background()
	h := held(t)
	raw, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "a", Body: `{"id": "1", "topic": "replay", "body": {"feed": "parts"}}`},
		{MessageId: "b", Body: `poison`},
		{MessageId: "c", Body: `{"id": "2", "topic": "parse", "body": {}}`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Handle(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	failed := out.(events.SQSEventResponse).BatchItemFailures
	if len(failed) != 2 || failed[0].ItemIdentifier != "b" || failed[1].ItemIdentifier != "c" {
		t.Errorf("failures: %+v, want b and c", failed)
	}
	left, err := h.ingest.Held(ctx, "")
	if err != nil || len(left) != 0 {
		t.Errorf("%d batches are held still (%v)", len(left), err)
	}
}

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/app"
)

// A sweep that comes by the clock judges the feeds, and a second one finds
// nothing new.
func TestHandle(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join("..", "..", "cmd", "assay", "scaffold", "contracts"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lake"), 0o755); err != nil {
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
	first, err := h.Handle(ctx, json.RawMessage(event))
	if err != nil || first.Feeds != 1 || first.Skipped {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := h.Handle(ctx, json.RawMessage(event))
	if err != nil || len(again.Lapses) > 0 {
		t.Errorf("the second sweep: %+v, %v", again, err)
	}
}

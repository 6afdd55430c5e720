package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/app"
)

// A feed with a good batch is drilled once a month, one without is said to be
// skipped.
func TestHandle(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	scaffold := filepath.Join("..", "..", "cmd", "assay", "scaffold")
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join(scaffold, "contracts"))); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(scaffold, "landing", "parts-2026-03-02.csv"))
	if err != nil {
		t.Fatal(err)
	}
	// Its first row, many times under other keys.
	lines := strings.Split(string(raw), "\n")
	key, rest, _ := strings.Cut(lines[1], ",")
	text := lines[0] + "\n"
	for i := range 60 {
		text += fmt.Sprintf("%s%d,%s\n", key, i, rest)
	}
	landing := filepath.Join(dir, "lake", "landing", "parts")
	if err := os.MkdirAll(landing, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(landing, "parts-2026-03-02.csv"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := newHandler(nil, dir, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.clean = 2
	event, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := h.Handle(ctx, event)
	if err != nil || len(before.Drills) != 0 || len(before.Skipped) != 1 {
		t.Fatalf("without a batch: %+v, %v", before, err)
	}
	in, err := h.app.Ingest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Object(ctx, "landing/parts/parts-2026-03-02.csv"); err != nil {
		t.Fatal(err)
	}
	first, err := h.Handle(ctx, event)
	if err != nil || len(first.Drills) != 1 || first.Drills[0].Feed != "parts" || first.Drills[0].Score == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := h.Handle(ctx, event)
	if err != nil || len(again.Drills) != 0 {
		t.Errorf("drilled twice in a month: %+v, %v", again, err)
	}
}

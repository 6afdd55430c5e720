package model_test

import (
	"context"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// TestSaved: what is not asked is counted, with what asking had cost.
func TestSaved(t *testing.T) {
	ctx := context.Background()
	b := newBed(t, llmtest.Always("25"), open)
	st := &tally{Store: b.store}
	b.Store = st
	since := func(day string) model.Saved {
		t.Helper()
		s, err := model.SavedSince(ctx, b.store, day)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, err := b.Ask(ctx, ask("bore?"))
	if err != nil {
		t.Fatal(err)
	}
	if since("").Any() {
		t.Errorf("%+v before anything was", since(""))
	}
	writes := st.writes.Load()
	end := b.Group()
	for range 10 {
		if a, err := b.Ask(ctx, ask("bore?")); err != nil || !a.Kept {
			t.Fatalf("%v %+v", err, a)
		}
		b.Spared(ctx)
	}
	if err := end(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	want := model.Saved{Answers: 10, Tokens: 10 * int64(first.Usage.Total()), Micros: 10 * first.Micros, Items: 10}
	if got := since("2026-03-28"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := st.writes.Load() - writes; n != 1 {
		t.Errorf("%d writes for ten answers", n)
	}
	if since("2026-03-29").Any() {
		t.Error("a later day has it")
	}
	if d, err := model.Today(ctx, b.store, b.now, nil); err != nil || d.Micros != first.Micros {
		t.Errorf("what was saved was spent: %v %+v", err, d)
	}
}

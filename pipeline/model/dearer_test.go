package model_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
)

func TestDearer(t *testing.T) {
	ctx := context.Background()
	b := newBed(t, llmtest.Always("25"), open)
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	spend := func(daysAgo int, micros, items int64) {
		t.Helper()
		day := now.AddDate(0, 0, -daysAgo).Format(time.DateOnly)
		if err := b.store.Spend(ctx, day, model.Spending{Account: "model.micros", Amount: micros, Most: -1}, model.Spending{Account: "model.items", Amount: items, Most: -1}); err != nil {
			t.Fatal(err)
		}
	}
	level := func() int {
		t.Helper()
		a, err := model.Dearer(ctx, b.store, now, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a == nil {
			return 0
		}
		if a.Account != "model.item_micros" || a.Day != "2026-03-28" {
			t.Errorf("%+v", a)
		}
		return a.Percent
	}
	spend(0, 9000, 60)
	if n := level(); n != 0 {
		t.Errorf("nothing before, and %d", n)
	}
	spend(8, 100, 1000) // too long ago
	spend(7, 3000, 30)
	spend(1, 3000, 30) // 100 an item
	if n := level(); n != 150 {
		t.Errorf("150 an item after 100: %d", n)
	}
	spend(0, 12_000, 40)
	if n := level(); n != 200 {
		t.Errorf("210 an item after 100: %d", n)
	}
	spend(0, 0, 200)
	if n := level(); n != 0 {
		t.Errorf("70 an item after 100: %d", n)
	}
}

// Items are counted once, whatever is asked about them.
func TestItemsAreCounted(t *testing.T) {
	ctx := context.Background()
	b := newBed(t, llmtest.Always("25"), open)
	for _, group := range []bool{false, true} {
		end := func(context.Context) error { return nil }
		if group {
			end = b.Group()
		}
		for i := range 3 {
			q := ask(fmt.Sprint(group, i))
			q.First = i < 2
			if _, err := b.Ask(ctx, q); err != nil {
				t.Fatal(err)
			}
		}
		if err := end(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := b.store.Spent(ctx, "model.items", "2026-03-28"); err != nil || n != 4 {
		t.Errorf("%d items, %v", n, err)
	}
}

package model_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// A tally is a store that counts its writing transactions, and can be cut off.
type tally struct {
	model.Store
	writes atomic.Int64
	gone   atomic.Bool
}

func (s *tally) Spend(ctx context.Context, day string, sp ...model.Spending) error {
	s.writes.Add(1)
	return s.Store.Spend(ctx, day, sp...)
}

func (s *tally) Settle(ctx context.Context, st model.Settlement) error {
	s.writes.Add(1)
	if s.gone.Load() {
		return pipeline.Errorf(pipeline.CodeUnavailable, "the store is gone")
	}
	return s.Store.Settle(ctx, st)
}

func (b *bed) spent(t *testing.T) (micros, tokens int64) {
	t.Helper()
	d, err := model.Today(context.Background(), b.store, b.now, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return d.Micros, d.Tokens
}

func TestGroup(t *testing.T) {
	ctx := context.Background()
	b := newBed(t, llmtest.Always("25"), with(open, func(l *model.Limits) { l.DayTokens = 10_000_000; l.DayMicros = 1_000_000_000 }))
	st := &tally{Store: b.store}
	b.Store = st
	end := b.Group()
	var micros, tokens int64
	for i := range 100 {
		a, err := b.Ask(ctx, ask(fmt.Sprint("bore ", i)))
		if err != nil {
			t.Fatal(err)
		}
		micros += a.Micros
		tokens += int64(a.Usage.Total())
	}
	// An answer that still waits is an answer.
	if a, err := b.Ask(ctx, ask("bore 99")); err != nil || !a.Kept || a.Reply.Text != "25" || len(b.server.Asked()) != 100 {
		t.Errorf("asked twice: %v %+v", err, a)
	}
	if m, n := b.spent(t); m < micros || n < tokens {
		t.Errorf("%d and %d are used and %d and %d reserved", micros, tokens, m, n)
	}
	if err := end(ctx); err != nil {
		t.Fatal(err)
	}
	if m, n := b.spent(t); m != micros || n != tokens {
		t.Errorf("spent %d and %d, want %d and %d", m, n, micros, tokens)
	}
	if n := st.writes.Load(); n > 40 {
		t.Errorf("%d transactions for 100 questions", n)
	}
	calls, err := b.store.Calls(ctx, model.CallFilter{Limit: 1000})
	if err != nil || len(calls) != 100 {
		t.Errorf("%v, %d calls in the log", err, len(calls))
	}
	for i := range 100 {
		if a, err := b.client(t, open).Ask(ctx, ask(fmt.Sprint("bore ", i))); err != nil || !a.Kept {
			t.Fatalf("question %d: %v, kept %v", i, err, a.Kept)
		}
	}
	// Outside a group each question is settled when it is answered.
	a, err := b.Ask(ctx, ask("alone"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Call(ctx, a.Call); err != nil {
		t.Error(err)
	}
	if m, _ := b.spent(t); m != micros+a.Micros {
		t.Errorf("spent %d, want %d", m, micros+a.Micros)
	}
}

// What a crash loses is never spent twice: its reservation stays.
func TestGroupAndCrash(t *testing.T) {
	ctx := context.Background()
	b := newBed(t, llmtest.Always("25"), with(open, func(l *model.Limits) { l.DayMicros = 1_000_000_000 }))
	b.Group() // and nobody ends it
	var micros int64
	for i := range 40 {
		a, err := b.Ask(ctx, ask(fmt.Sprint("bore ", i)))
		if err != nil {
			t.Fatal(err)
		}
		micros += a.Micros
	}
	if m, _ := b.spent(t); m < micros {
		t.Errorf("%d of %d are in the store", m, micros)
	}
	kept := 0
	other := b.client(t, open)
	for i := range 40 {
		a, err := other.Ask(ctx, ask(fmt.Sprint("bore ", i)))
		if err != nil {
			t.Fatal(err)
		}
		if a.Kept {
			kept++
		}
	}
	if kept < 32 {
		t.Errorf("%d of 40 answers survived", kept)
	}
}

// An answer does not wait for the next one.
func TestGroupWaitsASecond(t *testing.T) {
	ctx := context.Background()
	b := newBed(t, llmtest.Always("25"), open)
	end := b.Group()
	a, err := b.Ask(ctx, ask("bore?"))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := b.store.Call(ctx, a.Call); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it still waits")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}

// Groups of several processes spend no more than the day allows, and as much
// as single questions would.
func TestGroupsAndBudget(t *testing.T) {
	ctx := context.Background()
	limits := with(open, func(l *model.Limits) { l.DayTokens = 12_000; l.Concurrency = 8 })
	count := func(group bool) (answered int, tokens int64) {
		b := newBed(t, llmtest.Always("12345"), limits)
		clients := []*model.Client{b.Client, b.client(t, limits), b.client(t, limits)}
		var ends []func(context.Context) error
		if group {
			for _, c := range clients {
				ends = append(ends, c.Group())
			}
		}
		var mu sync.Mutex
		var used int64
		var wg sync.WaitGroup
		for i := range 9 {
			wg.Go(func() {
				for j := range 20 {
					a, err := clients[i%3].Ask(ctx, ask(fmt.Sprintf("%d %d", i, j)))
					mu.Lock()
					used += int64(a.Usage.Total())
					if err == nil {
						answered++
					} else if pipeline.ErrorCode(err) != pipeline.CodeLimit {
						t.Error(err)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for _, end := range ends {
			if err := end(ctx); err != nil {
				t.Error(err)
			}
		}
		if _, n := b.spent(t); n != used || n > 12_000 {
			t.Errorf("the store says %d, used %d of 12000", n, used)
		}
		return answered, used
	}
	single, _ := count(false)
	grouped, _ := count(true)
	if single == 0 || grouped < single-6 {
		t.Errorf("%d answers one by one, %d in groups", single, grouped)
	}
}

// Where the store cannot be written, the end of the group says so, and what
// waits is written when it can be.
func TestGroupWithoutStore(t *testing.T) {
	ctx := context.Background()
	b := newBed(t, llmtest.Always("25"), open)
	st := &tally{Store: b.store}
	b.Store = st
	end := b.Group()
	a, err := b.Ask(ctx, ask("bore?"))
	if err != nil {
		t.Fatal(err)
	}
	st.gone.Store(true)
	if err := end(ctx); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("%v", err)
	}
	st.gone.Store(false)
	if again, err := b.Ask(ctx, ask("bore?")); err != nil || !again.Kept {
		t.Errorf("%v %+v", err, again)
	}
	if err := b.Group()(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Call(ctx, a.Call); err != nil {
		t.Error(err)
	}
	if m, _ := b.spent(t); m != a.Micros {
		t.Errorf("spent %d, want %d", m, a.Micros)
	}
}

package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

func call(n int, name, item, batch string, micros int64) model.Call {
	return model.Call{
		ID: id("call", n), Key: id("key", n), At: at(n), Model: name, Purpose: "extract", Item: item, Batch: batch,
		Prompt: "extract/1", Retrieved: []string{"bearing/seal/2RS"},
		Request:  model.Request{System: "sys", Messages: []model.Message{{Role: model.User, Text: "ümläut \u2028 \"<x>\""}}, Schema: &model.Schema{Name: "s", JSON: []byte(`{"type":"object"}`)}, MaxTokens: 9},
		Reply:    model.Reply{Text: `{"a":1}`, Model: "m-1", RequestID: "r", Usage: model.Usage{In: 10, Out: 2, Cached: 5}, Stop: model.StopEnd, Latency: 1234567},
		Attempts: []model.Attempt{{Status: 429, Error: "busy"}, {Status: 200, Usage: model.Usage{In: 10, Out: 2, Cached: 5}, Micros: micros, Latency: 99}},
		Usage:    model.Usage{In: 10, Out: 2, Cached: 5}, Micros: micros, Priced: micros > 0,
	}
}

func callIDs(cs []model.Call) (ids []string) {
	for _, c := range cs {
		ids = append(ids, c.ID)
	}
	return ids
}

func calls(t *testing.T, p Place) {
	s := p(t)
	a, b, c := call(1, "openai:x", "f/1", "b1", 30), call(2, "ollama:y", "f/2", "b1", 0), call(3, "openai:x", "f/1", "b2", 12)
	c.Error = "it broke"
	c.At = at(90_000) // the next day
	for n, x := range []model.Call{b, a, c} {
		st := model.Settlement{Day: "2026-03-29", Spendings: []model.Spending{{Account: "money", Amount: int64(n + 1), Most: -1}}, Calls: []model.Call{x}}
		if x.Error == "" {
			st.Answers = []model.Answered{{Key: x.Key, Item: x.Item, Call: x.ID, Reply: x.Reply, At: at(n)}}
		}
		ok(t, s.Settle(ctx, st))
	}
	equal(t, "settled with the calls", must(s.Spent(ctx, "money", "2026-03-29"))(t), int64(6))
	equal(t, "one", must(s.Call(ctx, a.ID))(t), a)
	_, err := s.Call(ctx, "nothing")
	code(t, "none", err, pipeline.CodeNotFound)
	equal(t, "all, newest first", callIDs(must(s.Calls(ctx, model.CallFilter{}))(t)), []string{c.ID, b.ID, a.ID})
	equal(t, "of an item", callIDs(must(s.Calls(ctx, model.CallFilter{Item: "f/1"}))(t)), []string{c.ID, a.ID})
	equal(t, "of a batch", callIDs(must(s.Calls(ctx, model.CallFilter{Batch: "b1"}))(t)), []string{b.ID, a.ID})
	equal(t, "of a model, since, limited", callIDs(must(s.Calls(ctx, model.CallFilter{Model: "openai:x", Since: at(1), Limit: 1}))(t)), []string{c.ID})
	ok(t, s.Settle(ctx, model.Settlement{Day: "2026-03-29", Calls: []model.Call{a}}))
	equal(t, "put twice", len(must(s.Calls(ctx, model.CallFilter{}))(t)), 3)

	two := model.Usage{In: 20, Out: 4, Cached: 10}
	equal(t, "by model", must(s.SumCalls(ctx, "model", time.Time{}))(t), []model.Sum{
		{Group: "openai:x", Calls: 2, Failed: 1, Usage: two, Micros: 42},
		{Group: "ollama:y", Calls: 1, Usage: a.Usage, Unpriced: 1},
	})
	equal(t, "by day", must(s.SumCalls(ctx, "day", time.Time{}))(t), []model.Sum{
		{Group: "2026-03-29", Calls: 2, Usage: two, Micros: 30, Unpriced: 1},
		{Group: "2026-03-30", Calls: 1, Failed: 1, Usage: a.Usage, Micros: 12},
	})
	equal(t, "by feed", must(s.SumCalls(ctx, "feed", time.Time{}))(t), []model.Sum{
		{Group: "f", Calls: 3, Failed: 1, Usage: two.Add(a.Usage), Micros: 42, Unpriced: 1},
	})
	equal(t, "by batch, since", must(s.SumCalls(ctx, "batch", at(2)))(t), []model.Sum{
		{Group: "b2", Calls: 1, Failed: 1, Usage: a.Usage, Micros: 12},
		{Group: "b1", Calls: 1, Usage: a.Usage, Unpriced: 1},
	})
	_, err = s.SumCalls(ctx, "colour", time.Time{})
	code(t, "by something else", err, pipeline.CodeInvalid)
	code(t, "no id", s.Settle(ctx, model.Settlement{Calls: []model.Call{{}}, Spendings: []model.Spending{{Account: "money", Amount: 5, Most: -1}}}), pipeline.CodeInvalid)
	code(t, "an answer to nothing", s.Settle(ctx, model.Settlement{Day: "2026-03-29", Calls: []model.Call{call(9, "m", "", "", 0)}, Answers: []model.Answered{{}},
		Spendings: []model.Spending{{Account: "money", Amount: 5, Most: -1}}}), pipeline.CodeInvalid)
	equal(t, "nothing by halves", must(s.Spent(ctx, "money", "2026-03-29"))(t), int64(6))

	// The fixed part is kept once.
	fixed := model.Fixed{System: "ümläut \u2028", Schema: &model.Schema{Name: "s", JSON: []byte(`{"type":"object"}`)}}
	ok(t, s.PutFixed(ctx, "f1", fixed))
	ok(t, s.PutFixed(ctx, "f1", fixed))
	equal(t, "the fixed part", must(s.Fixed(ctx, "f1"))(t), fixed)
	_, err = s.Fixed(ctx, "f2")
	code(t, "no fixed part", err, pipeline.CodeNotFound)

	// Answers outlive a handle, and go with their calls.
	other := p(t)
	equal(t, "an answer", must(other.Answer(ctx, b.Key))(t), model.Answered{Key: b.Key, Item: b.Item, Call: b.ID, Reply: b.Reply, At: at(0)})
	_, err = s.Answer(ctx, "nothing")
	code(t, "no answer", err, pipeline.CodeNotFound)
	equal(t, "forgotten with the item", must(s.EraseItems(ctx, []string{"f/1"}))(t), 3)
	equal(t, "left", callIDs(must(s.Calls(ctx, model.CallFilter{}))(t)), []string{b.ID})
	_, err = s.Answer(ctx, a.Key)
	code(t, "the answer went too", err, pipeline.CodeNotFound)
	equal(t, "too old", must(s.DeleteCalls(ctx, at(3)))(t), 1)
	_, err = s.Answer(ctx, b.Key)
	code(t, "its answer", err, pipeline.CodeNotFound)
}

func budgets(t *testing.T, p Place) {
	s := p(t)
	equal(t, "nothing spent", must(s.Spent(ctx, "money", "2026-05-01"))(t), int64(0))
	spend := func(account, day string, amount, most int64) error {
		return s.Spend(ctx, day, model.Spending{Account: account, Amount: amount, Most: most})
	}
	sum := func(account, day string) int64 { return must(s.Spent(ctx, account, day))(t) }
	ok(t, spend("money", "2026-05-01", 60, 100))
	code(t, "too much", spend("money", "2026-05-01", 41, 100), pipeline.CodeLimit)
	equal(t, "nothing changed", sum("money", "2026-05-01"), int64(60))
	ok(t, spend("money", "2026-05-01", 40, 100))
	equal(t, "exactly all", sum("money", "2026-05-01"), int64(100))
	ok(t, spend("kept", "2026-04-30", 3, -1))
	ok(t, spend("kept", "2026-05-02", 4, -1))
	since := func(account, day string) int64 { return must(s.SpentSince(ctx, account, day))(t) }
	equal(t, "over days", since("kept", "2026-04-30"), int64(7))
	equal(t, "since a day", since("kept", "2026-05-01"), int64(4))
	equal(t, "of another account", since("nothing", "2026-05-01"), int64(0))
	ok(t, spend("money", "2026-05-01", -30, 100))
	equal(t, "given back", sum("money", "2026-05-01"), int64(70))
	ok(t, spend("money", "2026-05-01", 500, -1))
	equal(t, "without a bound", sum("money", "2026-05-01"), int64(570))
	code(t, "nothing allowed", spend("money", "2026-05-02", 1, 0), pipeline.CodeLimit)
	ok(t, spend("money", "2026-05-02", 1, 1))
	equal(t, "another day", sum("money", "2026-05-02"), int64(1))
	equal(t, "the first day", sum("money", "2026-05-01"), int64(570))

	// Several accounts are one decision.
	both := func(tokens, money int64) error {
		return s.Spend(ctx, "2026-05-03", model.Spending{Account: "tokens", Amount: tokens, Most: 100}, model.Spending{Account: "money", Amount: money, Most: 10})
	}
	ok(t, both(50, 5))
	code(t, "no money for the tokens", both(10, 6), pipeline.CodeLimit)
	code(t, "no tokens for the money", both(60, 1), pipeline.CodeLimit)
	equal(t, "all or none", []int64{sum("tokens", "2026-05-03"), sum("money", "2026-05-03")}, []int64{50, 5})
	code(t, "no account", s.Spend(ctx, "2026-05-03", model.Spending{Amount: 1, Most: 5}), pipeline.CodeInvalid)

	// However many spend at once, the bound holds.
	handles := []Store{s, p(t), p(t)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	for n := range 60 {
		wg.Go(func() {
			err := handles[n%3].Spend(ctx, "2026-05-01", model.Spending{Account: "race", Amount: 3, Most: 100})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				granted++
			} else if pipeline.ErrorCode(err) != pipeline.CodeLimit {
				t.Error(fmt.Errorf("spending at once: %w", err))
			}
		})
	}
	wg.Wait()
	equal(t, "granted", granted, 33)
	equal(t, "spent at once", sum("race", "2026-05-01"), int64(99))
}

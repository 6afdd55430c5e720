package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

func question(n int, priority float64) review.Entry {
	return review.Entry{ID: id("r", n), Kind: review.Pair, Subject: "a|b", Feed: "parts", Category: "bearing", Reason: "scores 0.71",
		Priority: priority, Data: json.RawMessage(`{"score":0.71}`), Created: at(n), State: review.Open, Version: 1}
}

func reviewIDs(es []review.Entry) (ids []string) {
	for _, e := range es {
		ids = append(ids, e.ID)
	}
	return ids
}

func reviews(t *testing.T, p Place) {
	s := p(t)
	_, err := s.Review(ctx, "nothing")
	code(t, "one that is not there", err, pipeline.CodeNotFound)
	bare := review.Entry{ID: "bare", Kind: review.Question, Priority: -1}
	ok(t, s.AddReviews(ctx, []review.Entry{question(1, 0.5), question(2, 0.9), bare}))
	equal(t, "as stored", must(s.Review(ctx, "r0001"))(t), question(1, 0.5))
	bare.State, bare.Version = review.Open, 1
	equal(t, "what it leaves open", must(s.Review(ctx, "bare"))(t), bare)

	e := question(1, 0.5)
	e.State, e.Holder, e.Until, e.Note = review.Leased, "ann", at(60), "é"
	e.History = []review.Step{{At: at(1), Actor: "ann", Action: "decide", Decision: "same", Note: "x"}}
	got := must(s.UpdateReview(ctx, e))(t)
	e.Version = 2
	equal(t, "returned", got, e)
	equal(t, "stored", must(s.Review(ctx, "r0001"))(t), e)
	stale := e
	stale.Version = 1
	_, err = s.UpdateReview(ctx, stale)
	code(t, "a stale version", err, pipeline.CodeConflict)
	_, err = s.UpdateReview(ctx, question(9, 1))
	code(t, "one that was never added", err, pipeline.CodeNotFound)

	ok(t, s.AddReviews(ctx, []review.Entry{question(1, 77), question(3, 0.9), question(3, 1)}))
	equal(t, "adding leaves what is there", must(s.Review(ctx, "r0001"))(t), e)

	done := question(4, 0.95)
	done.State, done.Decided, done.Decision, done.Decider = review.Decided, at(9), "same", "ann"
	done.Kind, done.Feed, done.Category, done.Subject = review.Record, "tools", "screw", "tools/1"
	ok(t, s.AddReviews(ctx, []review.Entry{done}))
	get := func(f review.Filter) []string { t.Helper(); return reviewIDs(must(s.Reviews(ctx, f))(t)) }
	all := []string{"r0004", "r0002", "r0003", "r0001", "bare"}
	for _, c := range []struct {
		name string
		f    review.Filter
		want []string
	}{
		{"the most pressing first", review.Filter{}, all},
		{"limit", review.Filter{Limit: 2}, all[:2]},
		{"after", review.Filter{After: "r0002"}, all[2:]},
		{"after, limit", review.Filter{After: "r0002", Limit: 1}, all[2:3]},
		{"after the last", review.Filter{After: "bare"}, nil},
		{"kind", review.Filter{Kind: review.Record}, all[:1]},
		{"open", review.Filter{State: review.Open}, []string{"r0002", "r0003", "bare"}},
		{"leased", review.Filter{State: review.Leased}, []string{"r0001"}},
		{"decided", review.Filter{State: review.Decided}, []string{"r0004"}},
		{"feed", review.Filter{Feed: "tools"}, all[:1]},
		{"category", review.Filter{Category: "bearing"}, []string{"r0002", "r0003", "r0001"}},
		{"subject", review.Filter{Subject: "a|b", State: review.Open}, []string{"r0002", "r0003"}},
		{"free while leased", review.Filter{Free: at(59)}, []string{"r0002", "r0003", "bare"}},
		{"free when the lease ends", review.Filter{Free: at(60)}, []string{"r0002", "r0003", "r0001", "bare"}},
		{"waiting", review.Filter{Waiting: true}, []string{"r0002", "r0003", "r0001", "bare"}},
		{"before, the nearest first", review.Filter{Before: "r0001"}, []string{"r0003", "r0002", "r0004"}},
		{"before, of a kind, limit", review.Filter{Before: "bare", Kind: review.Pair, Limit: 2}, []string{"r0001", "r0003"}},
		{"before the first", review.Filter{Before: "r0004"}, nil},
		{"between", review.Filter{After: "r0002", Before: "bare"}, []string{"r0001", "r0003"}},
	} {
		equal(t, c.name, get(c.f), c.want)
		equal(t, c.name+", counted", must(s.CountReviews(ctx, c.f))(t), len(c.want))
	}
	_, err = s.CountReviews(ctx, review.Filter{Before: "nothing"})
	code(t, "a count from what is not there", err, pipeline.CodeNotFound)
	_, err = s.Reviews(ctx, review.Filter{After: "nothing"})
	code(t, "a cursor that is not there", err, pipeline.CodeNotFound)
}

// reviewQueue runs the queue over a real store.
func reviewQueue(t *testing.T, p Place) {
	s := p(t)
	now := at(0)
	q := review.Queue{Store: s, Now: func() time.Time { return now }}
	ok(t, s.AddReviews(ctx, []review.Entry{question(1, 0.5), question(2, 0.9)}))

	first := must(q.Claim(ctx, "ann", time.Minute, review.Filter{}))(t)
	equal(t, "the most pressing", []string{first.ID, first.State, first.Holder}, []string{"r0002", review.Leased, "ann"})
	second := must(q.Claim(ctx, "bob", time.Minute, review.Filter{}))(t)
	equal(t, "the other for bob", second.ID, "r0001")
	_, err := q.Claim(ctx, "cyd", time.Minute, review.Filter{})
	code(t, "nothing waits", err, pipeline.CodeNotFound)
	_, err = q.Decide(ctx, "r0002", "bob", "same", "")
	code(t, "ann holds it", err, pipeline.CodeLocked)
	_, err = q.Take(ctx, "r0002", "bob", time.Minute)
	code(t, "nor can it be taken", err, pipeline.CodeLocked)
	_, err = q.Release(ctx, "r0002", "bob")
	code(t, "nor released", err, pipeline.CodeLocked)

	decided := must(q.Decide(ctx, "r0002", "ann", "same", "same part number"))(t)
	equal(t, "decided", []string{decided.State, decided.Decision, decided.Decider, decided.Note, decided.Holder}, []string{review.Decided, "same", "ann", "same part number", ""})
	equal(t, "when", decided.Decided, now)
	again := must(q.Decide(ctx, "r0002", "ann", "same", "twice"))(t)
	equal(t, "the same again changes nothing", again, decided)
	_, err = q.Decide(ctx, "r0002", "ann", "different", "")
	code(t, "decided otherwise", err, pipeline.CodeConflict)
	_, err = q.Take(ctx, "r0002", "ann", time.Minute)
	code(t, "taken when decided", err, pipeline.CodeConflict)

	// bob's lease ends by itself, cyd gets the entry, bob comes too late.
	now = at(60)
	third := must(q.Claim(ctx, "cyd", time.Minute, review.Filter{Kind: review.Pair}))(t)
	equal(t, "the lease ended", third.ID, "r0001")
	_, err = q.Decide(ctx, "r0001", "bob", "same", "")
	code(t, "bob is late", err, pipeline.CodeLocked)
	now = at(100)
	longer := must(q.Take(ctx, "r0001", "cyd", time.Minute))(t)
	equal(t, "extended", longer.Until, at(160))
	must(q.Release(ctx, "r0001", "cyd"))(t)
	must(q.Release(ctx, "r0001", "cyd"))(t)
	must(q.Decide(ctx, "r0001", "bob", "different", ""))(t) // free: no lease needed

	// Undo, and the history that tells it all.
	now = at(110)
	open := must(q.Undo(ctx, "r0002", "ann", "looked again"))(t)
	equal(t, "open again", []string{open.State, open.Decision, open.Decider, open.Note}, []string{review.Open, "", "", ""})
	_, err = q.Undo(ctx, "r0002", "ann", "")
	code(t, "nothing to undo", err, pipeline.CodeConflict)
	must(q.Decide(ctx, "r0002", "ann", "different", "other seal"))(t)
	equal(t, "history", must(s.Review(ctx, "r0002"))(t).History, []review.Step{
		{At: at(0), Actor: "ann", Action: "decide", Decision: "same", Note: "same part number"},
		{At: at(110), Actor: "ann", Action: "undo", Decision: "same", Note: "looked again"},
		{At: at(110), Actor: "ann", Action: "decide", Decision: "different", Note: "other seal"},
	})

	_, err = q.Decide(ctx, "nothing", "ann", "same", "")
	code(t, "not there", err, pipeline.CodeNotFound)
	_, err = q.Decide(ctx, "r0001", "", "same", "")
	code(t, "nobody", err, pipeline.CodeInvalid)
	_, err = q.Decide(ctx, "r0001", "ann", "", "")
	code(t, "nothing decided", err, pipeline.CodeInvalid)
	_, err = q.Claim(ctx, "ann", 0, review.Filter{})
	code(t, "no time", err, pipeline.CodeInvalid)

	// Inside a transaction the queue works on its Tx.
	ok(t, s.AddReviews(ctx, []review.Entry{question(5, 0)}))
	fail := fmt.Errorf("no")
	if err := s.Atomic(ctx, func(tx flow.Tx) error {
		q := review.Queue{Store: tx, Now: q.Now}
		if _, err := q.Claim(ctx, "ann", time.Minute, review.Filter{}); err != nil {
			return err
		}
		if _, err := q.Decide(ctx, "r0005", "ann", "same", ""); err != nil {
			return err
		}
		return fail
	}); err == nil {
		t.Error("the transaction did not fail")
	}
	equal(t, "rolled back", must(s.Review(ctx, "r0005"))(t), question(5, 0))
}

// reviewRace: many people at one queue; each entry is decided by one of them.
func reviewRace(t *testing.T, p Place) {
	const n = 40
	handles := []Store{p(t), p(t)}
	var es []review.Entry
	for i := range n {
		es = append(es, question(i, float64(i%3)))
	}
	ok(t, handles[0].AddReviews(ctx, es))
	var mu sync.Mutex
	claimed := map[string]int{}
	var wg sync.WaitGroup
	for w := range 6 {
		q := review.Queue{Store: handles[w%2], Now: func() time.Time { return at(0) }}
		who := fmt.Sprint("person", w)
		wg.Go(func() {
			for {
				e, err := q.Claim(ctx, who, time.Hour, review.Filter{})
				switch pipeline.ErrorCode(err) {
				case "":
				case pipeline.CodeNotFound:
					return
				default:
					t.Error(err)
					return
				}
				mu.Lock()
				claimed[e.ID]++
				mu.Unlock()
				if _, err := q.Decide(ctx, e.ID, who, "same", ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	equal(t, "claimed", len(claimed), n)
	for e, times := range claimed {
		if times != 1 {
			t.Errorf("%s was claimed %d times", e, times)
		}
	}
	equal(t, "decided", len(must(handles[0].Reviews(ctx, review.Filter{State: review.Decided}))(t)), n)
}

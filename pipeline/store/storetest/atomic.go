package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// everything writes through every port of a Tx.
func everything(tx flow.Tx, n int) error {
	b := batch(n, "orders")
	b.Seq, b.Stage = int64(n), flow.Done
	e := entry(n)
	e.Space, e.Vector = "sp", []float32{1, 2}
	if err := tx.PutBatch(ctx, b); err != nil {
		return err
	}
	if _, err := tx.PutShard(ctx, b.ID, 0, "k", at(n)); err != nil {
		return err
	}
	if err := tx.PutOutgoing(ctx, event(n)); err != nil {
		return err
	}
	key := breaker.Key{Scope: "feed:orders", Signal: "quality"}
	state, err := tx.LoadBreaker(ctx, key)
	if err != nil {
		return err
	}
	state.Good++
	if err := tx.SaveBreaker(ctx, state, sample(n), []breaker.Transition{{Key: key, At: at(n)}}); err != nil {
		return err
	}
	if err := tx.PutEntries(ctx, []catalog.Entry{e}); err != nil {
		return err
	}
	if err := tx.ReplaceMatches(ctx, []string{id("i", n)}, []catalog.Match{match(id("i", n), id("j", n), catalog.Review)}); err != nil {
		return err
	}
	if err := tx.PutClusters(ctx, nil, []catalog.Cluster{{ID: id("k", n), Items: []string{id("i", n)}}}); err != nil {
		return err
	}
	return tx.AddReviews(ctx, []review.Entry{question(n, 0)})
}

// census counts what everything wrote, port by port.
func census(t *testing.T, s flow.Tx) []int {
	t.Helper()
	bs := must(s.Batches(ctx, flow.BatchFilter{}))(t)
	done := 0
	for _, b := range bs {
		done += must(s.ShardsDone(ctx, b.ID, "k"))(t)
	}
	in, ts, err := s.BreakerHistory(ctx, breaker.Key{Scope: "feed:orders", Signal: "quality"})
	ok(t, err)
	state := must(s.LoadBreaker(ctx, breaker.Key{Scope: "feed:orders", Signal: "quality"}))(t)
	vecs := 0
	es := must(s.Entries(ctx, catalog.Query{Vectors: "sp"}))(t)
	for _, e := range es {
		vecs += len(e.Vector) / 2
	}
	return []int{len(bs), int(must(s.LastSeq(ctx, "orders"))(t)), done, len(must(s.Outgoing(ctx, 1000))(t)), state.Good, len(in), len(ts), len(es), vecs,
		len(must(s.Matches(ctx, nil))(t)), len(must(s.Clusters(ctx, nil))(t)), len(must(s.Reviews(ctx, review.Filter{}))(t))}
}

func all(n int) []int {
	out := make([]int, 12)
	for i := range out {
		out[i] = n
	}
	return out
}

func atomicCommit(t *testing.T, p Place) {
	s := p(t)
	ok(t, s.Atomic(ctx, func(tx flow.Tx) error {
		if err := everything(tx, 1); err != nil {
			return err
		}
		equal(t, "a transaction reads its own writes", census(t, tx), all(1))
		return everything(tx, 2)
	}))
	equal(t, "committed", census(t, s), all(2))
	equal(t, "by another handle", census(t, p(t)), all(2))
	ok(t, s.Atomic(ctx, func(flow.Tx) error { return nil }))
}

func atomicRollback(t *testing.T, p Place) {
	s := p(t)
	ok(t, s.Atomic(ctx, func(tx flow.Tx) error { return everything(tx, 1) }))
	mine := errors.New("the caller's own reason")
	err := s.Atomic(ctx, func(tx flow.Tx) error {
		if err := everything(tx, 2); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) {
		t.Errorf("the error of fn came back as %v", err)
	}
	equal(t, "after an error", census(t, s), all(1))

	func() {
		defer func() {
			if r := recover(); r != "boom" {
				t.Errorf("the panic of fn came back as %v", r)
			}
		}()
		_ = s.Atomic(ctx, func(tx flow.Tx) error {
			if err := everything(tx, 2); err != nil {
				return err
			}
			panic("boom")
		})
	}()
	equal(t, "after a panic", census(t, s), all(1))
	ok(t, s.Atomic(ctx, func(tx flow.Tx) error { return everything(tx, 2) }))
	equal(t, "and again", census(t, s), all(2))
}

// atomicDoomed: a failure that fn ignores does not commit half of a call;
// not_found and conflict are answers, not failures.
func atomicDoomed(t *testing.T, p Place) {
	s := p(t)
	err := s.Atomic(ctx, func(tx flow.Tx) error {
		_, err := tx.Batch(ctx, "nothing")
		code(t, "inside", err, pipeline.CodeNotFound)
		a, b := batch(1, "orders"), batch(2, "orders")
		a.Seq, b.Seq = 1, 1
		ok(t, tx.PutBatch(ctx, a))
		code(t, "inside", tx.PutBatch(ctx, b), pipeline.CodeConflict)
		_, err = tx.UpdateReview(ctx, question(1, 0))
		code(t, "inside", err, pipeline.CodeNotFound)
		return nil
	})
	ok(t, err)
	must(s.Batch(ctx, "b0001"))(t)

	err = s.Atomic(ctx, func(tx flow.Tx) error {
		ok(t, tx.PutBatch(ctx, batch(3, "orders")))
		if err := tx.PutOutgoing(ctx, event(1), flow.Outgoing{}); err == nil {
			t.Error("an entry without content was taken")
		}
		return nil // the failure is ignored
	})
	code(t, "a doomed transaction", err, pipeline.CodeInvalid)
	_, err = s.Batch(ctx, "b0003")
	code(t, "its writes", err, pipeline.CodeNotFound)
	equal(t, "its outbox", len(must(s.Outgoing(ctx, 10))(t)), 0)
}

// atomicIsolation: others see nothing of a transaction before its commit, and
// all of it after.
func atomicIsolation(t *testing.T, p Place) {
	s, other := p(t), p(t)
	written, looked := make(chan bool), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := s.Atomic(ctx, func(tx flow.Tx) error {
			err := everything(tx, 1)
			written <- true
			<-looked
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-written
	equal(t, "before the commit", census(t, other), all(0))
	equal(t, "before the commit, same handle", census(t, s), all(0))
	looked <- true
	wg.Wait()
	equal(t, "after", census(t, other), all(1))
}

func atomicCancel(t *testing.T, p Place) {
	s := p(t)
	c, cancel := context.WithCancel(ctx)
	err := s.Atomic(c, func(tx flow.Tx) error {
		if err := tx.PutBatch(c, batch(1, "orders")); err != nil {
			return err
		}
		cancel()
		return nil
	})
	code(t, "cancelled before the commit", err, pipeline.CodeCanceled)
	code(t, "cancelled before the start", s.PutBatch(c, batch(2, "orders")), pipeline.CodeCanceled)
	_, err = s.Batch(c, "b0001")
	code(t, "a cancelled read is no answer", err, pipeline.CodeCanceled)
	d, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	<-d.Done()
	_, err = s.Batches(d, flow.BatchFilter{})
	code(t, "a deadline", err, pipeline.CodeUnavailable)
	ok(t, s.Atomic(ctx, func(tx flow.Tx) error { return everything(tx, 1) }))
	equal(t, "the store goes on", census(t, s), all(1))
}

// twoHandles: two writers with transactions that read and write the same rows.
func twoHandles(t *testing.T, p Place) {
	handles := []Store{p(t), p(t)}
	const each = 25
	var wg sync.WaitGroup
	for w, s := range handles {
		wg.Go(func() {
			for i := range each {
				err := s.Atomic(ctx, func(tx flow.Tx) error {
					seq, err := tx.LastSeq(ctx, "orders")
					if err != nil {
						return err
					}
					b := batch(w*each+i, "orders")
					b.Seq = seq + 1
					return tx.PutBatch(ctx, b)
				})
				for pipeline.ErrorCode(err) == pipeline.CodeConflict {
					t.Error("a place was read, and taken by another before the commit")
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	equal(t, "places", must(handles[0].LastSeq(ctx, "orders"))(t), int64(2*each))
	equal(t, "batches", len(must(handles[1].Batches(ctx, flow.BatchFilter{}))(t)), 2*each)
}

func unicodeTexts(t *testing.T, p Place) {
	s := p(t)
	for i, text := range []string{
		"Rillenkugellager Ø25 µm ½″ — “quoted” 'single' \"double\" \\back\\",
		"深沟球轴承 6205 🔩 e\u0301 \u200f\u202e\ufeff",
		"tab\tnewline\ncr\rbell\a esc\x1b del\x7f",
		"a%_*?[b]'; DROP TABLE items; -- $1 ?1 :name",
		"NUL \x00 inside",
	} {
		e := entry(i)
		e.Item.Source, e.Record.Source, e.Item.Meta.Manufacturer = text, text, text
		ok(t, s.PutEntries(ctx, []catalog.Entry{e}))
		equal(t, text, must(s.Entries(ctx, catalog.Query{IDs: []string{e.Item.ID}}))(t), []catalog.Entry{e})
	}
	text := "größe/深沟/a'b\"c\\d %_"
	e := entry(100)
	e.Item.ID, e.Record.ID, e.Item.Meta.Feed = text, text, "größe"
	ok(t, s.PutEntries(ctx, []catalog.Entry{e}))
	equal(t, "an id", must(s.Entries(ctx, catalog.Query{IDs: []string{text}, Feed: "größe"}))(t), []catalog.Entry{e})
	b := batch(1, text)
	b.Key, b.Reason = text, text
	ok(t, s.PutBatch(ctx, b))
	equal(t, "a batch", must(s.Batches(ctx, flow.BatchFilter{Feed: text, Key: text}))(t), []flow.Batch{b})
	// Ids order by bytes, whatever the language of the machine.
	var ids []string
	for _, x := range []string{"B", "a", "Z-1", "Z1", "ä", "z", "🔩"} {
		e := entry(0)
		e.Item.ID = "order/" + x
		ids = append(ids, e.Item.ID)
		ok(t, s.PutEntries(ctx, []catalog.Entry{e}))
	}
	equal(t, "order", entryIDs(must(s.Entries(ctx, catalog.Query{IDs: ids}))(t)),
		[]string{"order/B", "order/Z-1", "order/Z1", "order/a", "order/z", "order/ä", "order/🔩"})
}

func large(t *testing.T, p Place) {
	s := p(t)
	text := strings.Repeat("Ø 25 mm <&> ", 1<<20/13)
	e := entry(1)
	e.Item.Source, e.Record.Source, e.Space, e.Vector = text, text, "wide", make([]float32, 4096)
	e.Vector[4095] = 1
	ok(t, s.PutEntries(ctx, []catalog.Entry{e}))
	equal(t, "a megabyte", must(s.Entries(ctx, catalog.Query{Vectors: "wide"}))(t), []catalog.Entry{e})
	b := batch(1, "orders")
	for n := range 5000 {
		b.Files = append(b.Files, id("staged/orders/part-", n))
	}
	ok(t, s.PutBatch(ctx, b))
	equal(t, "many files", must(s.Batch(ctx, b.ID))(t), b)
	var ms []flow.Message
	var out []flow.Outgoing
	for n := range 1000 {
		m := msg(n, "parse")
		ms, out = append(ms, m), append(out, flow.Outgoing{Message: &m})
	}
	ok(t, s.Send(ctx, ms...))
	ok(t, s.PutOutgoing(ctx, out...))
	equal(t, "received", len(must(s.Receive(ctx, "parse", 2000, at(0), at(1)))(t)), 1000)
	equal(t, "outgoing", len(must(s.Outgoing(ctx, 2000))(t)), 1000)
}

func badIDs(t *testing.T, p Place) {
	s := p(t)
	for _, bad := range []string{"", "nul\x00", "not utf-8 \xff"} {
		b, e, r := batch(1, "orders"), entry(1), question(1, 0)
		b.ID, e.Item.ID, r.ID = bad, bad, bad
		code(t, "batch", s.PutBatch(ctx, b), pipeline.CodeInvalid)
		code(t, "item", s.PutEntries(ctx, []catalog.Entry{entry(2), e}), pipeline.CodeInvalid)
		code(t, "review", s.AddReviews(ctx, []review.Entry{question(2, 0), r}), pipeline.CodeInvalid)
		code(t, "message", s.Send(ctx, msg(1, "t"), flow.Message{ID: bad, Topic: "t"}), pipeline.CodeInvalid)
		code(t, "lease", s.Acquire(ctx, bad, "a", at(0), at(1)), pipeline.CodeInvalid)
	}
	equal(t, "nothing of it stays", census(t, s), all(0))
	waiting, _, err := s.Depth(ctx, "t")
	ok(t, err)
	equal(t, "nor in the queue", waiting, 0)
}

// empty: every method takes nothing for an answer.
func empty(t *testing.T, p Place) {
	s := p(t)
	ok(t, s.PutEntries(ctx, nil))
	ok(t, s.RetireItems(ctx, nil, at(0)))
	ok(t, s.ReplaceMatches(ctx, nil, nil))
	ok(t, s.PutClusters(ctx, nil, nil))
	ok(t, s.AddReviews(ctx, nil))
	ok(t, s.PutOutgoing(ctx))
	ok(t, s.MarkSent(ctx))
	ok(t, s.Send(ctx))
	ok(t, s.Ack(ctx))
	equal(t, "states", len(must(s.Breakers(ctx))(t)), 0)
	equal(t, "census", census(t, s), all(0))
}

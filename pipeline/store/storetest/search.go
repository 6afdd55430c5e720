package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/catalog/postings"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// indexed is what the search index says: under which keys each item stands.
// Nothing may wait.
func indexed(t *testing.T, s Store) map[string][]string {
	t.Helper()
	settle(t, s)
	rows := must(s.PostingsIn(ctx, "", "\U0010FFFF", 1<<20))(t)
	of := map[int][]string{}
	for _, r := range rows {
		var b postings.Bits
		ok(t, b.Add(r.Raw))
		b.All(func(i int) bool {
			n := r.Block*postings.Block + i
			of[n] = append(of[n], r.Key)
			return true
		})
	}
	out := map[string][]string{}
	for n, keys := range of {
		ids := must(s.IndexedItems(ctx, []int{n}))(t)
		if len(ids) != 1 {
			t.Fatalf("number %d is %v", n, ids)
		}
		out[ids[0]] = keys
	}
	return out
}

// settle has the index take in what waits.
func settle(t *testing.T, s Store) {
	t.Helper()
	for {
		n := must(s.IndexItems(ctx, 1000))(t)
		_, waiting, err := s.IndexSize(ctx)
		ok(t, err)
		if waiting == 0 {
			return
		}
		if n == 0 {
			t.Fatalf("%d items wait, and none is taken in", waiting)
		}
	}
}

// stands is what the index has to say of entries.
func stands(es ...catalog.Entry) map[string][]string {
	out := map[string][]string{}
	for i := range es {
		if keys := catalog.IndexKeys(&es[i]); len(keys) > 0 {
			out[es[i].Item.ID] = keys
		}
	}
	return out
}

func searchIndex(t *testing.T, p Place) {
	s := p(t)
	a, b, c := entry(1), entry(2), entry(3)
	b.Record.Attributes = b.Record.Attributes[:1]
	ok(t, s.PutEntries(ctx, []catalog.Entry{a, b, c}))
	equal(t, "put", indexed(t, s), stands(a, b, c))

	b.Seq, b.Item.Source, b.Record.Source = 2, "another\ttext Überwurf\n", "another\ttext Überwurf\n"
	ok(t, s.Atomic(ctx, func(tx flow.Tx) error { return tx.PutEntries(ctx, []catalog.Entry{b}) }))
	equal(t, "changed", indexed(t, s), stands(a, b, c))
	late := b
	late.Seq, late.Item.Source = 1, "late"
	ok(t, s.PutEntries(ctx, []catalog.Entry{late}))
	equal(t, "one that came late", indexed(t, s), stands(a, b, c))

	ok(t, s.RetireItems(ctx, []string{a.Item.ID, "unknown"}, at(50)))
	equal(t, "retired", indexed(t, s), stands(b, c))
	a.Seq = 2
	ok(t, s.PutEntries(ctx, []catalog.Entry{a}))
	equal(t, "revived", indexed(t, s), stands(a, b, c))
	gone := c
	gone.Seq, gone.Retired = 2, true
	ok(t, s.PutEntries(ctx, []catalog.Entry{gone}))
	equal(t, "put as retired", indexed(t, s), stands(a, b))

	err := s.Atomic(ctx, func(tx flow.Tx) error {
		ok(t, tx.PutEntries(ctx, []catalog.Entry{entry(9)}))
		return errors.New("no")
	})
	if err == nil {
		t.Error("the transaction committed")
	}
	equal(t, "rolled back", indexed(t, s), stands(a, b))

	// An erased item leaves nothing, whether the index had it or it waited.
	must(s.EraseItems(ctx, []string{a.Item.ID, "unknown"}))(t)
	equal(t, "erased", indexed(t, s), stands(b))
	ok(t, s.Atomic(ctx, func(tx flow.Tx) error {
		if err := tx.PutEntries(ctx, []catalog.Entry{entry(7)}); err != nil {
			return err
		}
		_, err := tx.EraseItems(ctx, []string{entry(7).Item.ID})
		return err
	}))
	equal(t, "put and erased", indexed(t, s), stands(b))
	left := must(s.PostingsIn(ctx, "", "\U0010FFFF", 1<<20))(t)
	for _, r := range left {
		if strings.Contains(r.Key, "0001") || strings.Contains(r.Key, "0007") || len(r.Raw) == 0 {
			t.Errorf("left: %q %x", r.Key, r.Raw)
		}
	}
	must(s.EraseItems(ctx, []string{b.Item.ID}))(t)
	equal(t, "nothing is left", must(s.PostingsIn(ctx, "", "\U0010FFFF", 10))(t), []postings.Row(nil))
}

// searchRows: what the reading methods promise, over more than one block.
func searchRows(t *testing.T, p Place) {
	s := p(t)
	var es []catalog.Entry
	for n := range postings.Block + 300 {
		e := catalog.Entry{Item: pipeline.Item{ID: id("f/", n), Source: fmt.Sprintf("all w%d", n%5)}, Record: pipeline.Record{Category: "c"}, Seq: 1, Updated: at(0)}
		es = append(es, e)
	}
	ok(t, s.PutEntries(ctx, es))
	settle(t, s)
	count := func(rows []postings.Row) map[string]int {
		out := map[string]int{}
		for i, r := range rows {
			var b postings.Bits
			ok(t, b.Add(r.Raw))
			out[r.Key] += b.Count()
			if i > 0 && (r.Key < rows[i-1].Key || r.Key == rows[i-1].Key && r.Block <= rows[i-1].Block) {
				t.Errorf("%q %d after %q %d", r.Key, r.Block, rows[i-1].Key, rows[i-1].Block)
			}
		}
		return out
	}
	equal(t, "of keys", count(must(s.Postings(ctx, []string{"wall", "ww3", "none"}))(t)), map[string]int{"wall": len(es), "ww3": (len(es) + 1) / 5})
	equal(t, "of no keys", len(must(s.Postings(ctx, nil))(t)), 0)
	equal(t, "a stretch", slices.Sorted(maps.Keys(count(must(s.PostingsIn(ctx, "ww1", "ww3", 100))(t)))), []string{"ww1", "ww2"})
	equal(t, "some rows of a stretch", len(must(s.PostingsIn(ctx, "ww1", "ww3", 3))(t)), 3)
	equal(t, "keys", must(s.KeysIn(ctx, "wd", "ww3", 10))(t), []string{"ww0", "ww1", "ww2"})
	equal(t, "some keys", must(s.KeysIn(ctx, "wd", "ww3", 2))(t), []string{"ww0", "ww1"})
	equal(t, "no keys", len(must(s.KeysIn(ctx, "x~", "y", 2))(t)), 0)
	n, waiting, err := s.IndexSize(ctx)
	ok(t, err)
	equal(t, "size", []int{n, waiting}, []int{len(es), 0})
	equal(t, "unknown numbers", len(must(s.IndexedItems(ctx, []int{1 << 30}))(t)), 0)
	equal(t, "none waits", len(must(s.Unindexed(ctx, 10))(t)), 0)
}

// searchRace: writers, erasers and readers at once end in an index of what is
// there.
func searchRace(t *testing.T, p Place) {
	s := p(t)
	const writers, rounds, each = 4, 6, 20
	var wg sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for w := range writers {
		h := p(t)
		wg.Go(func() {
			for r := range rounds {
				var es []catalog.Entry
				for n := range each {
					e := entry(w*1000 + n)
					e.Seq, e.Item.Source = int64(r+1), fmt.Sprintf("text %d %d", r, n)
					es = append(es, e)
				}
				fail(h.Atomic(ctx, func(tx flow.Tx) error { return tx.PutEntries(ctx, es) }))
				if r == rounds-1 {
					_, err := h.EraseItems(ctx, []string{es[0].Item.ID})
					fail(err)
					fail(h.RetireItems(ctx, []string{es[1].Item.ID}, at(99)))
				}
			}
		})
	}
	done, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	readers.Go(func() {
		for done.Err() == nil {
			_, keys := s.KeysIn(done, "w", "x", 100)
			_, waiting := s.Unindexed(done, 100)
			if done.Err() == nil {
				fail(errors.Join(keys, waiting))
			}
		}
	})
	wg.Wait()
	cancel()
	readers.Wait()
	equal(t, "the index", indexed(t, s), stands(must(s.Entries(ctx, catalog.Query{Live: true}))(t)...))
	equal(t, "items", len(indexed(t, s)), writers*(each-2))
}

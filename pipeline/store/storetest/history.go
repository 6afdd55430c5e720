package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// clusterHistory: the history of clusters is read by cluster and by item, forgets
// names, and has a lifetime.
func clusterHistory(t *testing.T, p Place) {
	s := p(t)
	some := func(items ...string) catalog.Some { return catalog.Some{Count: len(items), Items: items} }
	get := func(q catalog.HistoryQuery) []catalog.ClusterEvent {
		t.Helper()
		return must(s.ClusterEvents(ctx, q))(t)
	}
	seqs := func(q catalog.HistoryQuery) (out []int64) {
		t.Helper()
		for _, e := range get(q) {
			out = append(out, e.Seq)
		}
		return out
	}
	equal(t, "nothing yet", len(get(catalog.HistoryQuery{})), 0)
	ok(t, s.PutClusterEvents(ctx))
	code(t, "no cluster", s.PutClusterEvents(ctx, catalog.ClusterEvent{Cluster: "k1"}, catalog.ClusterEvent{}), pipeline.CodeInvalid)
	equal(t, "nothing of a call that failed", len(get(catalog.HistoryQuery{})), 0)

	made := []catalog.ClusterEvent{
		{At: at(1), Cluster: "k1", Kind: catalog.ClusterMade, Items: 3, Came: some("a", "b", `"é"<&>`), Batch: "b1"},
		{At: at(1), Cluster: "k2", Kind: catalog.ClusterMade, Items: 2, Came: some("c", "d"), Batch: "b1"},
	}
	ok(t, s.PutClusterEvents(ctx, made...))
	ok(t, s.PutClusters(ctx, nil, []catalog.Cluster{{ID: "k1", Items: []string{"a", "b", `"é"<&>`}}, {ID: "k2", Items: []string{"c", "d"}}}))
	first := get(catalog.HistoryQuery{Cluster: "k1"})
	if len(first) != 1 || first[0].Seq <= 0 {
		t.Fatalf("history of k1: %+v", first)
	}
	utc(t, "at", first[0].At)
	made[0].Seq = first[0].Seq
	equal(t, "as it was written", first, made[:1])
	equal(t, "of an item", get(catalog.HistoryQuery{Item: "a"}), made[:1])
	equal(t, "of an item in no cluster", len(get(catalog.HistoryQuery{Item: "z"})), 0)

	// a leaves k1 for k2, and k1 goes on without it.
	ok(t, s.PutClusterEvents(ctx,
		catalog.ClusterEvent{At: at(2), Cluster: "k1", Kind: catalog.ClusterShrunk, To: []string{"k2"}, Items: 2, Went: some("a"), Actor: "ann", Review: "r1"},
		catalog.ClusterEvent{At: at(2), Cluster: "k2", Kind: catalog.ClusterGrown, From: []string{"k1"}, Items: 3, Came: some("a"), Actor: "ann", Review: "r1"}))
	ok(t, s.PutClusters(ctx, nil, []catalog.Cluster{{ID: "k2", Items: []string{"a", "c", "d"}}}))
	ok(t, s.PutClusterEvents(ctx, catalog.ClusterEvent{At: at(3), Cluster: "k1", Kind: catalog.ClusterGrown, Items: 3, Came: some("e"), Batch: "b2"}))
	all := seqs(catalog.HistoryQuery{}) // newest first: k1 grown, k2 grown, k1 shrunk, k2 made, k1 made
	if len(all) != 5 {
		t.Fatalf("%d events", len(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i] >= all[i-1] {
			t.Fatalf("not the newest first: %v", all)
		}
	}
	equal(t, "of k1", seqs(catalog.HistoryQuery{Cluster: "k1"}), []int64{all[0], all[2], all[4]})
	equal(t, "of a: where it is, and where it was while it was there", seqs(catalog.HistoryQuery{Item: "a"}), all[1:])
	equal(t, "of b", seqs(catalog.HistoryQuery{Item: "b"}), []int64{all[0], all[2], all[4]})
	equal(t, "of both", seqs(catalog.HistoryQuery{Item: "a", Cluster: "k1"}), []int64{all[2], all[4]})
	var paged []int64
	for q := (catalog.HistoryQuery{Item: "a", Limit: 3}); ; {
		page := seqs(q)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		q.Before = page[len(page)-1]
	}
	equal(t, "pages", paged, all[1:])

	// A formation that is given up leaves no trace.
	failed := errors.New("given up")
	if err := s.Atomic(ctx, func(tx flow.Tx) error {
		if err := tx.PutClusterEvents(ctx, catalog.ClusterEvent{At: at(4), Cluster: "k9", Kind: catalog.ClusterMade}); err != nil {
			return err
		}
		return failed
	}); !errors.Is(err, failed) {
		t.Errorf("rolled back: %v", err)
	}
	equal(t, "rolled back", seqs(catalog.HistoryQuery{}), all)

	// Erased: counted, not named, and not found by its name.
	if n := must(s.EraseItems(ctx, []string{"a", `"é"<&>`}))(t); n < 5 {
		t.Errorf("%d rows went", n)
	}
	equal(t, "again", must(s.EraseItems(ctx, []string{"a", `"é"<&>`}))(t), 0)
	equal(t, "of who was erased", len(get(catalog.HistoryQuery{Item: "a"})), 0)
	for _, e := range get(catalog.HistoryQuery{Cluster: "k1"}) {
		switch e.Seq {
		case all[4]:
			equal(t, "made, with two erased", e.Came, catalog.Some{Count: 3, Items: []string{"b"}})
		case all[2]:
			equal(t, "what left was erased", e.Went.Count, 1)
			equal(t, "and is not named", len(e.Went.Items), 0)
		}
	}

	equal(t, "too old", must(s.TrimClusterEvents(ctx, at(2)))(t), 2)
	equal(t, "once", must(s.TrimClusterEvents(ctx, at(2)))(t), 0)
	equal(t, "the rest", seqs(catalog.HistoryQuery{}), all[:3])
	equal(t, "all of it", must(s.TrimClusterEvents(ctx, at(9)))(t), 3)

	// Many at once, and no place is given twice.
	var many []catalog.ClusterEvent
	for n := range 5000 {
		e := catalog.ClusterEvent{At: at(10).Add(time.Duration(n) * time.Microsecond), Cluster: id("m", n), Kind: catalog.ClusterGone, Went: some(id("i", n), id("j", n))}
		many = append(many, e)
	}
	ok(t, s.PutClusterEvents(ctx, many...))
	got := get(catalog.HistoryQuery{Limit: 6000})
	if len(got) != len(many) || got[len(got)-1].Seq <= all[0] {
		t.Fatalf("%d of many, the first at %d after %d", len(got), got[len(got)-1].Seq, all[0])
	}
	for i := range got {
		if want := many[len(many)-1-i]; got[i].Cluster != want.Cluster || !got[i].At.Equal(want.At) {
			t.Fatalf("event %d is that of %s, want %s", i, got[i].Cluster, want.Cluster)
		}
	}
	equal(t, "by one that left", get(catalog.HistoryQuery{Item: "j4097"})[0].Cluster, "m4097")
}

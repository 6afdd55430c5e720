package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func batch(n int, feed string) flow.Batch {
	return flow.Batch{ID: id("b", n), Feed: feed, Key: "landing/" + feed + "/" + id("f", n) + ".csv", Content: id("hash", n),
		Stage: flow.Staged, Created: at(n), Updated: at(n)}
}

func ledger(t *testing.T, p Place) {
	s := p(t)
	_, err := s.Batch(ctx, "nothing")
	code(t, "a batch that is not there", err, pipeline.CodeNotFound)

	full := flow.Batch{
		ID: "b1", Feed: "orders", Key: "landing/orders/a b.csv", Tag: `"etag"`, Content: "c0ffee", Size: 1 << 40,
		EventTime: at(1), Seq: 7, Stage: flow.Held,
		ContractID: "urn:orders", ContractVersion: "1.2.0", ContractHash: "h",
		Verdict: pipeline.Failed, Decision: pipeline.Hold, Reason: "reject rate 12 % > 5 %",
		Rows:  pipeline.Rows{Read: 100, Accepted: 88, Rejected: 12},
		Files: []string{"staged/orders/1.parquet", "quarantine/orders/1.jsonl"}, Manifest: "m", Report: "r", Breaker: "open", Shards: 3,
		Landing: 2, Replays: 1, ReleasedBy: "anna", ReleaseReason: "prices were right",
		Created: at(2), Updated: at(3),
	}
	ok(t, s.PutBatch(ctx, full))
	equal(t, "a full batch", must(s.Batch(ctx, "b1"))(t), full)

	// Zones and nanoseconds do not survive; the moment does.
	zone := time.FixedZone("", 2*3600)
	odd := batch(2, "orders")
	odd.EventTime, odd.Created = at(5).In(zone).Add(789), time.Time{}
	ok(t, s.PutBatch(ctx, odd))
	got := must(s.Batch(ctx, odd.ID))(t)
	utc(t, "event time", got.EventTime)
	odd.EventTime = at(5)
	equal(t, "a batch with odd times", got, odd)
	if !got.Created.IsZero() {
		t.Errorf("a time that was never set came back as %v", got.Created)
	}

	// Replacing replaces all of it.
	full.Stage, full.Reason, full.Files, full.Updated = flow.Done, "", nil, at(9)
	ok(t, s.PutBatch(ctx, full))
	equal(t, "a replaced batch", must(s.Batch(ctx, "b1"))(t), full)

	// A place in the order of decision is taken once.
	rival := batch(3, "orders")
	rival.Seq = 7
	code(t, "a place that is taken", s.PutBatch(ctx, rival), pipeline.CodeConflict)
	_, err = s.Batch(ctx, rival.ID)
	code(t, "the rival", err, pipeline.CodeNotFound)
	rival.Feed = "other"
	ok(t, s.PutBatch(ctx, rival)) // places are per feed
	equal(t, "last of orders", must(s.LastSeq(ctx, "orders"))(t), int64(7))
	equal(t, "last of nothing", must(s.LastSeq(ctx, "nothing"))(t), int64(0))
	for n := 20; n < 23; n++ {
		ok(t, s.PutBatch(ctx, batch(n, "undecided"))) // many may have no place yet
	}
	equal(t, "last of undecided", must(s.LastSeq(ctx, "undecided"))(t), int64(0))
}

func ledgerFilters(t *testing.T, p Place) {
	s := p(t)
	for n := range 12 {
		b := batch(n, []string{"orders", "parts"}[n%2])
		b.Created = at(100 - n/4) // several at one moment: the id decides
		if n%3 == 0 {
			b.Stage = flow.Done
		}
		if n >= 10 {
			b.ID, b.Content, b.Key = id("x", n), "same", "landing/again.csv"
		}
		ok(t, s.PutBatch(ctx, b))
	}
	ids := func(f flow.BatchFilter) []string {
		t.Helper()
		var out []string
		for _, b := range must(s.Batches(ctx, f))(t) {
			out = append(out, b.ID)
		}
		return out
	}
	all := []string{"b0008", "b0009", "x0010", "x0011", "b0004", "b0005", "b0006", "b0007", "b0000", "b0001", "b0002", "b0003"}
	var latest []string
	for i := len(all) - 1; i >= 0; i-- {
		latest = append(latest, all[i])
	}
	for _, c := range []struct {
		name string
		f    flow.BatchFilter
		want []string
	}{
		{"all", flow.BatchFilter{}, all},
		{"latest", flow.BatchFilter{Latest: true}, latest},
		{"limit", flow.BatchFilter{Limit: 2}, all[:2]},
		{"latest two", flow.BatchFilter{Latest: true, Limit: 2}, latest[:2]},
		{"feed", flow.BatchFilter{Feed: "parts"}, []string{"b0009", "x0011", "b0005", "b0007", "b0001", "b0003"}},
		{"done", flow.BatchFilter{Stage: flow.Done}, []string{"b0009", "b0006", "b0000", "b0003"}},
		{"staged", flow.BatchFilter{Stage: flow.Staged, Feed: "orders"}, []string{"b0008", "x0010", "b0004", "b0002"}},
		{"key", flow.BatchFilter{Key: "landing/orders/f0004.csv"}, []string{"b0004"}},
		{"content", flow.BatchFilter{Content: "same"}, []string{"x0010", "x0011"}},
		{"prefix", flow.BatchFilter{Prefix: "b000"}, append(append([]string{}, all[:2]...), all[4:]...)},
		{"whole id", flow.BatchFilter{Prefix: "b0003"}, []string{"b0003"}},
		{"wildcards mean themselves", flow.BatchFilter{Prefix: "b%"}, nil},
		{"nothing", flow.BatchFilter{Feed: "nothing"}, nil},
		{"behind one", flow.BatchFilter{AfterTime: at(98), AfterID: "b0009"}, all[2:]},
		{"behind one, latest", flow.BatchFilter{AfterTime: at(98), AfterID: "x0010", Latest: true}, latest[10:]},
		{"behind one of a feed", flow.BatchFilter{AfterTime: at(99), AfterID: "b0005", Feed: "parts", Limit: 2}, []string{"b0007", "b0001"}},
		{"behind one that is gone", flow.BatchFilter{AfterTime: at(99), AfterID: "b0005x"}, all[6:]},
		{"behind the last", flow.BatchFilter{AfterTime: at(100), AfterID: "b0003"}, nil},
	} {
		equal(t, c.name, ids(c.f), c.want)
	}
}

func shards(t *testing.T, p Place) {
	s := p(t)
	equal(t, "first", must(s.PutShard(ctx, "b1", 0, "k1", at(0)))(t), true)
	equal(t, "again", must(s.PutShard(ctx, "b1", 0, "k1", at(1)))(t), false)
	equal(t, "other knowledge", must(s.PutShard(ctx, "b1", 0, "k2", at(1)))(t), true)
	equal(t, "other shard", must(s.PutShard(ctx, "b1", 1, "k1", at(1)))(t), true)
	equal(t, "other batch", must(s.PutShard(ctx, "b2", 0, "k1", at(1)))(t), true)
	equal(t, "done with k1", must(s.ShardsDone(ctx, "b1", "k1"))(t), 2)
	equal(t, "done with k2", must(s.ShardsDone(ctx, "b1", "k2"))(t), 1)
	equal(t, "done with k3", must(s.ShardsDone(ctx, "b1", "k3"))(t), 0)

	// Of many that mark one shard at once, one is first.
	var first atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			won, err := s.PutShard(ctx, "b3", 5, "k", at(0))
			if err != nil {
				t.Error(err)
			}
			if won {
				first.Add(1)
			}
		})
	}
	wg.Wait()
	equal(t, "firsts", first.Load(), int32(1))
}

func leases(t *testing.T, p Place) {
	s := p(t)
	ok(t, s.Acquire(ctx, "run", "a", at(0), at(60)))
	err := s.Acquire(ctx, "run", "b", at(59), at(120))
	code(t, "held by a", err, pipeline.CodeLocked)
	if err != nil && !contains(err.Error(), "a", at(60).Format(time.RFC3339)) {
		t.Errorf("the message names neither holder nor end: %v", err)
	}
	ok(t, s.Acquire(ctx, "other", "b", at(0), at(60))) // names are apart
	ok(t, s.Acquire(ctx, "run", "a", at(30), at(90)))  // extended
	code(t, "held longer", s.Acquire(ctx, "run", "b", at(61), at(120)), pipeline.CodeLocked)
	ok(t, s.Acquire(ctx, "run", "b", at(90), at(120))) // it ended by itself
	code(t, "lost to b", s.Acquire(ctx, "run", "a", at(91), at(120)), pipeline.CodeLocked)
	ok(t, s.Release(ctx, "run", "a")) // not a's any more
	code(t, "still b's", s.Acquire(ctx, "run", "a", at(92), at(120)), pipeline.CodeLocked)
	ok(t, s.Release(ctx, "run", "b"))
	ok(t, s.Acquire(ctx, "run", "a", at(93), at(120)))
	ok(t, s.Release(ctx, "never", "a"))
	code(t, "no owner", s.Acquire(ctx, "run", "", at(0), at(1)), pipeline.CodeInvalid)
	code(t, "no time", s.Acquire(ctx, "run", "a", at(1), at(1)), pipeline.CodeInvalid)
}

// leaseRace: at no moment do two owners hold the lease.
func leaseRace(t *testing.T, p Place) {
	s1, s2 := p(t), p(t)
	var inside, wins atomic.Int32
	var wg sync.WaitGroup
	for w := range 8 {
		s := []Store{s1, s2}[w%2]
		wg.Go(func() {
			owner := fmt.Sprint("owner", w)
			for range 20 {
				switch err := s.Acquire(ctx, "race", owner, at(0), at(60)); pipeline.ErrorCode(err) {
				case "":
					if n := inside.Add(1); n != 1 {
						t.Errorf("%d owners hold one lease", n)
					}
					wins.Add(1)
					inside.Add(-1)
					if err := s.Release(ctx, "race", owner); err != nil {
						t.Error(err)
					}
				case pipeline.CodeLocked:
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if wins.Load() == 0 {
		t.Error("nobody ever held the lease")
	}
}

package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

func sweeps(t *testing.T, p Place) {
	s := p(t)
	equal(t, "nothing yet", len(must(s.Sweeps(ctx))(t)), 0)
	a := flow.SweepState{Feed: "b", Since: at(0), Checked: at(1), Next: at(2), Open: []flow.Lapse{{Kind: flow.LapseFrequency, Due: at(3), Expected: "é", Detail: "x"}}}
	ok(t, s.PutSweeps(ctx, a, flow.SweepState{Feed: "a", Since: at(0)}))
	a.Checked, a.Open = at(9), nil
	ok(t, s.PutSweeps(ctx, a))
	equal(t, "by feed, replaced", must(s.Sweeps(ctx))(t), []flow.SweepState{{Feed: "a", Since: at(0)}, a})
	code(t, "no feed", s.PutSweeps(ctx, flow.SweepState{}), pipeline.CodeInvalid)
	ok(t, s.PutSweeps(ctx))
}

func notice(n int, lane string, next time.Time) flow.Notice {
	return flow.Notice{ID: id("n", n), Lane: lane, Feed: "f" + lane, Event: id("e", n), Type: "assay.batch.held", Severity: contract.SeverityError,
		Channel: contract.Channel{Name: "ops", URL: "console:"}, Body: json.RawMessage(`{"title":"x"}`), State: flow.NoticeWaiting, Next: next, Created: at(n)}
}

func noticeIDs(ns []flow.Notice) (out []string) {
	for _, n := range ns {
		out = append(out, n.ID)
	}
	return out
}

func notices(t *testing.T, p Place) {
	s := p(t)
	ok(t, s.PutNotices(ctx))
	ok(t, s.PutNotices(ctx, notice(1, "a", at(50)), notice(2, "a", time.Time{}), notice(3, "b", at(10)), notice(4, "c", time.Time{})))
	again := notice(1, "z", time.Time{})
	ok(t, s.PutNotices(ctx, again))
	equal(t, "all, newest first", noticeIDs(must(s.Notices(ctx, flow.NoticeFilter{}))(t)), []string{"n0004", "n0003", "n0002", "n0001"})
	one := must(s.Lane(ctx, "a", 10))(t)
	equal(t, "a lane in order", noticeIDs(one), []string{"n0001", "n0002"})
	one[0].Seq = 0
	equal(t, "as stored", one[0], notice(1, "a", at(50)))
	equal(t, "a lane, one", noticeIDs(must(s.Lane(ctx, "a", 1))(t)), []string{"n0001"})
	equal(t, "lanes: the head of a is not due", must(s.Lanes(ctx, at(10), 10))(t), []string{"b", "c"})
	equal(t, "lanes, one", must(s.Lanes(ctx, at(10), 1))(t), []string{"b"})
	equal(t, "lanes later", must(s.Lanes(ctx, at(50), 10))(t), []string{"a", "b", "c"})

	sent := notice(1, "a", at(50))
	sent.State, sent.Done, sent.Tries = flow.NoticeSent, at(60), 2
	dead := notice(3, "b", at(10))
	dead.State, dead.Reason = flow.NoticeDead, "gone"
	unknown := notice(99, "a", at(0))
	ok(t, s.UpdateNotices(ctx, sent, dead, unknown))
	equal(t, "the next head", must(s.Lanes(ctx, at(10), 10))(t), []string{"a", "c"})
	got := must(s.Notices(ctx, flow.NoticeFilter{State: flow.NoticeDead}))(t)
	got[0].Seq = 0
	equal(t, "dead", got, []flow.Notice{dead})
	equal(t, "by feed", noticeIDs(must(s.Notices(ctx, flow.NoticeFilter{Feed: "fa", Limit: 1}))(t)), []string{"n0002"})
	equal(t, "a lifetime spares what waits", must(s.TrimNotices(ctx, at(100)))(t), 2)
	equal(t, "what is left", noticeIDs(must(s.Notices(ctx, flow.NoticeFilter{}))(t)), []string{"n0004", "n0002"})
	code(t, "no id", s.PutNotices(ctx, flow.Notice{}), pipeline.CodeInvalid)
}

func watches(t *testing.T, p Place) {
	s := p(t)
	a := flow.Watch{ID: "w1", User: "ann", Kind: flow.WatchFeed, Subject: "orders", URL: "mailto:ann@plant.test", Created: at(2)}
	b := flow.Watch{ID: "w2", User: "bob", Kind: flow.WatchItem, Subject: "items/1", URL: "console:", Created: at(1)}
	ok(t, s.PutWatch(ctx, a))
	ok(t, s.PutWatch(ctx, b))
	late := a
	late.Created = at(9)
	ok(t, s.PutWatch(ctx, late))
	equal(t, "by creation", must(s.Watches(ctx))(t), []flow.Watch{b, a})
	ok(t, s.DropWatch(ctx, "w1"))
	code(t, "dropped", s.DropWatch(ctx, "w1"), pipeline.CodeNotFound)
	equal(t, "left", must(s.Watches(ctx))(t), []flow.Watch{b})
}

func tombstones(t *testing.T, p Place) {
	s := p(t)
	a := flow.Tombstone{ID: "t1", Feed: "orders", Key: "00ff", Actor: "ann", Reason: "asked", At: at(2), Removed: map[string]int{"curated": 1}}
	b := flow.Tombstone{ID: "t2", Feed: "parts", Key: "11ee", Actor: "ann", At: at(1)}
	ok(t, s.PutTombstone(ctx, a))
	ok(t, s.PutTombstone(ctx, b))
	a.At = at(3)
	ok(t, s.PutTombstone(ctx, a))
	equal(t, "all", must(s.Tombstones(ctx, ""))(t), []flow.Tombstone{b, a})
	equal(t, "of a feed", must(s.Tombstones(ctx, "orders"))(t), []flow.Tombstone{a})
}

func erasure(t *testing.T, p Place) {
	s := p(t)
	item := func(n string) catalog.Entry {
		return catalog.Entry{Item: pipeline.Item{ID: n, Source: "text of " + n}, Space: "s", Vector: []float32{1, 2}, Batch: "b", Updated: at(1)}
	}
	ok(t, s.PutEntries(ctx, []catalog.Entry{item("p/1"), item("p/11"), item("p/2")}))
	ok(t, s.ReplaceMatches(ctx, nil, []catalog.Match{{A: "p/1", B: "p/2", Verdict: catalog.Review}, {A: "p/11", B: "p/2", Verdict: catalog.Review}}))
	ok(t, s.PutClusters(ctx, nil, []catalog.Cluster{{ID: "c", Items: []string{"p/1", "p/11", "p/2"}}}))
	q := func(id, subject, data string) review.Entry {
		return review.Entry{ID: id, Kind: review.Pair, Subject: subject, Data: json.RawMessage(data), Created: at(1)}
	}
	ok(t, s.AddReviews(ctx, []review.Entry{q("r1", "p/1|p/2", `{}`), q("r2", "p/11|p/2", `{}`), q("r3", "p/2", `{"of":"p/1"}`), q("r4", "p/1", `{}`), q("r5", "p/2|p/1", `{}`)}))
	about := notice(1, "a", time.Time{})
	about.Body = json.RawMessage(`{"items":["p/1"]}`)
	ok(t, s.PutNotices(ctx, about, notice(2, "a", time.Time{})))
	if n := must(s.EraseItems(ctx, []string{"p/1"}))(t); n < 7 {
		t.Errorf("%d rows went", n)
	}
	var left []string
	for _, e := range must(s.Entries(ctx, catalog.Query{Vectors: "s"}))(t) {
		left = append(left, e.Item.ID)
	}
	equal(t, "items", left, []string{"p/11", "p/2"})
	equal(t, "matches", len(must(s.Matches(ctx, nil))(t)), 1)
	equal(t, "clusters", must(s.Clusters(ctx, nil))(t), []catalog.Cluster{{ID: "c", Items: []string{"p/11", "p/2"}}})
	equal(t, "reviews", reviewIDs(must(s.Reviews(ctx, review.Filter{}))(t)), []string{"r2"})
	equal(t, "notices", noticeIDs(must(s.Notices(ctx, flow.NoticeFilter{}))(t)), []string{"n0002"})
	equal(t, "again", must(s.EraseItems(ctx, []string{"p/1"}))(t), 0)
	equal(t, "none", must(s.EraseItems(ctx, nil))(t), 0)
	ok(t, s.AddReviews(ctx, []review.Entry{q("r6", "x", `{"value":"K-1"}`), q("r7", "x", `{"value":"K-11"}`)}))
	equal(t, "texts", must(s.EraseTexts(ctx, []string{"K-1"}))(t), 1)
	if sc, is := s.(flow.Scrubber); is {
		ok(t, sc.Scrub(ctx))
	}
	equal(t, "after the scrub", reviewIDs(must(s.Reviews(ctx, review.Filter{}))(t)), []string{"r2", "r7"})
}

func lifetimes(t *testing.T, p Place) {
	s := p(t)
	q := func(id string, kind review.Kind, state string, decided time.Time) review.Entry {
		return review.Entry{ID: id, Kind: kind, Subject: id, State: state, Decided: decided, Created: at(0)}
	}
	ok(t, s.AddReviews(ctx, []review.Entry{q("a", review.Batch, review.Decided, at(1)), q("b", review.Batch, review.Decided, at(5)),
		q("c", review.Pair, review.Decided, at(1)), q("d", review.Batch, review.Open, time.Time{})}))
	equal(t, "of a kind", must(s.TrimReviews(ctx, "batch", at(5)))(t), 1)
	equal(t, "left", reviewIDs(must(s.Reviews(ctx, review.Filter{}))(t)), []string{"b", "c", "d"})
	equal(t, "of every kind", must(s.TrimReviews(ctx, "", at(9)))(t), 2)

	for n := range 3 {
		b := flow.Batch{ID: id("b", n), Feed: "f", Created: at(n), Stage: flow.Waiting}
		ok(t, s.PutBatch(ctx, b))
	}
	equal(t, "batches since", len(must(s.Batches(ctx, flow.BatchFilter{Feed: "f", Since: at(1)}))(t)), 2)
	equal(t, "counted", must(s.CountBatches(ctx, flow.BatchFilter{Stage: flow.Waiting, Limit: 1}))(t), 3)
	equal(t, "none counted", must(s.CountBatches(ctx, flow.BatchFilter{Feed: "g"}))(t), 0)
	equal(t, "waiting", len(must(s.Batches(ctx, flow.BatchFilter{Stage: flow.Waiting}))(t)), 3)
}

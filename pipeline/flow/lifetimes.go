package flow

import (
	"context"
	"path"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// Lifetimes say how long each zone and store keeps what it holds; 0 keeps it.
// The sweep removes what is older. The curated zone and the catalog live as
// long as the feed, and what a batch still needs is never removed: a landed file
// whose batch is not decided, the quarantine of a batch that waits.
type Lifetimes struct {
	Landing    time.Duration // of decided files
	Archive    time.Duration
	Quarantine time.Duration // rejects with their reasons
	Raw        time.Duration // landed bytes in quarantine
	Reports    time.Duration
	Approvals  time.Duration // decided ones
	Reviews    time.Duration // the other decided entries
	Notices    time.Duration // sent or given up
	Calls      time.Duration // of models: prompts, replies, kept answers
	Responses  time.Duration // of the API, to writes that named an idempotency key
	Answers    time.Duration // sampled by the observer, and runs of canary queries; baselines stay
	Evals      time.Duration // runs of suites; baselines stay
	History    time.Duration // of clusters: what happened to them; they stay
}

// DefaultLifetimes are those of a deployment that says nothing.
func DefaultLifetimes() Lifetimes {
	const day = 24 * time.Hour
	return Lifetimes{Quarantine: 90 * day, Raw: 30 * day, Reports: 400 * day, Archive: 400 * day, Approvals: 14 * day, Notices: 30 * day, Calls: 14 * day, Responses: day, Answers: 90 * day, Evals: 400 * day, History: 400 * day}
}

// Names are the zones and stores as ASSAY_KEEP names them.
func (l *Lifetimes) Names() map[string]*time.Duration {
	return map[string]*time.Duration{"landing": &l.Landing, "archive": &l.Archive, "quarantine": &l.Quarantine, "raw": &l.Raw,
		"reports": &l.Reports, "approvals": &l.Approvals, "reviews": &l.Reviews, "notices": &l.Notices, "calls": &l.Calls, "responses": &l.Responses, "answers": &l.Answers, "evals": &l.Evals, "history": &l.History}
}

// apply removes what has outlived its time and counts it.
func (l *Lifetimes) apply(ctx context.Context, in *Ingest) (map[string]int, error) {
	now := stamp(in.Now)
	removed := map[string]int{}
	for _, z := range []struct {
		name, prefix string
		keep         time.Duration
	}{
		{"landing", lake.Landing + "/", l.Landing}, {"archive", lake.Archive + "/", l.Archive},
		{"quarantine", lake.Quarantine + "/", l.Quarantine}, {"raw", lake.Quarantine + "/raw/", l.Raw}, {"reports", lake.Reports + "/", l.Reports},
	} {
		if z.keep <= 0 {
			continue
		}
		n, err := in.outlived(ctx, z.name, z.prefix, now.Add(-z.keep))
		if n > 0 {
			removed[z.name] = n
		}
		if err != nil {
			return removed, err
		}
	}
	for _, t := range []struct {
		name string
		keep time.Duration
		trim func(before time.Time) (int, error)
	}{
		{"approvals", l.Approvals, func(t time.Time) (int, error) { return in.Store.TrimReviews(ctx, string(review.Batch), t) }},
		{"reviews", l.Reviews, func(t time.Time) (int, error) { return in.Store.TrimReviews(ctx, "", t) }},
		{"notices", l.Notices, func(t time.Time) (int, error) { return in.Store.TrimNotices(ctx, t) }},
		{"calls", l.Calls, func(t time.Time) (int, error) { return in.Store.DeleteCalls(ctx, t) }},
		{"responses", l.Responses, func(t time.Time) (int, error) { return in.Store.TrimResponses(ctx, t) }},
		{"answers", l.Answers, func(t time.Time) (int, error) { return in.Store.TrimObserved(ctx, t) }},
		{"evals", l.Evals, func(t time.Time) (int, error) { return in.Store.TrimRuns(ctx, t) }},
		{"history", l.History, func(t time.Time) (int, error) { return in.Store.TrimClusterEvents(ctx, t) }},
	} {
		if t.keep <= 0 {
			continue
		}
		n, err := t.trim(now.Add(-t.keep))
		if n > 0 {
			removed[t.name] = n
		}
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// outlived removes the objects of a zone that are older than before and that
// nothing needs.
func (in *Ingest) outlived(ctx context.Context, zone, prefix string, before time.Time) (int, error) {
	needed := map[string]bool{} // by batch
	for _, stage := range []Stage{Staged, Held, Waiting, Unjudged} {
		bs, err := in.Store.Batches(ctx, BatchFilter{Stage: stage, Limit: 1 << 20})
		if err != nil {
			return 0, err
		}
		for _, b := range bs {
			needed[b.ID], needed[b.Key] = true, true
		}
	}
	var old []lake.Object
	for o, err := range in.Lake.List(ctx, prefix) {
		if err != nil {
			return 0, err
		}
		if !o.Modified.Before(before) {
			continue
		}
		elems := strings.Split(o.Key, "/")
		if zone == "quarantine" && len(elems) > 1 && elems[1] == "raw" {
			continue
		}
		batch := path.Base(path.Dir(o.Key))
		if needed[o.Key] || needed[batch] {
			continue
		}
		if zone == "landing" {
			feed, ok := lake.FeedOf(o.Key)
			if !ok {
				continue
			}
			if settled, err := in.settled(ctx, feed, o); err != nil {
				return 0, err
			} else if !settled {
				continue
			}
		}
		old = append(old, o)
	}
	n := 0
	for _, o := range old {
		switch err := in.Lake.Delete(ctx, o.Key); pipeline.ErrorCode(err) {
		case "":
			n++
		case pipeline.CodeInvalid: // a file of somebody else's in the zone
		default:
			return n, err
		}
	}
	return n, nil
}

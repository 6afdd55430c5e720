package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// TopicReplay asks that the held batches of a feed be judged again.
const TopicReplay = "replay"

// A ReplayFeed is the body of a replay message.
type ReplayFeed struct {
	Feed string `json:"feed"`
	// Batches, where set: only these, by id, as far as they are held still.
	Batches []string `json:"batches,omitempty"`
}

// A Release says which held batches are judged again, and how.
type Release struct {
	// Feed: those of this feed; "": of every feed.
	Feed string
	// Batches, where set: only these, by id.
	Batches []string
	// By, where set, is the person who decided that they are published, whatever
	// contract and breaker say; Reason is why. The accepted rows are published,
	// the others stay in quarantine, and the breaker is not told.
	By, Reason string
	// Dry: nothing is written; the batches say what would become of them.
	Dry bool
}

// A Replayed is a held batch that was judged again. It was released where its
// Stage is Done, and stays Held with a new reason where not. Err says why it
// could not be judged: its contract or its file is gone, or its feed is locked.
type Replayed struct {
	Batch
	Err error
}

// Released reports whether the batch was, or in a dry replay would be,
// published.
func (r Replayed) Released() bool { return r.Err == nil && r.Decision.Published() }

// Held returns the held batches of feed, or of all feeds where it is empty, in
// the order in which they are released: by feed, event time, key, and landing.
func (in *Ingest) Held(ctx context.Context, feed string) ([]Batch, error) {
	var held []Batch
	f := BatchFilter{Feed: feed, Stage: Held, Limit: 100_000}
	held, err := in.Store.Batches(ctx, f)
	if err != nil {
		return nil, err
	}
	// A release that was interrupted is a held batch still.
	f.Stage = Staged
	staged, err := in.Store.Batches(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, b := range staged {
		if b.Replays > 0 {
			held = append(held, b)
		}
	}
	slices.SortFunc(held, func(a, b Batch) int {
		return cmp.Or(cmp.Compare(a.Feed, b.Feed), a.EventTime.Compare(b.EventTime), cmp.Compare(a.Key, b.Key),
			cmp.Compare(a.Landing, b.Landing), cmp.Compare(a.ID, b.ID))
	})
	return held, nil
}

// Release judges held batches again, in order, by the contract of now, and
// publishes those that may be. A batch that is no better stays held, and the
// breaker is not told of it a second time. The first batch that is good tries a
// breaker again that batches opened; one that a person opened stays open.
// Errors: invalid and not_found, for a batch that is not held; unavailable.
func (in *Ingest) Release(ctx context.Context, r Release) ([]Replayed, error) {
	held, err := in.Held(ctx, r.Feed)
	if err != nil {
		return nil, err
	}
	if len(r.Batches) > 0 {
		if held, err = in.pick(ctx, held, r.Batches); err != nil {
			return nil, err
		}
	}
	if strings.TrimSpace(r.By) == "" && r.Reason != "" {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "a release with a reason needs the name of who decided")
	}
	var out []Replayed
	for len(held) > 0 {
		n := 1
		for n < len(held) && held[n].Feed == held[0].Feed {
			n++
		}
		done, err := in.releaseFeed(ctx, r, held[:n])
		out = append(out, done...)
		if err != nil {
			return out, err
		}
		held = held[n:]
	}
	return out, nil
}

// pick finds batches among the held ones, in the order of those.
func (in *Ingest) pick(ctx context.Context, held []Batch, ids []string) ([]Batch, error) {
	for _, id := range ids {
		if slices.ContainsFunc(held, func(b Batch) bool { return b.ID == id }) {
			continue
		}
		b, err := in.Store.Batch(ctx, id)
		if err != nil {
			return nil, err
		}
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "batch %s is not held but %s", pipeline.ShortID(id), b.Stage).
			WithHint("assay replay --dry-run lists what is held")
	}
	return slices.DeleteFunc(held, func(b Batch) bool { return !slices.Contains(ids, b.ID) }), nil
}

// releaseFeed judges held batches of one feed again, under its lease.
func (in *Ingest) releaseFeed(ctx context.Context, r Release, held []Batch) (out []Replayed, err error) {
	feed := held[0].Feed
	if !r.Dry {
		ctx, done, err := in.lease(ctx, feed)
		if err != nil {
			if pipeline.ErrorCode(err) != pipeline.CodeLocked {
				return nil, err
			}
			for _, b := range held {
				out = append(out, Replayed{b, err})
			}
			return out, nil
		}
		defer done()
		if err := in.recoverFeed(ctx, feed); err != nil {
			return nil, err
		}
	}
	state, err := in.Store.LoadBreaker(ctx, FeedBreaker(feed))
	if err != nil {
		return nil, err
	}
	for _, b := range held {
		if !r.Dry {
			// Another process may have released it before this one had the lease.
			if b, err = in.Store.Batch(ctx, b.ID); err != nil {
				return out, err
			}
			if b.Stage != Held && b.Stage != Staged {
				continue
			}
		}
		was := b
		b, err := in.again(ctx, r, b, &state)
		switch pipeline.ErrorCode(err) {
		case "":
		case pipeline.CodeCanceled, pipeline.CodeUnavailable, pipeline.CodeLimit, pipeline.CodeInternal:
			return out, err
		default:
			b = was // what stands in the way is a matter of this batch
		}
		out = append(out, Replayed{b, err})
	}
	return out, nil
}

// again judges one held batch again. In a dry replay state goes from batch to
// batch; else the stored one does.
func (in *Ingest) again(ctx context.Context, r Release, b Batch, state *breaker.State) (Batch, error) {
	// Before the file: without its contract nothing can be done with it.
	f, err := in.feedOf(ctx, b)
	if err != nil {
		return in.withoutContract(ctx, b, err)
	}
	content, obj, err := in.fingerprint(ctx, b.Key)
	if err != nil {
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			err = pipeline.Errorf(pipeline.CodeNotFound, "the file of batch %s is not in the landing zone any more: %w", pipeline.ShortID(b.ID), err).
				WithHint("put it back as it was, at %s", b.Key)
		}
		return Batch{}, err
	}
	if content != b.Content {
		return Batch{}, pipeline.Errorf(pipeline.CodeConflict, "another content landed as %s since batch %s was held", b.Key, pipeline.ShortID(b.ID)).
			WithHint("assay run judges what lies there now, and replaces the held batch")
	}
	b.Tag, b.Size = obj.Tag, obj.Size
	b.Replays++
	b.ReleasedBy, b.ReleaseReason = r.By, r.Reason
	if r.Dry {
		return in.tryAgain(ctx, b, f, state)
	}
	b.Stage = Held
	if b, err = in.judge(ctx, b); err != nil {
		return Batch{}, err
	}
	return b, in.archive(ctx, b)
}

// tryAgain says what would become of a held batch.
func (in *Ingest) tryAgain(ctx context.Context, b Batch, f *contract.Feed, state *breaker.State) (Batch, error) {
	policy, err := BreakerPolicy(f)
	if err != nil {
		return Batch{}, err
	}
	report, err := in.look(ctx, f, b, in.input(b))
	if err != nil {
		return Batch{}, err
	}
	old, err := in.guardSnapshot(ctx, b, f, report)
	if err != nil {
		return Batch{}, err
	}
	o := judgeWith(policy, *state, b, f, report, stamp(in.Now))
	b.Verdict, b.Decision, b.Reason, b.Rows = report.Verdict, o.decision, o.reason, report.Rows
	if old && b.ReleasedBy == "" {
		b.Decision, b.Reason = pipeline.Hold, report.Reason
		return b, nil
	}
	for _, s := range o.samples {
		*state, _ = policy.Step(*state, s)
	}
	return b, nil
}

// sweepRejects removes what an earlier judgement left in quarantine, since the
// next one need not have rejects at all.
func (in *Ingest) sweepRejects(ctx context.Context, b Batch) error {
	for _, prefix := range []string{lake.QuarantineKey(b.Feed, b.ID, "") + "/", lake.RawKey(b.Feed, b.ID, "") + "/"} {
		for o, err := range in.Lake.List(ctx, prefix) {
			if err != nil {
				return err
			}
			if err := in.Lake.Delete(ctx, o.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// askReplay adds the message that has the held batches judged again, where the
// breaker has just closed and its policy says so.
func (in *Ingest) askReplay(ctx context.Context, tx Tx, out []Outgoing, b Batch, f *contract.Feed, ts []breaker.Transition) ([]Outgoing, error) {
	if len(ts) == 0 || ts[len(ts)-1].To != breaker.Closed || f.Breaker.Replay != "auto" {
		return out, nil
	}
	held, err := tx.Batches(ctx, BatchFilter{Feed: f.Name, Stage: Held, Limit: 2})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(held, func(h Batch) bool { return h.ID != b.ID }) {
		return out, nil
	}
	m, err := newMessage(TopicReplay, ts[len(ts)-1].At.String(), ReplayFeed{Feed: f.Name})
	if err != nil {
		return nil, err
	}
	return append(out, Outgoing{Message: &m}), nil
}

// AskReplay has a held batch judged again by whoever works off the messages of
// TopicReplay: for a process that answers requests, and may neither take the time
// nor carry what judging needs. Each call asks once more. Error: unavailable.
func (in *Ingest) AskReplay(ctx context.Context, b Batch) error {
	m, err := newMessage(TopicReplay, stamp(in.Now).String(), ReplayFeed{Feed: b.Feed, Batches: []string{b.ID}})
	if err != nil {
		return err
	}
	return in.Store.PutOutgoing(ctx, Outgoing{Message: &m})
}

// ReplayMessage handles a message of TopicReplay. Handling it again changes
// nothing: what was released is not held any more.
func (in *Ingest) ReplayMessage(ctx context.Context, m Message) ([]Replayed, error) {
	var body ReplayFeed
	if err := json.Unmarshal(m.Body, &body); err != nil || body.Feed == "" {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "replay message %s does not read: %v", m.ID, err)
	}
	r := Release{Feed: body.Feed}
	if len(body.Batches) > 0 {
		held, err := in.Held(ctx, body.Feed)
		if err != nil {
			return nil, err
		}
		for _, b := range held {
			if slices.Contains(body.Batches, b.ID) {
				r.Batches = append(r.Batches, b.ID)
			}
		}
		if len(r.Batches) == 0 {
			return nil, nil
		}
	}
	out, err := in.Release(ctx, r)
	if err != nil {
		return out, err
	}
	for _, r := range out {
		if pipeline.ErrorCode(r.Err) == pipeline.CodeLocked {
			return out, r.Err // comes again
		}
	}
	return out, nil
}

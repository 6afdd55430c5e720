package flow

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assay-pipeline/assay/pipeline"
)

// Run does all the work there is, on one machine: what landed is judged, what
// was published is parsed, what was parsed is matched, and what happened is
// told. On AWS the same use cases are called by events instead.
type Run struct {
	Ingest *Ingest
	Parse  *Parse
	Match  *Match
	Relay  *Relay
	Store  Store
	// Broken, where set, says why there is no Parse and no Match: the knowledge
	// pack does not load. Feeds are judged all the same; the work of those that
	// are bound to a catalog waits in the queue until the pack is mended.
	Broken error
	// Workers bounds the shards parsed at once.
	Workers int
	Now     func() time.Time
	Log     *slog.Logger
	// Batch, where set, is told of each decided batch.
	Batch func(Batch)
	// Trace, where set, is called before a message is handled and before it is
	// settled, with the topic; see Ingest.Trace.
	Trace func(step string)
	// Step, where set, is told of progress in the stage named.
	Step func(stage string, done, total int)
}

// StandStill is how long a file must not have changed before --watch takes it.
const StandStill = 2 * time.Second

// visibility is how long a message is leased to a worker.
const visibility = 5 * time.Minute

// tries is how often a message is delivered before it goes to the dead letters.
const tries = 5

// A Result is what one run did.
type Result struct {
	Batches []Batch
	// Replayed are held batches that were judged again, since a breaker closed.
	Replayed []Replayed
	// Shards and Matched count the messages handled.
	Shards, Matched int
	// Dead counts the messages given up in this run, with the last reason.
	Dead       int
	DeadReason string
}

// Once works until nothing is left to do. Feed "" is every feed.
func (r *Run) Once(ctx context.Context, feed string) (Result, error) {
	var res Result
	if feed != "" {
		// A misspelt feed is not a feed without news.
		if _, err := r.Ingest.Contracts.Feed(feed); err != nil {
			return res, err
		}
	}
	release, err := r.Ingest.alone(ctx, "run")
	if err != nil {
		return res, err
	}
	defer release()
	if _, err := r.Ingest.Settle(ctx); err != nil {
		return res, err
	}
	landed, err := r.Ingest.Scan(ctx, feed)
	if err != nil {
		return res, err
	}
	var odd []error
	for _, l := range landed {
		b, err := r.Ingest.Object(ctx, l.Key)
		switch code := pipeline.ErrorCode(err); {
		case err == nil:
		case code == pipeline.CodeInvalid:
			// A file that no batch can be made of, such as one whose name is not
			// UTF-8, does not keep the others waiting. It is said at the end.
			odd = append(odd, err)
			continue
		case code == pipeline.CodeNotFound:
			r.Log.Warn("landed file is gone", "feed", l.Feed, "error", err)
			continue
		default:
			return res, err
		}
		res.Batches = append(res.Batches, b)
		if r.Batch != nil {
			r.Batch(b)
		}
	}
	if err := r.Ingest.Mark(ctx); err != nil {
		return res, err
	}
	if err := r.drain(ctx, &res); err != nil {
		return res, err
	}
	if n := r.Relay.Notify; n != nil {
		// Who cannot be told now is told later; the run is not to blame.
		if _, err := n.Deliver(ctx); err != nil {
			r.Log.Warn("notices not delivered", "error", err)
		}
	}
	if len(odd) > 0 {
		return res, odd[0]
	}
	return res, r.waiting(ctx)
}

// waiting is the error of a broken pack, where there is work that needs it.
func (r *Run) waiting(ctx context.Context) error {
	if r.Broken == nil {
		return nil
	}
	for _, topic := range []string{TopicParse, TopicMatch} {
		n, _, err := r.Store.Depth(ctx, topic)
		if err != nil {
			return err
		}
		if n > 0 {
			return pipeline.Errorf(pipeline.ErrorCode(r.Broken), "every feed was judged, but the items of %d shards or batches wait to be read: %w", n, r.Broken)
		}
	}
	r.Log.Warn("the knowledge pack does not load; no feed needs it", "error", r.Broken)
	return nil
}

// Replay judges held batches again, and does what follows for those that were
// released. A dry one does nothing else.
func (r *Run) Replay(ctx context.Context, rel Release) (Result, error) {
	var res Result
	if rel.Feed != "" {
		// A misspelt feed is not a feed without held batches; one whose contract is
		// gone is said batch by batch.
		held, err := r.Ingest.Held(ctx, rel.Feed)
		if err != nil {
			return res, err
		}
		if _, err := r.Ingest.Contracts.Feed(rel.Feed); err != nil && len(held) == 0 {
			return res, err
		}
	}
	var err error
	if rel.Dry {
		res.Replayed, err = r.Ingest.Release(ctx, rel)
		return res, err
	}
	release, err := r.Ingest.alone(ctx, "run")
	if err != nil {
		return res, err
	}
	defer release()
	if res.Replayed, err = r.Ingest.Release(ctx, rel); err != nil {
		return res, err
	}
	if err := r.Ingest.Mark(ctx); err != nil {
		return res, err
	}
	return res, r.drain(ctx, &res)
}

// drain relays and works until outbox and queue are empty.
func (r *Run) drain(ctx context.Context, res *Result) error {
	for {
		r.trace("relay")
		sent, err := r.Relay.Drain(ctx)
		if err != nil {
			return err
		}
		parsed := 0
		if r.Broken == nil {
			if parsed, err = r.work(ctx, res, TopicParse, r.Workers, r.Parse.Message); err != nil {
				return err
			}
		}
		res.Shards += parsed
		replayed, err := r.work(ctx, res, TopicReplay, 1, func(ctx context.Context, m Message) error {
			out, err := r.Ingest.ReplayMessage(ctx, m)
			res.Replayed = append(res.Replayed, out...)
			return err
		})
		if err != nil {
			return err
		}
		if parsed+replayed > 0 {
			continue // the last shard of a batch asks for its match
		}
		matched := 0
		if r.Broken == nil {
			if matched, err = r.work(ctx, res, TopicMatch, 1, r.Match.Message); err != nil {
				return err
			}
		}
		res.Matched += matched
		if sent+parsed+matched == 0 {
			return nil
		}
	}
}

// work handles every visible message of a topic.
func (r *Run) work(ctx context.Context, res *Result, topic string, workers int, handle func(context.Context, Message) error) (int, error) {
	handled := 0
	for {
		// This run holds the lake's lease, so a message that is leased now was
		// left by a run that died: it is looked for as if its lease had ended.
		until := r.Now().Add(visibility)
		ms, err := r.Store.Receive(ctx, topic, max(workers, 1)*4, until, until)
		if err != nil || len(ms) == 0 {
			return handled, err
		}
		failures := make([]error, len(ms))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(max(workers, 1))
		for i, m := range ms {
			g.Go(func() error {
				r.trace(topic)
				failures[i] = handle(gctx, m)
				// A cancelled or unreachable backend ends the run; a message that
				// fails by itself is retried and then put aside.
				if c := pipeline.ErrorCode(failures[i]); c == pipeline.CodeCanceled || c == pipeline.CodeUnavailable || c == pipeline.CodeLocked {
					return failures[i]
				}
				return nil
			})
		}
		stop := g.Wait()
		for i, m := range ms {
			r.trace(topic + " settle")
			if err := r.settle(ctx, res, m, failures[i]); err != nil {
				return handled, errors.Join(stop, err)
			}
			if failures[i] == nil {
				handled++
			}
		}
		if stop != nil {
			return handled, stop
		}
		r.step(topic, handled, -1)
	}
}

func (r *Run) settle(ctx context.Context, res *Result, m Message, failure error) error {
	// Even a cancelled run says what it finished.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if failure == nil {
		return r.Store.Ack(ctx, m.ID)
	}
	code := pipeline.ErrorCode(failure)
	dead := !code.Retryable() || (m.Tries >= tries && code != pipeline.CodeCanceled && !errors.Is(failure, errHalted))
	if dead {
		res.Dead++
		res.DeadReason = failure.Error()
		r.Log.Error("message given up", "topic", m.Topic, "message", m.ID, "tries", m.Tries, "error", failure)
	} else {
		r.Log.Warn("message failed", "topic", m.Topic, "message", m.ID, "tries", m.Tries, "error", failure)
	}
	return r.Store.Nack(ctx, m.ID, r.Now(), failure.Error(), dead)
}

func (r *Run) step(stage string, done, total int) {
	if r.Step != nil {
		r.Step(stage, done, total)
	}
}

func (r *Run) trace(step string) {
	if r.Trace != nil {
		r.Trace(step)
	}
}

package flow

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// Relay moves what the outbox holds to where it goes: events to the publisher,
// messages to the queue, in the order written, at least once.
type Relay struct {
	Outbox    Outbox
	Queue     Messenger
	Publisher Publisher
	// Notify, where set, takes note of the events that are to be told to people;
	// telling them is its own matter.
	Notify *Notifier
	// Leases, where set, keep relays of several processes apart: one sends, and
	// the others leave what they wrote to it. Without, each would send what the
	// others are about to.
	Leases Leases
	Owner  string
	Now    func() time.Time
	Log    *slog.Logger

	// slow counts the passes in a row that failed: each halves what the next one
	// takes up, so that one comes to its end where a bus or the caller's time is
	// short, and is not begun anew for ever.
	slow atomic.Int32
}

// pass is how many entries the next pass takes up.
func (r *Relay) pass() int { return max(relayAtOnce>>r.slow.Load(), 1) }

// A Messenger takes messages to a queue; a Queue is one. Errors: invalid,
// not_found, denied, unavailable.
type Messenger interface {
	Send(ctx context.Context, ms ...Message) error
}

// relayAtOnce bounds the entries of one pass: what is sent twice where a process
// dies before it says so.
const relayAtOnce = 100

const (
	// relayLease is how long a relay that died keeps the others from sending.
	relayLease = 30 * time.Second
	// relayMargin is what is left of the caller's time when a relay stops, so that
	// it gives its lease back.
	relayMargin = 2 * time.Second
)

// Drain sends until the outbox is empty and returns how many entries left it.
// Where another process is at it, that one sends what this one wrote.
func (r *Relay) Drain(ctx context.Context) (int, error) {
	if r.Leases == nil {
		return r.drain(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-relayMargin))
		defer cancel()
	}
	for total := 0; ; {
		done, err := holdLeaseFor(ctx, r.Leases, r.Log, r.Now, "relay", r.Owner, relayLease, nil)
		if pipeline.ErrorCode(err) == pipeline.CodeLocked {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := r.drain(ctx)
		done()
		if total += n; err != nil {
			return total, err
		}
		// What was written after the last look, by a process that then found the
		// lease taken, is nobody else's.
		if left, err := r.Outbox.Outgoing(ctx, 1); err != nil || len(left) == 0 {
			return total, err
		}
	}
}

func (r *Relay) drain(ctx context.Context) (int, error) {
	total := 0
	for {
		out, err := r.Outbox.Outgoing(ctx, r.pass())
		if err != nil || len(out) == 0 {
			return total, err
		}
		if err := r.send(ctx, out); err != nil {
			r.slow.Store(min(r.slow.Load()+1, 7)) // of one entry
			return total, err
		}
		r.slow.Store(max(r.slow.Load()-1, 0))
		total += len(out)
	}
}

// send takes entries to where they go, and marks them.
func (r *Relay) send(ctx context.Context, out []Outgoing) error {
	var events []pipeline.Event
	var messages []Message
	seqs := make([]int64, 0, len(out))
	for _, o := range out {
		if o.Event != nil {
			events = append(events, *o.Event)
		}
		if o.Message != nil {
			messages = append(messages, *o.Message)
		}
		seqs = append(seqs, o.Seq)
	}
	if len(events) > 0 {
		if err := r.Publisher.Publish(ctx, events); err != nil {
			return err
		}
		if r.Notify != nil {
			if err := r.Notify.Take(ctx, events); err != nil {
				return err
			}
		}
	}
	if len(messages) > 0 {
		if err := r.Queue.Send(ctx, messages...); err != nil {
			return err
		}
	}
	// Sent and not marked is sent again: consumers drop repeats by id.
	return r.Outbox.MarkSent(ctx, seqs...)
}

package flow

import (
	"context"
	"log/slog"

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
	Log    *slog.Logger
}

// A Messenger takes messages to a queue; a Queue is one. Errors: invalid,
// not_found, denied, unavailable.
type Messenger interface {
	Send(ctx context.Context, ms ...Message) error
}

// relayAtOnce bounds the entries of one pass.
const relayAtOnce = 500

// Drain sends until the outbox is empty and returns how many entries left it.
func (r *Relay) Drain(ctx context.Context) (int, error) {
	total := 0
	for {
		out, err := r.Outbox.Outgoing(ctx, relayAtOnce)
		if err != nil || len(out) == 0 {
			return total, err
		}
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
				return total, err
			}
			if r.Notify != nil {
				if err := r.Notify.Take(ctx, events); err != nil {
					return total, err
				}
			}
		}
		if len(messages) > 0 {
			if err := r.Queue.Send(ctx, messages...); err != nil {
				return total, err
			}
		}
		// Sent and not marked is sent again: consumers drop repeats by id.
		if err := r.Outbox.MarkSent(ctx, seqs...); err != nil {
			return total, err
		}
		total += len(out)
	}
}

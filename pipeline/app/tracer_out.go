package app

import (
	"context"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A tracedPublisher adds to the trace of each event that it left: the relay sends
// what many traces caused, each event has its own.
type tracedPublisher struct {
	flow.Publisher
	trace *Tracer
}

// Publish implements flow.Publisher.
func (p tracedPublisher) Publish(ctx context.Context, events []pipeline.Event) error {
	began := p.trace.now()
	err := p.Publisher.Publish(ctx, events)
	for _, e := range events {
		p.trace.left(ctx, e.Trace, "publish "+e.Type, began, err, "assay.event", e.ID)
	}
	return err
}

// A tracedMessenger does the same for messages of a queue.
type tracedMessenger struct {
	flow.Messenger
	trace *Tracer
}

// Send implements flow.Messenger.
func (m tracedMessenger) Send(ctx context.Context, ms ...flow.Message) error {
	began := m.trace.now()
	err := m.Messenger.Send(ctx, ms...)
	for _, x := range ms {
		m.trace.left(ctx, x.Trace, "send "+x.Topic, began, err, "assay.message", x.ID)
	}
	return err
}

// left keeps the span of something that was sent, in the trace that caused it;
// what was caused outside a trace has none.
func (t *Tracer) left(ctx context.Context, parent, name string, began time.Time, err error, attributes ...string) {
	if parent == "" {
		return
	}
	failed := ""
	if err != nil {
		failed = string(pipeline.ErrorCode(err))
	}
	t.Add(pipeline.WithTrace(ctx, parent), name, began, t.now(), failed, attributes...)
}

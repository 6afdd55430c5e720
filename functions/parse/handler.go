package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A handler translates queue messages into calls of the use cases.
type handler struct {
	parse *flow.Parse
	match *flow.Match
	relay *flow.Relay
	log   *slog.Logger
	trace *app.Tracer
	// wait is how long a message waits for a lease that another one holds.
	wait  time.Duration
	sleep func(ctx context.Context, d time.Duration)
}

func newHandler(ctx context.Context, environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	a := app.Open(cfg, opt)
	p, err := a.Parse(ctx)
	if err != nil {
		return nil, err
	}
	m, err := a.Match(ctx)
	if err != nil {
		return nil, err
	}
	relay, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	return &handler{p, m, relay, p.Log, a.Tracer(), time.Minute, sleep}, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// margin is what is left of an invocation's time when its work is told to stop.
const margin = 3 * time.Second

// Handle works through a batch of queue messages, whose bodies are
// flow.Message. It reports those that have to come again; a message that can
// never succeed is reported too, so that the queue moves it to its dead
// letters, where a person sees it.
func (h *handler) Handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	defer h.trace.Flush(ctx)
	var res events.SQSEventResponse
	for _, r := range event.Records {
		if err := h.one(ctx, r.Body); err != nil {
			h.log.ErrorContext(ctx, "message failed", "message", r.MessageId, "code", pipeline.ErrorCode(err), "error", err)
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
	}
	// Where what happened cannot be told now, the relay function tells it: doing
	// the messages again would not help.
	if _, err := h.relay.Drain(ctx); err != nil {
		h.log.WarnContext(ctx, "the outbox waits for the next relay", "code", pipeline.ErrorCode(err), "error", err)
	}
	return res, nil
}

func (h *handler) one(ctx context.Context, body string) (err error) {
	var m flow.Message
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "the message does not read: %w", err)
	}
	var do func(context.Context, flow.Message) error
	switch m.Topic {
	case flow.TopicParse:
		do = h.parse.Message
	case flow.TopicMatch:
		do = h.match.Message
	default:
		return pipeline.Errorf(pipeline.CodeInvalid, "message %s has the topic %q, which is not for this function", m.ID, m.Topic)
	}
	ctx, end := h.trace.Start(pipeline.WithTrace(ctx, m.Trace), m.Topic, "assay.message", m.ID)
	defer func() { end(err) }()
	pause, waited := 50*time.Millisecond, time.Duration(0)
	for {
		err = do(ctx, m)
		// One match at a time: waiting costs less than another delivery.
		if pipeline.ErrorCode(err) != pipeline.CodeLocked || waited >= h.wait || ctx.Err() != nil {
			return err
		}
		h.sleep(ctx, pause)
		waited += pause
		pause = min(2*pause, 2*time.Second)
	}
}

package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A handler translates queue messages into calls of the use cases.
type handler struct {
	parse *flow.Parse
	match *flow.Match
	// ingest judges held batches again when a breaker closes.
	ingest *flow.Ingest
	relay  *flow.Relay
	log    *slog.Logger
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
	in, err := a.Ingest(ctx)
	if err != nil {
		return nil, err
	}
	relay, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	return &handler{p, m, in, relay, p.Log}, nil
}

// Handle works through a batch of queue messages, whose bodies are
// flow.Message. It reports those that have to come again; a message that can
// never succeed is reported too, so that the queue moves it to its dead
// letters, where a person sees it.
func (h *handler) Handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	var res events.SQSEventResponse
	for _, r := range event.Records {
		if err := h.one(ctx, r.Body); err != nil {
			h.log.Error("message failed", "message", r.MessageId, "code", pipeline.ErrorCode(err), "error", err)
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
	}
	_, err := h.relay.Drain(ctx)
	return res, err
}

func (h *handler) one(ctx context.Context, body string) error {
	var m flow.Message
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "the message does not read: %w", err)
	}
	switch m.Topic {
	case flow.TopicParse:
		return h.parse.Message(ctx, m)
	case flow.TopicMatch:
		return h.match.Message(ctx, m)
	case flow.TopicReplay:
		_, err := h.ingest.ReplayMessage(ctx, m)
		return err
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "message %s has the unknown topic %q", m.ID, m.Topic)
}

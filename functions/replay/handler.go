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

// A handler judges held batches again, when a message of the queue asks for it or
// a person does.
type handler struct {
	app    *app.App
	ingest *flow.Ingest
	relay  *flow.Relay
	log    *slog.Logger
	trace  *app.Tracer
}

func newHandler(ctx context.Context, environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	a := app.Open(cfg, opt)
	in, err := a.Ingest(ctx)
	if err != nil {
		return nil, err
	}
	relay, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	return &handler{a, in, relay, in.Log, a.Tracer()}, nil
}

// A request is what a person asks by direct invocation: one of
//
//	{"feed": "orders"}                          held batches of a feed, judged again
//	{"all": true}                               those of every feed
//	{"batches": [ID], "by": WHO, "reason": WHY} published whatever contract and breaker say
//	{"redrive": {"from": URL, "to": URL, "most": N}} dead letters, back to their queue;
//	                                            "only": TEXT, those that hold it
//
// and "dry": true with the first three, to be told only.
type request struct {
	Feed    string   `json:"feed"`
	All     bool     `json:"all"`
	Batches []string `json:"batches"`
	By      string   `json:"by"`
	Reason  string   `json:"reason"`
	Dry     bool     `json:"dry"`
	Redrive *struct {
		From string `json:"from"`
		To   string `json:"to"`
		Only string `json:"only"`
		Most int    `json:"most"`
	} `json:"redrive"`
	Records []json.RawMessage `json:"Records"`
}

// A response says what became of each batch, or how many messages were moved.
type response struct {
	Batches []line `json:"batches"`
	Moved   int    `json:"moved,omitempty"`
}

type line struct {
	flow.Batch
	Released bool   `json:"released"`
	Error    string `json:"error,omitempty"`
}

// Handle takes messages of the replay queue, or a request.
func (h *handler) Handle(ctx context.Context, raw json.RawMessage) (out any, err error) {
	err = h.trace.Work(ctx, "replay", func(ctx context.Context) (err error) {
		out, err = h.handle(ctx, raw)
		return err
	})
	return out, err
}

func (h *handler) handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var r request
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the request does not read: %w", err)
	}
	if len(r.Records) > 0 {
		return h.queue(ctx, raw)
	}
	if r.Redrive != nil {
		n, err := h.app.Redrive(ctx, r.Redrive.From, r.Redrive.To, r.Redrive.Only, r.Redrive.Most)
		return response{Batches: []line{}, Moved: n}, err
	}
	if r.Feed == "" && !r.All && len(r.Batches) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the request says neither a feed, nor batches, nor all").
			WithHint(`as in {"feed": "orders"} or {"all": true, "dry": true}`)
	}
	done, err := h.ingest.Release(ctx, flow.Release{Feed: r.Feed, Batches: r.Batches, By: r.By, Reason: r.Reason, Dry: r.Dry})
	res := response{Batches: []line{}}
	for _, b := range done {
		l := line{Batch: b.Batch, Released: b.Released()}
		if b.Err != nil {
			l.Error = pipeline.ErrorMessage(b.Err)
		}
		res.Batches = append(res.Batches, l)
	}
	if err != nil || r.Dry {
		return res, err
	}
	return res, h.settle(ctx)
}

// settle writes down for consumers what the release changed, and sends it.
func (h *handler) settle(ctx context.Context) error {
	if err := h.ingest.Mark(ctx); err != nil {
		return err
	}
	if _, err := h.relay.Drain(ctx); err != nil {
		h.log.WarnContext(ctx, "the outbox waits for the next relay", "code", pipeline.ErrorCode(err), "error", err)
	}
	return nil
}

// queue works through messages that ask for a feed's held batches.
func (h *handler) queue(ctx context.Context, raw json.RawMessage) (events.SQSEventResponse, error) {
	var event events.SQSEvent
	var res events.SQSEventResponse
	if err := json.Unmarshal(raw, &event); err != nil {
		return res, pipeline.Errorf(pipeline.CodeInvalid, "the event of the queue does not read: %w", err)
	}
	for _, r := range event.Records {
		var m flow.Message
		err := json.Unmarshal([]byte(r.Body), &m)
		if err == nil && m.Topic != flow.TopicReplay {
			err = pipeline.Errorf(pipeline.CodeInvalid, "message %s has the topic %q", m.ID, m.Topic)
		}
		if err == nil {
			under, end := h.trace.Start(pipeline.WithTrace(ctx, m.Trace), m.Topic, "assay.message", m.ID)
			_, err = h.ingest.ReplayMessage(under, m)
			end(err)
		}
		if err != nil {
			h.log.ErrorContext(ctx, "message failed", "message", r.MessageId, "code", pipeline.ErrorCode(err), "error", err)
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
	}
	return res, h.settle(ctx)
}

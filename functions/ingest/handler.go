package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A handler translates events into calls of the use case, and nothing else.
type handler struct {
	ingest *flow.Ingest
	relay  *flow.Relay
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
	return &handler{in, relay}, nil
}

// A response says what the ledger says of each object of the event.
type response struct {
	Batches []flow.Batch `json:"batches"`
}

// Handle takes an S3 notification, or {"bucket": …, "key": …} by direct
// invocation. An error that may pass is returned, so that the event comes
// again; what can never succeed is in the ledger and is not.
func (h *handler) Handle(ctx context.Context, raw json.RawMessage) (response, error) {
	keys, err := landedKeys(raw)
	if err != nil {
		return response{}, err
	}
	res := response{Batches: []flow.Batch{}}
	var again error
	for _, key := range keys {
		b, err := h.ingest.Object(ctx, key)
		if err != nil {
			if pipeline.ErrorCode(err).Retryable() {
				again = errors.Join(again, err)
				continue
			}
			// Gone, or not in a landing folder: coming again would not help.
			b = flow.Batch{Key: key, Stage: flow.Unjudged, Verdict: pipeline.VerdictError, Reason: pipeline.ErrorMessage(err)}
		}
		res.Batches = append(res.Batches, b)
	}
	if _, err := h.relay.Drain(ctx); err != nil {
		again = errors.Join(again, err)
	}
	return res, again
}

// landedKeys are the object keys that an event is about.
func landedKeys(raw json.RawMessage) ([]string, error) {
	var direct struct {
		Bucket string `json:"bucket"`
		Key    string `json:"key"`
	}
	if err := json.Unmarshal(raw, &direct); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event is not a JSON object: %w", err)
	}
	if direct.Key != "" {
		return []string{direct.Key}, nil
	}
	var event events.S3Event
	if err := json.Unmarshal(raw, &event); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event is neither an S3 notification nor {bucket, key}: %w", err)
	}
	var keys []string
	for _, r := range event.Records {
		if r.S3.Object.Key == "" {
			continue
		}
		// S3 encodes keys as in a query string: "+" is a space.
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "object key %q: %w", r.S3.Object.Key, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event names no object").WithHint("send an S3 notification or {\"bucket\": …, \"key\": …}")
	}
	return keys, nil
}

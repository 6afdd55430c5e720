package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A handler translates events into calls of the use case, and nothing else.
type handler struct {
	config app.Config
	ingest *flow.Ingest
	relay  *flow.Relay
	log    *slog.Logger
	count  *app.Metrics
	trace  *app.Tracer
	// wait is how long an object waits for another one of its feed.
	wait  time.Duration
	sleep func(ctx context.Context, d time.Duration)
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
	return &handler{cfg, in, relay, in.Log, a.Metrics(), a.Tracer(), time.Minute, sleep}, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// A response says what the ledger says of each object of the event.
type response struct {
	Batches []flow.Batch `json:"batches"`
}

// margin is what is left of an invocation's time when nothing new is begun: what
// runs then is told to stop, and gives its lease back.
const margin = 3 * time.Second

// Handle takes landed objects: an S3 notification or an EventBridge event, as
// they are or in messages of SQS, or {"bucket": …, "key": …} by direct
// invocation; and the steps of the state machine.
//
// What can never succeed is in the ledger, and does not come again. What may
// pass does: a message of SQS is named in the partial batch response, any other
// event gets an error, and Lambda delivers it again.
func (h *handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	defer h.trace.Flush(ctx)
	var e envelope
	if err := json.Unmarshal(raw, &e); err == nil && e.Step != "" {
		out, err := h.step(ctx, raw)
		return out, typed(err)
	}
	all, queued, err := deliveries(raw)
	if err != nil {
		return nil, typed(err)
	}
	res := response{Batches: []flow.Batch{}}
	var failures events.SQSEventResponse
	var again error
	failed := 0
	for _, d := range all {
		batches, err := h.objects(pipeline.WithTrace(ctx, d.Trace), d)
		res.Batches = append(res.Batches, batches...)
		if err == nil {
			continue
		}
		failed += len(d.Objects) - len(batches)
		again = errors.Join(again, err)
		h.log.ErrorContext(ctx, "delivery failed", "message", d.Message, "code", pipeline.ErrorCode(err), "error", err)
		failures.BatchItemFailures = append(failures.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: d.Message})
	}
	// What happened stands in the outbox. Where it cannot be told now, the relay
	// function tells it: judging the objects again would not help.
	announced := h.drain(ctx)
	for range res.Batches {
		h.count.Attempt(announced)
	}
	for range failed {
		h.count.Attempt(false)
	}
	if queued {
		return failures, nil
	}
	return res, typed(again)
}

// drain sends what the outbox holds, and reports whether it could.
func (h *handler) drain(ctx context.Context) bool {
	ctx, end := h.trace.Start(ctx, "relay")
	_, err := h.relay.Drain(ctx)
	end(err)
	if err != nil {
		h.log.WarnContext(ctx, "the outbox waits for the next relay", "code", pipeline.ErrorCode(err), "error", err)
	}
	return err == nil
}

// objects takes the objects of one delivery, and returns the error for which the
// delivery has to come again.
func (h *handler) objects(ctx context.Context, d delivery) ([]flow.Batch, error) {
	var batches []flow.Batch
	var again error
	for _, o := range d.Objects {
		if d.Tries > notedTry { // the last try has said why, if it lived to
			h.stuck(ctx, o, "a try to judge it ended without an answer: the function was killed at its timeout, or for its memory", true)
		}
		b, err := h.object(ctx, o)
		switch code := pipeline.ErrorCode(err); {
		case err == nil:
		case code.Retryable():
			if d.Tries >= notedTry {
				h.stuck(ctx, o, fmt.Sprintf("try %d: %s", d.Tries, err), false)
			}
			again = errors.Join(again, err)
			continue
		case o.Key == "" || o.Err != nil:
			// There is no object of which the ledger could say anything: the dead
			// letters keep the message, where a person sees it.
			again = errors.Join(again, err)
			continue
		default:
			// Not in a landing folder, or in another bucket: coming again would not help.
			b = flow.Batch{Key: o.Key, Stage: flow.Unjudged, Verdict: pipeline.VerdictError, Reason: pipeline.ErrorMessage(err)}
			h.log.WarnContext(ctx, "object not judged", "key", o.Key, "code", code, "error", err)
		}
		batches = append(batches, b)
	}
	return batches, again
}

// notedTry is the delivery from which the ledger says why an object is not judged
// yet: what fails for the third time may end in the dead letters.
const notedTry = 3

// stuck says so. Where the ledger is out of reach too, there is the log.
func (h *handler) stuck(ctx context.Context, o landed, why string, keep bool) {
	key, err := h.config.Object(o.Bucket, o.Key)
	if err != nil || o.Err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), margin/2)
	defer cancel()
	if _, err := h.ingest.Stuck(ctx, key, why, keep); err != nil && pipeline.ErrorCode(err) != pipeline.CodeLocked {
		h.log.WarnContext(ctx, "the ledger does not say why the object is not judged", "key", key, "reason", why, "error", err)
	}
}

func (h *handler) object(ctx context.Context, o landed) (flow.Batch, error) {
	if o.Err != nil {
		return flow.Batch{}, o.Err
	}
	key, err := h.config.Object(o.Bucket, o.Key)
	if err != nil {
		return flow.Batch{}, err
	}
	ctx, end := h.trace.Start(ctx, "judge", "assay.key", key)
	b, err := h.judge(ctx, key)
	end(err)
	return b, err
}

// judge takes one object. While another one of its feed is judged, it waits:
// batches of a feed are decided one at a time, and being delivered again would
// cost more and count as a failure.
func (h *handler) judge(ctx context.Context, key string) (flow.Batch, error) {
	pause, waited := 50*time.Millisecond, time.Duration(0)
	for {
		if err := ctx.Err(); err != nil {
			return flow.Batch{}, pipeline.Errorf(pipeline.CodeCanceled, "%s: the time of the invocation is over: %w", key, err)
		}
		b, err := h.ingest.Object(ctx, key)
		gone := pipeline.ErrorCode(err) == pipeline.CodeNotFound
		if gone {
			// Gone: the ledger says so, since nothing else will.
			b, err = h.ingest.Missing(ctx, key, err)
		}
		if err == nil && b.Stage == flow.Unjudged && b.Content == "" && b.Reason != "" && !gone {
			// The ledger says why it could not be read; a credential that expired or a
			// policy that is mended makes the next delivery, or a redrive, succeed.
			return b, pipeline.Errorf(pipeline.CodeUnavailable, "%s could not be read: %s", key, b.Reason)
		}
		if pipeline.ErrorCode(err) != pipeline.CodeLocked || waited >= h.wait {
			return b, err
		}
		h.sleep(ctx, pause)
		waited += pause
		pause = min(2*pause, 2*time.Second)
	}
}

// typed gives an error the name by which the Retry and Catch of the state machine
// know it: Assay and its code, as in Assay.unavailable.
func typed(err error) error {
	if err == nil {
		return nil
	}
	return messages.InvokeResponse_Error{Type: "Assay." + string(pipeline.ErrorCode(err)), Message: err.Error()}
}

package app

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/sqsqueue"
)

// queue is where the relay sends messages. It makes no request yet.
func (a *App) queue(s Store) (flow.Messenger, error) {
	url, ok := strings.CutPrefix(a.Config.Queue, "sqs:")
	if !ok {
		return s, nil
	}
	cfg, err := awsConfig("ASSAY_QUEUE", a.Config.Queue)
	if err != nil {
		return nil, err
	}
	q, err := sqsqueue.New(sqs.NewFromConfig(cfg), url)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_QUEUE: %w", err).
			WithHint("write it like sqs:https://sqs.eu-central-1.amazonaws.com/123456789012/assay-parse")
	}
	r := router{work: q, replays: s}
	if at, ok := strings.CutPrefix(a.Config.Replays, "sqs:"); ok {
		if r.replays, err = sqsqueue.New(sqs.NewFromConfig(cfg), at); err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_QUEUE_REPLAY: %w", err)
		}
	}
	return r, nil
}

// A router sends messages that ask for held batches to be judged again to the
// function that judges, and all others to the one that parses.
type router struct{ work, replays flow.Messenger }

// Send implements flow.Messenger.
func (r router) Send(ctx context.Context, ms ...flow.Message) error {
	var work, replays []flow.Message
	for _, m := range ms {
		if m.Topic == flow.TopicReplay {
			replays = append(replays, m)
		} else {
			work = append(work, m)
		}
	}
	if len(work) > 0 {
		if err := r.work.Send(ctx, work...); err != nil {
			return err
		}
	}
	if len(replays) == 0 {
		return nil
	}
	return r.replays.Send(ctx, replays...)
}

// Redrive moves up to most messages from the dead letters dead back to their
// queue, both URLs of SQS, and returns how many; with only, those that hold that
// text. Errors: invalid, not_found,
// denied, unavailable.
func (a *App) Redrive(ctx context.Context, dead, queue, only string, most int) (int, error) {
	if most < 1 || dead == "" || queue == "" || dead == queue {
		return 0, pipeline.Errorf(pipeline.CodeInvalid, "a redrive needs the URLs of two queues and how many messages it moves at most").
			WithHint("as in {\"redrive\": {\"from\": DEAD, \"to\": QUEUE, \"most\": 100}}")
	}
	cfg, err := awsConfig("the queue", dead) //nolint:contextcheck // as said there
	if err != nil {
		return 0, err
	}
	return sqsqueue.Redrive(ctx, sqs.NewFromConfig(cfg), dead, queue, only, most)
}

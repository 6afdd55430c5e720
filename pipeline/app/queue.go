package app

import (
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
	return q, nil
}

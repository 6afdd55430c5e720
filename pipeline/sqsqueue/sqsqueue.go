// Package sqsqueue sends the pipeline's messages to a queue of SQS, whose
// consumers are functions: Lambda polls the queue, leases its messages, and
// moves those that fail too often to the dead letters, so there is nothing here
// but Send.
//
// A message's body is the JSON of a flow.Message. A standard queue keeps no
// order and delivers at least once; the use cases drop what they did before by
// the message's id, and need no order.
package sqsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// What one call of SendMessageBatch takes (SQS, Quotas).
const (
	entriesAtOnce = 10
	batchBytes    = 1 << 20
)

// sendTries is how often a message that SQS refused for the moment is sent
// before the whole is given back as unavailable.
const sendTries = 6

// A Client is what is needed of SQS: an *sqs.Client.
type Client interface {
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, opts ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// A Queue is the sending end of one queue.
type Queue struct {
	client Client
	url    string
	// sleep waits between tries.
	sleep func(ctx context.Context, d time.Duration) error
}

var _ flow.Messenger = (*Queue)(nil)

// New returns the queue of that URL. Error: it is none.
func New(client Client, queue string) (*Queue, error) {
	u, err := url.Parse(queue)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") == "" {
		return nil, fmt.Errorf("%q is no URL of a queue", queue)
	}
	return &Queue{client: client, url: queue, sleep: sleep}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Send sends messages. Errors: invalid (a message that SQS can never take),
// not_found (no such queue), denied, unavailable. After an error some may have
// been taken; consumers drop repeats by id.
func (q *Queue) Send(ctx context.Context, ms ...flow.Message) error {
	bodies := make([]string, len(ms))
	for i, m := range ms {
		m.Tries = 0 // SQS counts
		b, err := json.Marshal(m)
		if err != nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "message %s of topic %s: %w", m.ID, m.Topic, err)
		}
		if len(b) > batchBytes {
			return pipeline.Errorf(pipeline.CodeInvalid, "message %s of topic %s has %d bytes, SQS takes %d", m.ID, m.Topic, len(b), batchBytes)
		}
		bodies[i] = string(b)
	}
	for len(bodies) > 0 {
		n, size := 0, 0
		for n < len(bodies) && n < entriesAtOnce && size+len(bodies[n]) <= batchBytes {
			size += len(bodies[n])
			n++
		}
		if err := q.send(ctx, bodies[:n]); err != nil {
			return err
		}
		bodies = bodies[n:]
	}
	return nil
}

// send sends one batch, and what SQS did not take of it again.
func (q *Queue) send(ctx context.Context, bodies []string) error {
	wait := 100 * time.Millisecond
	for tries := 1; ; tries++ {
		in := &sqs.SendMessageBatchInput{QueueUrl: &q.url}
		for i, b := range bodies {
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(b)})
		}
		out, err := q.client.SendMessageBatch(ctx, in)
		if err != nil {
			return q.wrap(err)
		}
		taken := map[string]bool{}
		for _, e := range out.Successful {
			taken[aws.ToString(e.Id)] = true
		}
		refused := ""
		for _, e := range out.Failed {
			refused = aws.ToString(e.Code) + ": " + aws.ToString(e.Message)
			if e.SenderFault {
				return pipeline.Errorf(pipeline.CodeInvalid, "queue %s refused a message: %s", q.url, refused)
			}
		}
		var rest []string
		for i, b := range bodies {
			if !taken[fmt.Sprint(i)] {
				rest = append(rest, b)
			}
		}
		if bodies = rest; len(bodies) == 0 {
			return nil
		}
		if tries == sendTries {
			return pipeline.Errorf(pipeline.CodeUnavailable, "queue %s refused messages %d times: %s", q.url, tries, refused).
				WithHint("they stay in the outbox; run again")
		}
		if err := q.sleep(ctx, wait); err != nil {
			return pipeline.Errorf(pipeline.ErrorCode(err), "queue: %w", err)
		}
		wait *= 2
	}
}

// wrap gives an error of a whole call its code.
func (q *Queue) wrap(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return pipeline.Errorf(pipeline.ErrorCode(err), "queue: %w", err)
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist":
			return pipeline.Errorf(pipeline.CodeNotFound, "queue %s: %w", q.url, err).WithHint("make the queue, or name another in ASSAY_QUEUE")
		case "AccessDenied", "AccessDeniedException", "KmsAccessDenied":
			return pipeline.Errorf(pipeline.CodeDenied, "queue %s: %w", q.url, err).WithHint("allow sqs:SendMessage on the queue")
		}
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "queue %s: %w", q.url, err).WithHint("messages stay in the outbox; run again")
}

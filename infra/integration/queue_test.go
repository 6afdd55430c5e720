package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/assay-pipeline/assay/pipeline/localrt"
)

// sqsQueue is a queue of SQS as a mapping polls it.
type sqsQueue struct {
	client *sqs.Client
	url    string
}

func (q *sqsQueue) Receive(ctx context.Context, n int) ([]localrt.Message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: int32(min(n, 10)), //nolint:gosec // at most 10
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		return nil, err
	}
	if len(out.Messages) == 0 { // moto's own waiting is a busy loop
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	var ms []localrt.Message
	for _, m := range out.Messages {
		received := 0
		if _, err := fmt.Sscan(m.Attributes["ApproximateReceiveCount"], &received); err != nil {
			return nil, err
		}
		attributes := map[string]string{}
		for k, v := range m.MessageAttributes {
			attributes[k] = aws.ToString(v.StringValue)
		}
		ms = append(ms, localrt.Message{ID: aws.ToString(m.MessageId), Body: mended(aws.ToString(m.Body)), Receipt: aws.ToString(m.ReceiptHandle), Received: received, Attributes: attributes})
	}
	return ms, nil
}

// mended gives the times of moto's notifications the zone that S3's have.
func mended(body string) string {
	var e struct {
		Records []map[string]any
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || len(e.Records) == 0 {
		return body
	}
	for _, r := range e.Records {
		if at, ok := r["eventTime"].(string); ok && !strings.HasSuffix(at, "Z") {
			r["eventTime"] = at + "Z"
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return body
	}
	return string(b)
}

func (q *sqsQueue) Delete(ctx context.Context, ms []localrt.Message) error {
	var entries []sqstypes.DeleteMessageBatchRequestEntry
	for i, m := range ms {
		entries = append(entries, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: aws.String(m.Receipt)})
	}
	_, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	return err
}

// Failed does nothing: the lease ends by itself.
func (q *sqsQueue) Failed(context.Context, []localrt.Message, string) error { return nil }

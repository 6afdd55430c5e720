package sqsqueue

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A MoveClient is the part of SQS's client that a redrive needs.
type MoveClient interface {
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	SendMessage(ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, opts ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
}

// Redrive moves up to most messages from the dead letters back to their queue,
// as they are, and returns how many; with only, those whose body holds that text,
// since a queue may take what several others could not. A message is deleted from the dead letters
// after its queue took it: one that is moved when the process dies is delivered
// twice, never lost. Errors: not_found, denied, unavailable.
//
// Beside SQS's own message move task, which needs nothing of Assay, this one runs
// as the functions do, with a bound, and says what it moved.
func Redrive(ctx context.Context, c MoveClient, dead, queue, only string, most int) (int, error) {
	moved := 0
	for moved < most {
		got, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &dead, MaxNumberOfMessages: int32(min(most-moved, entriesAtOnce)), //nolint:gosec // at most ten
			MessageAttributeNames: []string{"All"}, VisibilityTimeout: 60, WaitTimeSeconds: 1,
		})
		if err != nil {
			return moved, (&Queue{url: dead}).wrap(err)
		}
		if len(got.Messages) == 0 {
			return moved, nil
		}
		for _, m := range got.Messages {
			if !strings.Contains(aws.ToString(m.Body), only) {
				continue // it is there again when its lease ends
			}
			in := &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: m.Body, MessageAttributes: sendable(m.MessageAttributes)}
			if _, err := c.SendMessage(ctx, in); err != nil {
				return moved, (&Queue{url: queue}).wrap(err)
			}
			if _, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &dead, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return moved, (&Queue{url: dead}).wrap(err)
			}
			moved++
		}
	}
	return moved, nil
}

// sendable are attributes without the empty lists that a received one carries.
func sendable(in map[string]types.MessageAttributeValue) map[string]types.MessageAttributeValue {
	out := make(map[string]types.MessageAttributeValue, len(in))
	for k, v := range in {
		out[k] = types.MessageAttributeValue{DataType: v.DataType, StringValue: v.StringValue, BinaryValue: v.BinaryValue}
		if aws.ToString(v.DataType) == "" {
			delete(out, k)
		}
	}
	return out
}

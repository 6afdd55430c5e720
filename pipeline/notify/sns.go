package notify

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Topics is what is needed of SNS: an *sns.Client.
type Topics interface {
	Publish(ctx context.Context, in *sns.PublishInput, opts ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// topic publishes a message: on a FIFO topic in order per feed, and once.
func (p *People) topic(ctx context.Context, ch contract.Channel, arn string, d flow.Dispatch) error {
	if p.opt.Topics == nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "channel %s: SNS is not configured", ch.Name).WithHint("set AWS_REGION and credentials")
	}
	in := &sns.PublishInput{TopicArn: aws.String(arn), Subject: aws.String(subject(d.Title)), Message: aws.String(Text(d))}
	if strings.HasSuffix(arn, ".fifo") {
		group := d.Feed
		if group == "" {
			group = "assay"
		}
		in.MessageGroupId, in.MessageDeduplicationId = aws.String(group), aws.String(d.ID)
	}
	if _, err := p.opt.Topics.Publish(ctx, in); err != nil {
		code := pipeline.CodeUnavailable
		var answer smithy.APIError
		if errors.As(err, &answer) {
			switch answer.ErrorCode() {
			case "NotFound", "NotFoundException", "InvalidParameter":
				code = pipeline.CodeInvalid
			}
		}
		return pipeline.Errorf(code, "channel %s: SNS: %w", ch.Name, err)
	}
	return nil
}

// subject is a title as SNS takes it: at most 100 characters of ASCII that are
// no control characters, beginning with a letter or digit.
func subject(title string) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, "assay: "+title)
	return s[:min(len(s), 100)]
}

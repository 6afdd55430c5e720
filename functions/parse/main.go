// Command parse is the Lambda function that reads shards of published items
// into the catalog and finds their duplicates.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
)

func main() {
	app.Check(os.Environ(), ".")
	first := app.First(func(ctx context.Context) (*handler, error) {
		return newHandler(context.WithoutCancel(ctx), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "parse", Metrics: os.Stdout})
	})
	lambda.StartWithOptions(func(ctx context.Context, e events.SQSEvent) (any, error) {
		h, err := first(ctx)
		if err != nil {
			return nil, err
		}
		return h.Handle(ctx, e)
	}, lambda.WithEnableSIGTERM())
}

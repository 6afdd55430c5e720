// Command relay is the Lambda function that empties the outbox and tells people what waits to
// be told: by the clock, every minute, beside the functions that send at once.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
)

func main() {
	app.Check(os.Environ(), ".")
	first := app.First(func(ctx context.Context) (*handler, error) {
		return newHandler(context.WithoutCancel(ctx), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "relay", Metrics: os.Stdout})
	})
	lambda.StartWithOptions(func(ctx context.Context, raw json.RawMessage) (any, error) {
		h, err := first(ctx)
		if err != nil {
			return nil, err
		}
		return h.Handle(ctx, raw)
	}, lambda.WithEnableSIGTERM())
}

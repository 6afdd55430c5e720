// Command evals is the Lambda function that asks the pipeline the cases of the
// golden sets, by the clock, every night, and compares the answers with the
// locked baselines.
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
		return newHandler(context.WithoutCancel(ctx), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "evals", Metrics: os.Stdout})
	})
	lambda.StartWithOptions(func(ctx context.Context, raw json.RawMessage) (any, error) {
		h, err := first(ctx)
		if err != nil {
			return nil, err
		}
		return h.Handle(ctx, raw)
	}, lambda.WithEnableSIGTERM())
}

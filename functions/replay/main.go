// Command replay is the Lambda function that judges held batches again, and moves dead
// letters back to their queue.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/gate/sqlrule"
)

func main() {
	app.Check(os.Environ(), ".")
	first := app.First(func(ctx context.Context) (*handler, error) {
		return newHandler(context.WithoutCancel(ctx), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "replay", Metrics: os.Stdout, SQL: &sqlrule.Engine{}})
	})
	lambda.StartWithOptions(func(ctx context.Context, raw json.RawMessage) (any, error) {
		h, err := first(ctx)
		if err != nil {
			return nil, err
		}
		return h.Handle(ctx, raw)
	}, lambda.WithEnableSIGTERM())
}

// Command ingest is the Lambda function that takes a landed object through the
// gate, the breaker and the publish.
package main

import (
	"context"
	"encoding/json"
	"os"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/gate/sqlrule"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// What is live are buffers that live long: collecting twice as often costs
		// a hundredth of the time and leaves the function room for larger rows.
		debug.SetGCPercent(50)
	}
	app.Check(os.Environ(), ".")
	first := app.First(func(ctx context.Context) (*handler, error) {
		// What is built here outlives the event that asked for it.
		return newHandler(context.WithoutCancel(ctx), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "ingest", Metrics: os.Stdout, SQL: &sqlrule.Engine{}})
	})
	lambda.StartWithOptions(func(ctx context.Context, raw json.RawMessage) (any, error) {
		h, err := first(ctx)
		if err != nil {
			return nil, typed(err)
		}
		return h.Handle(ctx, raw)
	}, lambda.WithEnableSIGTERM())
}

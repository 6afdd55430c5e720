// Command api is the Lambda function behind the HTTP API: the same handler as
// assay serve. The gateway checks tokens or AWS signatures and says in the event
// who calls.
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
		return newHandler(context.WithoutCancel(ctx), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "api", Metrics: os.Stdout})
	})
	lambda.StartWithOptions(func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (any, error) {
		h, err := first(ctx)
		if err != nil {
			return nil, err // the gateway answers 500 until the store is there again
		}
		return h.Handle(ctx, e)
	}, lambda.WithEnableSIGTERM())
}

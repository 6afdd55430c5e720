// Command replay is the Lambda function that judges held batches again, and moves dead
// letters back to their queue.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/gate/sqlrule"
)

func main() {
	h, err := newHandler(context.Background(), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "replay", Metrics: os.Stdout, SQL: &sqlrule.Engine{}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.StartWithOptions(h.Handle, lambda.WithEnableSIGTERM())
}

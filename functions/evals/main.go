// Command evals is the Lambda function that asks the pipeline the cases of the
// golden sets, by the clock, every night, and compares the answers with the
// locked baselines.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
)

func main() {
	h, err := newHandler(context.Background(), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "evals", Metrics: os.Stdout})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.StartWithOptions(h.Handle, lambda.WithEnableSIGTERM())
}

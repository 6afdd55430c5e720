// Command migrate is the Lambda function that brings the schema of the store up to date before
// the other functions of a release take traffic.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
)

func main() {
	h, err := newHandler(context.Background(), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "migrate", Metrics: os.Stdout})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.StartWithOptions(h.Handle, lambda.WithEnableSIGTERM())
}

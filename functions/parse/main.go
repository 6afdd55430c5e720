// Command parse is the Lambda function that reads shards of published items
// into the catalog and finds their duplicates.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
)

func main() {
	h, err := newHandler(context.Background(), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "parse", Metrics: os.Stdout})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.StartWithOptions(h.Handle, lambda.WithEnableSIGTERM())
}

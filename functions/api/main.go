// Command api is the Lambda function behind the HTTP API: the same handler as
// assay serve. The gateway checks tokens or AWS signatures and says in the event
// who calls.
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
	h, err := newHandler(context.Background(), os.Environ(), ".", app.Options{Log: app.FunctionLog(os.Stderr), Function: "api", Metrics: os.Stdout, SQL: &sqlrule.Engine{}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.StartWithOptions(h.Handle, lambda.WithEnableSIGTERM())
}

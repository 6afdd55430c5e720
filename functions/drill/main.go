// Command drill is the Lambda function that attacks the contracts on purpose, by
// the clock, and keeps the scores.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/gate/sqlrule"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

func main() {
	h, err := newHandler(os.Environ(), ".", app.Options{
		Log: app.FunctionLog(os.Stderr), Function: "drill", Metrics: os.Stdout, SQL: &sqlrule.Engine{},
		SQLite: func(ctx context.Context, path string) (app.Store, error) {
			return sqlite.Open(ctx, path, sqlite.Options{})
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.StartWithOptions(h.Handle, lambda.WithEnableSIGTERM())
}

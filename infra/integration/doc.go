// Package integration holds the tests that run the deployed functions: their
// real binaries, built as for Lambda, under the Runtime API server of localrt,
// against servers that speak the protocols of S3, SQS, EventBridge and Postgres.
//
// moto's server plays AWS. For files of gigabytes the tests have a store of their
// own that streams from disk. A reader of the Amazon States Language runs the
// document infra/statemachine/large-file.asl.json as Step Functions does.
//
// make integration starts what they need and stops it; go test ./... skips them
// where it is not there.
package integration

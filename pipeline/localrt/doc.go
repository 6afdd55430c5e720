// Package localrt runs functions built for AWS Lambda (provided.al2023) on the
// machine at hand: it starts the real bootstrap binary and serves the Lambda
// Runtime API to it, so that what is tried locally is what is deployed.
//
// An [Environment] is one process with a Runtime API server of its own on a
// loopback port. It handles one event at a time, as one in Lambda does: the
// process asks for the next event, works, and posts a response or an error. A
// process that does not answer in time is killed, as Lambda kills it; one that
// ends is started anew for the event after that. Before it is closed it gets
// SIGTERM if it asked for it (by registering an extension), and a moment to end.
//
// A [Pool] is a function: up to so many environments at once, which is its
// reserved concurrency. A [Mapping] is an event source mapping: it takes
// messages of a queue in batches, hands them to the pool as an SQS event, and
// acknowledges those that were not reported as failed.
//
// Of each invocation the duration is measured, of each environment the time from
// the start of the process to its first request for an event, and the peak of its
// resident memory where the system tells it (Linux).
//
// What of Lambda is here: request ids, deadlines, the ARN and the trace of an
// invocation, init errors, limits of payloads (6 MB), timeouts. What is not: a
// bound on memory or processor, a read-only file system, IAM.
//
// Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html.
package localrt

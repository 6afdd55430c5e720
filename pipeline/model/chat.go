package model

import (
	"context"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Chat answers one request of one model. It neither retries nor counts; it
// says what happened. Errors are *pipeline.Error: unavailable (a 5xx, a broken
// connection, a timeout), limit (429), unauthorized and denied (the key),
// not_found (no such model or address), invalid (the request was refused),
// canceled; wrapped in a *Failure where the provider said more.
// It must be safe for concurrent use.
type Chat interface {
	Complete(ctx context.Context, req Request) (Reply, error)
}

// A Request is one question. The same request has the same bytes on the wire,
// so that providers can reuse what they compiled of System and Schema.
type Request struct {
	// System stands first and is the same for every item of a category.
	System string
	// Messages alternate between user and assistant, and end with the user.
	Messages []Message
	// Schema is what the answer has to look like; nil asks for text.
	Schema *Schema
	// MaxTokens bounds the answer.
	MaxTokens   int
	Temperature float64
}

// A Role says who speaks.
type Role string

// Roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// A Message is one turn.
type Message struct {
	Role Role   `json:"role"`
	Text string `json:"text"`
}

// A Schema is a JSON Schema for an answer. Providers compile and cache it, so
// JSON changes only with Version.
type Schema struct {
	Name string // letters, digits, _ and -
	JSON []byte
}

// A Stop is why an answer ended.
type Stop string

// Reasons to stop.
const (
	// StopEnd: the model was done.
	StopEnd Stop = "end"
	// StopLength: MaxTokens was reached; the answer is cut.
	StopLength Stop = "length"
	// StopRefusal: the model or a filter of the provider declined.
	StopRefusal Stop = "refusal"
)

// Usage is what a question used, in tokens of the model.
type Usage struct {
	In  int `json:"in"`
	Out int `json:"out"`
	// Cached is the part of In that the provider had cached.
	Cached int `json:"cached,omitempty"`
}

// Add returns the sum.
func (u Usage) Add(v Usage) Usage {
	return Usage{In: u.In + v.In, Out: u.Out + v.Out, Cached: u.Cached + v.Cached}
}

// Total is In and Out.
func (u Usage) Total() int { return u.In + u.Out }

// A Reply is what came back.
type Reply struct {
	// Text is the answer; JSON where a schema was asked for and the model
	// complied.
	Text string `json:"text"`
	// Model is what the provider says answered; RequestID is its name for the
	// exchange.
	Model     string        `json:"model,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
	Usage     Usage         `json:"usage"`
	Stop      Stop          `json:"stop,omitempty"`
	Latency   time.Duration `json:"latency"`
}

// A Failure is an error that a provider described. What it used before it
// failed is billed.
type Failure struct {
	Err error
	// Status is that of the HTTP response, 0 for none.
	Status int
	// After is how long the provider asks to wait, 0 where it does not say.
	After     time.Duration
	RequestID string
	Usage     Usage
	// Retry: the same request may succeed later.
	Retry bool
	// Unsent: it never reached the provider, who cannot bill it.
	Unsent bool
}

// Error is that of the cause.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Fail makes the Failure of an HTTP status: 429, 408, 409, 425 and 5xx may be
// tried again; the code of the error follows from the status.
func Fail(status int, after time.Duration, requestID, format string, args ...any) *Failure {
	code, retry := pipeline.CodeInvalid, false
	switch {
	case status == 429:
		code, retry = pipeline.CodeLimit, true
	case status == 401:
		code = pipeline.CodeUnauthorized
	case status == 403:
		code = pipeline.CodeDenied
	case status == 404:
		code = pipeline.CodeNotFound
	case status == 0, status == 408, status == 409, status == 425, status >= 500:
		code, retry = pipeline.CodeUnavailable, true
	}
	return &Failure{Err: pipeline.Errorf(code, format, args...), Status: status, After: after, RequestID: requestID, Retry: retry}
}

package flow

import (
	"context"
	"time"
)

// A Response is what the API answered to a write that named an idempotency key,
// so that the same request gets it again. While the write is under way it is a
// claim: without a status, held by Owner until Until.
type Response struct {
	// Subject is who sent the request, Key what they named it: keys of one caller
	// are nothing to another.
	Subject, Key string
	// Print is a hash of the request: the same key with another print is another
	// request.
	Print string
	Owner string
	Until time.Time
	// Status is the HTTP status, 0 while under way.
	Status int
	Header map[string]string
	// Body is text: UTF-8 without NUL bytes.
	Body string
	// At is when it was claimed.
	At time.Time
}

// Responses keep what was answered to writes. Errors: unavailable.
type Responses interface {
	// ClaimResponse stores r, which has no status yet, unless there is one under
	// its subject and key: an answer, or a claim that has not ended by now. It
	// returns what stands there afterwards; that is r if and only if the owner is
	// r's.
	ClaimResponse(ctx context.Context, r Response, now time.Time) (Response, error)
	// PutResponse replaces the claim of r's owner by the answer r. Error: conflict,
	// where that claim ended and another took its place, or an answer stands there.
	PutResponse(ctx context.Context, r Response) error
	// DropResponse gives a claim of owner up; anything else is left alone.
	DropResponse(ctx context.Context, subject, key, owner string) error
	// TrimResponses removes what was claimed before a time, and returns how many
	// rows went.
	TrimResponses(ctx context.Context, before time.Time) (int, error)
}

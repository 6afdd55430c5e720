// Package review is the one queue of what people decide: pairs, records, held
// batches, drafts, questions. An entry is leased, decided, and can be undone.
package review

import (
	"context"
	"encoding/json"
	"time"
)

// Kind of an entry.
type Kind string

const (
	Pair     Kind = "pair"
	Record   Kind = "record"
	Batch    Kind = "batch"
	Draft    Kind = "draft"
	Question Kind = "question"
)

// States of an entry.
const (
	Open    = "open"
	Leased  = "leased"
	Decided = "decided"
)

// An Entry waits for one decision. Its ID derives from what it is about, so
// that asking twice makes one entry.
type Entry struct {
	ID       string          `json:"id"`
	Kind     Kind            `json:"kind"`
	Subject  string          `json:"subject"` // pair "a|b", item id, batch id
	Feed     string          `json:"feed,omitempty"`
	Category string          `json:"category,omitempty"`
	Reason   string          `json:"reason"`
	Priority float64         `json:"priority"` // higher is asked first
	Data     json.RawMessage `json:"data,omitempty"`
	Created  time.Time       `json:"created"`

	State    string    `json:"state"` // open, leased, decided
	Holder   string    `json:"holder,omitempty"`
	Until    time.Time `json:"until,omitzero"` // end of the lease
	Decision string    `json:"decision,omitempty"`
	Decider  string    `json:"decider,omitempty"`
	Note     string    `json:"note,omitempty"`
	Decided  time.Time `json:"decided,omitzero"`
	// History has a step for every decision, undo and release, oldest first;
	// the fields above say what holds now.
	History []Step `json:"history,omitempty"`
	Version int64  `json:"version"`
}

// A Step is one thing that somebody did to an entry.
type Step struct {
	At       time.Time `json:"at"`
	Actor    string    `json:"actor"`
	Action   string    `json:"action"` // decide, undo, release
	Decision string    `json:"decision,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// A Filter selects entries; zero fields select all.
type Filter struct {
	Kind     Kind
	State    string
	Feed     string
	Category string
	Subject  string
	// Free, where not zero, leaves out what is decided and what is under a
	// lease that ends after it.
	Free time.Time
	// Waiting leaves out what is decided.
	Waiting bool
	After   string // id of the last entry of the page before
	// Before selects what comes before the entry of this id, the nearest first.
	Before string
	Limit  int // 0 = 100
}

// A Store keeps the queue. Errors: not_found, conflict (the entry's version
// has moved on), unavailable.
type Store interface {
	// AddReviews inserts entries whose id is not there yet, at version 1 and in
	// state open unless they say another, and leaves the others as they are.
	AddReviews(ctx context.Context, entries []Entry) error
	Review(ctx context.Context, id string) (Entry, error)
	// Reviews are in the order (Priority descending, Created, ID); with Before in
	// the opposite one.
	Reviews(ctx context.Context, f Filter) ([]Entry, error)
	// CountReviews counts what f selects, up to its Limit; 0 = all.
	CountReviews(ctx context.Context, f Filter) (int, error)
	// UpdateReview stores all of e if the stored version is e.Version, and
	// returns it with the next version.
	UpdateReview(ctx context.Context, e Entry) (Entry, error)
}

package breaker

import (
	"context"
	"time"
)

// A Key names one breaker: what it guards and which signal it watches.
type Key struct {
	Scope  string `json:"scope"`  // feed:x, stage:parse, category:x, model:x
	Signal string `json:"signal"` // quality, evals, …
}

// Position of a breaker.
type Position string

const (
	Closed   Position = "closed"
	Open     Position = "open"
	HalfOpen Position = "half-open"
)

// A Fallback says what consumers get while a breaker is open.
type Fallback string

const (
	LastGood Fallback = "last_good"
	Degraded Fallback = "degraded"
	Halt     Fallback = "halt"
)

// A Sample is what one decided batch, or one explicit signal, tells a breaker.
type Sample struct {
	// Batch is the batch id, or the id of the signal. A sample is folded once
	// per id.
	Batch string    `json:"batch"`
	At    time.Time `json:"at"`
	Rows  int64     `json:"rows"`
	// Published: the batch was decided publish or publish_accepted on its own
	// merits (before the breaker was asked).
	Published bool `json:"published"`
	// Watch: no batch, but an observation of the feed between batches (its
	// freshness). It can open a breaker; as a probe it does not count.
	Watch bool `json:"watch,omitempty"`
	// Metrics by name: null_rate, reject_rate, null_rate.FIELD, drift, volume,
	// freshness (seconds), score.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	// Violations are the failed checks marked onFail: fail_batch, and schema
	// mismatches; each trips at once.
	Violations []string `json:"violations,omitempty"`
	// Command is trip, reset or retry for an operator's or an eval's explicit
	// signal, with who and why.
	Command string `json:"command,omitempty"`
	Actor   string `json:"actor,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// A Store keeps breakers. Errors: conflict, unavailable; Load of a breaker that
// was never stored returns the zero State of its key (closed), not an error.
type Store interface {
	LoadBreaker(ctx context.Context, key Key) (State, error)
	// SaveBreaker stores the state after a sample, the sample (once per id),
	// and the transitions that it caused. s.Version is the version that was
	// loaded, the stored one is the next; conflict: it has moved on meanwhile.
	// A sample that is stored already was folded already: nothing changes then,
	// neither state nor transitions. in.Batch may be empty, for a change
	// without a sample (a cooldown that ended).
	SaveBreaker(ctx context.Context, s State, in Sample, ts []Transition) error
	Breakers(ctx context.Context) ([]State, error)
	// BreakerHistory returns stored samples and transitions of key, oldest
	// first.
	BreakerHistory(ctx context.Context, key Key) ([]Sample, []Transition, error)
}

// State is everything that a breaker remembers; it is stored as JSON.
type State struct {
	Key      Key       `json:"key"`
	Position Position  `json:"position"` // empty = closed
	Since    time.Time `json:"since,omitzero"`
	Cause    string    `json:"cause,omitempty"`
	// Actor is who or what moved it: a name, Itself, or clock.
	Actor    string   `json:"actor,omitempty"`
	Fallback Fallback `json:"fallback,omitempty"`
	// Window holds the latest samples that the policy looks at.
	Window []Sample `json:"window,omitempty"`
	// Until is when an open breaker may be probed.
	Until time.Time `json:"until,omitzero"`
	// Trips counts consecutive openings, for the backoff.
	Trips int `json:"trips,omitempty"`
	// Good counts the batches published in half-open.
	Good int `json:"good,omitempty"`
	// Folded are the ids of the latest samples, which fold once; the store
	// keeps them all.
	Folded []string `json:"folded,omitempty"`
	// Version grows by one with each save.
	Version int64 `json:"version"`
}

// A Transition is one change of position, with the numbers that caused it.
type Transition struct {
	Key      Key                `json:"key"`
	From     Position           `json:"from"`
	To       Position           `json:"to"`
	At       time.Time          `json:"at"`
	Cause    string             `json:"cause"`
	Evidence map[string]float64 `json:"evidence,omitempty"`
	Actor    string             `json:"actor"`
	Batch    string             `json:"batch,omitempty"`
}

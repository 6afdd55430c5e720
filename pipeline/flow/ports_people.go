package flow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A SweepState is what the sweep remembers of a feed.
type SweepState struct {
	Feed string `json:"feed"`
	// Since is the first sweep that knew the feed: what was due before is not
	// asked for.
	Since time.Time `json:"since"`
	// Checked is up to when every due moment was judged.
	Checked time.Time `json:"checked"`
	// Next is when the sweep looks again: nothing can be amiss before.
	Next time.Time `json:"next"`
	// Contract is the hash of the schedule that Next was computed from.
	Contract string `json:"contract,omitempty"`
	// Open is what is amiss now, by kind.
	Open []Lapse `json:"open,omitempty"`
	// Failing are the service levels that failed when last judged.
	Failing []string `json:"failing,omitempty"`
}

// Sweeps keep what the sweep remembers. Errors: unavailable.
type Sweeps interface {
	// PutSweeps inserts or replaces by feed.
	PutSweeps(ctx context.Context, s ...SweepState) error
	// Sweeps returns all, by feed.
	Sweeps(ctx context.Context) ([]SweepState, error)
}

// States of a notice.
const (
	NoticeWaiting = "waiting"
	NoticeSent    = "sent"
	NoticeDead    = "dead"
)

// A Notice is one event on its way to one channel. Its id derives from both, so
// that a change reaches each channel once.
type Notice struct {
	Seq int64  `json:"seq,omitempty"`
	ID  string `json:"id"`
	// Lane is the channel and feed: notices of a lane are sent in order.
	Lane     string            `json:"lane"`
	Feed     string            `json:"feed,omitempty"`
	Event    string            `json:"event"`
	Type     string            `json:"type"`
	Severity contract.Severity `json:"severity"`
	Channel  contract.Channel  `json:"channel"`
	// Body is a Story.
	Body    json.RawMessage `json:"body"`
	State   string          `json:"state"`
	Tries   int             `json:"tries,omitempty"`
	Next    time.Time       `json:"next,omitzero"`
	Reason  string          `json:"reason,omitempty"`
	Created time.Time       `json:"created"`
	Done    time.Time       `json:"done,omitzero"`
}

// A NoticeFilter selects notices, newest first.
type NoticeFilter struct {
	State string
	Feed  string
	Limit int // 0 = 100
}

// Notices keep what is told to people until it was told. Errors: unavailable.
type Notices interface {
	// PutNotices appends notices; one whose id was appended before is dropped.
	PutNotices(ctx context.Context, ns ...Notice) error
	// Lanes returns up to n lanes whose oldest waiting notice is to be sent by
	// now, in the order of those notices.
	Lanes(ctx context.Context, now time.Time, n int) ([]string, error)
	// Lane returns up to n waiting notices of a lane, the oldest first.
	Lane(ctx context.Context, lane string, n int) ([]Notice, error)
	// UpdateNotices replaces notices by id; unknown ones are left alone.
	UpdateNotices(ctx context.Context, ns ...Notice) error
	Notices(ctx context.Context, f NoticeFilter) ([]Notice, error)
}

// What a watch is on.
const (
	WatchFeed    = "feed"
	WatchItem    = "item"
	WatchCluster = "cluster"
	WatchBreaker = "breaker"
)

// A Watch tells one person of every change of one thing.
type Watch struct {
	// ID derives from all but Created.
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	URL     string    `json:"url"` // as contract.Channel.URL
	Created time.Time `json:"created"`
}

// Watches keep watches. Errors: not_found, unavailable.
type Watches interface {
	// PutWatch stores w; one that is there stays as it is.
	PutWatch(ctx context.Context, w Watch) error
	// DropWatch removes a watch. Error: not_found.
	DropWatch(ctx context.Context, id string) error
	// Watches returns all, by creation, then id.
	Watches(ctx context.Context) ([]Watch, error)
}

// A Tombstone says that a subject was erased. It holds no key: Key is a hash of
// feed and key, by which a key in question can be looked up.
type Tombstone struct {
	ID     string    `json:"id"`
	Feed   string    `json:"feed"`
	Key    string    `json:"key_sha256"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	// Counts of what was removed, by place.
	Removed map[string]int `json:"removed"`
}

// An Eraser removes what the store keeps of a subject. Errors: unavailable.
type Eraser interface {
	PutTombstone(ctx context.Context, t Tombstone) error
	// Tombstones returns those of feed, or all, the oldest first.
	Tombstones(ctx context.Context, feed string) ([]Tombstone, error)
	// EraseItems removes items with their records, vectors, matches, places in
	// clusters, reviews and notices, and whatever else names them, and returns
	// how many rows went.
	EraseItems(ctx context.Context, ids []string) (int, error)
	// EraseTexts removes reviews, notices and messages that quote one of texts
	// as a whole JSON string.
	EraseTexts(ctx context.Context, texts []string) (int, error)
}

// A Trimmer applies lifetimes to what the store keeps. Each method removes what
// is older than before and returns how many rows went. Errors: unavailable.
type Trimmer interface {
	// TrimReviews removes decided entries of a kind ("" = every kind).
	TrimReviews(ctx context.Context, kind string, before time.Time) (int, error)
	// TrimClusterEvents removes what happened to clusters.
	TrimClusterEvents(ctx context.Context, before time.Time) (int, error)
	// TrimNotices removes sent and dead ones.
	TrimNotices(ctx context.Context, before time.Time) (int, error)
	// TrimRuns removes runs of suites with their results; those that are, or were,
	// baselines stay.
	TrimRuns(ctx context.Context, before time.Time) (int, error)
}

// A Scrubber is a store that can rewrite its files so that nothing that was
// deleted can be read from them any more.
type Scrubber interface {
	Scrub(ctx context.Context) error
}

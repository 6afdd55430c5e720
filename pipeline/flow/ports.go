// Package flow holds the use cases: ingest, parse, match, and what later rooms
// add. It knows no adapter and no SDK; it declares what it needs of them.
package flow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// Stage is how far a batch has come. The order of the constants is the order
// of the commit: a batch in Staged is recovered by reading the manifest chain.
type Stage string

const (
	// Staged: the intent is in the ledger; files may or may not be complete.
	Staged Stage = "staged"
	// Done: judged, decided, and (where so decided) published.
	Done Stage = "done"
	// Held: judged and kept back.
	Held Stage = "held"
	// Unjudged: could not be judged (verdict error); never published.
	Unjudged Stage = "unjudged"
	// Duplicate: the same content had landed before.
	Duplicate Stage = "duplicate"
	// Replaced: it was never published, and another file took its name.
	Replaced Stage = "replaced"
	// Waiting: judged, and kept until a person decides.
	Waiting Stage = "waiting"
	// Rejected: a person said no, or nobody said anything in time.
	Rejected Stage = "rejected"
)

// A Batch is one line of the ledger: one version of one landed file.
type Batch struct {
	// ID is BatchID(feed, key, content), and for a content that came back under
	// its name after another one, BatchID of the landing too.
	ID      string `json:"id"`
	Feed    string `json:"feed"`
	Key     string `json:"key"`     // landing key
	Tag     string `json:"tag"`     // the object's cheap change tag
	Content string `json:"content"` // SHA-256 of the landed bytes, hex
	Size    int64  `json:"size"`
	// EventTime orders batches of a feed, then Key, then Content.
	EventTime time.Time `json:"event_time"`
	// Seq is the place in the order of decision within the feed, from 1; 0
	// while undecided.
	Seq   int64 `json:"seq"`
	Stage Stage `json:"stage"`

	ContractID      string `json:"contract_id,omitempty"`
	ContractVersion string `json:"contract_version,omitempty"`
	ContractHash    string `json:"contract_hash,omitempty"`

	Verdict  pipeline.Verdict  `json:"verdict,omitempty"`
	Decision pipeline.Decision `json:"decision,omitempty"`
	// Reason is why it was held, unjudged, or a duplicate of what.
	Reason string        `json:"reason,omitempty"`
	Rows   pipeline.Rows `json:"rows"`
	// Files are the lake keys of the files of the intent.
	Files    []string `json:"files,omitempty"`
	Manifest string   `json:"manifest,omitempty"`
	Report   string   `json:"report,omitempty"`  // lake key of report.json
	Breaker  string   `json:"breaker,omitempty"` // position that the decision saw
	Shards   int      `json:"shards,omitempty"`
	// Landing counts the contents that landed under the key, from 1: the batch
	// with the highest is the one that lies there. 0 before it was counted.
	Landing int `json:"landing,omitempty"`
	// Replays counts how often the held batch was judged again.
	Replays int `json:"replays,omitempty"`
	// ReleasedBy is who decided that it is published whatever contract and
	// breaker say, ReleaseReason why.
	ReleasedBy    string `json:"released_by,omitempty"`
	ReleaseReason string `json:"release_reason,omitempty"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// A BatchFilter selects batches, ordered by (Created, ID) ascending unless
// Latest.
type BatchFilter struct {
	Feed   string
	Stage  Stage
	Key    string
	Prefix string // of the batch id, for what people type
	// Content is the SHA-256 of the landed bytes: a resend under another name.
	Content string
	// Since, where not zero, leaves out what was created before it.
	Since  time.Time
	Latest bool // newest first
	// AfterID, where set, leaves out what comes before (AfterTime, AfterID) in
	// the order, and that itself: the Created and ID of the last batch of a page.
	AfterTime time.Time
	AfterID   string
	Limit     int // 0 = 1000
}

// A Ledger keeps batches. Times are kept in UTC to the microsecond. Errors:
// not_found, conflict, unavailable.
type Ledger interface {
	// PutBatch inserts or replaces a batch by id. Conflict: its Seq, where not
	// 0, belongs to another batch of the feed.
	PutBatch(ctx context.Context, b Batch) error
	Batch(ctx context.Context, id string) (Batch, error)
	Batches(ctx context.Context, f BatchFilter) ([]Batch, error)
	// CountBatches counts what f selects, whatever its Limit.
	CountBatches(ctx context.Context, f BatchFilter) (int, error)
	// LastSeq is the highest Seq of the feed, 0 where there is none.
	LastSeq(ctx context.Context, feed string) (int64, error)
	// PutShard records that a shard was parsed with a knowledge hash; it
	// reports false if that was recorded before.
	PutShard(ctx context.Context, batch string, shard int, knowledge string, at time.Time) (bool, error)
	// ShardsDone counts the shards of batch parsed with knowledge.
	ShardsDone(ctx context.Context, batch, knowledge string) (int, error)
}

// Leases keep two runs apart. A lease ends by itself.
type Leases interface {
	// Acquire takes or extends name for owner until the time until, if no other
	// owner's lease ends after now. Error: locked, with the holder in the
	// message.
	Acquire(ctx context.Context, name, owner string, now, until time.Time) error
	// Release ends owner's lease; one that owner does not hold stays.
	Release(ctx context.Context, name, owner string) error
}

// A Message is work for a later step. Its ID derives from content: sending it
// twice queues it once, and a message that was acknowledged is never queued
// again.
type Message struct {
	ID    string          `json:"id"`
	Topic string          `json:"topic"` // parse, match, retire
	Body  json.RawMessage `json:"body"`
	// Tries counts deliveries, this one included.
	Tries int `json:"tries,omitempty"`
	// Trace is the W3C traceparent of the work that caused the message, where it
	// was traced.
	Trace string `json:"traceparent,omitempty"`
}

// A Queue delivers messages at least once, in the order sent. Errors:
// unavailable.
type Queue interface {
	Send(ctx context.Context, ms ...Message) error
	// Receive leases up to n messages that are visible at now, until the time
	// until: no other Receive before then returns them.
	Receive(ctx context.Context, topic string, n int, now, until time.Time) ([]Message, error)
	// Ack ends messages for good, dead ones too; unknown ids are left alone.
	Ack(ctx context.Context, ids ...string) error
	// Nack makes a message visible again at the time at, with the reason; dead
	// moves it to the dead letters instead. A message that is not queued any
	// more is left alone.
	Nack(ctx context.Context, id string, at time.Time, reason string, dead bool) error
	// Depth counts waiting and leased messages of topic, and dead ones.
	Depth(ctx context.Context, topic string) (waiting, dead int, err error)
}

// An Outgoing is one entry of the outbox: an event for the world or a message
// for a queue, written in the transaction that caused it.
type Outgoing struct {
	Seq     int64           `json:"seq"`
	Event   *pipeline.Event `json:"event,omitempty"`
	Message *Message        `json:"message,omitempty"`
}

// Traced is o with the trace of ctx, where it has none of its own: stores call it
// when they append, so that what leaves later still belongs to what caused it.
func (o Outgoing) Traced(ctx context.Context) Outgoing {
	parent := pipeline.TraceParent(ctx)
	if parent == "" {
		return o
	}
	if o.Event != nil && o.Event.Trace == "" {
		e := *o.Event
		e.Trace = parent
		o.Event = &e
	}
	if o.Message != nil && o.Message.Trace == "" {
		m := *o.Message
		m.Trace = parent
		o.Message = &m
	}
	return o
}

// An Outbox holds what has to leave. Errors: unavailable.
type Outbox interface {
	// PutOutgoing appends entries; one whose event or message id was appended
	// before, sent or not, is dropped.
	PutOutgoing(ctx context.Context, out ...Outgoing) error
	// Outgoing returns up to n unsent entries in order.
	Outgoing(ctx context.Context, n int) ([]Outgoing, error)
	MarkSent(ctx context.Context, seqs ...int64) error
}

// Tx is the store bound to one transaction.
type Tx interface {
	Ledger
	Outbox
	breaker.Store
	catalog.Store
	catalog.Pages
	catalog.ModelStore
	catalog.EnrichmentStore
	catalog.SnapshotStore
	catalog.HistoryStore
	review.Store
	KeyIndex
	Sweeps
	Tally
	Notices
	Watches
	Eraser
	Trimmer
	Responses
	observe.Store
	observe.TrialStore
}

// A Store is the union that the use cases work on; each backend passes
// store/storetest. Outside Atomic each method is a transaction of its own. Ids
// are UTF-8 without NUL bytes and order by bytes; a document (Body, Data) keeps
// its JSON value, not its spaces.
type Store interface {
	Tx
	Leases
	Queue
	model.Store
	catalog.SearchIndex
	// Atomic runs fn in one transaction: all of its writes or none, also when
	// fn panics. fn may run again after a serialization failure, so it has no
	// other effects. What fn reads through its Tx includes its own writes and
	// stays as read until the commit. After a method of the Tx failed with
	// anything but not_found or conflict, the transaction cannot commit even if
	// fn returns nil. Inside fn use the Tx alone: the Store would wait for it.
	Atomic(ctx context.Context, fn func(Tx) error) error
}

// A Publisher sends events out. Errors: unavailable, invalid.
type Publisher interface {
	Publish(ctx context.Context, events []pipeline.Event) error
}

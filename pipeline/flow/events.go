package flow

import (
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// The data of the events. Each type has a JSON Schema under contracts/events;
// a test holds the two together. No event carries a row, a value or a text.

// BatchData is the data of assay.batch.published and assay.batch.held.
type BatchData struct {
	Batch           string            `json:"batch"`
	Feed            string            `json:"feed"`
	Key             string            `json:"key"`
	Seq             int64             `json:"seq,omitempty"`
	Verdict         pipeline.Verdict  `json:"verdict"`
	Decision        pipeline.Decision `json:"decision"`
	Reason          string            `json:"reason,omitempty"`
	Rows            pipeline.Rows     `json:"rows"`
	ContractID      string            `json:"contract_id,omitempty"`
	ContractVersion string            `json:"contract_version,omitempty"`
	Manifest        string            `json:"manifest,omitempty"`
	Degraded        bool              `json:"degraded,omitempty"`
}

// ViolationData is the data of assay.contract.violated.
type ViolationData struct {
	Batch           string        `json:"batch"`
	Feed            string        `json:"feed"`
	ContractID      string        `json:"contract_id"`
	ContractVersion string        `json:"contract_version"`
	Owner           string        `json:"owner,omitempty"`
	Checks          []FailedCheck `json:"checks"`
	// Fields are those of the failed checks, Consumers those who are registered
	// as reading one of them.
	Fields    []string           `json:"fields,omitempty"`
	Consumers []AffectedConsumer `json:"consumers,omitempty"`
}

// AffectedConsumer is a consumer whom a violation concerns.
type AffectedConsumer struct {
	Name    string `json:"name"`
	Contact string `json:"contact,omitempty"`
	// Fields are the failed ones that it reads.
	Fields []string `json:"fields,omitempty"`
}

// FailedCheck is one failed check of a violation.
type FailedCheck struct {
	ID        string `json:"id"`
	Field     string `json:"field,omitempty"`
	Rule      string `json:"rule"`
	Severity  string `json:"severity"`
	Evaluated int64  `json:"evaluated"`
	Failed    int64  `json:"failed"`
}

// BreakerData is the data of assay.breaker.changed.
type BreakerData struct {
	Scope    string             `json:"scope"`
	Signal   string             `json:"signal"`
	From     string             `json:"from"`
	To       string             `json:"to"`
	Cause    string             `json:"cause"`
	Actor    string             `json:"actor"`
	Batch    string             `json:"batch,omitempty"`
	Fallback string             `json:"fallback,omitempty"`
	Evidence map[string]float64 `json:"evidence,omitempty"`
	At       time.Time          `json:"at"`
}

// ParsedData is the data of assay.items.parsed: one shard.
type ParsedData struct {
	Batch      string         `json:"batch"`
	Feed       string         `json:"feed"`
	Shard      int            `json:"shard"`
	Shards     int            `json:"shards"`
	Items      int            `json:"items"`
	Knowledge  string         `json:"knowledge"`
	Categories map[string]int `json:"categories"`
	Flagged    int            `json:"flagged"`
	Degraded   bool           `json:"degraded,omitempty"`
	// Conflicts say which documents contradict which others, of those that were
	// found for the items: at most ConflictsInEvent.
	Conflicts []string `json:"conflicts,omitempty"`
}

// ConflictsInEvent is how many conflicts between documents an event names.
const ConflictsInEvent = 10

// DuplicatesData is the data of assay.duplicates.found: what one batch brought.
type DuplicatesData struct {
	Batch      string `json:"batch"`
	Feed       string `json:"feed"`
	Duplicates int    `json:"duplicates"`
	Reviews    int    `json:"reviews"`
	// Pairs are the duplicates, at most PairsInEvent of them.
	Pairs []PairData `json:"pairs"`
}

// PairsInEvent bounds the pairs that one event lists: an event bus takes 256
// KiB; the store has them all.
const PairsInEvent = 500

// PairData is one pair of items.
type PairData struct {
	A     string  `json:"a"`
	B     string  `json:"b"`
	Score float64 `json:"score"`
}

// ClusterData is the data of assay.cluster.merged and assay.cluster.split.
type ClusterData struct {
	// Cluster is the one that lives on after a merge, From those that went into
	// it; or the one that was cut, To those that came out of it.
	Cluster string   `json:"cluster"`
	From    []string `json:"from,omitempty"`
	To      []string `json:"to,omitempty"`
	Items   []string `json:"items"`
}

// ReviewData is the data of assay.review.requested: entries that joined the
// queue together.
type ReviewData struct {
	// Kind of the entries: pair, record, batch, draft, question.
	Kind     string `json:"kind"`
	Feed     string `json:"feed,omitempty"`
	Batch    string `json:"batch,omitempty"`
	Category string `json:"category,omitempty"`
	Count    int    `json:"count"`
	// Entries are the ids of the entries, at most PairsInEvent of them.
	Entries []string `json:"entries"`
}

// ApprovalData is the data of assay.approval.requested: a batch waits for a
// person.
type ApprovalData struct {
	Batch  string `json:"batch"`
	Feed   string `json:"feed"`
	Reason string `json:"reason"`
	// Expires is when the batch stays held for good without an answer.
	Expires time.Time `json:"expires,omitzero"`
}

// ApprovalDecision is the data of assay.approval.decided.
type ApprovalDecision struct {
	Batch    string    `json:"batch"`
	Feed     string    `json:"feed"`
	Decision string    `json:"decision"` // approved, rejected
	By       string    `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

// SLAData is the data of assay.sla.missed.
type SLAData struct {
	Feed            string    `json:"feed"`
	ContractID      string    `json:"contract_id"`
	ContractVersion string    `json:"contract_version"`
	Owner           string    `json:"owner,omitempty"`
	Kind            string    `json:"kind"`
	Due             time.Time `json:"due"`
	Expected        string    `json:"expected"`
	Detail          string    `json:"detail"`
}

// ErasedData is the data of assay.subject.erased. It does not say who it was.
type ErasedData struct {
	Feed      string    `json:"feed"`
	Tombstone string    `json:"tombstone"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
}

// BudgetData is the data of assay.budget.reached: a level of a day's budget for
// models.
type BudgetData struct {
	Account string `json:"account"` // model.micros (dollars/1e6), model.tokens
	Day     string `json:"day"`
	Percent int    `json:"percent"`
	Most    int64  `json:"most"`
}

package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// An Event is a state change as it leaves the pipeline: CloudEvents 1.0 in
// JSON. Its id derives from content, so that a consumer can drop repeats.
type Event struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject,omitempty"`
	Time        time.Time       `json:"time"`
	ContentType string          `json:"datacontenttype"`
	Data        json.RawMessage `json:"data"`
	// Key orders delivery: events of one key leave in the order they were
	// written. It is an extension attribute (partitionkey).
	Key string `json:"partitionkey,omitempty"`
	// Trace is the W3C traceparent of the work that caused the event, where it was
	// traced: CloudEvents' extension for distributed tracing.
	Trace string `json:"traceparent,omitempty"`
}

// Types of events. Each has a JSON Schema under contracts/events.
const (
	BatchPublished    = "assay.batch.published"
	BatchHeld         = "assay.batch.held"
	ContractViolated  = "assay.contract.violated"
	BreakerChanged    = "assay.breaker.changed"
	ItemsParsed       = "assay.items.parsed"
	ItemChanged       = "assay.item.changed"
	DuplicatesFound   = "assay.duplicates.found"
	ClusterMerged     = "assay.cluster.merged"
	ClusterSplit      = "assay.cluster.split"
	ReviewRequested   = "assay.review.requested"
	ApprovalRequested = "assay.approval.requested"
	ApprovalDecided   = "assay.approval.decided"
	SLAMissed         = "assay.sla.missed"
	SubjectErased     = "assay.subject.erased"
	BudgetReached     = "assay.budget.reached"
	EvalTripped       = "assay.eval.tripped"
	CanaryChanged     = "assay.canary.changed"
)

// NewEvent makes an event whose id is derived from type, subject and data: the
// same change has the same id however often it is recorded.
func NewEvent(typ, source, subject, key string, at time.Time, data any) (Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return Event{}, Errorf(CodeInternal, "event %s of %s: %w", typ, subject, err)
	}
	return Event{
		SpecVersion: "1.0",
		ID:          ContentID(typ, subject, string(b)),
		Source:      source,
		Type:        typ,
		Subject:     subject,
		Time:        at.UTC(),
		ContentType: "application/json",
		Data:        b,
		Key:         key,
	}, nil
}

// ContentID is the first 128 bits, in hexadecimal, of the SHA-256 of its
// parts, each preceded by its length: ids of batches, events, messages.
func ContentID(parts ...string) string {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		for i, l := 0, uint64(len(p)); i < 8; i++ {
			n[i] = byte(l >> (8 * i))
		}
		h.Write(n[:])
		_, _ = h.Write([]byte(p)) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ShortID is the form of a content id that people type: 12 characters.
func ShortID(id string) string {
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		id = id[i+1:]
	}
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

package catalog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A StoredModel is a trained matcher as it is kept.
type StoredModel struct {
	// ID is the hash of the training set.
	ID      string    `json:"id"`
	Kind    string    `json:"kind"` // what it judges: "pairs"
	Trained time.Time `json:"trained"`
	// Summary are its metrics, for people.
	Summary json.RawMessage `json:"summary"`
	Body    []byte          `json:"-"`
}

// PairModel is the kind of the model that judges pairs of items.
const PairModel = "pairs"

// A ModelStore keeps trained models. Errors: not_found, unavailable.
type ModelStore interface {
	// PutModel inserts or replaces a model by (Kind, ID).
	PutModel(ctx context.Context, m StoredModel) error
	// LatestModel is the one of the kind that was trained last, ties by ID.
	LatestModel(ctx context.Context, kind string) (StoredModel, error)
	// LatestModelID is the ID of that one, without its body.
	LatestModelID(ctx context.Context, kind string) (string, error)
}

// An Enrichment is a value that a person or another source gave for an
// attribute that the text of an item leaves out.
type Enrichment struct {
	Item string `json:"item"`
	// Value has the provenance enriched:SOURCE.
	Value pipeline.Attribute `json:"value"`
	// Text is the content id of the description that was asked about: an answer
	// does not outlive it.
	Text  string    `json:"text"`
	Actor string    `json:"actor"`
	At    time.Time `json:"at"`
}

// An EnrichmentStore keeps answers. Errors: unavailable.
type EnrichmentStore interface {
	// PutEnrichments inserts or replaces by (Item, Value.Name).
	PutEnrichments(ctx context.Context, es []Enrichment) error
	// Enrichments of items, by (Item, Value.Name); nil items mean all, an empty
	// list none.
	Enrichments(ctx context.Context, items []string) ([]Enrichment, error)
	// DropEnrichments removes the answers for one attribute of an item; those
	// that are not there are left alone.
	DropEnrichments(ctx context.Context, item, attribute string) error
}

// A Snapshot is a catalog report as it stood after a batch.
type Snapshot struct {
	Batch string    `json:"batch"`
	At    time.Time `json:"at"`
	// Figures is a Report in JSON.
	Figures json.RawMessage `json:"figures"`
}

// A SnapshotStore keeps reports for their trend. Errors: unavailable.
type SnapshotStore interface {
	// PutSnapshot inserts or replaces by Batch.
	PutSnapshot(ctx context.Context, s Snapshot) error
	// Snapshots are the latest n, oldest first, by (At, Batch).
	Snapshots(ctx context.Context, n int) ([]Snapshot, error)
}

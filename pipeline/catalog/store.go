// Package catalog keeps items, finds candidates for duplicates, judges pairs,
// forms clusters with lasting ids, and searches.
//
// # How a pair is judged
//
// Candidates are the union of shared part numbers, of agreement in all
// critical attributes that both items state, and of the nearest vectors.
// Similarity proposes and never decides.
//
// A conflict in a class-critical attribute beyond its tolerance is a veto: the
// two are distinct, whatever else they share. Otherwise everything is evidence
// with a weight in bits: agreement in a rare value weighs more than in a
// common one, the agreement of everything that tells such items apart weighs
// most. The sum is the score, and its steps are the waterfall of Explain.
//
// A critical attribute that one side leaves out, or a required one that both
// leave out, keeps a pair from being a duplicate: it goes to review with the
// attribute's name, unless the part number says the same from the same maker.
// An attribute with an implicit value is not left out: an unmarked thread is
// right-handed by the custom of the trade. Numbers that nobody could read and
// that differ cast doubt on such customs.
//
// What waits for a person may be shown to a chat model first (Adviser): it
// writes what it thinks beside the pair, and decides nothing.
//
// # How clusters form
//
// Duplicates are joined in order of score; two groups merge only where no pair
// across them is vetoed and half of the pairs across them are duplicates. An
// item that fits two others which conflict goes to review with both. A cluster
// keeps its id while it lives, and merges and splits are told.
//
// # How a search finds
//
// A Searcher holds a small catalog in memory and looks at every item. An Indexed
// answers for one that memory does not hold: an index of the store (SearchIndex)
// proposes what meets the filters and has something of the words, and the
// Searcher's own function ranks it, so that both say the same. The index is bitmaps
// under keys (IndexKeys) and not the full-text search of either database: those
// know no tolerances and no ranges, count what was found only by reading it, and
// keep parts of what was erased until they are merged.
//
// Everything here is a function of its input: no clock, no randomness, no
// order of arrival.
package catalog

import (
	"context"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// An Entry is one item of the catalog with what was read from it.
type Entry struct {
	Item   pipeline.Item   `json:"item"`
	Record pipeline.Record `json:"record"`
	// Batch wrote the entry; Seq is its place in the order of decision within
	// the feed. A later batch's entry is never overwritten by an earlier one's.
	Batch string `json:"batch"`
	Seq   int64  `json:"seq"`
	// Vector lies in Space; empty where none was made.
	Space  string    `json:"-"`
	Vector []float32 `json:"-"`
	// Retired: the item left its feed (a snapshot without it, an erasure).
	Retired bool      `json:"retired,omitempty"`
	Updated time.Time `json:"updated"`
}

// Verdict of a pair.
type Verdict string

const (
	Duplicate Verdict = "duplicate"
	Review    Verdict = "review"
	Distinct  Verdict = "distinct"
)

// A Match is the judgement of one pair; A < B.
type Match struct {
	A       string  `json:"a"`
	B       string  `json:"b"`
	Verdict Verdict `json:"verdict"`
	// Score lies in 0..1: how likely the two are one thing.
	Score float64 `json:"score"`
	// Reasons are sentences for a buyer, the weightiest first.
	Reasons []string `json:"reasons"`
	// Veto names the class-critical attribute that conflicts, where one does.
	Veto string `json:"veto,omitempty"`
}

// A Cluster is a set of items that are one thing.
type Cluster struct {
	ID    string   `json:"id"`
	Items []string `json:"items"`
}

// A Query selects entries, in id order.
type Query struct {
	Feed     string
	Category string
	IDs      []string // where not nil, only these
	Batch    string
	Live     bool   // leave out the retired
	After    string // id cursor
	Limit    int    // 0 = 1000, or as many as IDs names
	// Since leaves out what was updated before it.
	Since   time.Time
	Vectors string // load vectors of this space
}

// A Store keeps the catalog. Errors: not_found, unavailable.
type Store interface {
	// PutEntries inserts or replaces entries by item id. An entry whose Seq is
	// lower than the stored one's is dropped: it arrived late. Replacing
	// revives a retired item. A vector is kept per item and space, so that a
	// new space is filled beside the old one; when the Source of an item
	// changes, its vectors of every space go. Entries without a vector keep
	// those that are there. Invalid: a vector of another length than the others
	// of its space.
	PutEntries(ctx context.Context, entries []Entry) error
	// Entries come in id order, with their vectors of q.Vectors where they have
	// one.
	Entries(ctx context.Context, q Query) ([]Entry, error)
	// RetireItems marks items as gone (unknown ids are left alone); ReplaceMatches then drops their pairs.
	RetireItems(ctx context.Context, ids []string, at time.Time) error
	// ReplaceMatches drops every stored match that touches one of ids and
	// inserts ms (replacing by pair). Invalid: a match with A ≥ B.
	ReplaceMatches(ctx context.Context, ids []string, ms []Match) error
	// Matches returns the stored matches that touch one of ids; nil ids mean
	// all, an empty list none. Ordered by (A, B).
	Matches(ctx context.Context, ids []string) ([]Match, error)
	// PutClusters drops the clusters whose ids stand in remove and stores put,
	// replacing by id. An item lies in one cluster: one that another cluster
	// holds moves. A cluster without items is not kept.
	PutClusters(ctx context.Context, remove []string, put []Cluster) error
	// Clusters returns clusters that hold one of items, with all of their items
	// in id order; nil means all, an empty list none. Ordered by ID.
	Clusters(ctx context.Context, items []string) ([]Cluster, error)
}

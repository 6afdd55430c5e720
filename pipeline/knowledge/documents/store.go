package documents

import (
	"context"
	"time"
)

// A Snapshot is what a folder held.
type Snapshot struct {
	// ID derives from the sources and versions of the documents.
	ID string `json:"id"`
	// Origin is the folder as it was named.
	Origin    string    `json:"origin"`
	Documents int       `json:"documents"`
	Chunks    int       `json:"chunks"`
	Created   time.Time `json:"created"`
}

// A Chunk is a piece of a document.
type Chunk struct {
	// Seq is its place in the snapshot, from 1.
	Seq int `json:"seq"`
	// Source is the file's path in the folder, with slashes; Version its
	// content's hash.
	Source  string `json:"source"`
	Version string `json:"version"`
	// Title is the heading that it stands under, or the file's name.
	Title string `json:"title"`
	Text  string `json:"text"`
	// Line is where it starts in the file.
	Line int `json:"line"`
	// Vector in the space that was asked for, nil where there is none.
	Vector []float32 `json:"-"`
}

// A Store keeps snapshots. Errors: not_found, invalid, unavailable.
type Store interface {
	// PutDocuments stores a snapshot with its chunks, all or nothing. Of one that
	// is there already only Origin and Created change.
	PutDocuments(ctx context.Context, s Snapshot, chunks []Chunk) error
	// PutDocumentVectors stores the vectors of a snapshot's chunks in a space, in
	// the order of Seq; what the space had of it is replaced. Not found: no such
	// snapshot. Invalid: not one vector for each chunk.
	PutDocumentVectors(ctx context.Context, snapshot, space string, vectors [][]float32) error
	// DocumentSnapshots returns all of them, the oldest first.
	DocumentSnapshots(ctx context.Context) ([]Snapshot, error)
	// DocumentChunks returns the chunks of a snapshot in order, with their vectors in a
	// space; none for a snapshot that does not exist.
	DocumentChunks(ctx context.Context, snapshot, space string) ([]Chunk, error)
}

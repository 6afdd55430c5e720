// Package embed turns item texts into vectors. It owns the Embedder port and
// the built-in hashing embedder, which needs no network and no model.
//
// The hashing embedder folds a text (case, umlauts, punctuation, decimal
// marks), takes its words, numbers and character 3-grams as features, hashes
// each to one of 512 dimensions with a sign, weighs it by an IDF table, and
// normalises the sum to length 1. The table is frozen and part of the space's
// name: fitting another makes another space, and vectors of two spaces are
// never compared. Similarity only finds candidates; it decides nothing.
package embed

import "context"

// An Embedder turns texts into vectors of one space.
//
// Embed returns one vector per text, in order, each of Dimensions float32,
// L2-normalised. An empty text has the zero vector. Errors carry the code
// unavailable (try again), limit, or invalid.
type Embedder interface {
	Embed(ctx context.Context, texts []string) ([][]float32, error)
	// Space names the vector space: model, version and everything that changes
	// the numbers. Vectors of two spaces are never compared.
	Space() string
	Dimensions() int
}

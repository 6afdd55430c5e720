package app

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline/knowledge/documents"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// Documents builds the use case that takes documents in.
func (a *App) Documents(ctx context.Context) (*documents.Ingest, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	e, err := a.Embedder()
	if err != nil {
		return nil, err
	}
	return &documents.Ingest{Store: s, Embedder: e, Now: a.now}, nil
}

// Retriever builds the index of what is known: the pack, and the newest
// snapshot of documents where the project has a store.
func (a *App) Retriever(ctx context.Context) (*retrieve.Index, error) {
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	e, err := a.Embedder()
	if err != nil {
		return nil, err
	}
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	more, err := documents.Passages(ctx, s, e)
	if err != nil {
		return nil, err
	}
	return retrieve.New(ctx, pack, e, more)
}

package app

import (
	"context"
	"math"

	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Search builds the use case that answers queries over the catalog. Keep it: it
// holds a small catalog in memory.
func (a *App) Search(ctx context.Context) (*flow.Search, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	p, err := a.Parser(ctx)
	if err != nil {
		return nil, err
	}
	e, err := a.Embedder()
	if err != nil {
		return nil, err
	}
	stage, err := a.stage(ctx, flow.SearchStage)
	if err != nil {
		return nil, err
	}
	return &flow.Search{Breaker: stage, Store: s, Index: s, Pack: pack, Parser: p, Embedder: e, Now: a.now}, nil
}

// IndexWaiting takes the items that wait into the search index of the store, as
// many as there is time for, and returns how many.
func (a *App) IndexWaiting(ctx context.Context) (int, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return 0, err
	}
	return flow.IndexWaiting(ctx, s, math.MaxInt)
}

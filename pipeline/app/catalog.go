package app

import (
	"context"
	"time"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Matcher builds the matcher.
func (a *App) Matcher() (*catalog.Matcher, error) {
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	e, err := a.Embedder()
	if err != nil {
		return nil, err
	}
	m := &catalog.Matcher{Pack: pack, Embedder: e}
	if k := a.Config.Candidates; k != catalog.DefaultK { // the default stays unsaid in what names a matcher's settings
		m.K = k
	}
	return m, nil
}

// Match builds the use case that finds duplicates.
func (a *App) Match(ctx context.Context) (*flow.Match, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.Contracts()
	if err != nil {
		return nil, err
	}
	m, err := a.Matcher()
	if err != nil {
		return nil, err
	}
	var adviser *catalog.Adviser
	if a.Config.Adviser {
		if adviser, err = a.Adviser(ctx); err != nil {
			return nil, err
		}
	}
	stage, err := a.stage(ctx, flow.MatchStage)
	if err != nil {
		return nil, err
	}
	return &flow.Match{
		Store: s, Contracts: c, Matcher: m, Adviser: adviser, Breaker: stage, Space: m.Embedder.Space(), Owner: a.owner, Now: a.now, Log: a.log,
	}, nil
}

// Offline builds the use case that matches files without a lake or a store.
func (a *App) Offline(ctx context.Context) (*flow.Offline, error) {
	p, err := a.Parser(ctx)
	if err != nil {
		return nil, err
	}
	m, err := a.Matcher()
	if err != nil {
		return nil, err
	}
	return &flow.Offline{Parser: p, Embedder: m.Embedder, Matcher: m}, nil
}

// CheckItem builds the use case that looks for duplicates before an item is
// created. Keep it: it holds the catalog in memory.
func (a *App) CheckItem(ctx context.Context) (*flow.CheckItem, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.Parser(ctx)
	if err != nil {
		return nil, err
	}
	m, err := a.Matcher()
	if err != nil {
		return nil, err
	}
	stage, err := a.stage(ctx, flow.MatchStage)
	if err != nil {
		return nil, err
	}
	c := &flow.CheckItem{Breaker: stage, Store: s, Parser: p, Embedder: m.Embedder, Matcher: m, Now: a.now, Log: a.log, Age: 2 * time.Second, InMemory: a.Config.CheckItems}
	if near, ok := s.(flow.Nearby); ok {
		c.Near = near
	}
	return c, nil
}

// People builds the use case of those who decide what the pipeline cannot.
func (a *App) People(ctx context.Context) (*flow.People, error) {
	m, err := a.Match(ctx)
	if err != nil {
		return nil, err
	}
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	return &flow.People{Store: m.Store, Match: m, Pack: pack, Now: a.now}, nil
}

// Learn builds the use case that trains the matcher.
func (a *App) Learn(ctx context.Context) (*flow.Learn, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	return &flow.Learn{Store: s, Now: a.now}, nil
}

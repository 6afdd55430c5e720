package flow

import (
	"context"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// Search answers queries over the catalog. It keeps it in memory and takes in
// what changed since it looked last; while it does, others are answered by what it
// had before. Safe for concurrent use.
type Search struct {
	Store    catalog.Store
	Pack     *knowledge.Pack
	Parser   *parse.Parser
	Embedder embed.Embedder
	// Age is how old the copy in memory may be; default two seconds.
	Age time.Duration
	// Breaker, where set, knows whether the answers of search are to be trusted.
	Breaker *StageBreaker
	Now     func() time.Time

	mu       sync.Mutex
	loading  sync.Mutex // held while the copy is brought up to date
	searcher *catalog.Searcher
	asked    time.Time // when the copy was brought up to date

	// Who holds loading has these.
	entries map[string]catalog.Entry
	seen    time.Time // the latest change that the copy has
}

// Query is catalog.Searcher.Query over the live items. Errors: invalid (an
// empty query, an unknown attribute, a unit of another dimension), unavailable:
// "could not look" is never an empty answer. While the breaker of the stage is
// not closed the words of the texts alone are looked up, and the results say
// degraded; locked, where its fallback is to halt.
func (s *Search) Query(ctx context.Context, query string, k int) (catalog.Results, error) {
	// A query that does not read is told without a look at the catalog.
	if _, _, err := catalog.ParseQuery(s.Pack, query); err != nil {
		return catalog.Results{}, err
	}
	x, err := s.current(ctx)
	if err != nil {
		return catalog.Results{}, err
	}
	return Ask(ctx, s.Breaker, x, query, k)
}

// Ask asks a searcher, or, while the breaker of search is not closed, its words
// alone.
func Ask(ctx context.Context, b *StageBreaker, x *catalog.Searcher, query string, k int) (catalog.Results, error) {
	state, moved, err := b.Moved(ctx)
	switch {
	case err != nil:
		return catalog.Results{}, err
	case !moved:
		return x.Query(ctx, query, k)
	case state.Fallback == breaker.Halt:
		return catalog.Results{}, halted(state)
	}
	r, err := x.Words(ctx, query, k)
	r.Degraded = standsIn(state, "looked up by words alone")
	return r, err
}

// current is the searcher over the catalog as it is, at most Age old.
func (s *Search) current(ctx context.Context) (*catalog.Searcher, error) {
	age := s.Age
	if age <= 0 {
		age = 2 * time.Second
	}
	fresh := func() (*catalog.Searcher, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.searcher, s.searcher != nil && s.Now().Sub(s.asked) < age
	}
	have, ok := fresh()
	if ok {
		return have, nil
	}
	// While one brings it up to date, the others answer by what there is.
	if !s.loading.TryLock() {
		if have != nil {
			return have, nil
		}
		s.loading.Lock()
	}
	defer s.loading.Unlock()
	if have, ok = fresh(); ok {
		return have, nil
	}
	now := s.Now()
	changed, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if !changed && have != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = now
		return have, nil
	}
	all := make([]catalog.Entry, 0, len(s.entries))
	for _, e := range s.entries {
		all = append(all, e)
	}
	x, err := catalog.NewSearcher(ctx, s.Pack, all, s.Embedder)
	if err != nil {
		return nil, err
	}
	x.Reader = func(ctx context.Context, text string) (pipeline.Record, error) {
		rs, err := s.Parser.ParseAll(ctx, []pipeline.Item{{ID: "query", Source: text}})
		if err != nil {
			return pipeline.Record{}, err
		}
		return rs[0], nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.searcher, s.asked = x, now
	return x, nil
}

// load takes in what changed since the last time, and reports whether anything
// did.
func (s *Search) load(ctx context.Context) (changed bool, err error) {
	q := catalog.Query{Vectors: s.Embedder.Space(), Limit: 5000, Live: s.entries == nil, Since: s.seen}
	entries, seen := s.entries, s.seen
	if entries == nil {
		entries = map[string]catalog.Entry{}
	}
	for {
		page, err := s.Store.Entries(ctx, q)
		if err != nil {
			return false, err
		}
		for _, e := range page {
			if e.Updated.After(seen) {
				seen = e.Updated
			}
			old, known := entries[e.Item.ID]
			switch {
			case e.Retired && !known, known && old.Updated.Equal(e.Updated) && old.Seq == e.Seq:
				continue
			case e.Retired:
				delete(entries, e.Item.ID)
			default:
				entries[e.Item.ID] = e
			}
			changed = true
		}
		if len(page) < q.Limit {
			s.entries, s.seen = entries, seen
			return changed, nil
		}
		q.After = page[len(page)-1].Item.ID
	}
}

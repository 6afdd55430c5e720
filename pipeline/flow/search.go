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

// Search answers queries over the catalog. It keeps a small one in memory and
// takes in what changed since it looked last; while it does, others are answered by
// what it had before. A large one is answered by the store's index. Safe for
// concurrent use.
type Search struct {
	Store    catalog.Store
	Pack     *knowledge.Pack
	Parser   *parse.Parser
	Embedder embed.Embedder
	// Index, where set, proposes what is found in a catalog of more than
	// InMemory items.
	Index catalog.SearchIndex
	// InMemory is how many items are held in memory; default 50,000. Without an
	// Index there is no such bound.
	InMemory int
	// Age is how old the copy in memory may be; default two seconds.
	Age time.Duration
	// Breaker, where set, knows whether the answers of search are to be trusted.
	Breaker *StageBreaker
	Now     func() time.Time

	mu       sync.Mutex
	loading  sync.Mutex // held while the copy is brought up to date
	searcher *catalog.Searcher
	asked    time.Time // when the copy was brought up to date
	indexed  *catalog.Indexed
	tooMany  bool // for memory, when last counted
	waits    int  // for the index, when last counted
	counted  time.Time

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
	x, err := s.Asked(ctx)
	if err != nil {
		return catalog.Results{}, err
	}
	return Ask(ctx, s.Breaker, x, query, k)
}

// An Asked answers queries: catalog.Searcher, or catalog.Indexed.
type Asked interface {
	Query(ctx context.Context, query string, k int) (catalog.Results, error)
	Words(ctx context.Context, query string, k int) (catalog.Results, error)
}

// Asked is what answers now: the copy in memory, at most Age old, or the store's
// index.
func (s *Search) Asked(ctx context.Context) (Asked, error) {
	large, err := s.large(ctx)
	if err != nil {
		return nil, err
	}
	if !large {
		return s.current(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexed == nil {
		s.indexed = catalog.NewIndexed(s.Pack, s.Embedder, s.Store, s.Index)
		s.indexed.Reader = s.read
	}
	return s.indexed, nil
}

func (s *Search) age() time.Duration {
	if s.Age <= 0 {
		return 2 * time.Second
	}
	return s.Age
}

// searchInMemory is the default of Search.InMemory. So many are searched one by one
// in a tenth of a second, and take some 300 MB and ten seconds to load; an index
// that proposes has the better of it from about there.
const searchInMemory = 50_000

// indexedPerAsk is how many items that wait for the index one request takes in
// before it says that the index is not complete: what a second suffices for.
const indexedPerAsk = 10_000

// indexedPerSweep bounds what one sweep takes into the search index, a minute's
// work: the rest is for the next.
const indexedPerSweep = 400_000

// IndexWaiting takes up to most of the items that wait into the search index, and
// ends in time for a caller with a deadline.
func IndexWaiting(ctx context.Context, x catalog.SearchIndex, most int) (taken int, err error) {
	deadline, bounded := ctx.Deadline()
	for taken < most {
		if bounded && time.Until(deadline) < 10*time.Second {
			return taken, nil
		}
		n, err := x.IndexItems(ctx, min(indexedPerAsk, most-taken))
		if taken += n; err != nil || n == 0 {
			return taken, err
		}
	}
	return taken, nil
}

// large reports whether the catalog is one for the store's index. What waits for
// it is taken in, so far as a request can wait for that. Error: unavailable, while
// more waits than can be looked at one by one.
func (s *Search) large(ctx context.Context) (bool, error) {
	if s.Index == nil {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if s.counted.IsZero() || now.Sub(s.counted) >= s.age() || s.waits > catalog.MaxUnindexed {
		indexed, waits, err := s.Index.IndexSize(ctx)
		if err != nil {
			return false, err
		}
		most := s.InMemory
		if most <= 0 {
			most = searchInMemory
		}
		s.tooMany, s.waits, s.counted = indexed+waits > most, waits, now
		if s.tooMany {
			s.searcher, s.asked = nil, time.Time{} // what grew too large
			if s.loading.TryLock() {
				s.entries, s.seen = nil, time.Time{}
				s.loading.Unlock()
			}
		}
		if s.tooMany && waits > 0 {
			taken, err := s.Index.IndexItems(ctx, indexedPerAsk)
			if err != nil {
				return false, err
			}
			s.waits = waits - taken
		}
		if s.tooMany && s.waits > catalog.MaxUnindexed {
			return false, pipeline.Errorf(pipeline.CodeUnavailable, "the search index is not complete: %d items wait for it, %d are in it", s.waits, indexed+waits-s.waits).
				WithHint("assay catalog index completes it; the sweep and each search take in some of them too")
		}
	}
	return s.tooMany, nil
}

// read reads the words of a query as if they described an item.
func (s *Search) read(ctx context.Context, text string) (pipeline.Record, error) {
	rs, err := s.Parser.ParseAll(ctx, []pipeline.Item{{ID: "query", Source: text}})
	if err != nil {
		return pipeline.Record{}, err
	}
	return rs[0], nil
}

// Ask asks a searcher, or, while the breaker of search is not closed, its words
// alone.
func Ask(ctx context.Context, b *StageBreaker, x Asked, query string, k int) (catalog.Results, error) {
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
	fresh := func() (*catalog.Searcher, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.searcher, s.searcher != nil && s.Now().Sub(s.asked) < s.age()
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
	x.Reader = s.read
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

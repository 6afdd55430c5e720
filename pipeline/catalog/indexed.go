package catalog

import (
	"context"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/postings"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A SearchIndex is an inverted index that a store keeps of its live items under
// IndexKeys. What PutEntries, RetireItems and an erasure change waits until
// IndexItems takes it in, if the store does not do so at once; nothing of an
// erased item is left in either. Errors: unavailable.
type SearchIndex interface {
	// Postings returns the rows of keys, each key named once, ordered by key and
	// block.
	Postings(ctx context.Context, keys []string) ([]postings.Row, error)
	// PostingsIn returns the rows of the keys from ≤ key < to, ordered by key and
	// block, at most n of them.
	PostingsIn(ctx context.Context, from, to string, n int) ([]postings.Row, error)
	// KeysIn returns the different keys from ≤ key < to in order, at most n. It
	// does not read their rows.
	KeysIn(ctx context.Context, from, to string, n int) ([]string, error)
	// IndexedItems are the ids of the items of numbers; an unknown number has
	// none.
	IndexedItems(ctx context.Context, numbers []int) ([]string, error)
	// Unindexed are the items that wait, each once, in the order in which they
	// came, at most n.
	Unindexed(ctx context.Context, n int) ([]Unindexed, error)
	// IndexSize counts the items of the index, and those that wait, some of which
	// may be in it as they were.
	IndexSize(ctx context.Context) (indexed, waiting int, err error)
	// IndexItems takes in up to n items that wait, the first first, and returns
	// how many it took. Where another process is at it, it takes none.
	IndexItems(ctx context.Context, n int) (int, error)
}

// An Unindexed item waits for the index. Number is where it stands in it as it
// was, -1 where it does not.
type Unindexed struct {
	ID     string
	Number int
}

// Bounds of one query of an index.
const (
	// MaxRanked is how many items are loaded and ranked. A page shows 20 of them;
	// a person who needs the thousandth narrows the query.
	MaxRanked = 1000
	// MaxUnindexed is how many items that wait are looked at one by one; with
	// more the index does not answer.
	MaxUnindexed = 500
	// maxPrefixed is how many words one beginning stands for.
	maxPrefixed = 300
	// maxSpelled is how many words of one beginning are compared with a word that
	// none has.
	maxSpelled = 2000
	// maxSpanRows is how many rows the ends of a range are read from. Beyond it
	// the coarse steps propose, and the item itself decides.
	maxSpanRows = 20_000
)

// An Indexed answers queries as a Searcher does, over a catalog too large for the
// memory of a process: the store's index proposes, and what it proposes is loaded
// and ranked by the Searcher's own function, so that a result never breaks a
// filter and never scores otherwise.
//
// Of the filters the index knows every item that meets them. Of the words it
// knows who has them, or one that they begin, and of what they mean the category
// and its values; a word that nobody has stands for those that are spelt nearly
// so. While no more than MaxRanked items are proposed, all are ranked and the
// answer is that of a Searcher, but that likeness alone finds nothing. Of more,
// those with the most weight of words and meaning are ranked: it is found by
// passing over blocks in which nothing can come in any more (after Turtle and
// Flood, "Query evaluation: strategies and optimizations", 1995), so the cost of a
// word that a million items have is that of reading its 245 rows.
type Indexed struct {
	Pack     *knowledge.Pack
	Embedder embed.Embedder
	Store    Store
	Index    SearchIndex
	// Reader, where set, reads the words of a query as if they described an item.
	Reader func(ctx context.Context, text string) (pipeline.Record, error)

	crit map[string]*criteria
}

// NewIndexed prepares what queries share.
func NewIndexed(p *knowledge.Pack, e embed.Embedder, s Store, x SearchIndex) *Indexed {
	if e == nil {
		e = embed.NewHashing(nil)
	}
	return &Indexed{Pack: p, Embedder: e, Store: s, Index: x, crit: categories(p)}
}

// Query is Searcher.Query over the index. Error too: unavailable, where more than
// MaxUnindexed items wait for the index.
func (x *Indexed) Query(ctx context.Context, query string, k int) (Results, error) {
	return x.query(ctx, query, k, (*Searcher).asked)
}

// Words is Searcher.Words over the index.
func (x *Indexed) Words(ctx context.Context, query string, k int) (Results, error) {
	return x.query(ctx, query, k, func(s *Searcher, _ context.Context, text string) (*question, error) { return s.words(text), nil })
}

func (x *Indexed) query(ctx context.Context, query string, k int, ask func(*Searcher, context.Context, string) (*question, error)) (Results, error) {
	none := Results{Found: []Found{}, Facets: []Facet{}}
	text, filters, err := parseQuery(x.Pack, query)
	if err != nil {
		return none, err
	}
	if k <= 0 {
		k = 10
	}
	waiting, err := x.Index.Unindexed(ctx, MaxUnindexed+1)
	if err != nil {
		return none, err
	}
	if len(waiting) > MaxUnindexed {
		return none, pipeline.Errorf(pipeline.CodeUnavailable, "the search index is not complete: more than %d items wait for it", MaxUnindexed).
			WithHint("try again in a moment, or run assay catalog index, which completes it")
	}
	s := &Searcher{pack: x.Pack, embedder: x.Embedder, Reader: x.Reader, crit: x.crit, idf: map[string]float64{}}
	p := &plan{index: x.Index, s: s}
	if err := p.filters(ctx, filters); err != nil {
		return none, err
	}
	if err := p.words(ctx, text); err != nil {
		return none, err
	}
	q, err := ask(s, ctx, text)
	if err != nil {
		return none, err
	}
	if err := p.meaning(ctx, q); err != nil {
		return none, err
	}
	for _, w := range waiting {
		p.skip(w.Number)
	}
	numbers, total, whole := p.best(len(q.words) > 0, MaxRanked)
	ids, err := x.Index.IndexedItems(ctx, numbers)
	if err != nil {
		return none, err
	}
	for _, w := range waiting {
		ids = append(ids, w.ID)
	}
	if err := x.load(ctx, s, ids, len(q.words) > 0 && q.vector.any()); err != nil {
		return none, err
	}
	r, err := s.answer(ctx, q, filters, k)
	if err != nil || whole && !p.cut {
		return r, err
	}
	r.FacetsOf, r.AtLeast = r.Total, true
	if len(q.words) == 0 && !p.loose {
		// The filters decide alone, and the index knows all that meet them.
		for _, w := range waiting {
			if slices.ContainsFunc(s.entries, func(e *Entry) bool { return e.Item.ID == w.ID && meets(filters, e) }) {
				total++
			}
		}
		r.Total, r.AtLeast = total, false
	}
	return r, nil
}

// load brings the live entries of ids into s, with vectors where they are asked
// for.
func (x *Indexed) load(ctx context.Context, s *Searcher, ids []string, vectors bool) error {
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return nil
	}
	q := Query{IDs: ids, Live: true}
	if vectors {
		q.Vectors = x.Embedder.Space()
	}
	entries, err := x.Store.Entries(ctx, q)
	if err != nil {
		return err
	}
	return s.take(ctx, entries, vectors)
}

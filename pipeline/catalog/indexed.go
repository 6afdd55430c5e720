package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"

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

// A source is a set of items with what being in it weighs.
type source struct {
	blocks []*postings.Bits // by block, nil where none is in it
	weight float64
}

func (s *source) at(block int) *postings.Bits {
	if block < len(s.blocks) {
		return s.blocks[block]
	}
	return nil
}

func (s *source) add(r *postings.Row) error {
	for len(s.blocks) <= r.Block {
		s.blocks = append(s.blocks, nil)
	}
	if s.blocks[r.Block] == nil {
		s.blocks[r.Block] = new(postings.Bits)
	}
	return s.blocks[r.Block].Add(r.Raw)
}

func (s *source) count() int {
	n := 0
	for _, b := range s.blocks {
		if b != nil {
			n += b.Count()
		}
	}
	return n
}

// A plan is a query as sets of the index.
type plan struct {
	index SearchIndex
	s     *Searcher
	all   source
	// What is found is in each of must, and in one of some where there are any.
	must    []*source
	some    []*source
	skipped source
	// loose: a set of must is more than what meets its filter. cut: one of some
	// is less than what has the word.
	loose, cut bool
}

// read adds the rows of each key to the source that stands at it.
func (p *plan) read(ctx context.Context, at map[string][]*source) error {
	if len(at) == 0 {
		return nil
	}
	keys := make([]string, 0, len(at))
	for k := range at {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	rows, err := p.index.Postings(ctx, keys)
	if err != nil {
		return err
	}
	for i := range rows {
		for _, s := range at[rows[i].Key] {
			if err := s.add(&rows[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip leaves out what is in the index as it was.
func (p *plan) skip(n int) {
	if n < 0 {
		return
	}
	block := n / postings.Block
	for len(p.skipped.blocks) <= block {
		p.skipped.blocks = append(p.skipped.blocks, nil)
	}
	if p.skipped.blocks[block] == nil {
		p.skipped.blocks[block] = new(postings.Bits)
	}
	p.skipped.blocks[block].Set(n % postings.Block)
}

// words reads who has the words of text, and how rare each is.
func (p *plan) words(ctx context.Context, text string) error {
	words := wordsOf(text)
	at := map[string][]*source{keyAll: {&p.all}}
	exact, begun := make([]*source, len(words)), make([]*source, len(words))
	for i, w := range words {
		exact[i], begun[i] = &source{}, &source{}
		key := wordKey(w)
		at[key] = append(at[key], exact[i])
		if len(w) < minPrefix {
			continue
		}
		keys, err := p.index.KeysIn(ctx, key, key+last, maxPrefixed+1)
		if err != nil {
			return err
		}
		if len(keys) > maxPrefixed {
			keys, p.cut = keys[:maxPrefixed], true
		}
		for _, k := range keys {
			if k != key {
				at[k] = append(at[k], begun[i])
			}
		}
	}
	if err := p.read(ctx, at); err != nil {
		return err
	}
	p.s.n = p.all.count()
	near := map[string][]*source{}
	for i, w := range words {
		if n := exact[i].count(); n > 0 {
			p.s.idf[w] = idf(p.s.n, n)
		}
		exact[i].weight = p.s.weight(w)
		begun[i].weight = prefixed * exact[i].weight
		for b, x := range exact[i].blocks {
			if x != nil && begun[i].at(b) != nil {
				begun[i].blocks[b].AndNot(x)
			}
		}
		p.some = append(p.some, exact[i], begun[i])
		if len(exact[i].blocks)+len(begun[i].blocks) > 0 {
			continue
		}
		keys, err := p.spelled(ctx, w)
		if err != nil {
			return err
		}
		s := &source{weight: exact[i].weight / 2}
		for _, k := range keys {
			near[k] = append(near[k], s)
		}
		p.some = append(p.some, s)
	}
	return p.read(ctx, near)
}

// last is behind every text that a key may go on with.
const last = "\U0010FFFF"

// spelled are the keys of the words that begin as w does and are spelt nearly as
// it is: an edit apart, or two where it is long.
func (p *plan) spelled(ctx context.Context, w string) ([]string, error) {
	if len(w) < 4 || strings.ContainsAny(w, "0123456789") {
		return nil, nil
	}
	from := keyWord + w[:2]
	keys, err := p.index.KeysIn(ctx, from, from+last, maxSpelled)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(keys, func(k string) bool { return edits(k[len(keyWord):], w) > 1+len(w)/8 }), nil
}

// edits is the distance of two words in letters put in, left out, changed, and
// neighbours that changed places.
func edits(a, b string) int {
	if max(len(a), len(b))-min(len(a), len(b)) > 2 {
		return 3
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, above, row := rows[i%3], rows[(i+1)%3], rows[(i+2)%3]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

// meaning reads who is what the words of q mean, and who has its values.
func (p *plan) meaning(ctx context.Context, q *question) error {
	of := 0.65 / max(q.total, 1e-9)
	if q.view != nil {
		of *= 0.45
	}
	for _, s := range p.some {
		s.weight *= of
	}
	if q.view == nil {
		return nil
	}
	at := map[string][]*source{}
	want := func(weight float64, keys ...string) {
		s := &source{weight: weight}
		for _, k := range keys {
			at[k] = append(at[k], s)
		}
		p.some = append(p.some, s)
	}
	stated := 1.0
	for j := range q.view.vals {
		if v := &q.view.vals[j]; v.known && !v.implied {
			stated++
		}
	}
	weight := 0.55 / stated
	want(weight, keyOf(keyMeta, "category", plain(q.view.category)))
	for j := range q.view.vals {
		v, c := &q.view.vals[j], &q.view.crit.list[j]
		switch {
		case !v.known || v.implied:
		case v.number:
			want(weight, keyNumber+stem(q.view.category, c.name)+"\t"+ordered(v.num))
		case c.maker:
			want(weight, keyOf(keyMeta, "maker", plain(v.show)))
		default:
			want(weight, keyOf(keyText, stem(q.view.category, c.name), plain(v.show)))
		}
	}
	return p.read(ctx, at)
}

// best are the numbers of what the plan finds: all, where that is no more than
// most, else those that weigh the most, the first in the index before the others.
// total counts all.
func (p *plan) best(ranked bool, most int) (numbers []int, total int, whole bool) {
	blocks := len(p.all.blocks)
	found := make([]*postings.Bits, blocks)
	for b := range found {
		d := p.inside(b)
		if d == nil {
			continue
		}
		if ranked {
			var some postings.Bits
			for _, s := range p.some {
				if x := s.at(b); x != nil {
					some.Or(x)
				}
			}
			d.And(&some)
		}
		if n := d.Count(); n > 0 {
			found[b], total = d, total+n
		}
	}
	if whole = total <= most; !ranked || whole {
		for b, d := range found {
			if d == nil {
				continue
			}
			d.All(func(i int) bool {
				numbers = append(numbers, b*postings.Block+i)
				return len(numbers) < most
			})
			if len(numbers) >= most {
				break
			}
		}
		return numbers, total, whole
	}
	by := slices.DeleteFunc(slices.Clone(p.some), func(s *source) bool { return len(s.blocks) == 0 })
	slices.SortStableFunc(by, func(a, b *source) int { return cmp.Compare(a.weight, b.weight) })
	top := &heaviest{most: most}
	for b, d := range found {
		if d == nil {
			continue
		}
		// What is only in sets that together weigh no more than the least that is
		// kept cannot come in.
		sum, light := 0.0, 0
		for light < len(by) && top.full() && sum+by[light].weight <= top.least() {
			sum += by[light].weight
			light++
		}
		var heavy postings.Bits
		var here []*postings.Bits
		var weights []float64
		for i, s := range by {
			x := s.at(b)
			if x == nil {
				continue
			}
			here, weights = append(here, x), append(weights, s.weight)
			if i >= light {
				heavy.Or(x)
			}
		}
		heavy.And(d)
		heavy.All(func(i int) bool {
			w := 0.0
			for j, x := range here {
				if x.Has(i) {
					w += weights[j]
				}
			}
			top.offer(w, b*postings.Block+i)
			return true
		})
	}
	return top.numbers(), total, false
}

// inside are the items of a block that meet the filters, nil where none does.
func (p *plan) inside(b int) *postings.Bits {
	d := p.all.at(b)
	if d == nil {
		return nil
	}
	in := *d
	for _, s := range p.must {
		x := s.at(b)
		if x == nil {
			return nil
		}
		in.And(x)
	}
	if x := p.skipped.at(b); x != nil {
		in.AndNot(x)
	}
	return &in
}

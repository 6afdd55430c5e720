package catalog

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A Found is one result of a search.
type Found struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"` // 0..1, comparable within one answer only
	// Why names what of the query was met: words and filters.
	Why   []string `json:"why,omitempty"`
	Entry *Entry   `json:"-"`
}

// A Searcher answers queries over a set of entries held in memory. It is safe
// for concurrent use.
type Searcher struct {
	pack     *knowledge.Pack
	embedder embed.Embedder
	entries  []*Entry
	raw      [][]float32
	terms    [][]string // sorted words of each entry: text, values, codes
	idf      map[string]float64
	n        int // items of the whole catalog
	crit     map[string]*criteria

	// Reader, where set, reads the words of a query as if they described an
	// item, so that what they mean is compared and not only how it is spelt. Set
	// it before the first query.
	Reader func(ctx context.Context, text string) (pipeline.Record, error)
}

// NewSearcher prepares the entries that are not retired. A nil embedder means
// the hashing embedder without a fit; entries whose vector lies in another
// space than the embedder's are embedded again.
func NewSearcher(ctx context.Context, p *knowledge.Pack, entries []Entry, e embed.Embedder) (*Searcher, error) {
	if e == nil {
		e = embed.NewHashing(nil)
	}
	s := &Searcher{pack: p, embedder: e, idf: map[string]float64{}, crit: categories(p)}
	if err := s.take(ctx, entries, true); err != nil {
		return nil, err
	}
	df := map[string]int{}
	for _, t := range s.terms {
		for _, w := range t {
			df[w]++
		}
	}
	s.n = len(s.entries)
	for w, n := range df {
		s.idf[w] = idf(s.n, n)
	}
	return s, nil
}

// idf is the weight of a word that df of n items have.
func idf(n, df int) float64 { return math.Log(1 + float64(n)/float64(df)) }

// take makes the live ones of entries what s searches. Without vectors nothing is
// embedded, and no texts are alike.
func (s *Searcher) take(ctx context.Context, entries []Entry, vectors bool) error {
	for i := range entries {
		if !entries[i].Retired {
			s.entries = append(s.entries, &entries[i])
		}
	}
	slices.SortFunc(s.entries, func(a, b *Entry) int { return cmp.Compare(a.Item.ID, b.Item.ID) })
	for _, en := range s.entries {
		s.terms = append(s.terms, termsOf(en))
	}
	s.raw = make([][]float32, len(s.entries))
	if !vectors {
		return nil
	}
	var texts []string
	var lack []int
	for i, en := range s.entries {
		if en.Space == s.embedder.Space() && len(en.Vector) == s.embedder.Dimensions() {
			s.raw[i] = en.Vector
			continue
		}
		lack = append(lack, i)
		texts = append(texts, en.Item.Source)
	}
	made, err := s.embedder.Embed(ctx, texts)
	if err != nil {
		return err
	}
	for n, i := range lack {
		s.raw[i] = made[n]
	}
	return nil
}

// termsOf are the words by which e can be found.
func termsOf(e *Entry) []string {
	var b []byte
	b = embed.Fold(b, e.Item.Source)
	for i := range e.Record.Attributes {
		b = append(b, ' ')
		b = append(b, embed.Fold(nil, e.Record.Attributes[i].Value.String())...)
	}
	for _, m := range []string{e.Item.Meta.Manufacturer, e.Item.Meta.PartNumber, e.Record.Category} {
		b = append(b, ' ')
		b = append(b, embed.Fold(nil, m)...)
	}
	t := strings.Fields(string(b))
	if p := plain(e.Item.Meta.PartNumber); p != "" {
		t = append(t, p)
	}
	slices.Sort(t)
	return slices.Compact(t)
}

// Results are the best of what a query found, and what all of it is.
type Results struct {
	Found []Found `json:"results"`
	// Total counts everything that meets the filters and, where there are
	// words, has something of them.
	Total int `json:"total"`
	// AtLeast: there is more than Total; the catalog is large, and only so much
	// of what the query may mean was ranked.
	AtLeast bool `json:"total_at_least,omitempty"`
	// FacetsOf, where set, is of how many of the results the facets are.
	FacetsOf int `json:"facets_of,omitempty"`
	// Facets are the values by which the result could be narrowed, the
	// attribute that most of it states first.
	Facets []Facet `json:"facets"`
	// Degraded says why less was looked at than usual; empty usually.
	Degraded string `json:"degraded,omitempty"`
}

// A Facet is an attribute of what was found and how often it has which value.
type Facet struct {
	Attribute string       `json:"attribute"`
	Unit      string       `json:"unit,omitempty"`
	Values    []FacetValue `json:"values"`
}

// A FacetValue is one value, and the filter that narrows the result to it.
type FacetValue struct {
	Value  string `json:"value"`
	Count  int    `json:"count"`
	Filter string `json:"filter"`
}

// Search returns the k best entries for query, as Query does.
func (s *Searcher) Search(ctx context.Context, query string, k int) ([]Found, error) {
	r, err := s.Query(ctx, query, k)
	return r.Found, err
}

// Query returns the k best entries for query (see ParseQuery), best first,
// ties by id. Every result meets every filter; the words rank, by how rare
// they are, by the likeness of the texts, and, with a Reader, by how the values
// that the words mean agree with those of the entry, in whatever language it is
// written. A query of filters alone returns all that meet them, in order of id,
// up to k.
func (s *Searcher) Query(ctx context.Context, query string, k int) (Results, error) {
	return s.query(ctx, query, k, s.asked)
}

// Words is Query by the words and filters alone: neither likeness nor what the
// words mean is looked at, so nothing that was learned or embedded takes part.
func (s *Searcher) Words(ctx context.Context, query string, k int) (Results, error) {
	return s.query(ctx, query, k, func(_ context.Context, text string) (*question, error) { return s.words(text), nil })
}

func (s *Searcher) query(ctx context.Context, query string, k int, ask func(context.Context, string) (*question, error)) (Results, error) {
	none := Results{Found: []Found{}, Facets: []Facet{}}
	text, filters, err := parseQuery(s.pack, query)
	if err != nil {
		return none, err
	}
	if k <= 0 {
		k = 10
	}
	asked, err := ask(ctx, text)
	if err != nil {
		return none, err
	}
	return s.answer(ctx, asked, filters, k)
}

// parseQuery is ParseQuery of a query that is not empty.
func parseQuery(p *knowledge.Pack, query string) (string, []Filter, error) {
	if strings.TrimSpace(query) == "" {
		return "", nil, pipeline.Errorf(pipeline.CodeInvalid, "the query is empty").
			WithHint("give words, filters such as bore=25mm, or both")
	}
	return ParseQuery(p, query)
}

// answer is the k best of what s holds, and what all of it is.
func (s *Searcher) answer(ctx context.Context, asked *question, filters []Filter, k int) (Results, error) {
	none := Results{Found: []Found{}, Facets: []Facet{}}
	var found []Found
	for i, e := range s.entries {
		if i%4096 == 0 && ctx.Err() != nil {
			return none, canceled(ctx.Err())
		}
		if !meets(filters, e) {
			continue
		}
		f := Found{ID: e.Item.ID, Entry: e, Score: 1}
		if len(asked.words) > 0 && !s.rank(asked, i, &f) {
			continue
		}
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	r := Results{Found: found, Total: len(found), Facets: s.facets(found)}
	r.Found = found[:min(k, len(found))]
	if r.Found == nil {
		r.Found = []Found{}
	}
	for i := range r.Found {
		for _, f := range filters {
			r.Found[i].Why = append(r.Found[i].Why, f.String())
		}
	}
	return r, nil
}

// A question is what the words of a query ask for.
type question struct {
	words  []string
	total  float64 // weight of the words
	vector sparse
	// view of the words read as an item; nil without a Reader, or where it made
	// nothing of them.
	view *view
}

// asked prepares the words of a query.
func (s *Searcher) asked(ctx context.Context, text string) (*question, error) {
	q := s.words(text)
	if len(q.words) == 0 {
		return q, nil
	}
	vs, err := s.embedder.Embed(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	q.vector = sparseOf(vs[0])
	if s.Reader == nil {
		return q, nil
	}
	record, err := s.Reader(ctx, text)
	if err != nil {
		return nil, err
	}
	v := viewOf(&Entry{Item: pipeline.Item{Source: text}, Record: record}, s.crit)
	if v.crit != nil {
		q.view = v
	}
	return q, nil
}

// words are those of a query, folded, each once, with their weight.
func (s *Searcher) words(text string) *question {
	q := &question{words: wordsOf(text)}
	for _, w := range q.words {
		q.total += s.weight(w)
	}
	return q
}

// wordsOf are the words of a text, folded, sorted, each once.
func wordsOf(text string) []string {
	words := strings.Fields(string(embed.Fold(nil, text)))
	slices.Sort(words)
	return slices.Compact(words)
}

// rank scores entry i for the words of q; false where it has nothing of them.
func (s *Searcher) rank(q *question, i int, f *Found) bool {
	hit := 0.0
	for _, w := range q.words {
		if g := s.met(w, s.terms[i]); g > 0 {
			hit += g * s.weight(w)
			f.Why = append(f.Why, w)
		}
	}
	cos := math.Max(0, float64(q.vector.dot(s.raw[i])))
	f.Score = 0.65*hit/q.total + 0.35*cos
	if q.view == nil {
		return f.Score >= 0.1
	}
	agree, stated := 0.0, 0.0
	e := f.Entry
	if categoryOf(e) == q.view.category {
		agree, stated = 1, 1
		for j := range q.view.vals {
			x := &q.view.vals[j]
			if !x.known || x.implied {
				continue
			}
			c := &q.view.crit.list[j]
			a, ok := e.Record.Attribute(c.name)
			stated++
			if !ok {
				continue
			}
			y := c.valueOf(&a)
			if c.equal(x, &y) || c.maker && sameMaker(makerWords(x.show), makerWords(y.show)) {
				agree++
				f.Why = append(f.Why, c.name+"="+y.show)
			} else {
				agree -= 0.5
			}
		}
	} else {
		stated = 1
	}
	meaning := math.Max(0, agree/stated)
	f.Score = 0.45*f.Score + 0.55*meaning
	return f.Score >= 0.1
}

// facetsOf bounds how many attributes and values a result names.
const (
	maxFacets      = 12
	maxFacetValues = 20
)

// facets counts the categories and attribute values of what was found.
func (s *Searcher) facets(found []Found) []Facet {
	type key struct{ name, unit string }
	counts := map[key]map[string]int{}
	totals := map[key]int{}
	add := func(k key, v string) {
		if v == "" {
			return
		}
		if counts[k] == nil {
			counts[k] = map[string]int{}
		}
		counts[k][v]++
		totals[k]++
	}
	for _, f := range found {
		add(key{"category", ""}, categoryOf(f.Entry))
		add(key{"procurement_group", ""}, f.Entry.Item.Meta.Procurement)
		for _, a := range f.Entry.Record.Attributes {
			unit := a.Unit
			if unit == "1" {
				unit = ""
			}
			add(key{a.Name, unit}, a.Value.String())
		}
	}
	names := make([]key, 0, len(counts))
	for k := range counts {
		if len(counts[k]) > 1 { // a single value narrows nothing
			names = append(names, k)
		}
	}
	slices.SortFunc(names, func(a, b key) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a.name, b.name), cmp.Compare(a.unit, b.unit))
	})
	out := []Facet{}
	for _, k := range names[:min(maxFacets, len(names))] {
		f := Facet{Attribute: k.name, Unit: k.unit}
		for v, n := range counts[k] {
			filter := k.name + "=" + v + k.unit
			if strings.ContainsAny(v, " \t\"") {
				filter = k.name + "=\"" + strings.ReplaceAll(v, "\"", "") + "\""
			}
			f.Values = append(f.Values, FacetValue{v, n, filter})
		}
		slices.SortFunc(f.Values, func(a, b FacetValue) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
		f.Values = f.Values[:min(maxFacetValues, len(f.Values))]
		out = append(out, f)
	}
	return out
}

// weight is the rarity of a word; one that no entry has counts as the rarest.
func (s *Searcher) weight(w string) float64 {
	if x, ok := s.idf[w]; ok {
		return x
	}
	return math.Log(1 + float64(s.n))
}

// met is how well the sorted terms meet w: 1 for the word itself, less for a
// word of which it is the beginning.
func (s *Searcher) met(w string, terms []string) float64 {
	i, ok := slices.BinarySearch(terms, w)
	if ok {
		return 1
	}
	if len(w) >= minPrefix && i < len(terms) && strings.HasPrefix(terms[i], w) {
		return prefixed
	}
	return 0
}

// A word of a query that is the beginning of another counts for less than that
// one, and from three bytes on.
const (
	minPrefix = 3
	prefixed  = 0.7
)

// Search answers one query over entries; a Searcher answers many.
func Search(ctx context.Context, p *knowledge.Pack, entries []Entry, query string, k int) ([]Found, error) {
	s, err := NewSearcher(ctx, p, entries, nil)
	if err != nil {
		return nil, err
	}
	return s.Search(ctx, query, k)
}

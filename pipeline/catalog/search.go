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
}

// NewSearcher prepares the entries that are not retired. A nil embedder means
// the hashing embedder without a fit; entries whose vector lies in another
// space than the embedder's are embedded again.
func NewSearcher(ctx context.Context, p *knowledge.Pack, entries []Entry, e embed.Embedder) (*Searcher, error) {
	if e == nil {
		e = embed.NewHashing(nil)
	}
	s := &Searcher{pack: p, embedder: e, idf: map[string]float64{}}
	for i := range entries {
		if !entries[i].Retired {
			s.entries = append(s.entries, &entries[i])
		}
	}
	slices.SortFunc(s.entries, func(a, b *Entry) int { return cmp.Compare(a.Item.ID, b.Item.ID) })
	s.raw = make([][]float32, len(s.entries))
	var texts []string
	var lack []int
	for i, en := range s.entries {
		if en.Space == e.Space() && len(en.Vector) == e.Dimensions() {
			s.raw[i] = en.Vector
			continue
		}
		lack = append(lack, i)
		texts = append(texts, en.Item.Source)
	}
	vectors, err := e.Embed(ctx, texts)
	if err != nil {
		return nil, err
	}
	for n, i := range lack {
		s.raw[i] = vectors[n]
	}
	df := map[string]int{}
	for _, en := range s.entries {
		t := termsOf(en)
		s.terms = append(s.terms, t)
		for _, w := range t {
			df[w]++
		}
	}
	for w, n := range df {
		s.idf[w] = math.Log(1 + float64(len(s.entries))/float64(n))
	}
	return s, nil
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

// Search returns the k best entries for query (see ParseQuery), best first,
// ties by id. Every result meets every filter; the words rank. A query of
// filters alone returns all that meet them, in order of id, up to k.
func (s *Searcher) Search(ctx context.Context, query string, k int) ([]Found, error) {
	if strings.TrimSpace(query) == "" {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the query is empty").
			WithHint("give words, filters such as bore=25mm, or both")
	}
	text, filters, err := ParseQuery(s.pack, query)
	if err != nil {
		return nil, err
	}
	if k <= 0 {
		k = 10
	}
	words := strings.Fields(string(embed.Fold(nil, text)))
	slices.Sort(words)
	words = slices.Compact(words)
	var vec []float32
	if len(words) > 0 {
		vs, err := s.embedder.Embed(ctx, []string{text})
		if err != nil {
			return nil, err
		}
		vec = vs[0]
	}
	q := sparseOf(vec)
	total := 0.0
	for _, w := range words {
		total += s.weight(w)
	}
	var found []Found
	for i, e := range s.entries {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, canceled(ctx.Err())
		}
		if slices.ContainsFunc(filters, func(f Filter) bool { return !f.holds(e) }) {
			continue
		}
		f := Found{ID: e.Item.ID, Entry: e, Score: 1}
		if len(words) > 0 {
			hit := 0.0
			for _, w := range words {
				if g := s.met(w, s.terms[i]); g > 0 {
					hit += g * s.weight(w)
					f.Why = append(f.Why, w)
				}
			}
			cos := math.Max(0, float64(q.dot(s.raw[i])))
			f.Score = 0.65*hit/total + 0.35*cos
			if f.Score < 0.1 {
				continue
			}
		}
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	if len(found) > k {
		found = found[:k]
	}
	for i := range found {
		for _, f := range filters {
			found[i].Why = append(found[i].Why, f.String())
		}
	}
	return found, nil
}

// weight is the rarity of a word; one that no entry has counts as the rarest.
func (s *Searcher) weight(w string) float64 {
	if x, ok := s.idf[w]; ok {
		return x
	}
	return math.Log(1 + float64(len(s.entries)))
}

// met is how well the sorted terms meet w: 1 for the word itself, less for a
// word of which it is the beginning.
func (s *Searcher) met(w string, terms []string) float64 {
	i, ok := slices.BinarySearch(terms, w)
	if ok {
		return 1
	}
	if len(w) >= 3 && i < len(terms) && strings.HasPrefix(terms[i], w) {
		return 0.7
	}
	return 0
}

// Search answers one query over entries; a Searcher answers many.
func Search(ctx context.Context, p *knowledge.Pack, entries []Entry, query string, k int) ([]Found, error) {
	s, err := NewSearcher(ctx, p, entries, nil)
	if err != nil {
		return nil, err
	}
	return s.Search(ctx, query, k)
}

package retrieve

import (
	"context"
	"slices"
	"sort"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// An Index finds passages. It is immutable and safe for concurrent use.
type Index struct {
	pack     *knowledge.Pack
	embedder embed.Embedder
	passages []Passage
	vectors  [][]float32
	// postings by term; length is the number of terms of a passage.
	postings map[string][]posting
	length   []float64
	average  float64
	// related are terms that mean the same, by term.
	related map[string][]string
	// conflicts between documents, and those of a passage by its id.
	conflicts []Conflict
	disputed  map[string]Conflict
	sums      []uint64
}

type posting struct {
	passage int
	count   float64
}

// A Query asks for passages.
type Query struct {
	Text string
	// Category, where it is known; else it is told from the text, and only
	// gives a head start.
	Category string
	Stage    Stage
	// K passages at most; 0 = 5.
	K int
	// Exact finds by the terms of the dictionary alone: neither the likeness of
	// vectors nor that of words takes part.
	Exact bool
}

// A Hit is a passage that was found.
type Hit struct {
	Passage
	// Score is the sum of reciprocal ranks.
	Score float64 `json:"score"`
	// Lexical and Vector are the ranks in the two rankings, from 1; 0 = none.
	Lexical int `json:"lexical,omitempty"`
	Vector  int `json:"vector,omitempty"`
	// Named is the rank among what the dictionary reads in the question.
	Named int `json:"named,omitempty"`
	// Conflict says whom a document's passage contradicts, where it is the odd one,
	// or nobody knows which is: it is not to be believed.
	Conflict string `json:"conflict,omitempty"`
	// Sum is that of Title and Text as they were indexed, see Sum: who hands the
	// passage on can be held to it.
	Sum uint64 `json:"-"`
}

// Sum is the check sum of a passage as a question cites it.
func Sum(title, text string) uint64 { return xxh3.HashString(title + ": " + text) }

// An Extra is a passage that is not of the pack, such as a document's chunk,
// with its vector in the embedder's space where there is one already.
type Extra struct {
	Passage
	Vector []float32
}

// Text is what is embedded of a passage.
func Text(p Passage) string { return wordsOnly(p.Title + " " + p.Text) }

// New indexes the passages of the pack and more. Errors: those of the embedder.
func New(ctx context.Context, p *knowledge.Pack, e embed.Embedder, more []Extra) (*Index, error) {
	x := &Index{pack: p, embedder: e, passages: Passages(p), postings: map[string][]posting{}}
	known := map[string][]float32{}
	for _, m := range more {
		x.passages = append(x.passages, m.Passage)
		known[m.ID] = m.Vector
	}
	byID(x.passages)
	// What documents say differently is found once, when they are indexed: an
	// answer costs nothing by it.
	x.conflicts, x.disputed = Conflicts(more), map[string]Conflict{}
	for _, c := range x.conflicts {
		x.disputed[c.Odd] = c
		for _, id := range c.With {
			if _, ok := x.disputed[id]; c.Even && !ok {
				x.disputed[id] = c
			}
		}
	}
	x.sums = make([]uint64, len(x.passages))
	for i := range x.passages {
		x.sums[i] = Sum(x.passages[i].Title, x.passages[i].Text)
	}
	x.vectors = make([][]float32, len(x.passages))
	var texts []string
	var at []int
	for i := range x.passages {
		if v := known[x.passages[i].ID]; len(v) == e.Dimensions() {
			x.vectors[i] = v
			continue
		}
		t := Text(x.passages[i])
		if s, ok := p.Schema(x.passages[i].Category); ok && x.passages[i].Kind == Guideline {
			t = s.Title + " " + t
		}
		texts, at = append(texts, t), append(at, i)
	}
	vectors, err := e.Embed(ctx, texts)
	if err != nil {
		return nil, err
	}
	for k, v := range vectors {
		x.vectors[at[k]] = v
	}
	x.related = map[string][]string{}
	for _, group := range p.Related() {
		var ts []string
		for _, w := range group {
			ts = append(ts, terms(w)...)
		}
		for _, t := range ts {
			x.related[t] = append(x.related[t], ts...)
		}
	}
	for i := range x.passages {
		// A title says more than a line of the text.
		counts := map[string]float64{}
		for _, t := range terms(x.passages[i].Text) {
			counts[t]++
		}
		for _, t := range terms(x.passages[i].Title) {
			counts[t] += titleWeight
		}
		// A guideline does not repeat what it is about.
		if s, ok := p.Schema(x.passages[i].Category); ok && x.passages[i].Kind == Guideline {
			for _, t := range terms(s.Title + " " + s.Parent + " " + words(s.Nouns)) {
				if counts[t] == 0 {
					counts[t] = 1
				}
			}
		}
		n := 0.0
		for t, c := range counts {
			x.postings[t] = append(x.postings[t], posting{i, c})
			n += c
		}
		x.length = append(x.length, n)
		x.average += n / float64(len(x.passages))
	}
	return x, nil
}

// maxQuery is what is read of a question.
const maxQuery = 4 << 10

const (
	titleWeight = 2
	// BM25 (Robertson and Zaragoza 2009) with the usual constants.
	bm25K, bm25B = 1.2, 0.75
	// rrf is the constant of the fusion by reciprocal ranks.
	rrf = 60
	// relatedWeight is that of a word that means the same as one of the question.
	relatedWeight = 0.5
	// candidates of each ranking that are fused.
	candidates = 100
	// headStart of the category that the question is about, in ranks' worth of
	// the first place.
	headStart = 1.5
	// namedParsing is the share of what the dictionary itself reads in the
	// question while parsing, and namedElse that of the attributes that it
	// announces in the other stages.
	namedParsing, namedElse = 2, 0.7
	// lexicalShare weighs the lexical ranking against that of the vectors, whose
	// built-in embedder knows spellings and no meanings.
	lexicalShare = 1.5
)

// Find returns the passages that answer best, the best first. Errors: those of
// the embedder; invalid for a stage that is none.
func (x *Index) Find(ctx context.Context, q Query) ([]Hit, error) {
	switch q.Stage {
	case "", Drafting, Parsing, Validating:
	default:
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no stage %q", q.Stage).WithHint("stages are drafting, parsing, validating")
	}
	if q.K <= 0 {
		q.K = 5
	}
	if len(q.Text) > maxQuery {
		q.Text = strings.ToValidUTF8(q.Text[:maxQuery], "")
	}
	if strings.TrimSpace(q.Text) == "" {
		return nil, nil
	}
	category := q.Category
	about := map[string]bool{category: true}
	if category == "" {
		var evidence []knowledge.Evidence
		category, _, evidence = x.pack.Classify(pipeline.Item{Source: q.Text})
		about[category] = true
		for _, e := range evidence { // a question may be about two things: a washer under a bolt
			if e.Why == "noun" {
				about[e.Category] = true
			}
		}
	}
	var lexical, vectors []int
	if !q.Exact {
		lexical = x.lexical(q)
		var err error
		if vectors, err = x.nearest(ctx, q); err != nil {
			return nil, err
		}
	}
	hits := map[int]*Hit{}
	at := func(i int) *Hit {
		if hits[i] == nil {
			hits[i] = &Hit{Passage: x.passages[i], Sum: x.sums[i]}
			if c, ok := x.disputed[x.passages[i].ID]; ok {
				hits[i].Conflict = c.String()
			}
			if about[x.passages[i].Category] {
				hits[i].Score = headStart / rrf
			}
		}
		return hits[i]
	}
	for r, i := range lexical {
		h := at(i)
		h.Lexical = r + 1
		h.Score += lexicalShare / float64(rrf+r+1)
	}
	for r, i := range vectors {
		h := at(i)
		h.Vector = r + 1
		h.Score += 1 / float64(rrf+r+1)
	}
	for r, i := range x.named(q, category) {
		h := at(i)
		h.Named = r + 1
		if q.Stage == Parsing {
			h.Score += namedParsing / float64(rrf+r+1)
		} else {
			h.Score += namedElse / float64(rrf+r+1)
		}
	}
	out := make([]Hit, 0, len(hits))
	for _, h := range hits {
		out = append(out, *h)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Score != out[j].Score {
			return out[i].Score > out[j].Score
		}
		return out[i].ID < out[j].ID
	})
	return spread(out, q.K), nil
}

// mostOfFamily of the hits may be entries of one attribute or standards of one
// category that the question does not name: near-identical passages would leave
// no room for what explains them.
const mostOfFamily = 2

// spread takes k hits, of no kind more than three fifths: schema, dictionary and
// guidelines are wanted together. What was passed over fills up.
func spread(hits []Hit, k int) []Hit {
	out, rest := make([]Hit, 0, min(k, len(hits))), []Hit(nil)
	family, kinds := map[string]int{}, map[Kind]int{}
	for _, h := range hits {
		if len(out) == k {
			break
		}
		if h.Named == 0 && (h.Kind == Entry || h.Kind == Standard) {
			of := h.ID[:strings.LastIndexByte(h.ID, '/')]
			if family[of]++; family[of] > mostOfFamily {
				rest = append(rest, h)
				continue
			}
		}
		if kinds[h.Kind]++; kinds[h.Kind] > (3*k+4)/5 {
			rest = append(rest, h)
			continue
		}
		out = append(out, h)
	}
	return append(out, rest[:min(len(rest), k-len(out))]...)
}

// Passage returns the passage of an id.
func (x *Index) Passage(id string) (Passage, bool) {
	i, ok := x.at(id)
	if !ok {
		return Passage{}, false
	}
	return x.passages[i], true
}

// Conflicts are the terms that the indexed documents explain differently.
func (x *Index) Conflicts() []Conflict { return x.conflicts }

// All are the passages, in order of id.
func (x *Index) All() []Passage { return slices.Clone(x.passages) }

// Len is the number of passages.
func (x *Index) Len() int { return len(x.passages) }

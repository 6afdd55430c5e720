package retrieve

import (
	"context"
	"math"
	"sort"
	"strings"

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
}

// A Hit is a passage that was found.
type Hit struct {
	Passage
	// Score is the sum of reciprocal ranks.
	Score float64 `json:"score"`
	// Lexical and Vector are the ranks in the two rankings, from 1; 0 = none.
	Lexical int `json:"lexical,omitempty"`
	Vector  int `json:"vector,omitempty"`
}

// New indexes the passages of the pack and more, such as the chunks of
// ingested documents. Errors: those of the embedder.
func New(ctx context.Context, p *knowledge.Pack, e embed.Embedder, more []Passage) (*Index, error) {
	x := &Index{pack: p, embedder: e, passages: append(Passages(p), more...), postings: map[string][]posting{}}
	byID(x.passages)
	texts := make([]string, len(x.passages))
	for i := range x.passages {
		texts[i] = x.passages[i].Title + " " + x.passages[i].Text
	}
	var err error
	if x.vectors, err = e.Embed(ctx, texts); err != nil {
		return nil, err
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

const (
	titleWeight = 2
	// BM25 (Robertson and Zaragoza 2009) with the usual constants.
	bm25K, bm25B = 1.2, 0.75
	// rrf is the constant of the fusion by reciprocal ranks.
	rrf = 60
	// candidates of each ranking that are fused.
	candidates = 100
	// headStart of the category that the question is about, in ranks' worth of
	// the first place.
	headStart = 0.5
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
	if strings.TrimSpace(q.Text) == "" {
		return nil, nil
	}
	category := q.Category
	if category == "" {
		category, _, _ = x.pack.Classify(pipeline.Item{Source: q.Text})
	}
	lexical := x.lexical(q)
	vectors, err := x.nearest(ctx, q)
	if err != nil {
		return nil, err
	}
	hits := map[int]*Hit{}
	at := func(i int) *Hit {
		if hits[i] == nil {
			hits[i] = &Hit{Passage: x.passages[i]}
			if category != pipeline.Unknown && x.passages[i].Category == category {
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
	return out[:min(q.K, len(out))], nil
}

// Passage returns the passage of an id.
func (x *Index) Passage(id string) (Passage, bool) {
	i := sort.Search(len(x.passages), func(i int) bool { return x.passages[i].ID >= id })
	if i == len(x.passages) || x.passages[i].ID != id {
		return Passage{}, false
	}
	return x.passages[i], true
}

// Len is the number of passages.
func (x *Index) Len() int { return len(x.passages) }

// lexical ranks by BM25.
func (x *Index) lexical(q Query) []int {
	scores := map[int]float64{}
	seen := map[string]bool{}
	for _, t := range terms(q.Text) {
		if seen[t] {
			continue
		}
		seen[t] = true
		ps := x.postings[t]
		if len(ps) == 0 {
			continue
		}
		n := float64(len(x.passages))
		idf := math.Log(1 + (n-float64(len(ps))+0.5)/(float64(len(ps))+0.5))
		for _, p := range ps {
			if !x.passages[p.passage].serves(q.Stage) {
				continue
			}
			norm := bm25K * (1 - bm25B + bm25B*x.length[p.passage]/x.average)
			scores[p.passage] += idf * p.count * (bm25K + 1) / (p.count + norm)
		}
	}
	return best(scores)
}

// nearest ranks by the cosine of the vectors.
func (x *Index) nearest(ctx context.Context, q Query) ([]int, error) {
	vs, err := x.embedder.Embed(ctx, []string{q.Text})
	if err != nil {
		return nil, err
	}
	scores := map[int]float64{}
	for i, v := range x.vectors {
		if !x.passages[i].serves(q.Stage) {
			continue
		}
		dot := float32(0)
		for k := range v {
			dot += v[k] * vs[0][k]
		}
		if dot > 0 {
			scores[i] = float64(dot)
		}
	}
	return best(scores), nil
}

// best are the keys with the highest scores, at most candidates of them; equal
// ones in their order.
func best(scores map[int]float64) []int {
	out := make([]int, 0, len(scores))
	for i := range scores {
		out = append(out, i)
	}
	sort.Slice(out, func(a, b int) bool {
		if scores[out[a]] != scores[out[b]] {
			return scores[out[a]] > scores[out[b]]
		}
		return out[a] < out[b]
	})
	return out[:min(len(out), candidates)]
}

// terms are the words of a text, folded, without the commonest words and
// endings; numbers stay as they are, and letters with digits come whole, too.
func terms(text string) []string {
	var f knowledge.Folded
	f.Fold(text)
	var out []string
	for i, a := range f.Atoms {
		switch {
		case a.Digits:
			out = append(out, a.Text)
		case !stop[a.Text]:
			out = append(out, stem(a.Text))
		}
		if a.Glued && i > 0 {
			out = append(out, f.Atoms[i-1].Text+a.Text)
		}
	}
	return out
}

// stop are words that say nothing of what is asked.
var stop = set(`a an and are as at be been by can did do does for from had has have how i if in into is it its
may must my no not of on or our out per should so than that the their them then there these they this those to
up us use used using was we were what when where which who why will with without would you your also same
auf aus bei das dass dem den der des die dies diese dieser ein eine einem einen einer es fuer hat ich ihr im ist
kann man mit nach nicht oder sich sie sind um und von vom war was welche welcher welches wenn wer wie wird wo zu zum zur`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// stem cuts the commonest endings of English and German off, so that tolerance
// and tolerances, dichtung and dichtungen are one term.
func stem(w string) string {
	for _, e := range []string{"ungen", "ings", "ing", "ungs", "ies", "es", "en", "ed", "er", "s", "e", "n", "y"} {
		if len(w)-len(e) >= 4 && strings.HasSuffix(w, e) {
			return w[:len(w)-len(e)]
		}
	}
	return w
}

package retrieve

import (
	"context"
	"math"
	"sort"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// named are the passages of the terms that the dictionary reads in a question:
// its values and standards, and the attributes that its labels announce. The
// category's own dictionary is read where the category is known, else all; the
// longest terms come first.
func (x *Index) named(q Query, category string) []int {
	var f knowledge.Folded
	f.Fold(q.Text)
	categories := []string{category}
	if _, ok := x.pack.Schema(category); !ok {
		categories = x.pack.Categories()
	}
	type term struct {
		passage int
		weight  float64
	}
	var found []term
	seen := map[int]bool{}
	var buf []knowledge.Match
	asked := map[string]bool{}
	for _, t := range terms(q.Text) {
		asked[t] = true
		for _, r := range x.related[t] {
			asked[r] = true
		}
	}
	for _, name := range categories {
		s, _ := x.pack.Schema(name)
		for i := range s.Attributes {
			// An attribute is named by all words of its title.
			ts := terms(s.Attributes[i].Title)
			all := len(ts) > 0 && q.Stage != Parsing
			for _, t := range ts {
				all = all && asked[t]
			}
			if at, ok := x.at(s.Category + "/attribute/" + s.Attributes[i].Name); all && ok && !seen[at] {
				seen[at] = true
				found = append(found, term{at, float64(len(s.Attributes[i].Title))})
			}
		}
		for i := range f.Atoms {
			buf = s.Lexicon().MatchesAt(buf[:0], f.Atoms, i, len(categories) == 1 && q.Stage == Parsing, x.pack.Common)
			for _, m := range buf {
				if m.To < len(f.Atoms) && f.Atoms[m.To].Glued || i > 0 && f.Atoms[i].Glued {
					continue // a piece of a longer word
				}
				weight := float64(f.Atoms[m.To-1].Stop-f.Atoms[m.From].Pos) * m.Score
				for _, me := range m.Meanings {
					if at, ok := x.meant(s, me, q.Stage); ok && !seen[at] {
						seen[at] = true
						found = append(found, term{at, weight})
					}
				}
			}
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].weight > found[j].weight })
	out := make([]int, len(found))
	for i, t := range found {
		out[i] = t.passage
	}
	return out
}

// meant is the passage of a meaning, if it serves the stage.
func (x *Index) meant(s *knowledge.Schema, m knowledge.Meaning, stage Stage) (int, bool) {
	if m.Attribute < 0 || m.Attribute >= len(s.Attributes) {
		return 0, false
	}
	a := &s.Attributes[m.Attribute]
	var id string
	switch m.Role {
	case knowledge.RoleValue:
		id = s.Category + "/" + a.Name + "/" + a.Allowed[m.Index].Value
		if stage != Parsing && stage != "" {
			if a.Noun || a.From == "manufacturers" {
				return 0, false // what the thing is called asks for no attribute
			}
			id = s.Category + "/attribute/" + a.Name
		}
	case knowledge.RoleStandard:
		id = s.Category + "/standard/" + s.Standards[m.Index].ID
	case knowledge.RoleLabel:
		id = s.Category + "/attribute/" + a.Name
	default:
		return 0, false
	}
	i, ok := x.at(id)
	return i, ok && x.passages[i].Serves(stage)
}

// at is the place of a passage.
func (x *Index) at(id string) (int, bool) {
	i := sort.Search(len(x.passages), func(i int) bool { return x.passages[i].ID >= id })
	return i, i < len(x.passages) && x.passages[i].ID == id
}

// lexical ranks by BM25.
func (x *Index) lexical(q Query) []int {
	asked := terms(q.Text)
	scores := map[int]float64{}
	add := func(t string, weight float64, into map[int]float64, sum bool) {
		ps := x.postings[t]
		n := float64(len(x.passages))
		idf := math.Log(1+(n-float64(len(ps))+0.5)/(float64(len(ps))+0.5)) * worth(t) * weight
		for _, p := range ps {
			if !x.passages[p.passage].Serves(q.Stage) {
				continue
			}
			norm := bm25K * (1 - bm25B + bm25B*x.length[p.passage]/x.average)
			v := idf * p.count * (bm25K + 1) / (p.count + norm)
			if sum {
				into[p.passage] += v
			} else {
				into[p.passage] = max(into[p.passage], v)
			}
		}
	}
	done := map[string]bool{}
	for _, t := range asked {
		if done[t] {
			continue
		}
		done[t] = true
		if len(x.related[t]) == 0 {
			add(t, 1, scores, true)
			continue
		}
		// A word and those that mean the same count once, as the best of them.
		same := map[int]float64{}
		add(t, 1, same, false)
		for _, r := range x.related[t] {
			done[r] = true
			add(r, relatedWeight, same, false)
		}
		for p, v := range same {
			scores[p] += v
		}
	}
	return best(scores)
}

// worth is what a term counts beside a word: a short number stands in every
// list of sizes.
func worth(t string) float64 {
	for i := range len(t) {
		if t[i] < '0' || t[i] > '9' {
			return 1
		}
	}
	if len(t) <= 2 {
		return 0.3
	}
	return 0.7
}

// wordsOnly leaves bare numbers out: to the vectors two lists of sizes are near
// each other whatever they are about. Numbers count in the lexical ranking.
func wordsOnly(s string) string {
	fields := strings.Fields(s)
	kept := fields[:0]
	for _, f := range fields {
		if strings.IndexFunc(f, unicode.IsLetter) >= 0 {
			kept = append(kept, f)
		}
	}
	return strings.Join(kept, " ")
}

// nearest ranks by the cosine of the vectors.
func (x *Index) nearest(ctx context.Context, q Query) ([]int, error) {
	vs, err := x.embedder.Embed(ctx, []string{wordsOnly(q.Text)})
	if err != nil {
		return nil, err
	}
	scores := map[int]float64{}
	for i, v := range x.vectors {
		if !x.passages[i].Serves(q.Stage) {
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
up us use used using was we were what when where which who why will with without would you your also
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

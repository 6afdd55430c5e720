package learn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A pair of rows, one of each table.
type pair struct{ a, b int32 }

// A cache holds the candidates of the records of some pairs and the features
// of everything that competes with them. It is filled once and then only read.
type cache struct {
	s       *Space
	near    [2]map[int32][]int32
	at      map[pair]int32
	vectors [][]float64
}

// newCache prepares the pairs idx and, unless they are judged alone, their
// rivals.
func newCache(ctx context.Context, s *Space, idx []pair, alone bool) (*cache, error) {
	c := &cache{s: s, at: map[pair]int32{}}
	var ids [2][]int32
	for side := range 2 {
		if alone {
			break
		}
		seen := map[int32]bool{}
		for _, p := range idx {
			i := p.a
			if side == 1 {
				i = p.b
			}
			if !seen[i] {
				seen[i] = true
				ids[side] = append(ids[side], i)
			}
		}
		lists := make([][]int32, len(ids[side]))
		each(len(lists), func(n int) {
			if ctx.Err() == nil {
				lists[n] = s.candidates(side, ids[side][n], rivals)
			}
		})
		c.near[side] = map[int32][]int32{}
		for n, i := range ids[side] {
			c.near[side][i] = lists[n]
		}
	}
	var all []pair
	put := func(p pair) {
		if _, ok := c.at[p]; !ok {
			c.at[p] = int32(len(all))
			all = append(all, p)
		}
	}
	for _, p := range idx {
		put(p)
		for side := range 2 {
			for _, q := range c.rivals(side, p) {
				put(q)
			}
		}
	}
	c.vectors = make([][]float64, len(all))
	const chunk = 256
	each((len(all)+chunk-1)/chunk, func(n int) {
		for i := n * chunk; i < min(len(all), (n+1)*chunk) && ctx.Err() == nil; i++ {
			c.vectors[i] = s.features(all[i].a, all[i].b)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, stopped(err)
	}
	return c, nil
}

func (c *cache) features(p pair) []float64 { return c.vectors[c.at[p]] }

// rivals are the pairs that share the record of that side with p: its other
// candidates.
func (c *cache) rivals(side int, p pair) []pair {
	i, partner := p.a, p.b
	if side == 1 {
		i, partner = p.b, p.a
	}
	near := c.near[side][i]
	out := make([]pair, 0, len(near))
	for _, j := range near {
		if j == partner {
			continue
		}
		if side == 0 {
			out = append(out, pair{i, j})
		} else {
			out = append(out, pair{j, i})
		}
	}
	return out
}

// newMember counts, over the pairs that use accepts, how often a word that
// only one of two alike titles has, and a pair of classes, go with a match.
func newMember(s *Space, idx []pair, y []bool, use func(i int) bool) *member {
	type count struct{ pos, neg float64 }
	words, classes := map[string]*count{}, map[string]*count{}
	var pos, neg float64
	add := func(m map[string]*count, k string, same bool) {
		n := m[k]
		if n == nil {
			n = &count{}
			m[k] = n
		}
		if same {
			n.pos++
		} else {
			n.neg++
		}
	}
	for i, p := range idx {
		if !use(i) {
			continue
		}
		a, b := s.recs[0][p.a], s.recs[1][p.b]
		if !y[i] && cosine(&a.full, &b.full)+cosine(&a.grams, &b.grams) < 0.5 {
			continue // nobody would have taken it for one
		}
		if y[i] {
			pos++
		} else {
			neg++
		}
		for _, w := range s.onesided(p) {
			add(words, w, y[i])
		}
		add(classes, classPair(a, b), y[i])
	}
	base := (pos + 1) / (pos + neg + 2)
	odds := func(m map[string]*count) map[string]float64 {
		out := map[string]float64{}
		for k, n := range m {
			if n.pos+n.neg < 3 {
				continue
			}
			const prior = 6
			p := (n.pos + prior*base) / (n.pos + n.neg + prior)
			out[k] = math.Log(p/(1-p)) - math.Log(base/(1-base))
		}
		return out
	}
	return &member{Words: odds(words), Classes: odds(classes)}
}

// onesided are the words of either title that the other record lacks.
func (s *Space) onesided(p pair) []string {
	a, b := s.recs[0][p.a], s.recs[1][p.b]
	var out []string
	for _, x := range [][2]*bag{{&a.title, &b.full}, {&b.title, &a.full}} {
		for _, t := range x[0].terms {
			if _, ok := slices.BinarySearch(x[1].terms, t); !ok {
				out = append(out, s.names[t])
			}
		}
	}
	return out
}

func classPair(a, b *record) string { return a.raw[class] + "|" + b.raw[class] }

// oddsFeatures is how many features odds returns, rivalFeatures how many
// competition adds per side.
const (
	oddsFeatures  = 4
	rivalFeatures = 6
)

// odds are the features that come from the training pairs themselves.
func (m *member) odds(s *Space, p pair) []float64 {
	var sum, low, high float64
	for _, w := range s.onesided(p) {
		o := m.Words[w]
		sum += o
		low = math.Min(low, o)
		high = math.Max(high, o)
	}
	return []float64{sum, low, high, m.Classes[classPair(s.recs[0][p.a], s.recs[1][p.b])]}
}

// hash identifies labelled pairs and the records they name.
func (s *Space) hash(labels []Label) string {
	lines := make([]string, 0, len(labels))
	for _, l := range labels {
		lines = append(lines, fmt.Sprintf("%q %q %t %q %q", l.A, l.B, l.Same, s.a.Rows[s.a.at[l.A]], s.b.Rows[s.b.at[l.B]]))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}

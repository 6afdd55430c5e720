package catalog

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// An Index finds the nearest vectors by an exact scan: it never overlooks one,
// and a filter never makes it return too few. It holds vectors of one space
// and is not safe for concurrent writing.
type Index struct {
	dim  int
	ids  []string
	at   map[string]int
	rows []float32 // dim per id
}

// A Hit is a neighbour: its id and the cosine.
type Hit struct {
	ID         string
	Similarity float32
}

// NewIndex returns an empty index of vectors of dim dimensions.
func NewIndex(dim int) *Index { return &Index{dim: dim, at: map[string]int{}} }

// Len is the number of vectors.
func (x *Index) Len() int { return len(x.ids) }

// Add inserts or replaces the vector of id. Error: invalid for a vector of
// another length.
func (x *Index) Add(id string, vec []float32) error {
	if len(vec) != x.dim {
		return pipeline.Errorf(pipeline.CodeInvalid, "vector of %s has %d dimensions, the index has %d", id, len(vec), x.dim).
			WithHint("embed every item in one space")
	}
	if i, ok := x.at[id]; ok {
		copy(x.rows[i*x.dim:], vec)
		return nil
	}
	x.at[id] = len(x.ids)
	x.ids = append(x.ids, id)
	x.rows = append(x.rows, vec...)
	return nil
}

// Remove takes id out; an absent one is no error.
func (x *Index) Remove(id string) {
	i, ok := x.at[id]
	if !ok {
		return
	}
	last := len(x.ids) - 1
	if i != last { // the last takes the place of the one that goes
		x.ids[i] = x.ids[last]
		x.at[x.ids[i]] = i
		copy(x.rows[i*x.dim:(i+1)*x.dim], x.rows[last*x.dim:])
	}
	x.ids = x.ids[:last]
	x.rows = x.rows[:last*x.dim]
	delete(x.at, id)
}

// Search returns the k nearest of the ids that filter accepts (nil accepts
// all), nearest first, ties by id. Vectors at right angles or worse have
// nothing in common and are not returned.
func (x *Index) Search(vec []float32, k int, filter func(id string) bool) []Hit {
	if k <= 0 || len(vec) != x.dim {
		return nil
	}
	q := sparseOf(vec)
	var best topK
	best.k = k
	for i, id := range x.ids {
		s := q.dot(x.rows[i*x.dim : (i+1)*x.dim])
		if s > 0 && best.wants(s) && (filter == nil || filter(id)) {
			best.offer(i, s)
		}
	}
	hits := make([]Hit, 0, len(best.items))
	for _, c := range best.items {
		hits = append(hits, Hit{x.ids[c.i], c.s})
	}
	sort.Slice(hits, func(i, j int) bool {
		if hits[i].Similarity != hits[j].Similarity {
			return hits[i].Similarity > hits[j].Similarity
		}
		return hits[i].ID < hits[j].ID
	})
	if len(hits) > k {
		hits = hits[:k]
	}
	return hits
}

// A sparse vector holds what is not zero: the hashing embedder leaves four of
// five dimensions of a short text empty.
type sparse struct {
	dims []uint16
	vals []float32
	full []float32 // set instead where most dimensions are used
}

func sparseOf(v []float32) sparse {
	n := 0
	for _, f := range v {
		if f != 0 {
			n++
		}
	}
	if 2*n > len(v) || len(v) > math.MaxUint16 {
		return sparse{full: v}
	}
	s := sparse{dims: make([]uint16, 0, n), vals: make([]float32, 0, n)}
	for i, f := range v {
		if f != 0 {
			s.dims = append(s.dims, uint16(i))
			s.vals = append(s.vals, f)
		}
	}
	return s
}

// dot is the inner product with a dense row of the same space.
func (s *sparse) dot(row []float32) float32 {
	if s.full != nil {
		return embed.Dot(s.full, row)
	}
	dims, vals := s.dims, s.vals[:len(s.dims)]
	if len(row) != embed.Dim {
		var a float32
		for i, d := range dims {
			a += float32(vals[i] * row[d])
		}
		return a
	}
	r := (*[embed.Dim]float32)(row)
	var a, b, c, d float32
	for len(dims) >= 4 && len(vals) >= 4 { // four sums, no bounds to check
		a += float32(vals[0] * r[dims[0]%embed.Dim])
		b += float32(vals[1] * r[dims[1]%embed.Dim])
		c += float32(vals[2] * r[dims[2]%embed.Dim])
		d += float32(vals[3] * r[dims[3]%embed.Dim])
		dims, vals = dims[4:], vals[4:]
	}
	for i, n := range dims {
		a += float32(vals[i] * r[n%embed.Dim])
	}
	return (a + b) + (c + d)
}

// topK keeps the k best candidates and all that tie with the last, so that
// the order of arrival never decides; its owner cuts after ordering by id.
type topK struct {
	k     int
	items []scored
	floor float32
}

type scored struct {
	i int
	s float32
}

func (t *topK) wants(s float32) bool { return len(t.items) < t.k || s >= t.floor }

func (t *topK) offer(i int, s float32) {
	t.items = append(t.items, scored{i, s})
	if len(t.items) == t.k {
		t.floor = t.items[0].s
		for _, c := range t.items {
			t.floor = min(t.floor, c.s)
		}
	}
	if len(t.items) >= 2*t.k+16 {
		t.shrink()
	}
}

// shrink drops what is worse than the k-th best.
func (t *topK) shrink() {
	slices.SortFunc(t.items, func(a, b scored) int { return cmp.Compare(b.s, a.s) })
	t.floor = t.items[t.k-1].s
	n := t.k
	for n < len(t.items) && t.items[n].s == t.floor {
		n++
	}
	t.items = t.items[:n]
}

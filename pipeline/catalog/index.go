package catalog

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// An Index finds the nearest vectors by a scan of all: it never overlooks one,
// and a filter never makes it return too few. The scan reads a byte per
// dimension; what could be among the best within the error of that is compared
// in full. It holds vectors of one space, of length 1 or 0, and is not safe for
// concurrent writing.
type Index struct {
	dim    int
	ids    []string
	at     map[string]int
	rows   [][]float32
	packed *embed.Packed
}

// A Hit is a neighbour: its id and the cosine.
type Hit struct {
	ID         string
	Similarity float32
}

// NewIndex returns an empty index of vectors of dim dimensions.
func NewIndex(dim int) *Index {
	return &Index{dim: dim, at: map[string]int{}, packed: embed.NewPacked(dim)}
}

// Len is the number of vectors.
func (x *Index) Len() int { return len(x.ids) }

// Add inserts or replaces the vector of id, which the index keeps. Error:
// invalid for a vector of another length.
func (x *Index) Add(id string, vec []float32) error {
	if len(vec) != x.dim {
		return pipeline.Errorf(pipeline.CodeInvalid, "vector of %s has %d dimensions, the index has %d", id, len(vec), x.dim).
			WithHint("embed every item in one space")
	}
	if i, ok := x.at[id]; ok {
		x.rows[i] = vec
		x.packed.Set(i, vec)
		return nil
	}
	x.at[id] = len(x.ids)
	x.ids = append(x.ids, id)
	x.rows = append(x.rows, vec)
	x.packed.Append(vec)
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
		x.rows[i] = x.rows[last]
		x.packed.Move(i, last)
	}
	x.ids = x.ids[:last]
	x.rows[last] = nil
	x.rows = x.rows[:last]
	x.packed.Truncate(last)
	delete(x.at, id)
}

// searchBlock is how many rows one worker scans at a time: 512 KiB of 512
// dimensions.
const searchBlock = 1024

// Search returns the k nearest of the ids that filter accepts (nil accepts
// all), nearest first, ties by id. Vectors at right angles or worse have
// nothing in common and are not returned. It uses every core.
func (x *Index) Search(vec []float32, k int, filter func(id string) bool) []Hit {
	if k <= 0 || len(vec) != x.dim || len(x.ids) == 0 {
		return nil
	}
	var probe embed.Probe
	x.packed.Load(&probe, vec)
	approx := make([]float32, len(x.ids))
	workers := min(runtime.GOMAXPROCS(0), 1+len(x.ids)/(4*searchBlock))
	kept := make([]*nearest, workers)
	slack := make([]float32, workers)
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		kept[w] = newNearest(k)
		wg.Go(func() {
			raw := make([]int32, searchBlock)
			for {
				from := int(next.Add(searchBlock)) - searchBlock
				if from >= len(approx) {
					return
				}
				to := min(from+searchBlock, len(approx))
				x.packed.Dots(approx[from:from:to], &probe, from, to, raw)
				for i := from; i < to; i++ {
					slack[w] = max(slack[w], x.packed.Slack(&probe, i))
					if d := approx[i]; d > kept[w].floor && (filter == nil || filter(x.ids[i])) {
						kept[w].offer(int32(i), d)
					}
				}
			}
		})
	}
	wg.Wait()
	// The k-th best is at least this near, whatever rounding did to it.
	all, error := newNearest(k), float32(0)
	for w := range kept {
		for _, s := range kept[w].items {
			all.offer(s.i, s.s)
		}
		error = max(error, slack[w])
	}
	least := float32(0)
	if len(all.items) == k {
		least = all.floor - 2*error
	} else {
		least = -error
	}
	q := sparseOf(vec)
	var hits []Hit
	for i, d := range approx {
		if d < least || filter != nil && !filter(x.ids[i]) {
			continue
		}
		if s := q.dot(x.rows[i]); s > 0 {
			hits = append(hits, Hit{x.ids[i], s})
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), cmp.Compare(a.ID, b.ID))
	})
	return hits[:min(k, len(hits))]
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

// any reports whether the vector is not nothing.
func (s *sparse) any() bool { return len(s.dims) > 0 || s.full != nil }

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

// A nearest keeps the k best of what is offered, ties by the lesser position:
// the order of arrival never decides. items is a heap with the worst on top.
type nearest struct {
	k     int
	floor float32 // what does not exceed it is not wanted, or ties
	items []scored
}

type scored struct {
	i int32
	s float32
}

func newNearest(k int) *nearest { return &nearest{k: k, floor: -1} }

func worse(a, b scored) bool { return a.s < b.s || a.s == b.s && a.i > b.i }

func (t *nearest) offer(i int32, s float32) {
	x := scored{i, s}
	if len(t.items) < t.k {
		t.items = append(t.items, x)
		for c := len(t.items) - 1; c > 0; {
			p := (c - 1) / 2
			if !worse(t.items[c], t.items[p]) {
				break
			}
			t.items[c], t.items[p] = t.items[p], t.items[c]
			c = p
		}
		if len(t.items) == t.k {
			t.floor = below(t.items[0].s)
		}
		return
	}
	if !worse(t.items[0], x) {
		return
	}
	t.items[0] = x
	for p := 0; ; {
		c := 2*p + 1
		if c >= len(t.items) {
			break
		}
		if c+1 < len(t.items) && worse(t.items[c+1], t.items[c]) {
			c++
		}
		if !worse(t.items[c], t.items[p]) {
			break
		}
		t.items[c], t.items[p] = t.items[p], t.items[c]
		p = c
	}
	t.floor = below(t.items[0].s)
}

// below is the next smaller number, so that ties with the worst are offered
// and decided by position.
func below(s float32) float32 { return math.Nextafter32(s, -2) }

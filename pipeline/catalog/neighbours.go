package catalog

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// tileRows is how many vectors a side of a tile has: 128 KiB of 512 packed
// dimensions, so that a tile stays in the cache of a core.
const tileRows = 256

// floor is the cosine below which two texts have nothing to do with each
// other.
const floor = 0.2

// maxTies bounds how many neighbours at the same distance are taken.
const maxTies = 8

// neighbours proposes the k nearest vectors of each item: among the items of
// its category and those of none; an item of no category looks among all.
//
// Every distance is computed once, for both of its ends, on packed vectors; the
// best 2k+8 are compared again in full. Rows are cut into blocks, pairs of
// blocks are tiles, and the tiles of one round share no block, so that every
// core works on rows that no other touches. The result depends neither on the
// number of cores nor on the order of the rounds.
func neighbours(ctx context.Context, views []*view, groups [][]int32, k int, put func(a, b int32)) error {
	dim := 0
	for _, g := range groups {
		for _, i := range g {
			dim = max(dim, len(views[i].vector))
		}
	}
	if dim == 0 {
		return nil
	}
	s := &scan{packed: embed.NewPacked(dim)}
	var lost, placed []block
	var rounds [][]tile
	none := make([]float32, dim)
	for _, g := range groups {
		var blocks []block
		for part := range slices.Chunk(g, tileRows) {
			blocks = append(blocks, block{len(s.order), len(s.order) + len(part)})
			for _, i := range part {
				v := views[i].vector
				if len(v) != dim {
					v = none // of nothing, so near nothing
				}
				s.order = append(s.order, i)
				s.packed.Append(v)
			}
		}
		if views[g[0]].category == pipeline.Unknown {
			lost = blocks
		} else {
			placed = append(placed, blocks...)
		}
		for n, r := range tournament(blocks) {
			if n == len(rounds) {
				rounds = append(rounds, nil)
			}
			rounds[n] = append(rounds[n], r...)
		}
	}
	rounds = append(rounds, latin(lost, placed)...)
	s.best = make([]nearest, len(s.order))
	s.floors = make([]float32, len(s.order))
	for i := range s.best {
		s.best[i] = nearest{k: 2*k + maxTies, floor: floor}
		s.floors[i] = floor
	}
	for _, r := range rounds {
		if ctx.Err() != nil {
			return canceled(ctx.Err())
		}
		s.play(r)
	}
	s.settle(views, k, put)
	return nil
}

// A block is a range of rows.
type block struct{ from, to int }

// A tile is a pair of blocks, or one with itself.
type tile struct{ a, b block }

// tournament pairs each block with itself and with every other, in rounds in
// which no block plays twice (the circle method).
func tournament(blocks []block) [][]tile {
	n := len(blocks)
	if n == 0 {
		return nil
	}
	var own []tile
	for _, b := range blocks {
		own = append(own, tile{b, b})
	}
	rounds := [][]tile{own}
	even := n + n%2
	for r := range even - 1 {
		var ts []tile
		for i := range even / 2 {
			x, y := (r+i)%(even-1), (r+even-1-i)%(even-1)
			if i == 0 {
				y = even - 1
			}
			if x < n && y < n {
				ts = append(ts, tile{blocks[min(x, y)], blocks[max(x, y)]})
			}
		}
		rounds = append(rounds, ts)
	}
	return rounds
}

// latin pairs every block of one side with every block of the other, in rounds
// in which no block plays twice.
func latin(a, b []block) [][]tile {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) == 0 {
		return nil
	}
	rounds := make([][]tile, len(b))
	for r := range rounds {
		for i, x := range a {
			rounds[r] = append(rounds[r], tile{x, b[(i+r)%len(b)]})
		}
	}
	return rounds
}

// A scan computes all distances between blocks of rows.
type scan struct {
	packed *embed.Packed
	order  []int32   // row → position in the views
	best   []nearest // per row; positions in the views
	floors []float32 // of best, side by side
}

// play computes the tiles of one round on every core.
func (s *scan) play(tiles []tile) {
	workers := min(runtime.GOMAXPROCS(0), len(tiles))
	if workers < 2 {
		for _, t := range tiles {
			s.tile(t)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tiles) {
					return
				}
				s.tile(tiles[i])
			}
		})
	}
	wg.Wait()
}

func (s *scan) tile(t tile) {
	var probe embed.Probe
	var raw [tileRows]int32
	var dots [tileRows]float32
	for a := t.a.from; a < t.a.to; a++ {
		from := t.b.from
		if t.a == t.b {
			from = a + 1
		}
		if from >= t.b.to {
			continue
		}
		s.packed.LoadRow(&probe, a)
		own := s.floors[a]
		floors := s.floors[from:t.b.to]
		for n, d := range s.packed.Dots(dots[:0], &probe, from, t.b.to, raw[:]) {
			if d > own {
				s.best[a].offer(s.order[from+n], d)
				own = s.best[a].floor
			}
			if d > floors[n] {
				s.best[from+n].offer(s.order[a], d)
				floors[n] = s.best[from+n].floor
			}
		}
		s.floors[a] = own
	}
}

// settle compares what the scan kept in full and proposes the k nearest of
// each row, and at most maxTies that tie with the last.
func (s *scan) settle(views []*view, k int, put func(a, b int32)) {
	var kept []scored
	for row := range s.best {
		i := s.order[row]
		v := views[i]
		kept = kept[:0]
		for _, c := range s.best[row].items {
			kept = append(kept, scored{c.i, embed.Dot(v.vector, views[c.i].vector)})
		}
		slices.SortFunc(kept, func(x, y scored) int {
			return cmp.Or(cmp.Compare(y.s, x.s), cmp.Compare(x.i, y.i))
		})
		for r, c := range kept {
			if r >= k && c.s < kept[k-1].s {
				break
			}
			put(i, c.i)
		}
		s.best[row].items = nil
	}
}

package sample

import (
	"hash/fnv"
	"math/rand/v2"
)

// dice is one stream of chance. Streams with different names are independent,
// so that a change in one feed does not move the other. Only integers are
// drawn: the same seed gives the same bytes on every platform.
type dice struct{ *rand.Rand }

func newDice(seed uint64, stream string) dice {
	h := fnv.New64a()
	h.Write([]byte(stream)) // never fails
	return dice{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// chance is true in perMille of a thousand throws.
func (d dice) chance(perMille int) bool { return d.IntN(1000) < perMille }

// between is uniform in lo..hi, both included.
func (d dice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

func pick[T any](d dice, xs []T) T { return xs[d.IntN(len(xs))] }

// weighted picks an index in proportion to its weight.
func (d dice) weighted(weights ...int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := d.IntN(total)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	return len(weights) - 1
}

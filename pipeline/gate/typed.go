package gate

import (
	"math"

	"github.com/assay-pipeline/assay/pipeline/codec"
)

// Columns whose values came typed, all of one kind, are taken over as they are,
// with their bounds.

// only reports whether the column has no other values than of a kind.
func (v *vector) only(k codec.Kind) bool {
	return v.col != nil && v.col.Mix&(1<<k) != 0 && v.col.Mix&^(1<<k|noValue) == 0
}

// typedInts takes over whole numbers, or moments.
func (v *vector) typedInts(src []int64) {
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	ints := v.ints[:len(src)]
	if v.nulls == 0 {
		for r, x := range src {
			ints[r], least, most = x, min(least, x), max(most, x)
		}
	} else {
		for r, x := range src {
			ints[r] = x
			if v.state[r] == okCell {
				least, most = min(least, x), max(most, x)
			}
		}
	}
	v.known, v.least, v.most = true, least, most
}

// typedFloats takes over floats; what is no number is not of the type.
func (f *field) typedFloats(s *sheet, v *vector, src []float64) {
	v.float, v.floats = true, src
	clear(v.ints)
	clear(v.scale)
	least, most := math.Inf(1), math.Inf(-1)
	for r, x := range src {
		if x-x != 0 && v.state[r] == okCell { // infinite, or not a number
			f.mistype(s, v, r)
		}
		if v.state[r] == okCell {
			least, most = min(least, x), max(most, x)
		}
	}
	v.floatsKnown, v.leastFloat, v.mostFloat = true, least, most
}

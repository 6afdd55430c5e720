package stats

import (
	"math"
	"slices"
)

// Quantile of sorted values by linear interpolation between order statistics
// (type 7 of Hyndman and Fan 1996); NaN of none.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	pos := q * float64(len(sorted)-1)
	i := int(math.Floor(pos))
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	f := pos - float64(i)
	return sorted[i]*(1-f) + sorted[i+1]*f
}

// A Histogram counts values in equal bins between Min and Max, both included.
type Histogram struct {
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Counts []int   `json:"counts"`
}

// NewHistogram bins values into at most n bins; a single value makes one bin.
func NewHistogram(values []float64, n int) Histogram {
	if len(values) == 0 || n <= 0 {
		return Histogram{}
	}
	lo, hi := slices.Min(values), slices.Max(values)
	if !(hi > lo) || math.IsInf(hi-lo, 0) {
		return Histogram{Min: lo, Max: hi, Counts: []int{len(values)}}
	}
	h := Histogram{Min: lo, Max: hi, Counts: make([]int, n)}
	for _, v := range values {
		i := int((v - lo) / (hi - lo) * float64(n))
		h.Counts[min(max(i, 0), n-1)]++
	}
	return h
}

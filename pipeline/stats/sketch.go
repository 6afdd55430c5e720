package stats

import (
	"maps"
	"math"
	"slices"
)

// SketchError is the relative error of a Sketch's quantiles.
const SketchError = 0.01

// sketchBase is the ratio of two bounds of a Sketch's bins.
const sketchBase = (1 + SketchError) / (1 - SketchError)

// A Sketch counts numbers in bins whose bounds grow by a constant factor, so
// that each quantile is found within SketchError of its value (DDSketch, Masson,
// Rim and Lee 2019). All numbers of 64 bits fall into at most 2 × 74,000 bins;
// those of one column into some hundred. What it holds does not depend on order, so that parts merge
// to the same bytes. The zero value is empty.
type Sketch struct {
	// Above and Below count the positive and the negative numbers by bin, Zero
	// the zeros.
	Above map[int]int64 `json:"above,omitempty"`
	Below map[int]int64 `json:"below,omitempty"`
	Zero  int64         `json:"zero,omitempty"`
}

var logBase = math.Log(sketchBase)

// Add counts a number; one that is not finite is left out.
func (s *Sketch) Add(x float64) {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
	case x > 0:
		if s.Above == nil {
			s.Above = map[int]int64{}
		}
		s.Above[bin(x)]++
	case x < 0:
		if s.Below == nil {
			s.Below = map[int]int64{}
		}
		s.Below[bin(-x)]++
	default:
		s.Zero++
	}
}

func bin(x float64) int { return int(math.Ceil(math.Log(x) / logBase)) }

// Merge adds all that o counted.
func (s *Sketch) Merge(o *Sketch) {
	s.Zero += o.Zero
	for _, side := range []struct {
		to   *map[int]int64
		from map[int]int64
	}{{&s.Above, o.Above}, {&s.Below, o.Below}} {
		if len(side.from) > 0 && *side.to == nil {
			*side.to = map[int]int64{}
		}
		for i, n := range side.from {
			(*side.to)[i] += n
		}
	}
}

// Count is how many numbers were counted.
func (s *Sketch) Count() int64 {
	n := s.Zero
	for _, c := range s.Above {
		n += c
	}
	for _, c := range s.Below {
		n += c
	}
	return n
}

// Quantile is the value at the share q of all numbers, NaN of none.
func (s *Sketch) Quantile(q float64) float64 {
	n := s.Count()
	if n == 0 {
		return math.NaN()
	}
	rank := int64(q * float64(n-1))
	middle := func(i int) float64 { return 2 * math.Exp(float64(i)*logBase) / (sketchBase + 1) }
	for _, i := range slices.Backward(slices.Sorted(maps.Keys(s.Below))) {
		if rank -= s.Below[i]; rank < 0 {
			return -middle(i)
		}
	}
	if rank -= s.Zero; rank < 0 {
		return 0
	}
	at := 0.0
	for _, i := range slices.Sorted(maps.Keys(s.Above)) {
		at = middle(i)
		if rank -= s.Above[i]; rank < 0 {
			break
		}
	}
	return at
}

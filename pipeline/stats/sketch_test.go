package stats_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline/stats"
)

// TestSketch: quantiles lie within the stated error of the value at their rank.
func TestSketch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"normal":   r.NormFloat64,
		"wide":     func() float64 { return math.Exp(r.NormFloat64() * 10) },
		"whole":    func() float64 { return float64(r.IntN(7) - 3) },
		"onesided": func() float64 { return -1e9 - r.Float64() },
	} {
		var s stats.Sketch
		var all []float64
		for range 20_000 {
			x := draw()
			s.Add(x)
			all = append(all, x)
		}
		s.Add(math.NaN())
		s.Add(math.Inf(1))
		slices.Sort(all)
		for _, q := range []float64{0, 0.01, 0.25, 0.5, 0.9, 1} {
			want := all[int(q*float64(len(all)-1))]
			if got := s.Quantile(q); math.Abs(got-want) > stats.SketchError*math.Abs(want)*1.0001 {
				t.Errorf("%s: quantile %v is %v, want %v", name, q, got, want)
			}
		}
	}
	if q := new(stats.Sketch).Quantile(0.5); !math.IsNaN(q) {
		t.Errorf("the median of nothing is %v", q)
	}
}

// TestDistinct: estimates lie within four standard errors.
func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 10, 1_000, 40_000, 60_000, 1_000_000} {
		var d stats.Distinct
		for i := range 2 * n {
			d.Add(stats.Mix(uint64(i % max(n, 1))))
		}
		if got := d.Count(); math.Abs(float64(got)-float64(n)) > 4*0.0081*float64(n)+0.5 {
			t.Errorf("%d, want %d", got, n)
		}
	}
}

// TestSketchesMerge: parts merge to the same bytes, in any order.
func TestSketchesMerge(t *testing.T) {
	type state struct {
		D stats.Distinct
		S stats.Sketch
	}
	of := func(xs []float64) (s state) {
		for _, x := range xs {
			s.D.Add(stats.Mix(math.Float64bits(x)))
			s.S.Add(x)
		}
		return s
	}
	bytes := func(s state) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	rapid.Check(t, func(rt *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 0, 30).Draw(rt, "values")
		cut := rapid.IntRange(0, len(xs)).Draw(rt, "cut")
		left, right := of(xs[:cut]), of(xs[cut:])
		right.D.Merge(&left.D)
		right.S.Merge(&left.S)
		if bytes(right) != bytes(of(xs)) {
			rt.Fatalf("%s, want %s", bytes(right), bytes(of(xs)))
		}
	})
}

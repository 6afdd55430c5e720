package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline/stats"
)

// TestBottomMerges: a sample of two parts is the sample of the whole, whichever
// part comes first.
func TestBottomMerges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ids := rapid.SliceOfDistinct(rapid.Uint64(), rapid.ID[uint64]).Draw(rt, "ids")
		cut := rapid.IntRange(0, len(ids)).Draw(rt, "cut")
		of := func(ids []uint64) *stats.Bottom[uint64] {
			b := stats.NewBottom[uint64](5)
			for _, id := range ids {
				if b.Wants(id) {
					b.Add(id, id)
				}
			}
			return b
		}
		whole, left, right := of(ids), of(ids[:cut]), of(ids[cut:])
		right.Merge(left)
		if !slices.Equal(whole.Entries(), right.Entries()) || whole.Seen() != right.Seen() {
			rt.Fatalf("%v, want %v", right.Entries(), whole.Entries())
		}
	})
}

func TestDistances(t *testing.T) {
	same := []float64{0.2, 0.3, 0.5}
	other := []float64{0.5, 0.3, 0.2}
	if stats.PSI(same, same) != 0 || stats.JensenShannon(same, same) != 0 {
		t.Error("equal distributions differ")
	}
	if got := stats.PSI(same, other); math.Abs(got-2*0.3*math.Log(2.5)) > 1e-12 {
		t.Errorf("PSI %v", got)
	}
	if got := stats.JensenShannon([]float64{1, 0}, []float64{0, 1}); math.Abs(got-1) > 1e-12 {
		t.Errorf("disjoint distributions: %v bits", got)
	}
	if got := stats.KolmogorovSmirnov([]float64{1, 2, 3, 4}, []float64{3, 4, 5, 6}); got != 0.5 {
		t.Errorf("KS %v", got)
	}
	if lo, hi := stats.Wilson(0, 0, 1.96); lo != 0 || hi != 1 {
		t.Error(lo, hi)
	}
	if lo, hi := stats.Wilson(8, 10, 1.96); math.Abs(lo-0.4902) > 1e-3 || math.Abs(hi-0.9433) > 1e-3 {
		t.Error(lo, hi) // Wilson 1927; any table of score intervals
	}
}

// TestPermutationLevel: under no change p-values are about uniform; under a
// shift they are small.
func TestPermutationLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := func(shift float64) []float64 {
		out := make([]float64, 30)
		for i := range out {
			out[i] = r.NormFloat64() + shift
		}
		return out
	}
	rejected := 0
	for i := range 200 {
		if stats.Permutation(draw(0), draw(0), stats.KolmogorovSmirnov, 99, uint64(i)) <= 0.05 {
			rejected++
		}
	}
	if rejected > 22 { // 10 expected, standard deviation 3.1
		t.Errorf("%d of 200 tests of equal samples reject at 5 %%", rejected)
	}
	if p := stats.Permutation(draw(0), draw(2), stats.KolmogorovSmirnov, 999, 1); p > 0.01 {
		t.Errorf("p is %v for a shift of two standard deviations", p)
	}
}

func TestQuantileAndHistogram(t *testing.T) {
	if got := stats.Quantile([]float64{1, 2, 3, 4}, 0.5); got != 2.5 {
		t.Error(got)
	}
	h := stats.NewHistogram([]float64{0, 1, 2, 3, 4, 10}, 5)
	if !slices.Equal(h.Counts, []int{2, 2, 1, 0, 1}) {
		t.Error(h)
	}
	if got := stats.NewHistogram([]float64{7, 7}, 5); len(got.Counts) != 1 || got.Counts[0] != 2 {
		t.Error(got)
	}
}

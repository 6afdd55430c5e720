package stats

import (
	"cmp"
	"math"
	"slices"
)

// psiFloor stands for the share of a bin that is empty on one side: the index
// is then finite and large.
const psiFloor = 1e-4

// PSI is the population stability index of two distributions over the same
// bins, as shares: the sum of (is − was) · ln(is / was). By custom below 0.1 is
// no change, 0.1 to 0.25 some, above 0.25 a shift.
func PSI(was, is []float64) float64 {
	sum := 0.0
	for i := range was {
		a, b := math.Max(was[i], psiFloor), math.Max(is[i], psiFloor)
		sum += (b - a) * math.Log(b/a)
	}
	return sum
}

// JensenShannon is the divergence of two distributions over the same bins, in
// bits: 0 for equal ones, 1 for disjoint ones.
func JensenShannon(p, q []float64) float64 {
	sum := 0.0
	for i := range p {
		m := (p[i] + q[i]) / 2
		for _, x := range []float64{p[i], q[i]} {
			if x > 0 {
				sum += x * math.Log2(x/m) / 2
			}
		}
	}
	return math.Max(sum, 0)
}

// CategoryPSI is the PSI over categories, from counts. A category that is new
// or gone counts as one.
func CategoryPSI(was, is map[string]int) float64 { return PSI(CategoryShares(was, is)) }

// CategoryShares are the shares of categories on both sides, in one order.
func CategoryShares(was, is map[string]int) (before, now []float64) {
	names := map[string]bool{}
	n, m := 0, 0
	for k, c := range was {
		names[k] = true
		n += c
	}
	for k, c := range is {
		names[k] = true
		m += c
	}
	if n == 0 || m == 0 {
		return nil, nil
	}
	keys := make([]string, 0, len(names))
	for k := range names {
		keys = append(keys, k)
	}
	slices.Sort(keys) // sums of floats depend on the order
	a, b := make([]float64, len(keys)), make([]float64, len(keys))
	for i, k := range keys {
		a[i], b[i] = float64(was[k])/float64(n), float64(is[k])/float64(m)
	}
	return a, b
}

// HistogramPSI is the PSI of a histogram against earlier ones together, over
// bins that each hold an equal share of what was before. It also returns how
// many values either side has.
func HistogramPSI(was []Histogram, is Histogram, bins int) (index float64, n, m int) {
	a, b, n, m := HistogramShares(was, is, bins)
	return PSI(a, b), n, m
}

// HistogramShares are the shares of a histogram and of earlier ones together in
// bins that each hold an equal share of what was before, and how many values
// either side has.
func HistogramShares(was []Histogram, is Histogram, bins int) (a, b []float64, n, m int) {
	m = is.total()
	var edges []float64
	for _, h := range was {
		n += h.total()
		for i := range h.Counts {
			lo, _ := h.bin(i)
			edges = append(edges, lo)
		}
		edges = append(edges, h.Max)
	}
	if n == 0 || m == 0 {
		return nil, nil, n, m
	}
	slices.SortFunc(edges, cmp.Compare[float64])
	edges = slices.Compact(edges)
	before := func(x float64) float64 {
		sum := 0.0
		for _, h := range was {
			sum += h.below(x)
		}
		return sum / float64(n)
	}
	lastA, lastB := 0.0, 0.0
	for _, e := range edges {
		share := before(e)
		if share-lastA < 1/float64(bins)-1e-9 {
			continue
		}
		now := is.below(e) / float64(m)
		a, b = append(a, share-lastA), append(b, now-lastB)
		lastA, lastB = share, now
	}
	a, b = append(a, 1-lastA), append(b, 1-lastB)
	return a, b, n, m
}

func (h Histogram) total() int {
	n := 0
	for _, c := range h.Counts {
		n += c
	}
	return n
}

func (h Histogram) bin(i int) (lo, hi float64) {
	w := (h.Max - h.Min) / float64(len(h.Counts))
	return h.Min + w*float64(i), h.Min + w*float64(i+1)
}

// below is how many values lie at or below x, evenly spread within a bin.
func (h Histogram) below(x float64) float64 {
	if x >= h.Max {
		return float64(h.total())
	}
	sum := 0.0
	for i, c := range h.Counts {
		lo, hi := h.bin(i)
		switch {
		case x >= hi:
			sum += float64(c)
		case x > lo:
			sum += float64(c) * (x - lo) / (hi - lo)
		}
	}
	return sum
}

// KolmogorovSmirnov is the largest distance between the empirical distribution
// functions of two samples, 0 of an empty one.
func KolmogorovSmirnov(x, y []float64) float64 {
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	x, y = slices.Clone(x), slices.Clone(y)
	slices.Sort(x)
	slices.Sort(y)
	d := 0.0
	for i, j := 0, 0; i < len(x) && j < len(y); {
		v := math.Min(x[i], y[j])
		for i < len(x) && x[i] <= v {
			i++
		}
		for j < len(y) && y[j] <= v {
			j++
		}
		d = math.Max(d, math.Abs(float64(i)/float64(len(x))-float64(j)/float64(len(y))))
	}
	return d
}

// Permutation is the p-value of a statistic of two samples under the
// hypothesis that they come from one distribution: the share of rounds random
// divisions of both together, and the division seen, in which it is at least as
// large. It is exact in level for any sample size.
func Permutation(x, y []float64, statistic func(x, y []float64) float64, rounds int, seed uint64) float64 {
	seen := statistic(x, y)
	all := slices.Concat(x, y)
	at := 1
	for round := range rounds {
		for i := len(all) - 1; i > 0; i-- {
			j := int(Mix(seed^uint64(round)<<32^uint64(i)) % uint64(i+1))
			all[i], all[j] = all[j], all[i]
		}
		if statistic(all[:len(x)], all[len(x):]) >= seen-1e-12 {
			at++
		}
	}
	return float64(at) / float64(rounds+1)
}

// Wilson is the score interval of a share at the given z (1.96 for 95 %):
// k of n. Of nothing it is 0 to 1.
func Wilson(k, n int64, z float64) (lo, hi float64) {
	if n == 0 {
		return 0, 1
	}
	p, nn := float64(k)/float64(n), float64(n)
	d := 1 + z*z/nn
	mid := (p + z*z/(2*nn)) / d
	half := z / d * math.Sqrt(p*(1-p)/nn+z*z/(4*nn*nn))
	return math.Max(0, mid-half), math.Min(1, mid+half)
}

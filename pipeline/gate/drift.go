package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/stats"
)

const (
	// minDrift is how many sampled rows a distribution needs on either side for
	// an index of its shares to mean something.
	minDrift = 100
	// minPermuted is how many values either side needs for a test by permutation:
	// with fewer than five no division of both is as rare as 1 %.
	minPermuted = 5
	// keptValues is how many values of a column a profile keeps for such a test.
	keptValues = 500
	// maxListed is how many categories a column may have.
	maxListed = 200
	// permutations give p-values in steps of 0.1 %.
	permutations = 999
)

// drift compares a column with the batches before. Over distributions it uses
// the bins of the histograms, or the most frequent values of a column without
// one; categories are the values among the sampled rows.
func (r *run) drift(k *contract.Check, p *Profile) (detail string, holds bool, unjudged string) {
	now := p.field(k.Field)
	if now == nil {
		return "", false, "there is no such column"
	}
	var before []*FieldProfile
	for _, h := range r.opt.past(k.Window) {
		if f := h.field(k.Field); f != nil && f.Type == now.Type && h.Sampled > 0 {
			before = append(before, f)
		}
	}
	switch k.Method {
	case contract.DriftKS:
		return kolmogorov(k, before, now)
	case contract.DriftNew, contract.DriftVanished:
		return categories(k, before, now)
	}
	a, b, n, m := driftShares(before, now)
	if n < minDrift || m < minDrift {
		return "", false, fmt.Sprintf("needs %d sampled values now and before, there are %d and %d", minDrift, m, n)
	}
	name, index := "population stability index", stats.PSI(a, b)
	if k.Method == contract.DriftJS {
		name, index = "Jensen–Shannon divergence", stats.JensenShannon(a, b)
	}
	return fmt.Sprintf("%s %.3f against %s", name, index, batches(len(before))), index <= k.Tolerance, ""
}

func batches(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}

// driftShares are the shares of a column's values before and now, and how many
// values either side has.
func driftShares(before []*FieldProfile, now *FieldProfile) (a, b []float64, n, m int) {
	if now.Histogram != nil {
		var hs []stats.Histogram
		for _, f := range before {
			if f.Histogram != nil {
				hs = append(hs, *f.Histogram)
			}
		}
		return stats.HistogramShares(hs, *now.Histogram, 10)
	}
	was, is := map[string]int{}, map[string]int{}
	for _, f := range before {
		for _, t := range f.Top {
			was[t.Value] += t.Count
			n += t.Count
		}
	}
	for _, t := range now.Top {
		is[t.Value] += t.Count
		m += t.Count
	}
	a, b = stats.CategoryShares(was, is)
	return a, b, n, m
}

// kolmogorov tests whether the values now and before come from one
// distribution.
func kolmogorov(k *contract.Check, before []*FieldProfile, now *FieldProfile) (string, bool, string) {
	var was []float64
	for _, f := range before {
		was = append(was, f.Values...)
	}
	was = was[max(0, len(was)-2*keptValues):] // the latest
	if len(was) < minPermuted || len(now.Values) < minPermuted {
		return "", false, fmt.Sprintf("needs %d values now and before, there are %d and %d", minPermuted, len(now.Values), len(was))
	}
	d := stats.KolmogorovSmirnov(was, now.Values)
	p := stats.Permutation(was, now.Values, stats.KolmogorovSmirnov, permutations, 1)
	return fmt.Sprintf("Kolmogorov–Smirnov distance %.3f, p = %.3f by permutation, against %d values of %s", d, p, len(was), batches(len(before))), p >= k.Tolerance, ""
}

// categories counts the values that came or went.
func categories(k *contract.Check, before []*FieldProfile, now *FieldProfile) (string, bool, string) {
	if len(before) == 0 {
		return "", false, "there are no earlier batches"
	}
	if len(now.Top) >= maxListed {
		return "", false, fmt.Sprintf("the column has %d values or more: these are no categories", maxListed)
	}
	in := map[string]int{} // earlier batches that have a value
	for _, f := range before {
		for _, t := range f.Top {
			in[t.Value]++
		}
	}
	var found []string
	is := map[string]bool{}
	for _, t := range now.Top {
		is[t.Value] = true
		if k.Method == contract.DriftNew && in[t.Value] == 0 {
			found = append(found, t.Value)
		}
	}
	word := "new"
	if k.Method == contract.DriftVanished {
		word = "gone"
		for value, n := range in {
			if n == len(before) && !is[value] {
				found = append(found, value)
			}
		}
	}
	slices.Sort(found)
	detail := fmt.Sprintf("no value is %s against %s", word, batches(len(before)))
	if len(found) > 0 {
		detail = fmt.Sprintf("%d %s against %s: %s", len(found), word, batches(len(before)), short(printable(strings.Join(found, ", ")), 120))
	}
	return detail, float64(len(found)) <= k.Tolerance, ""
}

// keepValues leaves the values in the profile that a later batch is tested
// against: as many of the sampled ones, evenly spread over the file.
func (f *field) keepValues(fp *FieldProfile, values []float64) {
	if !f.permuted {
		return
	}
	n := min(len(values), keptValues)
	for i := range n {
		fp.Values = append(fp.Values, values[i*len(values)/n])
	}
	slices.Sort(fp.Values)
}

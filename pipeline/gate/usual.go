package gate

import (
	"fmt"
	"slices"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A span is what is usual of a field: from lo to hi, by the median of so many
// batches.
type span struct {
	lo, hi, median float64
	batches        int
}

// usual finds, per rule, what is usual by the batches before: the median of
// their medians, so that one odd batch does not move it. A rule without a past
// has no span and is not judged.
func (r *run) usual() map[int]span {
	out := map[int]span{}
	for _, t := range r.g.checks {
		k := t.spec
		if k.Metric != "usual" || t.unjudged != "" {
			continue
		}
		var medians []float64
		for _, p := range r.opt.past(k.Window) {
			if f := p.field(k.Field); f != nil && len(f.Quantiles) == len(ProfileQuantiles) {
				medians = append(medians, f.Quantiles[slices.Index(ProfileQuantiles, 0.5)])
			}
		}
		if len(medians) == 0 {
			continue
		}
		slices.Sort(medians)
		m := (medians[(len(medians)-1)/2] + medians[len(medians)/2]) / 2
		lo, hi := m/k.Tolerance, m*k.Tolerance
		out[t.rule] = span{min(lo, hi), max(lo, hi), m, len(medians)}
	}
	return out
}

// unusual fails the cells of a column that lie outside what is usual.
func (f *field) unusual(s *sheet, v *vector, rule int) {
	sp, ok := s.usual[rule]
	if !ok {
		return
	}
	for r, st := range v.state {
		if st != okCell {
			continue
		}
		x := 0.0
		if f.typ == contract.Integer {
			x = float64(v.ints[r])
		} else {
			x = f.float(s, v, r)
		}
		s.tally[rule].evaluated++
		if x < sp.lo || x > sp.hi {
			s.fail(r, rule)
		}
	}
}

func (s span) String() string {
	return fmt.Sprintf("usual is %.4g to %.4g, a median of %.4g over %s", s.lo, s.hi, s.median, batchCount(s.batches))
}

func batchCount(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}

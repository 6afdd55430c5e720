package gate

import (
	"math"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/stats"
)

// Exact and Estimate are FieldProfile.DistinctBy.
const (
	Exact    = "exact"
	Estimate = "estimate"
)

// count shows all values of a chunk to the sketches of their columns.
func (p *profiler) count(s *sheet) {
	for i, f := range p.g.fields {
		if f.spec.Classified {
			continue
		}
		st, v := &p.fields[i], &s.vecs[i]
		switch f.typ {
		case contract.Integer, contract.Date, contract.Timestamp, contract.Time, contract.Boolean:
			for r, ok := range v.state {
				if ok == okCell {
					st.distinct.Add(stats.Mix(uint64(v.ints[r])))
					if f.typ != contract.Boolean {
						st.sketch.Add(float64(v.ints[r]))
					}
				}
			}
		case contract.Decimal:
			for r, ok := range v.state {
				if ok == okCell {
					x := f.float(s, v, r)
					st.distinct.Add(stats.Mix(math.Float64bits(x)))
					st.sketch.Add(x)
				}
			}
		default:
			for r, ok := range v.state {
				if ok == okCell {
					st.distinct.Add(xxh3.Hash(v.display(r)))
				}
			}
		}
	}
}

// counted says what the sketches of a column hold.
func (fp *FieldProfile) counted(st *fieldState) {
	if n := st.distinct.Count(); n > 0 {
		fp.DistinctAll, fp.DistinctBy = n, Estimate
	}
	if st.sketch.Count() == 0 {
		return
	}
	for _, q := range ProfileQuantiles {
		fp.QuantilesAll = append(fp.QuantilesAll, st.sketch.Quantile(q))
	}
}

// distincts says how many different values the columns have whose uniqueness was
// judged: the rows with a value without those that repeat one.
func (r *run) distincts(rep *Report) {
	for _, k := range r.g.keys {
		if len(k.fields) != 1 || k.reaches || r.rows.Read == 0 {
			continue
		}
		fp := rep.Profile.field(k.fields[0].spec.Name)
		if n := r.tally[k.rule].evaluated - r.tally[k.rule].failed; fp != nil && n > 0 {
			fp.DistinctAll, fp.DistinctBy = n, Exact
		}
	}
}

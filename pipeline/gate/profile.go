package gate

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/stats"
)

// A Profile describes the rows of a batch that could be split. Counts, bounds
// and lengths are exact; distributions are those of Sampled rows, drawn
// uniformly by the hash of their place in the file.
type Profile struct {
	Rows    int64          `json:"rows"`
	Sampled int            `json:"sampled"`
	Fields  []FieldProfile `json:"fields"`
}

// A FieldProfile describes one column. Of a classified column only counts and
// lengths are kept.
type FieldProfile struct {
	Field string `json:"field"`
	Type  string `json:"type"`
	Rows  int64  `json:"rows"`
	Nulls int64  `json:"nulls"`
	// Invalid counts values that are not of the declared type.
	Invalid int64  `json:"invalid"`
	Min     string `json:"min,omitempty"`
	Max     string `json:"max,omitempty"`
	// MinLength and MaxLength are bytes of text.
	MinLength int64 `json:"min_length,omitempty"`
	MaxLength int64 `json:"max_length,omitempty"`
	// Distinct values among the sampled rows.
	Distinct int `json:"distinct"`
	// DistinctAll are the different values among all rows, where DistinctBy says
	// how they were counted: exact, by a key over the column alone, or estimate,
	// by a sketch (Options.Sketches).
	DistinctAll int64     `json:"distinct_all,omitempty"`
	DistinctBy  string    `json:"distinct_by,omitempty"`
	Mean        *float64  `json:"mean,omitempty"`
	Quantiles   []float64 `json:"quantiles,omitempty"` // 0, 0.05, 0.25, 0.5, 0.75, 0.95, 1
	// QuantilesAll are those of all rows, within 1 % (Options.Sketches).
	QuantilesAll []float64 `json:"quantiles_all,omitempty"`
	// Values are some of the sampled ones, for rules that test a later batch
	// against them.
	Values    []float64        `json:"values,omitempty"`
	Histogram *stats.Histogram `json:"histogram,omitempty"`
	Top       []Frequency      `json:"top,omitempty"`
}

// A Frequency is a value and how many sampled rows have it.
type Frequency struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// ProfileQuantiles are the probabilities of FieldProfile.Quantiles.
var ProfileQuantiles = []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1}

// sampleRows is how many rows the distributions of a profile rest on.
const sampleRows = 4000

// A profiler gathers the profile of some chunks; profilers merge.
type profiler struct {
	g      *Gate
	fields []fieldState
	sample *stats.Bottom[string]
	row    []byte
	rows   int64
	// base is the place in the file of what is profiled, coded says that places
	// in the text are not places in the file.
	base  int64
	coded bool
	// sketches: all rows are counted.
	sketches bool
}

type fieldState struct {
	rows, nulls, bad int64
	min, max         int64 // of ints
	fmin, fmax       float64
	seen             bool
	minLen, maxLen   int64
	lens             bool
	distinct         stats.Distinct
	sketch           stats.Sketch
}

func newProfiler(g *Gate) *profiler {
	return &profiler{g: g, fields: make([]fieldState, len(g.fields)), sample: stats.NewBottom[string](sampleRows),
		coded: g.units.SourceBytes([]byte("aé")) != 3}
}

func (p *profiler) add(s *sheet) {
	n := s.chunk.Rows
	p.rows += int64(n)
	for i, f := range p.g.fields {
		st, v := &p.fields[i], &s.vecs[i]
		st.rows += int64(n)
		st.nulls += int64(v.nulls)
		st.bad += int64(v.bad)
		switch f.typ {
		case contract.Integer, contract.Date, contract.Timestamp, contract.Time:
			st.ints(v)
		case contract.Decimal:
			st.decimals(f, s, v)
		case contract.String:
			st.lengths(v)
		}
	}
	if p.sketches {
		p.count(s)
	}
	at, pos := uint64(s.chunk.Source+p.base), uint32(0)
	for r := range n {
		id := uint64(s.chunk.Row+p.base) + uint64(r)
		if s.chunk.Starts != nil {
			start := s.chunk.Starts[r]
			if p.coded {
				at += uint64(p.g.units.SourceBytes(s.chunk.Data[pos:start]))
			} else {
				at += uint64(start - pos)
			}
			id, pos = at, start
		}
		if !p.sample.Wants(id) {
			continue
		}
		p.row = p.g.sampled(p.row[:0], s, r)
		p.sample.Add(id, string(p.row))
	}
}

// sampled appends the values of a row, each preceded by its length; a null, or
// what is not of its type, is the length 0 and any other value one more than
// its length.
func (g *Gate) sampled(b []byte, s *sheet, r int) []byte {
	for i, f := range g.fields {
		v := &s.vecs[i]
		if v.state[r] != okCell {
			b = append(b, 0)
			continue
		}
		at := len(b)
		b = append(b, 0)
		switch f.typ {
		case contract.Decimal:
			b = strconv.AppendFloat(b, f.float(s, v, r), 'g', -1, 64)
		case contract.Date, contract.Timestamp, contract.Time, contract.Integer:
			b = strconv.AppendInt(b, v.ints[r], 10)
		default:
			b = append(b, clip(v.display(r))...)
		}
		b[at] = byte(len(b) - at)
	}
	return b
}

// columnOf takes the value of column i out of a sampled row.
func columnOf(row string, i int) (string, bool) {
	for {
		n := int(row[0])
		if i == 0 {
			return row[min(1, n):max(n, 0)], n > 0
		}
		row = row[max(n, 1):]
		i--
	}
}

func (st *fieldState) ints(v *vector) {
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	if v.known {
		lo, hi = v.least, v.most
	} else if v.nulls+v.bad == 0 {
		for _, x := range v.ints {
			lo, hi = min(lo, x), max(hi, x)
		}
	} else {
		for r, x := range v.ints {
			if v.state[r] == okCell {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
	}
	if lo > hi {
		return
	}
	if !st.seen {
		st.min, st.max, st.seen = lo, hi, true
	}
	st.min, st.max = min(st.min, lo), max(st.max, hi)
}

func (st *fieldState) decimals(f *field, s *sheet, v *vector) {
	one := func(x float64) {
		if !st.seen {
			st.fmin, st.fmax, st.seen = x, x, true
		}
		if x < st.fmin {
			st.fmin = x
		}
		if x > st.fmax {
			st.fmax = x
		}
	}
	if v.floatsKnown {
		if v.leastFloat <= v.mostFloat {
			one(v.leastFloat)
			one(v.mostFloat)
		}
		return
	}
	if v.exact() {
		for sc := range v.lows {
			if lo, hi := v.lows[sc], v.highs[sc]; lo <= hi {
				one(float64(lo) / pow10[sc])
				one(float64(hi) / pow10[sc])
			}
		}
		return
	}
	for r, ok := range v.state {
		if ok == okCell {
			one(f.float(s, v, r))
		}
	}
}

func (st *fieldState) lengths(v *vector) {
	lo, hi := uint32(math.MaxUint32), uint32(0)
	if v.known {
		lo, hi = v.shortest, v.longest
	} else {
		for r, c := range v.cells {
			n := c.End - c.Start
			if v.state[r] == okCell {
				lo, hi = min(lo, n), max(hi, n)
			}
		}
	}
	if lo > hi {
		return
	}
	if !st.lens {
		st.minLen, st.maxLen, st.lens = int64(lo), int64(hi), true
	}
	st.minLen, st.maxLen = min(st.minLen, int64(lo)), max(st.maxLen, int64(hi))
}

// float is the value of a numeric cell that is ok.
func (f *field) float(s *sheet, v *vector, r int) float64 {
	switch {
	case v.kinds != nil && v.kinds[r] == codec.Float:
		return v.floats[r]
	case v.scale[r] <= 18 && v.ints[r] < 1<<53 && v.ints[r] > -1<<53:
		return float64(v.ints[r]) / pow10[v.scale[r]]
	}
	b, _ := f.number(s, v, r)
	return toFloat(v.ints[r], bigScale, b)
}

func (p *profiler) merge(o *profiler) {
	p.rows += o.rows
	for i := range p.fields {
		a, b := &p.fields[i], &o.fields[i]
		a.distinct.Merge(&b.distinct)
		a.sketch.Merge(&b.sketch)
		a.rows, a.nulls, a.bad = a.rows+b.rows, a.nulls+b.nulls, a.bad+b.bad
		if b.seen {
			if !a.seen {
				a.min, a.max, a.fmin, a.fmax, a.seen = b.min, b.max, b.fmin, b.fmax, true
			}
			a.min, a.max = min(a.min, b.min), max(a.max, b.max)
			a.fmin, a.fmax = math.Min(a.fmin, b.fmin), math.Max(a.fmax, b.fmax)
		}
		if b.lens {
			if !a.lens {
				a.minLen, a.maxLen, a.lens = b.minLen, b.maxLen, true
			}
			a.minLen, a.maxLen = min(a.minLen, b.minLen), max(a.maxLen, b.maxLen)
		}
	}
	p.sample.Merge(o.sample)
}

// profile makes the profile of what was gathered.
func (p *profiler) profile() *Profile {
	entries := p.sample.Entries()
	out := &Profile{Rows: p.rows, Sampled: len(entries)}
	for i, f := range p.g.fields {
		st := p.fields[i]
		fp := FieldProfile{Field: f.spec.Name, Type: string(f.typ), Rows: st.rows, Nulls: st.nulls, Invalid: st.bad}
		if st.lens {
			fp.MinLength, fp.MaxLength = st.minLen, st.maxLen
		}
		if !f.spec.Classified {
			f.describe(&fp, st, i, entries)
			fp.counted(&st)
			if p.g.guarded {
				fp.blur()
			}
		}
		out.Fields = append(out.Fields, fp)
	}
	return out
}

func (f *field) describe(fp *FieldProfile, st fieldState, i int, entries []stats.Entry[string]) {
	freq := map[string]int{}
	var nums []float64
	numeric := false
	switch f.typ {
	case contract.Integer, contract.Decimal, contract.Date, contract.Timestamp, contract.Time:
		numeric = true
	}
	for _, e := range entries {
		s, ok := columnOf(e.Value, i)
		if !ok {
			continue
		}
		freq[s]++
		if numeric {
			x, _ := strconv.ParseFloat(s, 64)
			nums = append(nums, x)
		}
	}
	fp.Distinct = len(freq)
	if st.seen {
		switch f.typ {
		case contract.Integer:
			fp.Min, fp.Max = strconv.FormatInt(st.min, 10), strconv.FormatInt(st.max, 10)
		case contract.Decimal:
			fp.Min, fp.Max = formatFloat(st.fmin), formatFloat(st.fmax)
		default:
			fp.Min, fp.Max = f.moment(st.min), f.moment(st.max)
		}
	}
	if len(nums) > 0 {
		f.keepValues(fp, nums)
		slices.Sort(nums)
		sum := 0.0
		for _, x := range nums {
			sum += x
		}
		if mean := sum / float64(len(nums)); !math.IsInf(mean, 0) && !math.IsNaN(mean) {
			fp.Mean = &mean
			for _, q := range ProfileQuantiles {
				fp.Quantiles = append(fp.Quantiles, stats.Quantile(nums, q))
			}
			h := stats.NewHistogram(nums, 20)
			fp.Histogram = &h
		}
		if f.typ != contract.Integer {
			return
		}
	}
	// Most frequent values tell something only where values repeat.
	if len(freq) <= 50 || len(freq)*2 < len(entries) || f.listed {
		for v, n := range freq {
			fp.Top = append(fp.Top, Frequency{v, n})
		}
		slices.SortFunc(fp.Top, func(a, b Frequency) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		most := 20
		if f.listed {
			most = maxListed
		}
		fp.Top = fp.Top[:min(len(fp.Top), most)]
	}
}

// moment writes a date, time or timestamp out.
func (f *field) moment(v int64) string {
	switch f.typ {
	case contract.Date:
		return time.Unix(v*86400, 0).UTC().Format(time.DateOnly)
	case contract.Time:
		return time.UnixMicro(v).UTC().Format("15:04:05.999999")
	}
	return time.UnixMicro(v).UTC().Format(time.RFC3339Nano)
}

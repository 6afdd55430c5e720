package chaos

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// A Batch is one landed file of a feed.
type Batch struct {
	Input     gate.Input
	EventTime time.Time
}

// A Twin draws batches with natural variation from the rows of good ones. Its
// figures were fixed before any detector was tuned, and are not options.
//
//	volume     a weekly cycle from 0.6 to 1.4 of the usual, with 3 % of noise
//	mix        the weight of each value of the most even category column varies
//	           by a factor of e^N(0, 0.2) from batch to batch
//	nulls      the rate of each optional column with nulls rises by up to 30 %
//	           of itself
type Twin struct {
	feed *contract.Feed
	pool *Table
	// base is the usual number of rows.
	base float64
	// mix is the category column, -1 for none.
	mix int
	// optional are the columns that may be null, with their rates.
	optional map[int]float64
	// first is when the newest good batch came about; cadence the time between
	// batches.
	first   time.Time
	cadence time.Duration
	// aging are the columns whose newest value is judged against the clock.
	aging []int
}

// week is the volume of each day, around 1.
var week = [7]float64{1.15, 1.3, 1.4, 1.3, 1.1, 0.65, 0.6}

// Draw makes batch day of the twin; the same day and seed give the same rows.
// Dates that are judged against the clock move with the day.
func (w *Twin) Draw(day int, seed uint64) *Table {
	d := rand.New(rand.NewPCG(seed, uint64(day)*0x9e3779b97f4a7c15+1))
	volume := week[((day%7)+7)%7] * (1 + 0.03*d.NormFloat64())
	n := int(math.Round(w.base * min(max(volume, 0.6), 1.4)))
	n = min(max(n, 1), len(w.pool.Rows))
	weights := map[string]float64{}
	type keyed struct {
		row int
		key float64
	}
	keys := make([]keyed, len(w.pool.Rows))
	for i, r := range w.pool.Rows {
		weight := 1.0
		if w.mix >= 0 {
			v := r[w.mix].Text
			got, ok := weights[v]
			if !ok {
				got = math.Exp(0.2 * d.NormFloat64())
				weights[v] = got
			}
			weight = got
		}
		// Weighted sampling without replacement: the largest u^(1/w) of uniform
		// u (Efraimidis and Spirakis, 2006).
		keys[i] = keyed{i, math.Log(1-d.Float64()) / weight}
	}
	slices.SortFunc(keys, func(a, b keyed) int { return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(a.row, b.row)) })
	keys = keys[:n]
	slices.SortFunc(keys, func(a, b keyed) int { return cmp.Compare(a.row, b.row) })
	out := &Table{Columns: slices.Clone(w.pool.Columns), Rows: make([][]Value, n)}
	flat := make([]Value, 0, n*len(out.Columns))
	for i, k := range keys {
		at := len(flat)
		flat = append(flat, w.pool.Rows[k.row]...)
		out.Rows[i] = flat[at:len(flat):len(flat)]
	}
	for _, c := range slices.Sorted(keysOf(w.optional)) {
		rate := w.optional[c] * 0.3 * d.Float64()
		for _, r := range out.Rows {
			if !r[c].Null && d.Float64() < rate {
				r[c] = null(w.feed)
			}
		}
	}
	w.age(out, time.Duration(day)*w.cadence)
	return out
}

// age moves the dates that are judged against the clock.
func (w *Twin) age(t *Table, by time.Duration) {
	for _, c := range w.aging {
		fd := w.field(t.Columns[c])
		for _, r := range t.Rows {
			if at, ok := moment(fd, r[c]); ok {
				r[c] = setMoment(fd, r[c], at.Add(by))
			}
		}
	}
}

func (w *Twin) field(column string) *contract.Field {
	for i := range w.feed.Fields {
		if w.feed.Fields[i].Column == column {
			return &w.feed.Fields[i]
		}
	}
	return nil
}

// newTwin learns what varies.
func newTwin(f *contract.Feed, pool *Table, batches int, first time.Time, cadence time.Duration) *Twin {
	w := &Twin{feed: f, pool: pool, mix: -1, optional: map[int]float64{}, first: first, cadence: cadence}
	usual := float64(len(pool.Rows)) / float64(batches)
	w.base = min(usual, float64(len(pool.Rows))/1.5)
	most := 0.0
	for c, name := range pool.Columns {
		fd := w.field(name)
		if fd == nil {
			continue
		}
		nulls, seen := 0, map[string]int{}
		for _, r := range pool.Rows {
			if r[c].Null {
				nulls++
			} else if len(seen) <= maxCategories {
				seen[r[c].Text]++
			}
		}
		if nulls > 0 && !fd.Required && fd.Key == 0 {
			w.optional[c] = float64(nulls) / float64(len(pool.Rows))
		}
		if fd.Type == contract.String && nulls == 0 && len(seen) >= 2 && len(seen) <= maxCategories {
			if e := entropy(seen); e > most {
				most, w.mix = e, c
			}
		}
		for _, k := range f.Checks {
			if k.Metric == "freshness" && k.Field == fd.Name {
				w.aging = append(w.aging, c)
			}
		}
	}
	return w
}

// maxCategories is how many values a category column has at most.
const maxCategories = 30

func entropy(counts map[string]int) float64 {
	n, e := 0, 0.0
	for _, c := range counts {
		n += c
	}
	for _, k := range slices.Sorted(keysOf(counts)) {
		p := float64(counts[k]) / float64(n)
		e -= p * math.Log(p)
	}
	return e
}

func keysOf[K cmp.Ordered, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

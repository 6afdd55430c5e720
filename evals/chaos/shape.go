package chaos

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A shape is what the faults have to know of a feed: its contract, and the rows
// of its good batches.
type shape struct {
	feed *contract.Feed
	pool *Table
	// parts are the good batches by themselves, to see what is steady.
	parts []*Table
	// cadence is the time between batches, stated or usual.
	cadence time.Duration
}

// fields yields the fields that stand in the file, with their columns.
func (s *shape) fields(yield func(int, *contract.Field) bool) {
	for i := range s.feed.Fields {
		fd := &s.feed.Fields[i]
		if c := s.pool.Column(fd.Column); c >= 0 && !yield(c, fd) {
			return
		}
	}
}

// pick is the first field, by the given order of preference, that a test holds
// for.
func (s *shape) pick(tests ...func(int, *contract.Field) bool) (int, *contract.Field) {
	for _, test := range tests {
		for c, fd := range s.fields {
			if test(c, fd) {
				return c, fd
			}
		}
	}
	return -1, nil
}

func numeric(fd *contract.Field) bool {
	return fd.Type == contract.Integer || fd.Type == contract.Decimal
}
func dated(fd *contract.Field) bool { return fd.Type == contract.Date || fd.Type == contract.Timestamp }

// keyed: the field is part of a key.
func (s *shape) keyed(fd *contract.Field) bool {
	for _, k := range s.feed.Keys {
		if slices.Contains(k.Fields, fd.Name) {
			return true
		}
	}
	return false
}

// checked: the contract has a check of that metric on the field.
func (s *shape) checked(fd *contract.Field, metric string) bool {
	return slices.ContainsFunc(s.feed.Checks, func(k contract.Check) bool { return k.Field == fd.Name && k.Metric == metric })
}

// spread is mean and standard deviation of a numeric column, over how many
// values.
func (s *shape) spread(t *Table, c int) (mean, sd float64, n int) {
	var sum, sq float64
	for _, r := range t.Rows {
		if x, ok := number(s.feed, r[c]); ok {
			sum += x
			sq += x * x
			n++
		}
	}
	if n == 0 {
		return 0, 0, 0
	}
	mean = sum / float64(n)
	return mean, math.Sqrt(max(sq/float64(n)-mean*mean, 0)), n
}

// measured: a numeric column with values enough to have a distribution, which
// is the same in all good batches.
func (s *shape) measured(c int, fd *contract.Field) bool {
	if !numeric(fd) || s.keyed(fd) {
		return false
	}
	mean, sd, n := s.spread(s.pool, c)
	if n < minValues || sd == 0 || s.distinct(c) < 12 {
		return false
	}
	for _, p := range s.parts {
		m, _, k := s.spread(p, c)
		if k > 0 && math.Abs(m-mean) > sd/4 {
			return false
		}
	}
	return true
}

// minValues is how many values make a distribution.
const minValues = 100

func (s *shape) distinct(c int) int { return len(s.counts(s.pool, c, 1000)) }

// counts are the values of a column, at most limit+1 of them.
func (s *shape) counts(t *Table, c, limit int) map[string]int {
	out := map[string]int{}
	for _, r := range t.Rows {
		if r[c].Null {
			continue
		}
		if _, ok := out[r[c].Text]; ok || len(out) <= limit {
			out[r[c].Text]++
		}
	}
	return out
}

// category: a column of few values whose shares are the same in all good
// batches.
func (s *shape) category(c int, fd *contract.Field) bool {
	if fd.Type != contract.String && fd.Type != contract.Boolean || s.keyed(fd) {
		return false
	}
	all := s.counts(s.pool, c, maxCategories)
	if len(all) < 2 || len(all) > maxCategories {
		return false
	}
	n := total(all)
	if n < minValues {
		return false
	}
	for _, p := range s.parts {
		part := s.counts(p, c, maxCategories)
		if k := total(part); k > 0 {
			distance := 0.0
			for v, m := range all {
				distance += math.Abs(float64(m)/float64(n) - float64(part[v])/float64(k))
			}
			if distance/2 > 0.1 {
				return false
			}
		}
	}
	return true
}

func total(m map[string]int) (n int) {
	for _, c := range m {
		n += c
	}
	return n
}

// rarest value of a column.
func rarest(m map[string]int) string {
	best := ""
	for _, v := range slices.Sorted(keysOf(m)) {
		if best == "" || m[v] < m[best] {
			best = v
		}
	}
	return best
}

// filled is the share of rows with a value.
func (s *shape) filled(c int) float64 {
	n := 0
	for _, r := range s.pool.Rows {
		if !r[c].Null {
			n++
		}
	}
	return float64(n) / float64(max(len(s.pool.Rows), 1))
}

// beyondMaximum reports whether changed values leave the stated maximum, for
// at least one row in twenty.
func (s *shape) beyondMaximum(c int, fd *contract.Field, change func(float64) float64) bool {
	text := fd.Options.Maximum
	if text == "" {
		text = fd.Options.ExclusiveMaximum
	}
	limit, ok := number(&contract.Feed{}, Value{Text: text})
	if !ok {
		return false
	}
	out, n := 0, 0
	for _, r := range s.pool.Rows {
		if x, ok := number(s.feed, r[c]); ok {
			n++
			if change(x) > limit {
				out++
			}
		}
	}
	return out*20 >= n
}

// list joins names for messages.
func list(names []string) string { return strings.Join(names, ", ") }

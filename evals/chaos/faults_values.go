package chaos

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// distribution: values that are each possible, and together are not.
func (c *catalogue) distribution() {
	col, fd := c.pick(func(i int, f *contract.Field) bool { return c.measured(i, f) && c.checked(f, "drift") }, c.measured)
	if fd == nil {
		const why = "no numeric column has a distribution that is the same in all good batches"
		for _, name := range []string{"shift", "scale", "unit-change"} {
			c.skip(name, why)
		}
	} else {
		_, sd, _ := c.spread(c.pool, col)
		drift := []Detector{{Rule: "drift", Field: fd.Name}}
		c.add(Fault{Name: "shift", Column: fd.Name, Levels: [3]string{"0.25 σ", "0.5 σ", "1 σ"}, Detectors: drift, Clause: driftClause(fd.Name),
			Rows: c.change(col, fd, func(level int, x float64, d *rand.Rand) float64 {
				x += [3]float64{0.25, 0.5, 1}[level] * sd
				if fd.Type == contract.Integer && sd < 4 {
					x += d.Float64() - 0.5 // rounding must not swallow the shift
				}
				return x
			})})
		c.factor("scale", col, fd, [3]float64{1.5, 3, 10}, [3]string{"× 1.5", "× 3", "× 10"})
		c.factor("unit-change", col, fd, [3]float64{2.54, 25.4, 1000}, [3]string{"in for cm (× 2.54)", "in for mm (× 25.4)", "k for 1 (× 1000)"})
	}
	c.mix()
}

// mix: the shares of the categories change.
func (c *catalogue) mix() {
	col, fd := c.pick(func(i int, f *contract.Field) bool { return c.category(i, f) && c.checked(f, "drift") },
		func(i int, f *contract.Field) bool { return c.category(i, f) && f.Required }, c.category)
	if fd == nil {
		c.skip("category-mix", "no column of few values has shares that are the same in all good batches")
		return
	}
	rare := rarest(c.counts(c.pool, col, maxCategories))
	c.add(Fault{Name: "category-mix", Column: fd.Name, Levels: [3]string{"10 % become the rarest", "30 %", "60 %"},
		Detectors: []Detector{{Rule: "drift", Field: fd.Name}}, Clause: driftClause(fd.Name),
		Rows: func(level int, t *Table, d *rand.Rand) int {
			return share(t, d, [3]float64{0.1, 0.3, 0.6}[level], func(r []Value) bool {
				if r[col].Null || r[col].Text == rare {
					return false
				}
				r[col].Text = rare
				return true
			})
		}})
}

// change runs over the numbers of a column.
func (c *catalogue) change(col int, fd *contract.Field, to func(level int, x float64, d *rand.Rand) float64) func(int, *Table, *rand.Rand) int {
	return func(level int, t *Table, d *rand.Rand) int {
		n := 0
		for _, r := range t.Rows {
			if x, ok := number(c.feed, r[col]); ok {
				r[col] = setNumber(c.feed, fd, r[col], to(level, x, d))
				n++
			}
		}
		return n
	}
}

// factor: all numbers of a column by so much. Where the strongest leaves the
// stated range, that is what must notice; else the distribution.
func (c *catalogue) factor(name string, col int, fd *contract.Field, by [3]float64, levels [3]string) {
	detectors, clause := []Detector{{Rule: "drift", Field: fd.Name}}, driftClause(fd.Name)
	if !c.checked(fd, "drift") && c.beyondMaximum(col, fd, func(x float64) float64 { return x * by[strongest] }) {
		detectors = []Detector{{Rule: "maximum", Field: fd.Name}}
	}
	c.add(Fault{Name: name, Column: fd.Name, Levels: levels, Detectors: detectors, Clause: clause,
		Rows: c.change(col, fd, func(level int, x float64, _ *rand.Rand) float64 { return x * by[level] })})
}

// semantics: values that mean something else now.
func (c *catalogue) semantics() {
	col, fd := c.pick(func(i int, f *contract.Field) bool { return len(f.Options.Enum) > 0 && c.filled(i) > 0.5 },
		func(i int, f *contract.Field) bool { return c.checked(f, "invalidValues") && c.filled(i) > 0.5 },
		func(i int, f *contract.Field) bool { return c.category(i, f) && f.Type == contract.String })
	if fd == nil {
		c.skip("words-to-numbers", "no column of few values")
		c.skip("new-status", "no column of few values")
	} else {
		values := slices.Sorted(keysOf(c.counts(c.pool, col, 1000)))
		known := []Detector{{Rule: "enum", Field: fd.Name}, {Rule: "invalidValues", Field: fd.Name}}
		if fd.Type != contract.String {
			known = []Detector{{Rule: "type", Field: fd.Name}, known[0], known[1]}
		}
		c.add(Fault{Name: "words-to-numbers", Column: fd.Name, Levels: [3]string{"5 % of the words become 1 to 100", "20 %", "all"},
			Detectors: known, Clause: knownClause(fd.Name, values),
			Rows: func(level int, t *Table, d *rand.Rand) int {
				return share(t, d, [3]float64{0.05, 0.2, 1}[level], func(r []Value) bool {
					if r[col].Null {
						return false
					}
					r[col].Text = strconv.Itoa(1 + d.IntN(100))
					return true
				})
			}})
		c.add(Fault{Name: "new-status", Column: fd.Name, Levels: [3]string{"1 % are UNDER_REVIEW", "5 %", "20 %"},
			Detectors: known, Clause: knownClause(fd.Name, values),
			Rows: func(level int, t *Table, d *rand.Rand) int {
				return share(t, d, [3]float64{0.01, 0.05, 0.2}[level], func(r []Value) bool {
					if r[col].Null {
						return false
					}
					r[col].Text = "UNDER_REVIEW"
					return true
				})
			}})
	}
	c.epoch()
}

// epoch: dates become milliseconds since 1970.
func (c *catalogue) epoch() {
	col, fd := c.pick(func(i int, f *contract.Field) bool { return dated(f) && f.Required },
		func(i int, f *contract.Field) bool { return dated(f) && c.filled(i) > 0 })
	if fd == nil {
		c.skip("dates-to-epoch", "no column is declared as a date or timestamp")
		return
	}
	c.add(Fault{Name: "dates-to-epoch", Column: fd.Name, Levels: [3]string{"5 % of the dates become epoch milliseconds", "20 %", "all"},
		Detectors: []Detector{{Rule: "type", Field: fd.Name}},
		Rows: func(level int, t *Table, d *rand.Rand) int {
			return share(t, d, [3]float64{0.05, 0.2, 1}[level], func(r []Value) bool {
				at, ok := moment(fd, r[col])
				if ok {
					r[col] = Value{Text: itoa(at.UnixMilli())}
				}
				return ok
			})
		}})
}

// duplicates: rows that stand twice, files that come twice.
func (c *catalogue) duplicates() {
	rows := func(level int, t *Table, d *rand.Rand) int {
		n := len(t.Rows)
		again := 0
		for i := range n {
			if d.Float64() < [3]float64{0.01, 0.05, 0.2}[level] {
				t.Rows = append(t.Rows, slices.Clone(t.Rows[i]))
				again++
			}
		}
		return again
	}
	f := Fault{Name: "duplicate-rows", Levels: [3]string{"1 % of the rows twice", "5 %", "20 %"}, Rows: rows}
	switch {
	case len(c.feed.Keys) > 0:
		k := c.feed.Keys[0]
		f.Column = strings.Join(k.Fields, "+")
		f.Detectors = []Detector{{Rule: "unique", Field: f.Column}, {Rule: "unique", Field: k.Name}, {Rule: "key", Field: f.Column}, {Rule: "duplicateValues", Field: f.Column}}
		c.add(f)
	default:
		fields := c.whole()
		if fields == nil {
			c.skip("duplicate-rows", "good rows repeat each other in every column: a repetition says nothing")
			break
		}
		f.Column = strings.Join(fields, "+")
		f.Detectors = []Detector{{Rule: "duplicateValues", Field: f.Column}}
		f.Clause = repeatClause(fields)
		c.add(f)
	}
	again := Fault{Name: "duplicate-delivery", Levels: [3]string{"one row changed", "rows in another order", "the same bytes"},
		Detectors: []Detector{{Rule: Redelivery}},
		Again: func(level int, t *Table, d *rand.Rand) {
			switch level {
			case 0:
				if len(t.Rows) > 0 {
					t.Rows = t.Rows[:len(t.Rows)-1]
				}
			case 1:
				d.Shuffle(len(t.Rows), func(i, j int) { t.Rows[i], t.Rows[j] = t.Rows[j], t.Rows[i] })
			}
		}}
	if c.feed.Load != contract.Append {
		again.Detectors = []Detector{{Rule: None}}
		again.Levels[0] = "the same bytes"
		again.Levels[1] = "rows in another order"
		shuffle := again.Again
		again.Again = func(level int, t *Table, d *rand.Rand) {
			if level == 1 {
				shuffle(1, t, d)
			}
		}
	}
	c.add(again)
}

// whole is all columns where no two good rows are the same in all of them.
func (c *catalogue) whole() []string {
	seen := map[string]bool{}
	for _, r := range c.pool.Rows {
		var b strings.Builder
		for _, v := range r {
			fmt.Fprintf(&b, "%d:%s", len(v.Text), v.Text)
		}
		if seen[b.String()] {
			return nil
		}
		seen[b.String()] = true
	}
	var out []string
	for _, fd := range c.fields {
		out = append(out, fd.Name)
	}
	return out
}

// stale: the newest values of a date are old.
func (c *catalogue) stale() {
	col, fd := c.pick(func(_ int, f *contract.Field) bool { return dated(f) && c.checked(f, "freshness") })
	if fd == nil {
		c.skip("stale-rows", "no rule says how old the newest value of a date may be; a late batch is found by overdue")
		return
	}
	var limit time.Duration
	for _, k := range c.feed.Checks {
		if k.Field == fd.Name && k.Metric == "freshness" {
			limit = k.MaxAge
		}
	}
	c.add(Fault{Name: "stale-rows", Column: fd.Name, Levels: [3]string{"half of what is allowed", "one and a half times", "three times"},
		Detectors: []Detector{{Rule: "freshness", Field: fd.Name}},
		Rows: func(level int, t *Table, _ *rand.Rand) int {
			by := time.Duration([3]float64{0.5, 1.5, 3}[level] * float64(limit))
			by = time.Duration(math.Ceil(float64(by)/float64(24*time.Hour))) * 24 * time.Hour
			n := 0
			for _, r := range t.Rows {
				if at, ok := moment(fd, r[col]); ok {
					r[col] = setMoment(fd, r[col], at.Add(-by))
					n++
				}
			}
			return n
		}})
}

package chaos

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Faults are the built-in ones that the feed can have, and those that it
// cannot, with the reason.
func (s *shape) faults() ([]Fault, []Skipped) {
	c := &catalogue{shape: s}
	c.schema()
	c.nulls()
	c.distribution()
	c.semantics()
	c.duplicates()
	c.delivery()
	return c.faults, c.skipped
}

// A catalogue gathers the faults of a feed.
type catalogue struct {
	*shape
	faults  []Fault
	skipped []Skipped
}

func (c *catalogue) add(f Fault) { c.faults = append(c.faults, f) }

func (c *catalogue) skip(name, reason string) {
	c.skipped = append(c.skipped, Skipped{name, reason})
}

// share runs change over a share of the rows, chosen at random.
func share(t *Table, d *rand.Rand, of float64, change func([]Value) bool) int {
	n := 0
	for _, r := range t.Rows {
		if d.Float64() < of && change(r) {
			n++
		}
	}
	return n
}

// schema: columns added, removed, renamed, retyped, reordered.
func (c *catalogue) schema() {
	undeclared := []Detector{{Rule: "undeclared_columns"}}
	c.add(Fault{Name: "column-added", Levels: [3]string{"1 column", "2 columns", "3 columns"}, Detectors: undeclared, Clause: evolutionClause,
		Rows: func(level int, t *Table, _ *rand.Rand) int {
			for i := range level + 1 {
				t.Columns = append(t.Columns, "added_"+strconv.Itoa(i+1))
				for j := range t.Rows {
					t.Rows[j] = append(slices.Clip(t.Rows[j]), Value{Text: "x", Quoted: true})
				}
			}
			return 0
		}})
	col, fd := c.pick(func(_ int, f *contract.Field) bool { return f.Required && f.Key == 0 },
		func(_ int, f *contract.Field) bool { return f.Required || f.Key > 0 }, func(int, *contract.Field) bool { return true })
	if fd == nil {
		c.skip("column-removed", "the file has no declared column")
		return
	}
	removed := []Detector{{Rule: "present", Field: fd.Name}}
	levels := [3]string{"1 column", "2 columns", "3 columns"}
	c.add(Fault{Name: "column-removed", Column: fd.Name, Levels: levels, Detectors: removed,
		Rows: func(level int, t *Table, _ *rand.Rand) int {
			for i := 0; i <= level && len(t.Columns) > 1; i++ {
				at := min(col, len(t.Columns)-1)
				t.Columns = slices.Delete(t.Columns, at, at+1)
				for j, r := range t.Rows {
					t.Rows[j] = slices.Delete(slices.Clone(r), at, at+1)
				}
			}
			return len(t.Rows)
		}})
	c.add(Fault{Name: "column-renamed", Column: fd.Name, Levels: [3]string{"in capitals or small", "with a suffix", "another name"}, Detectors: removed,
		Rows: func(level int, t *Table, _ *rand.Rand) int {
			t.Columns[col] = [3]string{otherCase(t.Columns[col]), t.Columns[col] + "_v2", "renamed"}[level]
			return len(t.Rows)
		}})
	c.retyped()
	if c.feed.Format == contract.CSV && c.feed.Dialect.Header == 0 {
		c.skip("columns-reordered", "the file has no header: its columns have no names to be read by")
		return
	}
	c.add(Fault{Name: "columns-reordered", Levels: [3]string{"two changed places", "the first is last", "backwards"}, Detectors: []Detector{{Rule: None}},
		Rows: func(level int, t *Table, _ *rand.Rand) int {
			order := make([]int, len(t.Columns))
			for i := range order {
				order[i] = i
			}
			switch {
			case level == 0 && len(order) > 1:
				order[0], order[1] = 1, 0
			case level == 1:
				order = append(order[1:], order[0])
			case level == 2:
				slices.Reverse(order)
			}
			permute := func(i int) int { return order[i] }
			cols := slices.Clone(t.Columns)
			for i := range cols {
				t.Columns[i] = cols[permute(i)]
			}
			for j, r := range t.Rows {
				row := make([]Value, len(r))
				for i := range r {
					row[i] = r[permute(i)]
				}
				t.Rows[j] = row
			}
			return 0
		}})
}

func otherCase(s string) string {
	b := []byte(s)
	for i, ch := range b {
		switch {
		case ch >= 'a' && ch <= 'z':
			b[i] = ch - 32
		case ch >= 'A' && ch <= 'Z':
			b[i] = ch + 32
		}
	}
	if string(b) == s {
		return s + "_"
	}
	return string(b)
}

// retyped: numbers or dates become words.
func (c *catalogue) retyped() {
	col, fd := c.pick(func(i int, f *contract.Field) bool { return numeric(f) && !c.keyed(f) && c.filled(i) > 0.5 },
		func(i int, f *contract.Field) bool { return dated(f) && c.filled(i) > 0.5 },
		func(i int, f *contract.Field) bool {
			return (numeric(f) || dated(f) || f.Type == contract.Boolean) && c.filled(i) > 0
		})
	if fd == nil {
		c.skip("column-retyped", "every column is text: any other type reads as text too")
		return
	}
	c.add(Fault{Name: "column-retyped", Column: fd.Name, Levels: [3]string{"1 % of the values", "20 %", "all"},
		Detectors: []Detector{{Rule: "type", Field: fd.Name}},
		Rows: func(level int, t *Table, d *rand.Rand) int {
			return share(t, d, [3]float64{0.01, 0.2, 1}[level], func(r []Value) bool {
				if r[col].Null {
					return false
				}
				r[col] = Value{Text: "about " + r[col].Text, Quoted: c.feed.Format == contract.JSONL}
				return true
			})
		}})
}

// nulls: values that were always there are missing.
func (c *catalogue) nulls() {
	col, fd := c.pick(func(_ int, f *contract.Field) bool { return f.Required && !c.keyed(f) },
		func(i int, f *contract.Field) bool { return c.checked(f, "nullValues") && c.filled(i) > 0.7 },
		func(i int, f *contract.Field) bool { return c.filled(i) > 0.9 && !c.keyed(f) },
		func(i int, f *contract.Field) bool { return c.filled(i) > 0.5 })
	if fd == nil {
		c.skip("nulls", "no column is filled in more than half of the rows")
		return
	}
	detectors := []Detector{{Rule: "required", Field: fd.Name}}
	if !fd.Required && fd.Key == 0 {
		detectors = []Detector{{Rule: "nullValues", Field: fd.Name}, {Rule: "missingValues", Field: fd.Name}}
	}
	c.add(Fault{Name: "nulls", Column: fd.Name, Levels: [3]string{"1 %", "5 %", "20 %"}, Detectors: detectors,
		Clause: nullClause(fd.Name, 1-c.filled(col)),
		Rows: func(level int, t *Table, d *rand.Rand) int {
			return share(t, d, [3]float64{0.01, 0.05, 0.2}[level], func(r []Value) bool {
				was := r[col].Null
				r[col] = null(c.feed)
				return !was
			})
		}})
}

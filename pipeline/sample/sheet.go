package sample

import (
	"fmt"
	"strings"
	"time"
)

// A sheet is a CSV file in the making.
type sheet struct {
	feed, name string
	at         time.Time
	columns    []string
	rows       []row
}

// A row is one record. A spoilt one carries its fault; raw replaces the text
// of its cells where it can no longer be split.
type row struct {
	cells []string
	raw   string
	fault *Fault
	// twin links a harmless row to the fault that it resembles.
	twin *Fault
	// last keeps the row behind the one whose key it repeats.
	last bool
}

func newSheet(feed, name string, at time.Time, columns []string) *sheet {
	return &sheet{feed: feed, name: name, at: at, columns: columns}
}

func (sh *sheet) column(name string) int {
	for i, c := range sh.columns {
		if c == name {
			return i
		}
	}
	return -1
}

// line is a record as RFC 4180 writes it, without its line break.
func line(cells []string) string {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoted(c))
	}
	return b.String()
}

func quoted(cell string) string {
	if !strings.ContainsAny(cell, ",\"\r\n") {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}

// A spoiler is one kind of fault and its harmless twin.
type spoiler struct {
	kind   string
	column string
	reason string
	// bad and good change a copy of a clean row; bad may return the raw text
	// of a record that cannot be split.
	bad  func(d dice, sh *sheet, cells []string) (raw string)
	good func(d dice, sh *sheet, cells []string)
	// repeats: the row repeats the key of an earlier one.
	repeats bool
	// once per file, since it is large.
	once bool
}

// set writes a value into the spoiler's column.
func set(name, value string) func(dice, *sheet, []string) string {
	return func(_ dice, sh *sheet, cells []string) string {
		cells[sh.column(name)] = value
		return ""
	}
}

func harmless(name, value string) func(dice, *sheet, []string) {
	return func(_ dice, sh *sheet, cells []string) { cells[sh.column(name)] = value }
}

// spoil adds rounds of faulty rows at random places, and makes clean rows into
// their twins.
func (sh *sheet) spoil(d dice, spoilers []spoiler, rounds int) {
	clean := len(sh.rows)
	var added []row
	for round := range rounds {
		for _, sp := range spoilers {
			if sp.once && round > 0 {
				continue
			}
			twin := d.IntN(clean)
			for sh.rows[twin].twin != nil {
				twin = d.IntN(clean)
			}
			fault := &Fault{Feed: sh.feed, File: sh.name, Kind: sp.kind, Column: sp.column, Reason: sp.reason}
			sp.good(d, sh, sh.rows[twin].cells)
			sh.rows[twin].twin = fault
			from := d.IntN(clean)
			for sp.repeats && sh.rows[from].twin != nil {
				from = d.IntN(clean)
			}
			bad := row{cells: append([]string(nil), sh.rows[from].cells...), fault: fault, last: sp.repeats}
			if sp.repeats {
				sh.rows[from].twin = &Fault{} // keep its key as it is
			} else {
				bad.cells[0] = freshKey(bad.cells[0], len(added))
			}
			bad.raw = sp.bad(d, sh, bad.cells)
			added = append(added, bad)
		}
	}
	// Rows trade places; those that repeat a key go behind the others.
	at := make([][]row, clean+1)
	for _, r := range added {
		i := clean
		if !r.last {
			i = d.IntN(clean)
		}
		at[i] = append(at[i], r)
	}
	out := make([]row, 0, clean+len(added))
	for i := range clean {
		out = append(out, at[i]...)
		out = append(out, sh.rows[i])
	}
	out = append(out, at[clean]...)
	sh.rows = out
}

// freshKey gives a copied row a key of its own, in a range that clean rows do
// not use.
func freshKey(key string, n int) string {
	digits := strings.IndexAny(key, "0123456789")
	return key[:digits] + "9" + fmt.Sprintf("%0*d", len(key)-digits-1, n)
}

// add renders a sheet and notes the truth of its rows.
func (s *Sample) add(sh *sheet, held bool) {
	var b strings.Builder
	b.WriteString(line(sh.columns) + "\n")
	at, rejected := 2, 0
	twins := map[*Fault]int{}
	for i, r := range sh.rows {
		if r.twin != nil {
			twins[r.twin] = i + 1
		}
	}
	for i, r := range sh.rows {
		text := r.raw
		if text == "" {
			text = line(r.cells)
		}
		if r.fault != nil {
			rejected++
			r.fault.Row, r.fault.Line, r.fault.Twin = i+1, at, twins[r.fault]
			s.Truth.Faults = append(s.Truth.Faults, *r.fault)
		}
		b.WriteString(text + "\n")
		at += 1 + strings.Count(text, "\n")
	}
	if held {
		rejected = len(sh.rows)
	}
	s.Files = append(s.Files, File{Feed: sh.feed, Name: sh.name, Bytes: []byte(b.String()), EventTime: sh.at})
	s.Truth.Batches = append(s.Truth.Batches, Batch{Feed: sh.feed, File: sh.name, Rows: len(sh.rows), Rejected: rejected, Held: held})
}

package gate

import (
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// States of a cell.
const (
	okCell   = 0
	nullCell = 1
	badCell  = 2 // not of its type
)

// A vector is what one column's cells of a chunk were read as.
type vector struct {
	state  []uint8
	ints   []int64 // integers, booleans, moments; mantissas of decimals
	scale  []uint8 // of decimals
	floats []float64
	float  bool // floats hold the values (Parquet)
	cells  []codec.Cell
	data   []byte
	kinds  []codec.Kind
	col    *codec.Column
	// counts of this chunk
	nulls, bad int
	extremes
	months *monthCache
}

func (v *vector) text(r int) []byte {
	if v.cells == nil {
		return nil
	}
	c := v.cells[r]
	return v.data[c.Start:c.End]
}

// A fail is one failed rule of one row of a chunk.
type fail struct {
	row  uint32
	rule uint16
}

// A sheet is the judgement of one chunk.
type sheet struct {
	chunk codec.Chunk
	seq   int64
	vecs  []vector
	fails []fail
	keys  []keyColumn
	tally []count // per rule
	// rejected per good row.
	rejected []bool
	scratch  []byte
	sel      []uint32
	out      []codec.Vector
	usual    map[int]span
	// open are the rows whose key no earlier row of the run is known to have, but
	// others may.
	open []openKey
	// undecided keys of rows, by row.
	undecided []undecidedKey
	// boxes hold what stands within objects and arrays; shown is what failed
	// there, as it may be shown.
	boxes map[*nested]*box
	shown map[fail]string
}

// A count is what a rule has seen.
type count struct{ evaluated, failed int64 }

func (s *sheet) fail(row int, rule int) {
	s.fails = append(s.fails, fail{uint32(row), uint16(rule)})
	s.tally[rule].failed++
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// judge runs the rules of f over its column; col is nil where the file does
// not have the column.
func (f *field) judge(s *sheet, col *codec.Column) {
	n := s.chunk.Rows
	v := &s.vecs[f.index]
	v.state = resize(v.state, n)
	v.nulls, v.bad, v.float, v.known, v.floatsKnown = 0, 0, false, false, false
	if col == nil {
		for i := range v.state {
			v.state[i] = nullCell
		}
		v.nulls, v.cells, v.data, v.kinds = n, nil, nil, nil
		v.ints = resize(v.ints, n)
		return
	}
	v.cells, v.data, v.kinds, v.col = nil, s.chunk.Data, nil, col
	if len(col.Cells) > 0 {
		v.cells = col.Cells
	}
	if len(col.Kinds) > 0 {
		v.kinds = col.Kinds
	}
	plain := f.plain(v)
	if v.kinds == nil && plain || v.kinds != nil && col.Mix != 0 && col.Mix&noValue == 0 {
		clear(v.state) // the loops of plain.go find the nulls of a text
	} else {
		f.mark(v, n)
	}
	switch f.typ {
	case contract.Integer:
		f.integers(s, v, col, plain)
	case contract.Decimal:
		f.decimals(s, v, col, plain)
	case contract.Boolean:
		f.booleans(s, v, plain)
	case contract.Date, contract.Timestamp, contract.Time:
		f.times(s, v, col, plain)
	case contract.Object, contract.Array:
		f.nestings(s, v)
	default:
		f.strings(s, v, plain)
	}
	values := int64(n - v.nulls)
	if f.required >= 0 {
		s.tally[f.required].evaluated += int64(n)
		if v.nulls > 0 {
			for r, st := range v.state {
				if st == nullCell {
					s.fail(r, f.required)
				}
			}
		}
	}
	s.tally[f.typed].evaluated += values
	good := values - int64(v.bad)
	for _, rule := range [...]int{f.minLength, f.maxLength, f.pattern, f.format, f.enum, f.multipleOf, f.timezone} {
		if rule >= 0 {
			s.tally[rule].evaluated += good
		}
	}
	last := -1
	for _, b := range f.bounds {
		if b.rule != last {
			s.tally[b.rule].evaluated += good
		}
		last = b.rule
	}
	if f.enum >= 0 && f.typ != contract.String {
		f.texts(s, v, f.enum, f.words, f.numbers)
	}
	for _, c := range f.counted {
		c.judge(s, v)
	}
	for _, rule := range f.usual {
		f.unusual(s, v, rule)
	}
}

// mark sets the state of each cell to null or not.
func (f *field) mark(v *vector, n int) {
	nulls := 0
	switch {
	case v.kinds != nil:
		for r, k := range v.kinds {
			v.state[r] = okCell
			if k == codec.Null || k == codec.Absent {
				v.state[r] = nullCell
				nulls++
			}
		}
	case len(f.nulls.words) == 0 && f.nulls.empty:
		for r, c := range v.cells {
			st := uint8(okCell)
			if c.Start == c.End {
				st = nullCell
				nulls++
			}
			v.state[r] = st
		}
	default:
		for r := range n {
			v.state[r] = okCell
			if f.nulls.is(v.text(r)) {
				v.state[r] = nullCell
				nulls++
			}
		}
	}
	v.nulls = nulls
}

func (f *field) mistype(s *sheet, v *vector, r int) {
	v.state[r] = badCell
	v.bad++
	s.fail(r, f.typed)
}

// textual reports whether the cell holds text to be read: a CSV cell, or a
// JSON value of the wanted kind.
func (v *vector) textual(r int, want codec.Kind) bool { return v.kinds == nil || v.kinds[r] == want }

// number is the text of a numeric cell with the dialect's marks replaced; ok is
// false where they stand in wrong places.
func (f *field) number(s *sheet, v *vector, r int) ([]byte, bool) {
	b := v.text(r)
	if v.kinds != nil || f.decimal == 0 && f.thousands == 0 {
		return b, true
	}
	out, ok := plainNumber(s.scratch[:0], b, f.decimal, f.thousands)
	s.scratch = out[:0]
	return out, ok
}

// plainNumber rewrites a number with a decimal mark and thousands marks of a
// dialect: 1.234,5 becomes 1234.5. Thousands marks must stand between groups
// of three digits.
func plainNumber(dst, b []byte, decimal, thousands byte) ([]byte, bool) {
	if decimal == 0 {
		decimal = '.'
	}
	whole, run, marks := true, 0, 0
	for _, c := range b {
		switch {
		case thousands != 0 && c == thousands && whole:
			if run == 0 || run > 3 || marks > 0 && run != 3 {
				return dst, false
			}
			run = 0
			marks++
		case c == decimal && whole:
			if marks > 0 && run != 3 {
				return dst, false
			}
			whole = false
			dst = append(dst, '.')
		case c == '.' || c == ',':
			return dst, false // the other mark
		default:
			if c-'0' <= 9 {
				run++
			} else if c == 'e' || c == 'E' {
				if whole && marks > 0 && run != 3 {
					return dst, false
				}
				whole = false
			}
			dst = append(dst, c)
		}
	}
	return dst, !whole || marks == 0 || run == 3
}

func (f *field) integers(s *sheet, v *vector, col *codec.Column, plain bool) {
	v.ints = resize(v.ints, s.chunk.Rows)
	switch {
	case plain:
		f.plainIntegers(s, v)
	case v.only(codec.Int):
		v.typedInts(col.Ints)
	default:
		f.readIntegers(s, v, col)
	}
	for i := range f.bounds {
		f.checkInts(s, v, &f.bounds[i])
	}
	if f.multipleOf >= 0 {
		for r, st := range v.state {
			if st == okCell && !multiple(newRat(v.ints[r]), f.step) {
				s.fail(r, f.multipleOf)
			}
		}
	}
}

func (f *field) readIntegers(s *sheet, v *vector, col *codec.Column) {
	plain := f.decimal == 0 && f.thousands == 0
	for r, st := range v.state {
		if st != okCell {
			v.ints[r] = 0
			continue
		}
		if v.kinds != nil && v.kinds[r] == codec.Int {
			v.ints[r] = col.Ints[r]
			continue
		}
		var x int64
		ok := v.textual(r, codec.Number)
		if ok && plain {
			x, ok = parseInt(v.text(r))
		} else if ok {
			var b []byte
			if b, ok = f.number(s, v, r); ok {
				x, ok = parseInt(b)
			}
		}
		if !ok {
			f.mistype(s, v, r)
			x = 0
		}
		v.ints[r] = x
	}
}

// checkInts checks whole numbers and moments against a bound.
func (f *field) checkInts(s *sheet, v *vector, b *bound) {
	lo, hi := b.lo[0], b.hi[0]
	if v.known && (v.least > v.most || v.least >= lo && v.most <= hi) {
		return
	}
	for r, x := range v.ints {
		if (x < lo || x > hi) && v.state[r] == okCell {
			s.fail(r, b.rule)
		}
	}
}

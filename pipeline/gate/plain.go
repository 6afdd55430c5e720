package gate

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Columns whose cells are all text in the plain notation are read by the loops
// of this file: eight bytes at a time, with the bounds of the values on the
// way, so that a range that all values of a chunk keep costs nothing per row.
// What a loop does not read at once goes to the general readers.

const (
	zeroDigits = 0x3030303030303030
	dotDigits  = 0x1e1e1e1e1e1e1e1e // '.' ^ '0'
	byteLows   = 0x0101010101010101
	byteHighs  = 0x8080808080808080
)

// extremes are the bounds of the ok cells of a chunk's column, where known.
type extremes struct {
	known       bool
	least, most int64 // of ints; least > most: there are none
	// Of decimals, per scale; known only where all are of at most 18 digits.
	lows, highs [19]int64
	// Of texts, in bytes.
	shortest, longest uint32
	// Of floats.
	floatsKnown           bool
	leastFloat, mostFloat float64
}

// plain reports whether the loops of this file apply to the column: it is of
// text, or all its values have one kind that the loops read.
func (f *field) plain(v *vector) bool {
	if v.cells == nil {
		return false
	}
	want := codec.Text
	switch f.typ {
	case contract.Integer, contract.Decimal:
		want = codec.Number
		if v.kinds == nil && (f.decimal != 0 || f.thousands != 0) {
			return false
		}
	case contract.Boolean:
		if v.kinds != nil {
			return false
		}
	case contract.Object, contract.Array:
		return false
	}
	if v.kinds == nil {
		return len(f.nulls.words) == 0
	}
	return v.col.Mix != 0 && v.col.Mix&^(1<<want|noValue) == 0
}

// noValue are the kinds of a null.
const noValue = 1<<codec.Null | 1<<codec.Absent

// odd takes a cell that a loop could not read: it says whether it holds a text
// that the general reader must see.
func (f *field) odd(v *vector, r int) bool {
	if v.kinds != nil {
		return v.state[r] == okCell
	}
	if c := v.cells[r]; c.Start == c.End && f.nulls.empty {
		v.state[r] = nullCell
		v.nulls++
		return false
	}
	return true
}

// lastDigits is the up to eight bytes before end, each as its value as a digit,
// the last one in the highest byte; n is 1 to 8 and end at least 8.
func lastDigits(data []byte, end, n uint32) uint64 {
	shift := (8 - n) * 8 & 63
	return (binary.LittleEndian.Uint64(data[end-8:]) ^ zeroDigits) >> shift << shift
}

// joinDigits is the number that eight digits make, the last in the highest byte.
func joinDigits(x uint64) int64 {
	x = x*10 + x>>8
	return int64((x&0x000000ff000000ff*0x000f424000000064 + x>>16&0x000000ff000000ff*0x0000271000000001) >> 32)
}

func (f *field) plainIntegers(s *sheet, v *vector) {
	data, least, most := v.data, int64(math.MaxInt64), int64(math.MinInt64)
	ints := v.ints[:len(v.cells)]
	for r, c := range v.cells {
		n := c.End - c.Start
		var x int64
		switch {
		case n-1 < 8 && c.End >= 8:
			w := lastDigits(data, c.End, n)
			if !digitsOnly(w) {
				goto odd
			}
			x = joinDigits(w)
		case n-9 < 8 && c.End >= 16:
			w, high := lastDigits(data, c.End, 8), lastDigits(data, c.End-8, n-8)
			if !digitsOnly(w) || !digitsOnly(high) {
				goto odd
			}
			x = joinDigits(high)*1e8 + joinDigits(w)
		default:
			goto odd
		}
		ints[r], least, most = x, min(least, x), max(most, x)
		continue
	odd:
		ints[r] = 0
		if f.odd(v, r) {
			x, ok := parseInt(v.text(r))
			if !ok {
				f.mistype(s, v, r)
				continue
			}
			ints[r], least, most = x, min(least, x), max(most, x)
		}
	}
	v.known, v.least, v.most = true, least, most
}

// readDecimal reads up to eight digits with at most one decimal point; n is 1
// to 8 and end at least 8.
func readDecimal(data []byte, end, n uint32) (mant int64, scale uint8, ok bool) {
	w := lastDigits(data, end, n)
	if dot := zeroBytes(w ^ dotDigits); dot != 0 {
		if dot&(dot-1) != 0 || n == 1 {
			return 0, 0, false
		}
		w = w&^(dot<<1-1) | w&(dot>>7-1)<<8
		scale = uint8(bits.LeadingZeros64(dot) / 8)
	}
	return joinDigits(w), scale, digitsOnly(w)
}

// zeroBytes marks the zero bytes of x by their high bit, exactly.
func zeroBytes(x uint64) uint64 { return ^((x&^byteHighs + ^uint64(byteHighs)) | x) & byteHighs }

func (f *field) plainDecimals(s *sheet, v *vector) {
	data := v.data
	ints, scales := v.ints[:len(v.cells)], v.scale[:len(v.cells)]
	for i := range v.lows {
		v.lows[i], v.highs[i] = math.MaxInt64, math.MinInt64
	}
	v.known = true
	for r, c := range v.cells {
		n := c.End - c.Start
		var m int64
		var sc uint8
		ok := false
		if n-1 < 8 && c.End >= 8 {
			m, sc, ok = readDecimal(data, c.End, n)
		}
		if !ok {
			ints[r], scales[r] = 0, 0
			if !f.odd(v, r) {
				continue
			}
			if m, sc, ok = parseDecimal(v.text(r)); !ok {
				f.mistype(s, v, r)
				continue
			}
			if sc > 18 {
				ints[r], scales[r], v.known = m, sc, false
				continue
			}
		}
		ints[r], scales[r] = m, sc
		v.lows[sc], v.highs[sc] = min(v.lows[sc], m), max(v.highs[sc], m)
	}
}

// keeps reports whether all decimals of the chunk are known to keep a bound.
func (v *vector) keeps(b *bound) bool {
	if !v.known {
		return false
	}
	for sc := range v.lows {
		if lo, hi := v.lows[sc], v.highs[sc]; lo <= hi && (!b.holds(lo, uint8(sc)) || !b.holds(hi, uint8(sc))) {
			return false
		}
	}
	return true
}

// exact reports whether the bounds of the decimals are known and whole numbers
// that a float64 holds.
func (v *vector) exact() bool {
	if !v.known {
		return false
	}
	for sc := range v.lows {
		if lo, hi := v.lows[sc], v.highs[sc]; lo <= hi && (lo <= -1<<53 || hi >= 1<<53) {
			return false
		}
	}
	return true
}

func (f *field) plainBooleans(s *sheet, v *vector) {
	const yes, no = 0x65757274, 0x736c6166 // "true", "fals"
	data := v.data
	ints := v.ints[:len(v.cells)]
	for r, c := range v.cells {
		if n := c.End - c.Start; n-4 < 2 {
			w := binary.LittleEndian.Uint32(data[c.Start:])
			if n == 4 && w == yes {
				ints[r] = 1
				continue
			}
			if n == 5 && w == no && data[c.Start+4] == 'e' {
				ints[r] = 0
				continue
			}
		}
		ints[r] = 0
		if f.odd(v, r) {
			x, ok := parseBool(v.text(r))
			if !ok {
				f.mistype(s, v, r)
			}
			ints[r] = x
		}
	}
}

func parseBool(b []byte) (int64, bool) {
	switch string(b) {
	case "true", "TRUE", "True":
		return 1, true
	case "false", "FALSE", "False":
		return 0, true
	}
	return 0, false
}

// plainTimes reads dates and timestamps in ISO notation at once, the others by
// their layouts.
func (f *field) plainTimes(s *sheet, v *vector) {
	data, least, most := v.data, int64(math.MaxInt64), int64(math.MinInt64)
	ints := v.ints[:len(v.cells)]
	if v.months == nil {
		v.months = &monthCache{}
	}
	for r, c := range v.cells {
		x, zoned, ok := f.moments.cached(data[c.Start:c.End], v.months)
		if !ok {
			ints[r] = 0
			if !f.odd(v, r) {
				continue
			}
			if x, zoned, ok = f.moments.read(v.text(r)); !ok {
				f.mistype(s, v, r)
				continue
			}
		}
		ints[r], least, most = x, min(least, x), max(most, x)
		if f.timezone >= 0 && zoned != f.zoned {
			s.fail(r, f.timezone)
		}
	}
	v.known, v.least, v.most = true, least, most
}

// plainLengths finds the nulls and the bounds of the texts' lengths.
func (f *field) plainLengths(v *vector) {
	if v.nulls > 0 { // told by their kind
		v.shortest, v.longest = math.MaxUint32, 0
		for r, c := range v.cells {
			if n := c.End - c.Start; v.state[r] == okCell {
				v.shortest, v.longest = min(v.shortest, n), max(v.longest, n)
			}
		}
		v.known = true
		return
	}
	shortest, longest, empty := uint32(math.MaxUint32), uint32(0), 0
	for _, c := range v.cells {
		n := c.End - c.Start
		shortest, longest = min(shortest, n), max(longest, n)
		if n == 0 {
			empty++
		}
	}
	if empty > 0 && f.nulls.empty && v.kinds == nil {
		shortest = math.MaxUint32
		for r, c := range v.cells {
			if n := c.End - c.Start; n == 0 {
				v.state[r] = nullCell
			} else {
				shortest = min(shortest, n)
			}
		}
		v.nulls = empty
	}
	v.known, v.shortest, v.longest = true, shortest, longest
}

// plainEnum fails the cells that are not in the list.
func (f *field) plainEnum(s *sheet, v *vector) {
	data, t := v.data, f.words
	for r, c := range v.cells {
		n := c.End - c.Start
		if uint64(c.Start)+16 <= uint64(len(data)) && n <= 16 {
			if t.hasShort(binary.LittleEndian.Uint64(data[c.Start:]), binary.LittleEndian.Uint64(data[c.Start+8:]), n) {
				continue
			}
		} else if t.has(data[c.Start:c.End]) {
			continue
		}
		if v.state[r] == okCell {
			s.fail(r, f.enum)
		}
	}
}

// plainEmails fails the cells that are no e-mail addresses.
func (f *field) plainEmails(s *sheet, v *vector) {
	s.scratch = resize(s.scratch, len(v.cells))
	ok := s.scratch
	if !emailKernel(ok, v.data, v.cells) {
		clear(ok)
	}
	for r, c := range v.cells {
		if ok[r] != 0 || isEmail(v.data[c.Start:c.End]) {
			continue
		}
		if v.state[r] == okCell {
			s.fail(r, f.format)
		}
	}
}

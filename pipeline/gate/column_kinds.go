package gate

import (
	"math"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

func (f *field) decimals(s *sheet, v *vector, col *codec.Column, plain bool) {
	n := s.chunk.Rows
	v.ints = resize(v.ints, n)
	v.scale = resize(v.scale, n)
	switch {
	case plain:
		f.plainDecimals(s, v)
	case v.only(codec.Float):
		f.typedFloats(s, v, col.Floats)
	default:
		f.readDecimals(s, v, col)
	}
	for i := range f.bounds {
		f.checkDecimals(s, v, &f.bounds[i])
	}
	if f.multipleOf >= 0 {
		for r, st := range v.state {
			if st == okCell && !multiple(f.rat(s, v, r), f.step) {
				s.fail(r, f.multipleOf)
			}
		}
	}
}

func (f *field) readDecimals(s *sheet, v *vector, col *codec.Column) {
	floats := len(col.Floats) > 0
	if floats {
		v.float, v.floats = true, col.Floats
	}
	plain := f.decimal == 0 && f.thousands == 0
	for r, st := range v.state {
		v.ints[r], v.scale[r] = 0, 0
		if st != okCell {
			continue
		}
		if v.kinds != nil {
			switch v.kinds[r] {
			case codec.Int:
				v.ints[r] = col.Ints[r]
				continue
			case codec.Float:
				if x := col.Floats[r]; math.IsNaN(x) || math.IsInf(x, 0) {
					f.mistype(s, v, r)
				}
				continue
			}
		}
		var ok bool
		if plain {
			if ok = v.textual(r, codec.Number); ok {
				v.ints[r], v.scale[r], ok = parseDecimal(v.text(r))
			}
		} else if ok = v.textual(r, codec.Number); ok {
			var b []byte
			if b, ok = f.number(s, v, r); ok {
				v.ints[r], v.scale[r], ok = parseDecimal(b)
			}
		}
		if !ok {
			f.mistype(s, v, r)
		}
	}
}

// checkDecimals checks numbers against a bound.
func (f *field) checkDecimals(s *sheet, v *vector, b *bound) {
	if v.keeps(b) || v.floatsKnown && (v.leastFloat > v.mostFloat || b.holdsFloat(v.leastFloat) && b.holdsFloat(v.mostFloat)) {
		return
	}
	for r, st := range v.state {
		if st != okCell {
			continue
		}
		ok := false
		switch sc := v.scale[r]; {
		case v.float:
			ok = b.holdsFloat(v.floats[r])
		case sc <= 18:
			ok = b.holds(v.ints[r], sc)
		default:
			ok = b.holdsRat(f.rat(s, v, r))
		}
		if !ok {
			s.fail(r, b.rule)
		}
	}
}

// rat is the exact value of a numeric cell.
func (f *field) rat(s *sheet, v *vector, r int) rat {
	switch {
	case v.float:
		return ratOf([]byte(formatFloat(v.floats[r])))
	case f.typ == contract.Integer:
		return newRat(v.ints[r])
	case v.scale[r] <= 18:
		return decimalRat(v.ints[r], v.scale[r])
	}
	b, _ := f.number(s, v, r)
	return ratOf(b)
}

func (f *field) booleans(s *sheet, v *vector, plain bool) {
	v.ints = resize(v.ints, s.chunk.Rows)
	if plain {
		f.plainBooleans(s, v)
		return
	}
	for r, st := range v.state {
		v.ints[r] = 0
		if st != okCell {
			continue
		}
		if v.kinds != nil {
			switch v.kinds[r] {
			case codec.True:
				v.ints[r] = 1
				continue
			case codec.False:
				continue
			}
			f.mistype(s, v, r)
			continue
		}
		x, ok := parseBool(v.text(r))
		if !ok {
			f.mistype(s, v, r)
		}
		v.ints[r] = x
	}
}

func (f *field) times(s *sheet, v *vector, col *codec.Column, plain bool) {
	v.ints = resize(v.ints, s.chunk.Rows)
	switch {
	case plain:
		f.plainTimes(s, v)
	case f.typ == contract.Date && v.only(codec.Days), f.typ == contract.Timestamp && v.only(codec.Micros),
		f.typ == contract.Time && v.only(codec.Clock):
		v.typedInts(col.Ints)
	default:
		f.readTimes(s, v, col)
	}
	for i := range f.bounds {
		f.checkInts(s, v, &f.bounds[i])
	}
}

func (f *field) readTimes(s *sheet, v *vector, col *codec.Column) {
	for r, st := range v.state {
		v.ints[r] = 0
		if st != okCell {
			continue
		}
		if v.kinds != nil && v.kinds[r] != codec.Text {
			k := v.kinds[r]
			if k == codec.Days && f.typ == contract.Date || k == codec.Micros && f.typ == contract.Timestamp || k == codec.Clock && f.typ == contract.Time {
				v.ints[r] = col.Ints[r]
				continue
			}
			f.mistype(s, v, r)
			continue
		}
		x, zoned, ok := f.moments.read(v.text(r))
		if !ok {
			f.mistype(s, v, r)
			continue
		}
		v.ints[r] = x
		if f.timezone >= 0 && zoned != f.zoned {
			s.fail(r, f.timezone)
		}
	}
}

func (f *field) strings(s *sheet, v *vector, plain bool) {
	if plain {
		f.plainLengths(v)
	}
	if v.kinds != nil {
		for r, st := range v.state {
			if st == okCell && v.kinds[r] != codec.Text {
				f.mistype(s, v, r)
			}
		}
	}
	if v.cells == nil {
		return
	}
	if f.minLength >= 0 || f.maxLength >= 0 {
		lo, hi := 0, math.MaxInt
		if f.minLength >= 0 {
			lo = f.min
		}
		if f.maxLength >= 0 {
			hi = f.max
		}
		cells := v.cells
		if v.known && (v.shortest > v.longest || int(v.longest) <= hi && int(v.shortest+3)/4 >= lo) {
			cells = nil
		}
		for r, c := range cells {
			// A character is 1 to 4 bytes: most cells need no counting.
			n := int(c.End - c.Start)
			if n <= hi && (n+3)/4 >= lo || v.state[r] != okCell {
				continue
			}
			n = utf8.RuneCount(v.data[c.Start:c.End])
			if n < lo {
				s.fail(r, f.minLength)
			}
			if n > hi {
				s.fail(r, f.maxLength)
			}
		}
	}
	if f.matches != nil {
		for r, st := range v.state {
			if st == okCell && !f.matches.Match(v.text(r)) {
				s.fail(r, f.pattern)
			}
		}
	}
	switch {
	case f.formatted == nil:
	case f.email && plain:
		f.plainEmails(s, v)
	default:
		for r, st := range v.state {
			if st == okCell && !f.formatted(v.text(r)) {
				s.fail(r, f.format)
			}
		}
	}
	switch {
	case f.enum < 0:
	case plain && f.words != nil:
		f.plainEnum(s, v)
	default:
		f.texts(s, v, f.enum, f.words, nil)
	}
}

// texts fails the cells that are not in a list.
func (f *field) texts(s *sheet, v *vector, rule int, words *wordTable, nums []rat) {
	for r, st := range v.state {
		if st == okCell && !oneOf(words, nums, v.display(r)) {
			s.fail(r, rule)
		}
	}
}

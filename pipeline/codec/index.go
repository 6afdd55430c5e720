package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// An index lists where in a text delimiters, line breaks and quotes stand, in
// growing order.
type index struct{ delims, breaks, quotes []uint32 }

// What read says of the bytes of a text.
const (
	oddByte     = 1 << iota // one is NUL or not ASCII
	controlByte             // one is a control character and no line break
)

// read lists the marks of src and says of what kind its bytes are.
func (x *index) read(src []byte, q, d byte) uint32 {
	x.delims, x.breaks, x.quotes = x.delims[:0], x.breaks[:0], x.quotes[:0]
	kind := uint32(0)
	whole := len(src) / 64 * 64
	if whole > 0 {
		kind = x.blocks(src[:whole], 0, q, d)
	}
	for i, c := range src[whole:] {
		p := uint32(whole + i)
		switch c {
		case q:
			x.quotes = append(x.quotes, p)
		case d:
			x.delims = append(x.delims, p)
		case '\n':
			x.breaks = append(x.breaks, p)
		}
		if c-1 >= 0x7f {
			kind |= oddByte
		}
		if c < ' ' && c != '\n' {
			kind |= controlByte
		}
	}
	return kind
}

// bound ends the delimiters with n positions behind all others, so that looking
// ahead by a record needs no test.
func (x *index) bound(n int) {
	for range n {
		x.delims = append(x.delims, math.MaxUint32)
	}
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// words is the portable form of blocks, eight bytes at a time.
func (x *index) words(src []byte, at int, q, d byte) uint32 {
	var high, nul, low uint64
	qs, ds := lows*uint64(q), lows*uint64(d)
	list := func(to []uint32, marks uint64, at int) []uint32 {
		for ; marks != 0; marks &= marks - 1 {
			to = append(to, uint32(at+bits.TrailingZeros64(marks)/8))
		}
		return to
	}
	for i := 0; i+8 <= len(src); i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		high |= w
		nul |= zeros(w)
		mn := zeros(w ^ lows*'\n')
		low |= ^((w & ^uint64(highs)) + lows*0x60 | w) & highs &^ mn
		mq, md := zeros(w^qs), zeros(w^ds)
		if mq|md|mn == 0 {
			continue
		}
		x.quotes, x.delims, x.breaks = list(x.quotes, mq, at+i), list(x.delims, md, at+i), list(x.breaks, mn, at+i)
	}
	kind := uint32(0)
	if high&highs != 0 || nul != 0 {
		kind = oddByte
	}
	if low != 0 {
		kind |= controlByte
	}
	return kind
}

// zeros marks the zero bytes of x by their high bit, exactly.
func zeros(x uint64) uint64 { return ^((x&^highs + ^uint64(highs)) | x) & highs }

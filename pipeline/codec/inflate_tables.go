package codec

import (
	"encoding/binary"
	"errors"
	"io"
)

// header reads the beginning of a block.
func (d *inflate) header() error {
	h, err := d.take(3)
	if err != nil {
		return err
	}
	d.last = h&1 != 0
	switch h >> 1 {
	case 0:
		d.unread()
		d.bits, d.nbits = 0, 0
		var b [4]byte
		if err := d.raw(b[:]); err != nil {
			return err
		}
		n := binary.LittleEndian.Uint16(b[:])
		if n != ^binary.LittleEndian.Uint16(b[2:]) {
			return errInflate
		}
		d.stored, d.state = int(n), inStored
		if n == 0 {
			d.state = atBlock
		}
		return nil
	case 1:
		var lens [288 + 32]uint8
		for i := range 288 {
			switch {
			case i < 144, i >= 280:
				lens[i] = 8
			case i < 256:
				lens[i] = 9
			default:
				lens[i] = 7
			}
		}
		for i := range 32 {
			lens[288+i] = 5
		}
		return d.tables(lens[:288], lens[288:])
	case 2:
		return d.dynamic()
	}
	return errInflate
}

var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the code lengths of a block with its own codes.
func (d *inflate) dynamic() error {
	h, err := d.take(14)
	if err != nil {
		return err
	}
	nlit, ndist, ncode := int(h&31)+257, int(h>>5&31)+1, int(h>>10)+4
	if nlit > 286 || ndist > 30 {
		return errInflate
	}
	var codes [19]uint8
	for i := range ncode {
		n, err := d.take(3)
		if err != nil {
			return err
		}
		codes[codeOrder[i]] = uint8(n)
	}
	var table [1 << 7]uint32
	if !build(table[:], codes[:], 7, func(s int) uint32 { return uint32(s) << 16 }) {
		return errInflate
	}
	var lens [286 + 30]uint8
	for i := 0; i < nlit+ndist; {
		// A code is at most 7 bits; where fewer are left, zeros follow.
		if err := d.need(7); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		e := table[d.bits&(1<<min(d.nbits, 7)-1)]
		n := uint(e & 0xff)
		if e&isOdd != 0 {
			return errInflate
		}
		if n > d.nbits {
			return io.ErrUnexpectedEOF
		}
		d.bits >>= n
		d.nbits -= n
		sym := e >> 16
		if sym < 16 {
			lens[i] = uint8(sym)
			i++
			continue
		}
		extra, base, value := uint(2), 3, uint8(0)
		switch sym {
		case 16:
			if i == 0 {
				return errInflate
			}
			value = lens[i-1]
		case 17:
			extra = 3
		case 18:
			extra, base = 7, 11
		}
		x, err := d.take(extra)
		if err != nil {
			return err
		}
		n2 := base + int(x)
		if i+n2 > nlit+ndist {
			return errInflate
		}
		for range n2 {
			lens[i] = value
			i++
		}
	}
	return d.tables(lens[:nlit], lens[nlit:nlit+ndist])
}

var (
	lengthBase  = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
)

// tables makes the tables of a block.
func (d *inflate) tables(lit, dist []uint8) error {
	if !build(d.lit[:], lit, litBits, func(s int) uint32 {
		switch {
		case s < 256:
			return isLiteral | uint32(s)<<16
		case s == 256:
			return isOdd | isEnd
		case s-257 < len(lengthBase):
			return uint32(lengthBase[s-257])<<16 | uint32(lengthExtra[s-257])
		}
		return isOdd
	}) || !build(d.dist[:], dist, distBits, func(s int) uint32 {
		if s >= len(distBase) {
			return isOdd
		}
		return uint32(distBase[s])<<16 | uint32(max(s/2-1, 0))
	}) {
		return errInflate
	}
	d.unread()
	d.state = inBlock
	return nil
}

// build makes a decoding table: 1<<bits entries, then subtables. entry gives
// what is to be said of a symbol, with its extra bits in the low byte. It
// reports false for lengths that are no prefix code; as in package flate a code
// may be incomplete only if it has one symbol of one bit, or none.
func build(table []uint32, lens []uint8, bits uint, entry func(symbol int) uint32) bool {
	var count, next [16]int
	most := 0
	for _, n := range lens {
		count[n]++
		most = max(most, int(n))
	}
	count[0] = 0 // symbols that do not occur
	code := 0
	for n := 1; n <= most; n++ {
		code <<= 1
		next[n] = code
		code += count[n]
	}
	if most > 0 && code != 1<<most && (code != 1 || most != 1) {
		return false
	}
	main := table[:1<<bits]
	if code != 1<<most || most == 0 {
		for i := range main {
			main[i] = isOdd
		}
	}
	// Of each main entry the longest code that begins so, and its subtable.
	var longest [1 << litBits]uint8
	var start [1 << litBits]uint16
	if most > int(bits) {
		follow := next
		for _, n := range lens {
			c := follow[n]
			follow[n]++
			if uint(n) > bits {
				i := reversed(c, n) & (1<<bits - 1)
				longest[i] = max(longest[i], n)
			}
		}
	}
	free := 1 << bits
	for s, n := range lens {
		if n == 0 {
			continue
		}
		c, to, n := reversed(next[n], n), main, uint(n)
		next[n]++
		if n > bits {
			i := c & (1<<bits - 1)
			sub := uint(longest[i]) - bits
			if start[i] == 0 {
				if free+1<<sub > len(table) {
					return false
				}
				start[i] = uint16(free)
				main[i] = isOdd | isSubtable | uint32(free)<<16 | uint32(sub)<<8 | uint32(bits)
				free += 1 << sub
			}
			to = table[start[i] : int(start[i])+1<<sub]
			c, n = c>>bits, n-bits
		}
		e := entry(s) + uint32(n)
		if e&(isLiteral|isOdd) == 0 {
			e |= uint32(n) << 8
		}
		for ; c < len(to); c += 1 << n {
			to[c] = e
		}
	}
	return true
}

// reversed is a code of n bits as it stands in the stream.
func reversed(code int, n uint8) int {
	r := 0
	for range n {
		r = r<<1 | code&1
		code >>= 1
	}
	return r
}

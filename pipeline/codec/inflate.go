package codec

import (
	"encoding/binary"
	"errors"
	"io"
)

// inflate decodes DEFLATE (RFC 1951) with the method of libdeflate: tables of
// 11 and 8 bits, whose entries tell codeword, base and extra bits at once, and
// a bit buffer of 64 bits that is filled without a branch. It reads its input in
// blocks, which may end beyond the compressed data: rest gives back what is
// behind.
type inflate struct {
	src io.Reader
	in  []byte // read, and at the end of src padding
	ip  int
	end int // of what was read; len(in) is more at the end of src
	eof bool

	bits  uint64
	nbits uint // valid bits in bits

	out   []byte // 32 KiB before what is not yet taken, room, and slack
	first int    // what lies before is not of this stream
	taken int
	op    int

	state  int
	last   bool // the block under way is the last one
	stored int  // bytes left of a stored block
	err    error

	lit  [1 << 12]uint32
	dist [1 << 9]uint32
}

const (
	inflateIn    = 64 << 10
	inflatePad   = 64
	inflateOut   = 192 << 10
	inflateSlack = 320 // a match, three literals and what copies overrun
	window       = 32 << 10

	litBits  = 11
	distBits = 8
)

// States of inflate.
const (
	atBlock = iota
	inBlock
	inStored
	atEnd
)

// Entries of the tables. A literal: itself from bit 16, the bits of its code in
// the low byte. A length or distance: its base from bit 16, the bits of its code
// from bit 8, and in the low byte those with its extra bits. A subtable: its
// start from bit 16, its bits from bit 8, those of the main table in the low
// byte.
const (
	isLiteral  = 1 << 31
	isOdd      = 1 << 15 // one of the following
	isSubtable = 1 << 14
	isEnd      = 1 << 13
)

var errInflate = errors.New("the compressed data is corrupt")

func newInflate(src io.Reader) *inflate {
	return &inflate{src: src, in: make([]byte, 0, inflateIn+inflatePad), out: make([]byte, window+inflateOut+inflateSlack)}
}

// restart begins another stream where the last one ended.
func (d *inflate) restart() { d.state, d.first, d.last = atBlock, d.op, false }

// next decodes until some output is there, and returns it: valid until the next
// call. It returns io.EOF at the end of the stream.
func (d *inflate) next() ([]byte, error) {
	for d.err == nil {
		if d.op-d.taken > 0 && (d.state == atEnd || d.op >= window+inflateOut) {
			b := d.out[d.taken:d.op]
			d.taken = d.op
			return b, nil
		}
		if d.state == atEnd {
			return nil, io.EOF
		}
		if d.taken == d.op && d.op >= window+inflateOut {
			n := copy(d.out, d.out[d.op-window:d.op])
			d.first = max(0, d.first-(d.op-n))
			d.op, d.taken = n, n
		}
		d.step()
		// What was decoded from padding is not given out.
		if d.err == nil && d.eof && d.ip > d.end {
			d.err = io.ErrUnexpectedEOF
		}
	}
	return nil, d.err
}

// step goes on until the output is full, the input is used up, or a block ends.
func (d *inflate) step() {
	switch d.state {
	case atBlock:
		if d.last {
			d.unread()
			d.bits, d.nbits = 0, 0
			d.state = atEnd
			return
		}
		d.err = d.header()
	case inStored:
		if d.ip >= d.end {
			if d.err = d.more(); d.err == nil && d.ip >= d.end {
				d.err = io.ErrUnexpectedEOF
			}
			return
		}
		n := copy(d.out[d.op:window+inflateOut], d.in[d.ip:min(d.end, d.ip+d.stored)])
		d.ip, d.op, d.stored = d.ip+n, d.op+n, d.stored-n
		if d.stored == 0 {
			d.state = atBlock
		}
	case inBlock:
		if len(d.in)-d.ip < 32 {
			if d.err = d.more(); d.err != nil {
				return
			}
		}
		// What is wrong may be that the rest is missing: a code has up to 15 bits.
		if d.err = d.symbols(); d.err != nil && d.eof && 8*d.ip-int(d.nbits)+15 > 8*d.end {
			d.err = io.ErrUnexpectedEOF
		}
	}
}

// more reads more input; at the end of it there is padding.
func (d *inflate) more() error {
	if d.eof {
		if d.ip > d.end {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	n := copy(d.in[:cap(d.in)], d.in[d.ip:d.end])
	d.ip, d.end = 0, n
	for d.end < 32 && !d.eof {
		k, err := d.src.Read(d.in[d.end:inflateIn])
		d.end += k
		if errors.Is(err, io.EOF) && !pipelineError(err) {
			d.eof = true
		} else if err != nil {
			return err
		}
	}
	d.in = d.in[:d.end]
	if d.eof {
		d.in = d.in[:d.end+inflatePad]
		clear(d.in[d.end:])
	}
	return nil
}

// need makes n bits available, n at most 32.
func (d *inflate) need(n uint) error {
	for d.nbits < n {
		if d.ip >= d.end {
			if err := d.more(); err != nil {
				return err
			}
			if d.ip >= d.end {
				return io.ErrUnexpectedEOF
			}
		}
		d.bits &= 1<<d.nbits - 1
		d.bits |= uint64(d.in[d.ip]) << d.nbits
		d.ip++
		d.nbits += 8
	}
	return nil
}

// unread gives whole bytes in the bit buffer back.
func (d *inflate) unread() {
	d.ip -= int(d.nbits / 8)
	d.nbits %= 8
	d.bits &= 1<<d.nbits - 1
}

func (d *inflate) take(n uint) (uint32, error) {
	if err := d.need(n); err != nil {
		return 0, err
	}
	v := uint32(d.bits & (1<<n - 1))
	d.bits >>= n
	d.nbits -= n
	return v, nil
}

// raw takes whole bytes from behind the stream.
func (d *inflate) raw(p []byte) error {
	for len(p) > 0 {
		if d.ip >= d.end {
			if err := d.more(); err != nil {
				return err
			}
			if d.ip >= d.end {
				return io.ErrUnexpectedEOF
			}
		}
		n := copy(p, d.in[d.ip:d.end])
		d.ip += n
		p = p[n:]
	}
	return nil
}

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

// symbols decodes the symbols of a block until it ends, the input is nearly used
// up, or the output is full.
func (d *inflate) symbols() error {
	in, out, lit, dist := d.in, d.out, &d.lit, &d.dist
	ip, op, bits, nbits := d.ip, d.op, d.bits, d.nbits
	inEnd, first := len(in)-16, d.first
	var err error
	for ip <= inEnd && op < window+inflateOut {
		bits |= binary.LittleEndian.Uint64(in[ip:]) << (nbits & 63)
		ip += int(63-nbits) >> 3
		nbits |= 56
		e := lit[bits&(1<<litBits-1)]
		if int32(e) < 0 {
			// Up to three literals of the main table, which are 33 bits at most.
			out[op] = byte(e >> 16)
			op++
			bits >>= e & 63
			nbits -= uint(e & 0xff)
			e = lit[bits&(1<<litBits-1)]
			if int32(e) < 0 {
				out[op] = byte(e >> 16)
				op++
				bits >>= e & 63
				nbits -= uint(e & 0xff)
				e = lit[bits&(1<<litBits-1)]
				if int32(e) < 0 {
					out[op] = byte(e >> 16)
					op++
					bits >>= e & 63
					nbits -= uint(e & 0xff)
					continue
				}
			}
			bits |= binary.LittleEndian.Uint64(in[ip:]) << (nbits & 63)
			ip += int(63-nbits) >> 3
			nbits |= 56
		}
		if e&isOdd != 0 {
			if e&isSubtable != 0 {
				bits >>= litBits
				nbits -= litBits
				e = lit[(e>>16+uint32(bits)&(1<<(e>>8&15)-1))&(1<<12-1)]
				if int32(e) < 0 {
					out[op] = byte(e >> 16)
					op++
					bits >>= e & 63
					nbits -= uint(e & 0xff)
					continue
				}
			}
			if e&isOdd != 0 {
				if e&isEnd == 0 {
					err = errInflate
					break
				}
				bits >>= e & 63
				nbits -= uint(e & 0xff)
				d.state = atBlock
				break
			}
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		nbits -= uint(e & 0xff)

		e = dist[bits&(1<<distBits-1)]
		if e&isOdd != 0 {
			if e&isSubtable != 0 {
				bits >>= distBits
				nbits -= distBits
				e = dist[(e>>16+uint32(bits)&(1<<(e>>8&15)-1))&(1<<9-1)]
			}
			if e&isOdd != 0 {
				err = errInflate
				break
			}
		}
		off := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		nbits -= uint(e & 0xff)
		if off > op-first {
			err = errInflate
			break
		}
		from, end := op-off, op+length
		switch {
		case off >= 16:
			for op < end {
				*(*[16]byte)(out[op:]) = *(*[16]byte)(out[from:])
				op += 16
				from += 16
			}
		case off >= 8:
			for op < end {
				binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[from:]))
				op += 8
				from += 8
			}
		case off == 1:
			v := lows * uint64(out[from])
			for op < end {
				binary.LittleEndian.PutUint64(out[op:], v)
				op += 8
			}
		default:
			for op < end {
				out[op] = out[from]
				op++
				from++
			}
		}
		op = end
	}
	d.ip, d.op, d.bits, d.nbits = ip, op, bits, nbits
	d.unread()
	return err
}

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

package codec

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// gunzip reads a gzip file (RFC 1952) of one or more members.
type gunzip struct {
	d    *inflate
	crc  uint32
	size uint32
	buf  []byte // decoded, not yet given out
	err  error
}

var (
	errGzipHeader = errors.New("gzip: invalid header")
	errGzipSum    = errors.New("gzip: invalid checksum")
)

// newGunzip reads the header of the first member. Errors: io.EOF for an empty
// source.
func newGunzip(src io.Reader) (*gunzip, error) {
	g := &gunzip{d: newInflate(src)}
	return g, g.header()
}

// header reads the header of a member; io.EOF where none begins.
func (g *gunzip) header() error {
	d := g.d
	if d.ip >= d.end {
		if err := d.more(); err != nil {
			return err
		}
		if d.ip >= d.end {
			return io.EOF
		}
	}
	var sum uint32
	get := func(b []byte) error {
		err := d.raw(b)
		sum = crc32.Update(sum, crc32.IEEETable, b)
		return err
	}
	var h [10]byte
	if err := get(h[:]); err != nil {
		return err
	}
	if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 {
		return errGzipHeader
	}
	flags := h[3]
	if flags&4 != 0 { // extra field
		var n [2]byte
		if err := get(n[:]); err != nil {
			return err
		}
		if err := get(make([]byte, binary.LittleEndian.Uint16(n[:]))); err != nil {
			return err
		}
	}
	for _, bit := range []byte{8, 16} { // name, comment
		for c := [1]byte{1}; flags&bit != 0 && c[0] != 0; {
			if err := get(c[:]); err != nil {
				return err
			}
		}
	}
	if flags&2 != 0 {
		want := uint16(sum)
		var n [2]byte
		if err := get(n[:]); err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(n[:]) != want {
			return errGzipHeader
		}
	}
	g.crc, g.size = 0, 0
	d.restart()
	return nil
}

// Read gives out decoded bytes; a member's checksum is verified at its end.
func (g *gunzip) Read(p []byte) (int, error) {
	for len(g.buf) == 0 && g.err == nil {
		b, err := g.d.next()
		if errors.Is(err, io.EOF) && !pipelineError(err) {
			if err = g.trailer(); err == nil {
				err = g.header()
			}
		}
		g.err = err
		g.buf = b
		g.crc = crc32.Update(g.crc, crc32.IEEETable, b)
		g.size += uint32(len(b))
	}
	if len(g.buf) == 0 {
		return 0, g.err
	}
	n := copy(p, g.buf)
	g.buf = g.buf[n:]
	return n, nil
}

func (g *gunzip) trailer() error {
	var t [8]byte
	if err := g.d.raw(t[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(t[:]) != g.crc || binary.LittleEndian.Uint32(t[4:]) != g.size {
		return errGzipSum
	}
	return nil
}

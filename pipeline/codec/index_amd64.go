package codec

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// marks is where indexAVX2 writes: the next free place of each list, and the
// position of the first byte it reads.
type marks struct {
	delims, breaks, quotes *uint32
	at                     uint32
}

// indexAVX2 is indexWords for blocks of 64 bytes, blocks > 0; each list must
// have room for as many positions as there are bytes, and 4 more. It uses VEX
// forms only and clears the upper halves at its end: mixing dirty AVX registers
// with SSE code costs about 120 ns at each switch.
//
//go:noescape
func indexAVX2(m *marks, src *byte, blocks int, q, d byte) uint32

var hasAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasPOPCNT

// blocks lists the marks of whole blocks of 64 bytes from position at on.
func (x *index) blocks(src []byte, at int, q, d byte) uint32 {
	if !hasAVX2 {
		return x.words(src, at, q, d)
	}
	nd, nb, nq := len(x.delims), len(x.breaks), len(x.quotes)
	need := len(src) + 4
	x.delims, x.breaks, x.quotes = extend(x.delims, nd+need), extend(x.breaks, nb+need), extend(x.quotes, nq+need)
	m := marks{&x.delims[nd], &x.breaks[nb], &x.quotes[nq], uint32(at)}
	kind := indexAVX2(&m, &src[0], len(src)/64, q, d)
	count := func(list []uint32, end *uint32) int {
		return int(uintptr(unsafe.Pointer(end))-uintptr(unsafe.Pointer(&list[0]))) / 4
	}
	x.delims, x.breaks, x.quotes = x.delims[:count(x.delims, m.delims)], x.breaks[:count(x.breaks, m.breaks)], x.quotes[:count(x.quotes, m.quotes)]
	return kind
}

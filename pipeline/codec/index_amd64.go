package codec

import "golang.org/x/sys/cpu"

// classifyAVX2 is classifyWords for blocks of 64 bytes, blocks > 0. It uses VEX
// forms only and clears the upper halves at its end: mixing dirty AVX registers
// with SSE code costs about 120 ns at each switch.
//
//go:noescape
func classifyAVX2(dst *uint64, src *byte, blocks int, q, d byte) uint32

var hasAVX2 = cpu.X86.HasAVX2

func classifyBlocks(dst []uint64, src []byte, q, d byte) bool {
	if !hasAVX2 {
		return classifyWords(dst, src, q, d)
	}
	return classifyAVX2(&dst[0], &src[0], len(src)/64, q, d) != 0
}

package embed

import "golang.org/x/sys/cpu"

var wide = cpu.X86.HasAVX2

// dotsAVX2 writes the inner products of the signed bytes at steps with n rows
// of width unsigned bytes, width a multiple of 64. Steps lie in -63..63 and
// rows in 1..127, so that two sums of two products fit 16 bits.
//
//go:noescape
func dotsAVX2(out *int32, steps *byte, rows *byte, n, width int)

func dotRows(out []int32, p *Probe, rows []byte, width int) {
	if !wide || len(out) == 0 || width == 0 || len(p.steps) < width || len(rows) < len(out)*width {
		plainDots(out, p, rows, width)
		return
	}
	dotsAVX2(&out[0], &p.steps[0], &rows[0], len(out), width)
}

//go:build !amd64

package embed

// wide kernels are not there.
const wide = false

func dotRows(out []int32, p *Probe, rows []byte, width int) { plainDots(out, p, rows, width) }

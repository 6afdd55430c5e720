//go:build !amd64

package embed

func dotRows(out []int32, p *Probe, rows []byte, width int) { plainDots(out, p, rows, width) }

package gate

import (
	"golang.org/x/sys/cpu"

	"github.com/assay-pipeline/assay/pipeline/codec"
)

var hasEmailKernel = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// emailsAVX2 sets ok[i] to 1 where the cell i is an e-mail address of 1 to 63
// letters, digits, bytes beyond ASCII, dots and hyphens, else to 0. It reads 64
// bytes from the start of each cell that begins at last or before; the others
// get 0.
//
//go:noescape
func emailsAVX2(ok *byte, data *byte, cells *codec.Cell, n int, last uint32)

// emailKernel tells of each cell whether it is an e-mail address of the usual
// kind; those that are not may still be one. It reports false where there is no
// such kernel.
func emailKernel(ok, data []byte, cells []codec.Cell) bool {
	if !hasEmailKernel || len(data) < 64 || len(cells) == 0 {
		return false
	}
	emailsAVX2(&ok[0], &data[0], &cells[0], len(cells), uint32(len(data)-64))
	return true
}

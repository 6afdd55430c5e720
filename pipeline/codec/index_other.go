//go:build !amd64

package codec

func classifyBlocks(dst []uint64, src []byte, q, d byte) bool { return classifyWords(dst, src, q, d) }

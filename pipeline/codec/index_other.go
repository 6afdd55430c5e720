//go:build !amd64

package codec

func (x *index) blocks(src []byte, at int, q, d byte) uint32 { return x.words(src, at, q, d) }

package gate

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline/codec"
)

// TestEmailKernel: the kernel accepts only what isEmail accepts, and all of it
// that has no other characters than letters, digits, dots and hyphens.
func TestEmailKernel(t *testing.T) {
	one := rapid.StringMatching(`[aZ09é.!-]{0,40}@?[aZ09é.!@-]{0,40}|[a-z]{1,9}(\.[a-z]{1,3})?@[a-z0-9]{1,9}(\.[a-z-]{1,4}){0,3}`)
	usual := func(s string) bool {
		for _, c := range []byte(s) {
			if c != '@' && c != '.' && c != '-' && classes[c]&labelByte == 0 {
				return false
			}
		}
		return len(s) > 0 && len(s) < 64
	}
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SliceOfN(one, 1, 9).Draw(rt, "texts")
		var data []byte
		var cells []codec.Cell
		for _, s := range texts {
			cells = append(cells, codec.Cell{Start: uint32(len(data)), End: uint32(len(data) + len(s))})
			data = append(append(data, s...), ',')
		}
		pad := rapid.IntRange(0, 64).Draw(rt, "pad")
		data = append(data, make([]byte, pad)...)
		ok := make([]byte, len(cells))
		if !emailKernel(ok, data, cells) {
			return
		}
		for i, s := range texts {
			want := isEmail([]byte(s))
			if ok[i] != 0 && !want || ok[i] == 0 && want && usual(s) && int(cells[i].Start)+64 <= len(data) {
				rt.Fatalf("%q: kernel %d, isEmail %v", s, ok[i], want)
			}
		}
	})
}

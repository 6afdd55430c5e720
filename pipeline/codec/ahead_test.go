package codec

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// TestAhead: what comes out is what the source has, with its error at the end,
// and Close ends the reading wherever it is.
func TestAhead(t *testing.T) {
	broken := errors.New("broken")
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{0, 1, aheadBytes - 1, aheadBytes, 3*aheadBytes + 7, 9 * aheadBytes} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		for _, want := range []error{nil, broken} {
			var src io.Reader = bytes.NewReader(data)
			if want != nil {
				src = io.MultiReader(src, iotest.ErrReader(want))
			}
			a := NewAhead(iotest.HalfReader(src))
			got, err := io.ReadAll(a)
			a.Close()
			if !bytes.Equal(got, data) || !errors.Is(err, want) {
				t.Errorf("%d bytes, then %v: %d bytes, then %v", size, want, len(got), err)
			}
		}
		a := NewAhead(bytes.NewReader(data))
		_, _ = a.Read(make([]byte, size/2+1)) // any part of it
		a.Close()
	}
}

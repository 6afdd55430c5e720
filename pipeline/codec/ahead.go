package codec

import (
	"io"
	"sync"
)

const (
	aheadBlocks = 4
	aheadBytes  = 128 << 10
)

// An Ahead reads a source in a goroutine of its own, some blocks ahead, so that
// decoding it does not wait for whoever uses it.
type Ahead struct {
	blocks chan block
	free   chan []byte
	done   chan struct{}
	end    sync.WaitGroup
	now    block // given out in part
	whole  []byte
}

// A block is what one turn of the source gave, and how it ended.
type block struct {
	data []byte
	err  error
}

// NewAhead starts to read r. Close must be called before r is closed.
func NewAhead(r io.Reader) *Ahead {
	a := &Ahead{blocks: make(chan block, aheadBlocks), free: make(chan []byte, aheadBlocks), done: make(chan struct{})}
	for range aheadBlocks {
		a.free <- make([]byte, aheadBytes)
	}
	a.end.Go(func() {
		for {
			var b []byte
			select {
			case b = <-a.free:
			case <-a.done:
				return
			}
			n := 0
			var err error
			for n < len(b) && err == nil {
				var k int
				k, err = r.Read(b[n:])
				n += k
			}
			a.blocks <- block{b[:n], err} // there is room for all of them
			if err != nil {
				return
			}
		}
	})
	return a
}

// Read gives out what was read, and the error of the source after it.
func (a *Ahead) Read(p []byte) (int, error) {
	for len(a.now.data) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.whole != nil {
			a.free <- a.whole
		}
		a.now = <-a.blocks
		a.whole = a.now.data[:cap(a.now.data)]
	}
	n := copy(p, a.now.data)
	a.now.data = a.now.data[n:]
	return n, nil
}

// Close stops reading, and waits until the source is no longer in use.
func (a *Ahead) Close() {
	close(a.done)
	a.end.Wait()
}

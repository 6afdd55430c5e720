package gate

import (
	"bufio"
	"container/heap"
	"errors"
	"io"
	"os"
	"slices"
)

// A sorter puts any number of things in order in bounded memory: what does not
// fit is written to Tmp in sorted runs, which each merges.
type sorter[T any] struct {
	dir   string
	limit int
	order func(a, b T) int
	// weight, where set, is how many times the usual a thing weighs.
	weight func(T) int
	encode func([]byte, T) []byte
	decode func(*bufio.Reader) (T, error)
	buf    []T
	used   int
	runs   []*os.File
	n      int64
}

func (s *sorter[T]) add(v T) error {
	s.buf = append(s.buf, v)
	s.n++
	s.used++
	if s.weight != nil {
		s.used += s.weight(v) - 1
	}
	if s.used < s.limit {
		return nil
	}
	return s.flush()
}

func (s *sorter[T]) flush() error {
	slices.SortStableFunc(s.buf, s.order)
	f, err := os.CreateTemp(s.dir, "assay-run-")
	if err != nil {
		return spillError(err)
	}
	s.runs = append(s.runs, f)
	w := bufio.NewWriterSize(f, 64<<10)
	var b []byte
	for _, v := range s.buf {
		b = s.encode(b[:0], v)
		if _, err := w.Write(b); err != nil {
			return spillError(err)
		}
	}
	clear(s.buf)
	s.buf, s.used = s.buf[:0], 0
	return spillError(w.Flush())
}

// each yields everything in order; of equal things the one that was added first
// comes first.
func (s *sorter[T]) each(yield func(T) error) error {
	slices.SortStableFunc(s.buf, s.order)
	var streams []stream[T]
	for _, f := range s.runs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return spillError(err)
		}
		r := bufio.NewReaderSize(f, 32<<10)
		streams = append(streams, func() (T, error) { return s.decode(r) })
	}
	at := 0
	streams = append(streams, func() (T, error) {
		if at >= len(s.buf) {
			var none T
			return none, io.EOF
		}
		at++
		return s.buf[at-1], nil
	})
	return mergeStreams(streams, s.order, yield)
}

// close removes what was written.
func (s *sorter[T]) close() {
	for _, f := range s.runs {
		_ = f.Close() // nothing that was written is needed any more
		_ = os.Remove(f.Name())
	}
	s.runs, s.buf = nil, nil
}

// A stream yields things in order, then io.EOF.
type stream[T any] func() (T, error)

// mergeStreams yields what all streams have in one order; of equal things that
// of the first stream comes first.
func mergeStreams[T any](streams []stream[T], order func(a, b T) int, yield func(T) error) error {
	h := &streamHeap[T]{order: order}
	for i, next := range streams {
		v, err := next()
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			return err
		}
		h.heads = append(h.heads, streamHead[T]{v, i, next})
	}
	heap.Init(h)
	for len(h.heads) > 0 {
		top := &h.heads[0]
		if err := yield(top.value); err != nil {
			return err
		}
		v, err := top.next()
		switch {
		case errors.Is(err, io.EOF):
			heap.Pop(h)
			continue
		case err != nil:
			return err
		}
		top.value = v
		heap.Fix(h, 0)
	}
	return nil
}

type streamHead[T any] struct {
	value T
	index int
	next  stream[T]
}

type streamHeap[T any] struct {
	heads []streamHead[T]
	order func(a, b T) int
}

func (h *streamHeap[T]) Len() int { return len(h.heads) }
func (h *streamHeap[T]) Less(i, j int) bool {
	if c := h.order(h.heads[i].value, h.heads[j].value); c != 0 {
		return c < 0
	}
	return h.heads[i].index < h.heads[j].index
}
func (h *streamHeap[T]) Swap(i, j int) { h.heads[i], h.heads[j] = h.heads[j], h.heads[i] }
func (h *streamHeap[T]) Push(x any)    { h.heads = append(h.heads, x.(streamHead[T])) }
func (h *streamHeap[T]) Pop() any {
	last := h.heads[len(h.heads)-1]
	h.heads = h.heads[:len(h.heads)-1]
	return last
}

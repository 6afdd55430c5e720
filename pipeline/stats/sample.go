package stats

import (
	"cmp"
	"container/heap"
	"slices"
)

// A Bottom is a uniform sample without replacement that merges exactly: of all
// things offered it keeps the k with the smallest hash of their id (bottom-k
// sampling, Cohen and Kaplan 2007). The sample of two parts together is the
// same whichever part was seen first. Up to k things it holds all of them.
type Bottom[T any] struct {
	k     int
	n     int64
	items bottomHeap[T]
}

// An Entry is one sampled thing.
type Entry[T any] struct {
	ID    uint64
	hash  uint64
	Value T
}

// NewBottom makes an empty sample of at most k things.
func NewBottom[T any](k int) *Bottom[T] { return &Bottom[T]{k: k} }

// Mix is the finaliser of splitmix64: a bijection that spreads its input.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Wants counts one thing and reports whether it would enter the sample now:
// only then need its value be made and given to Add.
func (b *Bottom[T]) Wants(id uint64) bool {
	b.n++
	return len(b.items) < b.k || Mix(id) < b.items[0].hash
}

// Add enters a thing for which Wants has just been true.
func (b *Bottom[T]) Add(id uint64, v T) {
	b.add(Entry[T]{ID: id, hash: Mix(id), Value: v})
}

func (b *Bottom[T]) add(e Entry[T]) {
	if len(b.items) < b.k {
		heap.Push(&b.items, e)
		return
	}
	if e.hash < b.items[0].hash {
		b.items[0] = e
		heap.Fix(&b.items, 0)
	}
}

// Merge adds all that o has seen.
func (b *Bottom[T]) Merge(o *Bottom[T]) {
	b.n += o.n
	for _, e := range o.items {
		b.add(e)
	}
}

// Seen is how many things were offered.
func (b *Bottom[T]) Seen() int64 { return b.n }

// Entries are the sampled things in order of id.
func (b *Bottom[T]) Entries() []Entry[T] {
	out := slices.Clone(b.items)
	slices.SortFunc(out, func(x, y Entry[T]) int { return cmp.Compare(x.ID, y.ID) })
	return out
}

type bottomHeap[T any] []Entry[T]

func (h bottomHeap[T]) Len() int           { return len(h) }
func (h bottomHeap[T]) Less(i, j int) bool { return h[i].hash > h[j].hash }
func (h bottomHeap[T]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *bottomHeap[T]) Push(x any)        { *h = append(*h, x.(Entry[T])) }
func (h *bottomHeap[T]) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

// BottomOf restores a sample from what Seen and Entries said of it.
func BottomOf[T any](k int, seen int64, entries []Entry[T]) *Bottom[T] {
	b := NewBottom[T](k)
	for _, e := range entries {
		e.hash = Mix(e.ID)
		b.add(e)
	}
	b.n = seen
	return b
}

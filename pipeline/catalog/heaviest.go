package catalog

import (
	"cmp"
	"container/heap"
	"slices"
)

// heaviest keeps the most numbers that weigh the most; of equal weight those that
// were offered first.
type heaviest struct {
	most int
	kept weighed
}

type weighed []struct {
	weight float64
	number int
}

func (h weighed) Len() int { return len(h) }
func (h weighed) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].weight, h[j].weight), cmp.Compare(h[j].number, h[i].number)) < 0
}
func (h weighed) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *weighed) Push(x any) {
	*h = append(*h, x.(struct {
		weight float64
		number int
	}))
}
func (h *weighed) Pop() any {
	x := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return x
}

func (h *heaviest) full() bool     { return len(h.kept) == h.most }
func (h *heaviest) least() float64 { return h.kept[0].weight }

func (h *heaviest) offer(weight float64, number int) {
	x := struct {
		weight float64
		number int
	}{weight, number}
	switch {
	case !h.full():
		heap.Push(&h.kept, x)
	case weight > h.kept[0].weight:
		h.kept[0] = x
		heap.Fix(&h.kept, 0)
	}
}

func (h *heaviest) numbers() []int {
	out := make([]int, len(h.kept))
	for i, x := range h.kept {
		out[i] = x.number
	}
	slices.Sort(out)
	return out
}

package learn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Boost holds the settings of gradient-boosted trees with logistic loss
// (Friedman 2001; second-order leaves as in Chen and Guestrin 2016).
type Boost struct {
	Trees     int
	Depth     int
	Rate      float64
	Rows      float64 // share of rows per tree
	Columns   float64 // share of columns per tree
	Lambda    float64 // ridge on leaves
	MinWeight float64 // least sum of second derivatives in a leaf
	Seed      uint64
}

// A node of a tree: a leaf where Feature is negative.
type node struct {
	Feature   int16   `json:"f"`
	Left      int16   `json:"l,omitempty"` // the right child follows the left
	Threshold float64 `json:"t,omitempty"`
	Value     float64 `json:"v,omitempty"`
}

// A tree is its nodes, the root first.
type tree []node

// Forest is a fitted model: the sum of its trees is a log odds.
type Forest struct {
	Base  float64 `json:"base"`
	Trees []tree  `json:"trees"`
}

const maxBins = 64

// fit grows a forest on rows x with labels y and weights w (nil: all 1).
func (b Boost) fit(x [][]float64, y []bool) *Forest {
	n, m := len(x), 0
	if n > 0 {
		m = len(x[0])
	}
	pos := 0
	for _, v := range y {
		if v {
			pos++
		}
	}
	f := &Forest{Base: math.Log((float64(pos) + 1) / (float64(n-pos) + 1))}
	if pos == 0 || pos == n {
		return f
	}
	edges := make([][]float64, m)
	binned := make([][]uint8, m) // column-major
	for c := range m {
		edges[c] = quantiles(x, c)
		binned[c] = make([]uint8, n)
		for i := range n {
			binned[c][i] = uint8(binOf(edges[c], x[i][c]))
		}
	}
	r := rand.New(rand.NewPCG(b.Seed, 0x9e3779b97f4a7c15))
	score := make([]float64, n)
	for i := range score {
		score[i] = f.Base
	}
	g, h := make([]float64, n), make([]float64, n)
	for range b.Trees {
		for i := range n {
			p := 1 / (1 + math.Exp(-score[i]))
			t := 0.0
			if y[i] {
				t = 1
			}
			g[i], h[i] = p-t, math.Max(p*(1-p), 1e-9)
		}
		var rows []int32
		for i := range n {
			if b.Rows >= 1 || r.Float64() < b.Rows {
				rows = append(rows, int32(i))
			}
		}
		var cols []int
		for c := range m {
			if b.Columns >= 1 || r.Float64() < b.Columns {
				cols = append(cols, c)
			}
		}
		t := tree{{}}
		b.grow(&t, 0, 0, rows, cols, binned, edges, g, h)
		f.Trees = append(f.Trees, t)
		for i := range n {
			score[i] += t.eval(x[i])
		}
	}
	return f
}

// grow fills the node at of t, and its subtree.
func (b Boost) grow(t *tree, at, depth int, rows []int32, cols []int, binned [][]uint8, edges [][]float64, g, h []float64) {
	var sg, sh float64
	for _, i := range rows {
		sg += g[i]
		sh += h[i]
	}
	(*t)[at] = node{Feature: -1, Value: -b.Rate * sg / (sh + b.Lambda)}
	if depth == b.Depth || sh < 2*b.MinWeight {
		return
	}
	bestGain, bestCol, bestBin := 1e-6, -1, 0
	parent := sg * sg / (sh + b.Lambda)
	for _, c := range cols {
		if len(edges[c]) == 0 {
			continue
		}
		var hist [maxBins][2]float64
		col := binned[c]
		for _, i := range rows {
			p := &hist[col[i]%maxBins]
			p[0] += g[i]
			p[1] += h[i]
		}
		var lg, lh float64
		for k := range len(edges[c]) {
			lg += hist[k][0]
			lh += hist[k][1]
			if lh < b.MinWeight || sh-lh < b.MinWeight {
				continue
			}
			gain := lg*lg/(lh+b.Lambda) + (sg-lg)*(sg-lg)/(sh-lh+b.Lambda) - parent
			if gain > bestGain {
				bestGain, bestCol, bestBin = gain, c, k
			}
		}
	}
	if bestCol < 0 {
		return
	}
	left, right := make([]int32, 0, len(rows)), make([]int32, 0, len(rows)/2)
	for _, i := range rows {
		if int(binned[bestCol][i]) <= bestBin {
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	l := len(*t)
	(*t)[at] = node{Feature: int16(bestCol), Left: int16(l), Threshold: edges[bestCol][bestBin]}
	*t = append(*t, node{}, node{})
	b.grow(t, l, depth+1, left, cols, binned, edges, g, h)
	b.grow(t, l+1, depth+1, right, cols, binned, edges, g, h)
}

// quantiles returns at most maxBins upper edges of bins of column c.
func quantiles(x [][]float64, c int) []float64 {
	v := make([]float64, len(x))
	for i := range x {
		v[i] = x[i][c]
	}
	slices.Sort(v)
	u := slices.Compact(slices.Clone(v))
	if len(u) < maxBins {
		if len(u) > 0 {
			u = u[:len(u)-1]
		}
		return u
	}
	var e []float64
	for k := 1; k < maxBins; k++ {
		e = append(e, v[k*len(v)/maxBins])
	}
	e = slices.Compact(e)
	if e[len(e)-1] == v[len(v)-1] {
		e = e[:len(e)-1]
	}
	return e
}

// binOf is the first bin whose upper edge is not below v.
func binOf(edges []float64, v float64) int {
	i, _ := slices.BinarySearch(edges, v)
	return i
}

func (t tree) eval(x []float64) float64 {
	n := &t[0]
	for n.Feature >= 0 {
		if x[n.Feature] <= n.Threshold {
			n = &t[n.Left]
		} else {
			n = &t[n.Left+1]
		}
	}
	return n.Value
}

// logit is the log odds of x.
func (f *Forest) logit(x []float64) float64 {
	s := f.Base
	for i := range f.Trees {
		s += f.Trees[i].eval(x)
	}
	return s
}

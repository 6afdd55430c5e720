package catalog

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A pair of positions in a slice of views, a < b.
type pair struct{ a, b int32 }

// maxBlock is how many items may share a key before the key stops saying
// anything; beyond it the vectors alone propose.
const maxBlock = 64

// propose returns the candidate pairs among views, sorted: the union of
//   - pairs that share a part number,
//   - pairs of one category that agree in every critical attribute that both
//     state, at least two of them, and
//   - the k nearest vectors of each item within its category (items of an
//     unknown category look among all, and all look among them).
//
// It is symmetric and does not depend on the order of views. Of more than
// maxTwins items that say exactly the same only the first looks for others;
// each of the rest is paired with that one alone, so that a catalog of many
// copies costs what its different texts cost. lead names the first of each.
func propose(ctx context.Context, views []*view, lead []int32, k int) ([]pair, error) {
	var all []uint64 // a pair is its two positions side by side
	most := 1 << 20
	put := func(a, b int32) {
		if a == b {
			return
		}
		all = append(all, uint64(min(a, b))<<32|uint64(uint32(max(a, b))))
		if len(all) == most { // drop the repeats before it grows further
			slices.Sort(all)
			all = slices.Compact(all)
			most = max(most, 2*len(all))
		}
	}
	first := make([]int32, 0, len(views))
	for i, l := range lead {
		if int(l) == i {
			first = append(first, l)
		} else {
			put(l, int32(i))
		}
	}
	sharedParts(views, first, put)
	sharedSketches(views, first, put)
	groups := byCategory(views, first)
	for _, group := range groups {
		if err := ctx.Err(); err != nil {
			return nil, canceled(err)
		}
		compatible(views, group, put)
	}
	if k > 0 {
		if err := neighbours(ctx, views, groups, k, put); err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	pairs := make([]pair, len(all))
	for i, p := range all {
		pairs[i] = pair{int32(p >> 32), int32(uint32(p))}
	}
	return pairs, nil
}

func canceled(err error) error {
	return pipeline.Errorf(pipeline.ErrorCode(err), "matching stopped: %w", err)
}

// byCategory groups positions of views, groups in order of category.
func byCategory(views []*view, of []int32) [][]int32 {
	at := map[string][]int32{}
	for _, i := range of {
		at[views[i].category] = append(at[views[i].category], i)
	}
	names := make([]string, 0, len(at))
	for n := range at {
		names = append(names, n)
	}
	slices.Sort(names)
	out := make([][]int32, len(names))
	for i, n := range names {
		out[i] = at[n]
	}
	return out
}

// sharedParts proposes pairs with a part number in common.
func sharedParts(views []*view, of []int32, put func(a, b int32)) {
	at := map[string][]int32{}
	for _, i := range of {
		for _, p := range views[i].parts {
			at[p] = append(at[p], i)
		}
	}
	for _, block := range at {
		if len(block) <= maxBlock {
			eachPair(block, put)
		}
	}
}

// sharedSketches proposes pairs of short texts, and of short with long ones,
// that have two words in common but for vowels: abbreviated by hand they share
// few 3-grams.
func sharedSketches(views []*view, of []int32, put func(a, b int32)) {
	at := map[string][]int32{}
	short := map[int32]bool{}
	for _, i := range of {
		v := views[i]
		words := v.plainWords()
		if len(words) > 5 || len(words) < 2 {
			continue
		}
		short[i] = v.thin()
		for n, w := range words {
			words[n] = sketch(w)
		}
		slices.Sort(words)
		words = slices.Compact(words)
		for n, a := range words {
			for _, b := range words[n+1:] {
				at[a+" "+b] = append(at[a+" "+b], i)
			}
		}
	}
	for _, block := range at {
		if len(block) > maxBlock {
			continue
		}
		eachPair(block, func(a, b int32) {
			if short[a] || short[b] {
				put(a, b)
			}
		})
	}
}

func eachPair(block []int32, put func(a, b int32)) {
	for i, a := range block {
		for _, b := range block[i+1:] {
			put(a, b)
		}
	}
}

// compatible proposes the pairs of a category that agree in all critical
// attributes that both state, at least two: a hash join between the groups of
// items that state the same attributes. Attributes with a tolerance are left
// to the comparison.
func compatible(views []*view, group []int32, put func(a, b int32)) {
	crit := views[group[0]].crit
	if crit == nil {
		return
	}
	var exact uint64
	for bit, j := range crit.critical {
		if crit.list[j].tolerance == 0 {
			exact |= 1 << bit
		}
	}
	for _, j := range crit.critical {
		joinKeys(views, group, j)
	}
	bySignature := map[uint64][]int32{}
	for _, i := range group {
		s := views[i].known & exact
		bySignature[s] = append(bySignature[s], i)
	}
	signatures := make([]uint64, 0, len(bySignature))
	for s := range bySignature {
		signatures = append(signatures, s)
	}
	slices.Sort(signatures)
	type slot struct{ signature, common uint64 }
	joined := map[slot]map[string][]int32{}
	keys := func(s, common uint64) map[string][]int32 {
		if m, ok := joined[slot{s, common}]; ok {
			return m
		}
		m := map[string][]int32{}
		for _, i := range bySignature[s] {
			k := projection(views[i], common)
			m[k] = append(m[k], i)
		}
		joined[slot{s, common}] = m
		return m
	}
	for x, s := range signatures {
		for _, t := range signatures[x:] {
			both := s & t
			if bits.OnesCount64(both) < min(2, len(crit.critical)) || both == 0 {
				continue
			}
			left := keys(s, both)
			if s == t {
				for _, block := range left {
					if len(block) <= maxBlock {
						eachPair(block, put)
					}
				}
				continue
			}
			right := keys(t, both)
			for k, l := range left {
				r := right[k]
				if len(l)*len(r) > maxBlock*maxBlock/2 {
					continue
				}
				for _, a := range l {
					for _, b := range r {
						put(a, b)
					}
				}
			}
		}
	}
}

// joinKeys sets the keys by which the values of criterion j are joined: their
// own, and for a number that was converted from another system of units that
// of the nearest number which was written as it stands.
func joinKeys(views []*view, group []int32, j int) {
	var plain []*value
	for _, i := range group {
		v := &views[i].vals[j]
		v.join = v.key
		if v.known && v.number && !v.converted {
			plain = append(plain, v)
		}
	}
	slices.SortFunc(plain, func(x, y *value) int { return cmp.Compare(x.num, y.num) })
	for _, i := range group {
		v := &views[i].vals[j]
		if !v.converted {
			continue
		}
		at, _ := slices.BinarySearchFunc(plain, v.num, func(x *value, n float64) int { return cmp.Compare(x.num, n) })
		best := math.Inf(1)
		for _, x := range plain[max(0, at-1):min(len(plain), at+1)] {
			if d := math.Abs(x.num - v.num); d < best && d <= nominal*math.Max(math.Abs(x.num), math.Abs(v.num)) {
				best, v.join = d, x.key
			}
		}
	}
}

// projection is the key of v over the critical attributes in mask.
func projection(v *view, mask uint64) string {
	var b strings.Builder
	for bit, j := range v.crit.critical {
		if mask&(1<<bit) != 0 {
			b.WriteString(v.vals[j].join)
			b.WriteByte(0)
		}
	}
	return b.String()
}

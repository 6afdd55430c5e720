package observe

import (
	"cmp"
	"slices"
)

// score is one number for an answer, for slices and examples.
func score(a Answer) float64 {
	s, n := a.Grounded+a.Confidence, 2.0
	if a.Agreement != nil {
		s += *a.Agreement
		n++
	}
	if !a.Abstained {
		s++
	}
	if len(a.Violations) > 0 {
		return 0
	}
	return s / (n + 1)
}

// leastSlice is how many answers a slice needs on each side.
const leastSlice = 8

// locate names the slice that moved most, and whether it is the only one.
func (r *Report) locate(was, is []Answer) {
	type key struct{ key, value string }
	group := func(as []Answer) map[key][]Answer {
		out := map[key][]Answer{}
		for _, a := range as {
			for _, k := range []key{{"category", a.Category}, {"model", a.Model}, {"feed", a.Feed}, {"plant", a.Plant}, {"language", a.Language}} {
				if k.value != "" {
					out[k] = append(out[k], a)
				}
			}
		}
		return out
	}
	before, now := group(was), group(is)
	var best Slice
	var bestKey key
	moved := 0.0
	for k, as := range now {
		bs := before[k]
		if len(as) < leastSlice || len(bs) < leastSlice && len(bs) > 0 {
			continue
		}
		s := Slice{Key: k.key, Value: k.value, N: len(as), Is: average(pick(as, scored))}
		s.Was = average(pick(was, scored)) // a slice that is new
		if len(bs) > 0 {
			s.Was = average(pick(bs, scored))
		}
		// The distance weighs by the root of the number: what many answers say
		// is no accident.
		d := (s.Was - s.Is) * (s.Was - s.Is) * float64(len(as))
		if d > moved || d == moved && s.String() < best.String() {
			moved, best, bestKey = d, s, k
		}
	}
	if moved == 0 {
		return
	}
	r.Moved = &best
	if k := bestKey; k.key == "category" || k.key == "model" {
		rest := func(as []Answer) []float64 {
			return pick(as, func(a Answer) (float64, bool) {
				in := a.Category == k.value
				if k.key == "model" {
					in = a.Model == k.value
				}
				return score(a), !in
			})
		}
		x, y := rest(was), rest(is)
		if len(x) >= leastSlice && len(y) >= leastSlice && abs(average(x)-average(y)) < abs(best.Was-best.Is)/5 {
			r.Only = k.key + ":" + k.value
		}
	}
	r.examples(before[bestKey], now[bestKey])
}

// examples are up to five items of before, the best first, and of now, the worst
// first.
func (r *Report) examples(was, is []Answer) {
	add := func(as []Answer, before bool) {
		as = slices.Clone(as)
		slices.SortStableFunc(as, func(a, b Answer) int {
			if before {
				return cmp.Or(cmp.Compare(score(b), score(a)), cmp.Compare(a.Item, b.Item))
			}
			return cmp.Or(cmp.Compare(score(a), score(b)), cmp.Compare(a.Item, b.Item))
		})
		for _, a := range as[:min(5, len(as))] {
			r.Examples = append(r.Examples, Example{Item: a.Item, Before: before, Score: score(a)})
		}
	}
	add(was, true)
	add(is, false)
}

// culprits makes the answers that break an invariant the examples of now, and
// keeps those of before.
func (r *Report) culprits(is []Answer) {
	r.Examples = slices.DeleteFunc(r.Examples, func(e Example) bool { return !e.Before })
	r.examples(nil, slices.DeleteFunc(slices.Clone(is), func(a Answer) bool { return len(a.Violations) == 0 }))
}

package evals

import (
	"cmp"
	"math"
	"slices"
)

// slicesOf are the parts of a suite and their scores, by key in the order of the
// suite and then by value.
func slicesOf(suite *Suite, results []Result) []Slice {
	out := []Slice{}
	for _, key := range suite.Slices {
		at := map[string]int{}
		var part []Slice
		for i := range results {
			v := results[i].Last.Slices[key]
			if v == "" || len(results[i].Scores) == 0 {
				continue
			}
			j, ok := at[v]
			if !ok {
				j = len(part)
				at[v] = j
				part = append(part, Slice{Key: key, Value: v})
			}
			part[j].Cases++
			part[j].Score += results[i].Mean()
		}
		for j := range part {
			part[j].Score /= float64(part[j].Cases)
		}
		slices.SortFunc(part, func(a, b Slice) int { return cmp.Compare(a.Value, b.Value) })
		out = append(out, part...)
	}
	return out
}

// Examples of a slice that moved.
const maxExamples = 5

// moved compares the slices with the baseline, names the one that lost most, and
// shows five of its cases before and after. A loss counts by the root of the
// slice's size: the mean of few cases moves by itself.
func (run *Run) moved(base, now []Result) {
	before := make(map[string]*Result, len(base))
	for i := range base {
		if len(base[i].Scores) > 0 {
			before[base[i].Case] = &base[i]
		}
	}
	type sum struct {
		n      int
		change float64
	}
	sums := map[[2]string]*sum{}
	for i := range now {
		b := before[now[i].Case]
		if b == nil || len(now[i].Scores) == 0 {
			continue
		}
		for key, value := range now[i].Last.Slices {
			s := sums[[2]string{key, value}]
			if s == nil {
				s = &sum{}
				sums[[2]string{key, value}] = s
			}
			s.n++
			s.change += now[i].Mean() - b.Mean()
		}
	}
	run.Moved, run.Examples = nil, nil
	worst := -1e-9
	for i := range run.Slices {
		sl := &run.Slices[i]
		s := sums[[2]string{sl.Key, sl.Value}]
		if s == nil {
			continue
		}
		change := s.change / float64(s.n)
		sl.Change = &change
		// A slice that is the whole suite says nothing of where it happened.
		if loss := change * math.Sqrt(float64(s.n)); loss < worst && s.n < len(now) {
			worst = loss
			moved := *sl
			run.Moved = &moved
		}
	}
	run.Examples = examples(before, now, run.Moved)
}

// examples are the cases of a slice (of all, where it is nil) that lost most.
func examples(before map[string]*Result, now []Result, in *Slice) []Example {
	var out []Example
	for i := range now {
		r := &now[i]
		b := before[r.Case]
		if b == nil || len(r.Scores) == 0 || in != nil && r.Last.Slices[in.Key] != in.Value || r.Mean() >= b.Mean()-1e-9 {
			continue
		}
		out = append(out, Example{Case: r.Case, Text: r.Last.Text, Before: b.Mean(), After: r.Mean(), Was: missTexts(b.Last.Misses), Is: missTexts(r.Last.Misses)})
	}
	slices.SortStableFunc(out, func(a, b Example) int {
		return cmp.Or(cmp.Compare(a.After-a.Before, b.After-b.Before), cmp.Compare(a.Case, b.Case))
	})
	return out[:min(len(out), maxExamples)]
}

func missTexts(ms []Miss) (out []string) {
	for _, m := range ms {
		out = append(out, m.String())
	}
	return out
}

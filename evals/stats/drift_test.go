package stats

import (
	"fmt"
	"testing"
)

// TestShifts: each test finds its own change, and none without one more often
// than its level says.
func TestShifts(t *testing.T) {
	rng := source(21, 1)
	labels := func(n int, p float64) (out []string) {
		for range n {
			l := fmt.Sprint("c", rng.IntN(9))
			if rng.Float64() < p {
				l = "flood"
			}
			out = append(out, l)
		}
		return out
	}
	values := func(n int, shift float64) (out []float64) {
		for range n {
			out = append(out, rng.NormFloat64()*0.1+0.8-shift)
		}
		return out
	}
	sets := func(n int, p float64) (out [][]string) {
		for range n {
			s := []string{"a"}
			for _, l := range []string{"b", "c", "d"} {
				if rng.Float64() < p {
					s = append(s, l)
				}
			}
			out = append(out, s)
		}
		return out
	}
	for name, test := range map[string]func(moved bool, seed uint64) Shift{
		"labels": func(moved bool, seed uint64) Shift {
			p := 0.1
			if moved {
				p = 0.5
			}
			return Labels(labels(50, 0.1), labels(100, p), seed)
		},
		"mean": func(moved bool, seed uint64) Shift {
			shift := 0.0
			if moved {
				shift = 0.2
			}
			return Mean(values(50, 0), values(100, shift), seed)
		},
		"values": func(moved bool, seed uint64) Shift {
			shift := 0.0
			if moved {
				shift = -0.2
			}
			return Values(values(50, 0), values(100, shift), seed)
		},
		"sets": func(moved bool, seed uint64) Shift {
			p := 0.8
			if moved {
				p = 0.4
			}
			return Sets(sets(50, 0.8), sets(100, p), seed)
		},
		"cusum": func(moved bool, seed uint64) Shift {
			all := values(50, 0)
			for i := range 200 {
				slope := 0.0
				if moved {
					slope = float64(i) / 200 * 0.2
				}
				all = append(all, values(1, slope)...)
			}
			return CumulativeSum(all, seed).Shift
		},
		"calibration": func(moved bool, seed uint64) Shift {
			var right []bool
			conf := values(80, 0)
			for _, c := range conf {
				if moved {
					c -= 0.3
				}
				right = append(right, rng.Float64() < c)
			}
			return Calibration(conf, right, seed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			const trials = 150
			false1, found := 0, 0
			for k := range trials {
				if test(false, uint64(k)).Chance <= 0.05 {
					false1++
				}
				if k < 20 && test(true, uint64(k)).Chance <= 0.01 {
					found++
				}
			}
			if false1 > 17 { // 7.5 are expected, 17 come once in a thousand
				t.Errorf("without a change: p ≤ 0.05 in %d of %d trials", false1, trials)
			}
			if found < 18 {
				t.Errorf("with a change: found in %d of 20 trials", found)
			}
		})
	}
}

func TestCumulativeSumFindsThePlace(t *testing.T) {
	values := make([]float64, 100)
	for i := range values {
		values[i] = 0.9
		if i >= 60 {
			values[i] = 0.7
		}
	}
	c := CumulativeSum(values, 1)
	if c.At != 60 || c.Effect < 0.19 || c.Chance > 0.01 {
		t.Errorf("%+v", c)
	}
	for i := range values {
		values[i] = 0.5
	}
	if c := CumulativeSum(values, 1); c.Effect != 0 || c.Chance < 0.9 {
		t.Errorf("of equal values %+v", c)
	}
}

func TestShiftsOfNothing(t *testing.T) {
	for _, s := range []Shift{Labels(nil, []string{"a"}, 1), Mean(nil, nil, 1), Values([]float64{1}, nil, 1), Sets(nil, nil, 1), CumulativeSum(nil, 1).Shift, Calibration(nil, nil, 1)} {
		if s.Effect != 0 || s.Chance != 1 {
			t.Errorf("%+v", s)
		}
	}
}

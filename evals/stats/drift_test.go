package stats

import (
	"fmt"
	"math"
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
			return CumulativeSum(all, nil, seed).Shift
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
	c := CumulativeSum(values, nil, 1)
	if c.At != 60 || c.Effect < 0.19 || c.Chance > 0.01 {
		t.Errorf("%+v", c)
	}
	for i := range values {
		values[i] = 0.5
	}
	if c := CumulativeSum(values, nil, 1); c.Effect != 0 || c.Chance < 0.9 {
		t.Errorf("of equal values %+v", c)
	}
}

func TestShiftsOfNothing(t *testing.T) {
	for _, s := range []Shift{Labels(nil, []string{"a"}, 1), Mean(nil, nil, 1), Values([]float64{1}, nil, 1), Sets(nil, nil, 1), CumulativeSum(nil, nil, 1).Shift, Calibration(nil, nil, 1)} {
		if s.Effect != 0 || s.Chance != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// TestStrata: other shares of the strata are no difference, a difference within
// them is, and its effect is that of the mean stratum.
func TestStrata(t *testing.T) {
	rng := source(22, 1)
	draw := func(n int, share, shift float64) (values []float64, strata []string) {
		for range n {
			s, v := "easy", 0.9
			if rng.Float64() < share {
				s, v = "hard", 0.4
			}
			values, strata = append(values, v-shift+0.05*rng.NormFloat64()), append(strata, s)
		}
		return values, strata
	}
	const rounds = 100
	within, pooled, found := 0, 0, 0
	var effect float64
	for k := range uint64(rounds) {
		was, a := draw(50, 0.2, 0)
		now, b := draw(100, 0.6, 0)
		s := Strata{a, b}
		if s.Values(was, now, k).Chance <= 0.02 || s.Mean(was, now, k).Chance <= 0.02 || CumulativeSum(append(was, now...), append(a, b...), k).Chance <= 0.02 {
			within++
		}
		if Mean(was, now, k).Chance <= 0.02 {
			pooled++
		}
		worse, b := draw(100, 0.6, 0.1)
		sh := Strata{a, b}.Mean(was, worse, k)
		if sh.Chance <= 0.02 {
			found++
		}
		effect += sh.Effect / rounds
	}
	if within > rounds*10/100 || pooled < rounds*95/100 || found < rounds*95/100 || effect < 0.09 || effect > 0.11 {
		t.Errorf("another mixture: %d of %d within strata, %d without; worse by 0.1: found %d, effect %.3f", within, rounds, pooled, found, effect)
	}
	s := Strata{Was: []string{"a", "a", "b"}, Now: []string{"a", "c", "b", "b"}}
	if was, now := s.Compared(); was != 3 || now != 3 {
		t.Errorf("compared %d and %d", was, now)
	}
	was, now := s.Weights()
	// a: 2·1/3 = 2/3, b: 1·2/3 = 2/3: each half.
	for i, w := range []float64{0.25, 0.25, 0.5} {
		if math.Abs(was[i]-w) > 1e-12 {
			t.Errorf("was %v", was)
		}
	}
	for i, w := range []float64{0.5, 0, 0.25, 0.25} {
		if math.Abs(now[i]-w) > 1e-12 {
			t.Errorf("now %v", now)
		}
	}
	if sh := (Strata{Was: []string{"a"}, Now: []string{"b"}}).Mean([]float64{1}, []float64{0}, 1); sh.Effect != 0 || sh.Chance != 1 {
		t.Errorf("nothing in common: %+v", sh)
	}
}

package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A live stream: most answers score 1, some are abstentions at a half, few are
// bad; lost is the loss of the mean.
func liveScore(rng *rand.Rand, lost float64) float64 {
	switch u := rng.Float64(); {
	case u < lost:
		return 0
	case u < lost+0.2:
		return 0.5
	case u < lost+0.25:
		return 0.8
	}
	return 1
}

// trials plays canaries that are looked at after every pair, and reports how many
// were rolled back and promoted at those levels, and after how many pairs.
func trials(n int, lost, tolerance float64, seed uint64) (back, promoted, pairs float64) {
	for k := range n {
		rng := source(seed, uint64(k))
		a := NewArms(tolerance)
		for i := range 3000 {
			a.Add(liveScore(rng, 0), liveScore(rng, lost))
			if a.Worse() <= 0.02 {
				back++
				pairs += float64(i + 1)
				break
			}
			if i >= 99 && a.Well() <= 0.01 {
				promoted++
				pairs += float64(i + 1)
				break
			}
		}
	}
	return back / float64(n), promoted / float64(n), pairs / max(1, float64(n)*(back+promoted)/float64(n))
}

// TestPeeking: looked at after each of up to 3,000 pairs, a canary without a loss
// is rolled back no more often than its level, one that loses just more than the
// tolerance promoted no more often than its own, and a real loss is found.
func TestPeeking(t *testing.T) {
	const n, tolerance = 1000, 0.05
	for _, c := range []struct {
		name                       string
		lost                       float64
		mostBack, mostUp, leastHit float64
		found                      func(back, up float64) float64
	}{
		{"no loss", 0, 0.02, 1, 0.99, func(_, up float64) float64 { return up }},
		{"at the tolerance", tolerance, 0.02, 0.01, 0, func(_, _ float64) float64 { return 0 }},
		{"loses ten points", 0.10, 1, 0.01, 0.99, func(back, _ float64) float64 { return back }},
		{"loses thirty points", 0.3, 1, 0.01, 1, func(back, _ float64) float64 { return back }},
	} {
		back, up, pairs := trials(n, c.lost, tolerance, 7)
		t.Logf("%-20s rolled back %.3f, promoted %.3f, after %.0f pairs on average", c.name, back, up, pairs)
		if back > c.mostBack || up > c.mostUp || c.found(back, up) < c.leastHit {
			t.Errorf("%s: rolled back %.3f (at most %g), promoted %.3f (at most %g)", c.name, back, c.mostBack, up, c.mostUp)
		}
	}
}

// TestMore: a new one that takes as long is not called slower more often than the
// level; one that takes three times as long is.
func TestMore(t *testing.T) {
	const n = 1000
	for _, c := range []struct {
		times       float64
		least, most float64
	}{{2, 0, 0.01}, {3, 0.99, 1}, {1, 0, 0.01}} {
		hits := 0.0
		for k := range n {
			rng := source(9, uint64(k))
			m := NewMore(2)
			for range 1000 {
				m.Add(math.Exp(rng.NormFloat64()/2), c.times*math.Exp(rng.NormFloat64()/2))
				if m.Chance() <= 0.01 {
					hits++
					break
				}
			}
		}
		if share := hits / n; share > c.most || share < c.least {
			t.Errorf("%g times as long: called slower in %.3f of trials", c.times, share)
		}
	}
}

func TestWagerOfNothing(t *testing.T) {
	w := Wager{Bound: 0.5}
	if w.Chance() != 1 || w.Mean() != 0 {
		t.Errorf("%g %g", w.Chance(), w.Mean())
	}
	m := NewMore(2)
	m.Add(0, 5)
	m.Add(5, 0)
	if m.Chance() != 1 {
		t.Error("what is not known said something")
	}
	for range 1000 { // extremes end in no infinity
		w.Add(1)
	}
	if c := w.Chance(); !(c >= 0 && c < 1e-9) || math.IsNaN(w.log) {
		t.Errorf("chance %g", c)
	}
	for range 100000 {
		w.Add(0)
	}
	if math.IsNaN(w.log) || math.IsInf(w.log, 1) {
		t.Errorf("log wealth %g", w.log)
	}
}

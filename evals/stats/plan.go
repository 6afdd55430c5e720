package stats

import "math"

// A Plan is what is known of a suite before a run: what its numbers let be
// found. All of it is in closed form, by the normal approximation; the
// simulation says how well that holds.
type Plan struct {
	// Items, or clusters where items are clustered.
	Items int
	// Noise is the variance of an item's score from run to run, the mean over
	// the items; 0 where the suite is deterministic.
	Noise float64
	// Runs of the baseline, default BaselineRuns.
	Runs int
	Rule Rule
}

// PlanOf reads the plan off a baseline.
func PlanOf(pairs []Pair, rule Rule) Plan {
	p := Plan{Items: len(clusters(pairs)), Rule: rule}
	for _, q := range pairs {
		p.Noise += variance(q.Base)
		p.Runs += len(q.Base)
	}
	if len(pairs) > 0 {
		p.Noise /= float64(len(pairs))
		p.Runs = max(1, p.Runs/len(pairs))
	}
	if rule.Deterministic {
		p.Noise = 0
	}
	return p
}

// Power is the probability that one night finds a true drop: that share of the
// items were right and are wrong from now on.
func (p Plan) Power(drop float64) float64 {
	if p.Items == 0 || drop <= p.Rule.Tolerance {
		return 0
	}
	r := p.Rule.defaults()
	n := float64(p.Items)
	runs := float64(p.Runs)
	if runs == 0 {
		runs = BaselineRuns
	}
	z := normalQuantile(1 - (1-r.Level)/2)
	// The interval sees the noise and that only some items broke.
	spread := math.Sqrt((p.Noise*(1+1/runs) + drop*(1-drop)) / n)
	bar := max(r.Tolerance, z*spread)
	if p.Noise == 0 {
		if drop > bar {
			return 1
		}
		return 0
	}
	one := normal((drop - bar) / math.Sqrt(p.Noise*(1+1/runs)/n))
	if r.Deterministic {
		return one
	}
	// Both runs together against thirty nights of noise.
	joint := math.Sqrt(p.Noise * (0.5 + 1/runs) / n)
	both := normal(drop/joint + normalQuantile(r.Error/Nights/2))
	return one * min(one, both)
}

// Power80 is the probability of finding that defines what is detectable.
const Power80 = 0.8

// Detectable is the smallest true drop that one night finds with probability
// 0.8, at most 1: the minimum detectable effect.
func (p Plan) Detectable() float64 {
	lo, hi := p.Rule.Tolerance, 1.0
	if p.Power(hi) < Power80 {
		return 1
	}
	for range 50 {
		if mid := (lo + hi) / 2; p.Power(mid) >= Power80 {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// Needed is how many items a suite of this noise has to have for one night to
// find such a drop with probability 0.8; 0 where no number is enough, because
// the drop is within the tolerance.
func (p Plan) Needed(drop float64) int {
	if drop <= p.Rule.Tolerance {
		return 0
	}
	enough := func(n int) bool {
		q := p
		q.Items = n
		return q.Power(drop) >= Power80
	}
	hi := 1
	for !enough(hi) {
		if hi > 1<<30 {
			return 0
		}
		hi *= 2
	}
	lo := hi / 2
	for lo+1 < hi {
		if mid := (lo + hi) / 2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

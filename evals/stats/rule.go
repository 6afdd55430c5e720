package stats

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Nights is the number of nightly runs that MonthlyError is spent over.
const Nights = 30

// MonthlyError is the default bound of the probability that thirty nights
// without any change trip once.
const MonthlyError = 0.01

// BaselineRuns is how often a suite is run to lock it, where its answers vary.
const BaselineRuns = 10

// A Rule says when a run has become worse than its baseline. The zero Rule has
// no tolerance and the defaults of everything else.
type Rule struct {
	// Tolerance is the drop of the mean score that is accepted, 0 to 1.
	Tolerance float64
	// Level of the interval, default 0.95.
	Level float64
	// Rounds of the bootstrap, default 2,000.
	Rounds int
	// Error is the probability of a false trip in thirty nights, default
	// MonthlyError.
	Error float64
	// Deterministic says that the same item is answered the same way each time:
	// then one run is a baseline, and any drop is beyond noise.
	Deterministic bool
	Seed          uint64
}

func (r Rule) defaults() Rule {
	r.Level = cmp.Or(r.Level, 0.95)
	r.Rounds = cmp.Or(r.Rounds, 2000)
	r.Error = cmp.Or(r.Error, MonthlyError)
	return r
}

// Compare is the paired comparison of a run by this rule.
func (r Rule) Compare(pairs []Pair) Difference {
	r = r.defaults()
	return Compare(pairs, r.Level, r.Rounds, r.Seed)
}

// Suspects reports whether a run asks for a second one: its interval lies below
// zero and the drop exceeds the tolerance. It is no trip yet.
func (r Rule) Suspects(d Difference) bool {
	return d.Items > 0 && d.Hi < 0 && -d.Mean > r.Tolerance+1e-12
}

// A Verdict is what two runs say.
type Verdict struct {
	Tripped bool       `json:"tripped"`
	First   Difference `json:"first"`
	Second  Difference `json:"second"`
	// Chance is the probability that both runs together are as low as they are
	// without any change, and Allowed what it may be at most for a trip.
	Chance  float64 `json:"chance"`
	Allowed float64 `json:"allowed"`
	// Reason says in a sentence why it tripped or not.
	Reason string `json:"reason"`
}

// Judge decides after the second run. Items that only one of the runs could
// score are left out of the joint test; each run's own interval keeps them.
//
// The joint test permutes within items: without a change the runs of an item,
// those of the baseline and the two new ones, are exchangeable, so each two of
// them are as likely to be the new ones. The share of draws in which the new
// runs come out as low as they did is an exact p-value for any distribution of
// scores (Pitman 1937; Phipson and Smyth 2010 for the added one). It may be at
// most Error/Nights. Where the runs of the baseline differ as wholes by more
// than the items explain (a model with good and bad days), the test is widened
// by that overdispersion.
func (r Rule) Judge(first, second []Pair) Verdict {
	return r.judge(r.Compare(first), first, second)
}

// judge is Judge after the comparison of the first run.
func (r Rule) judge(d Difference, first, second []Pair) Verdict {
	r = r.defaults()
	v := Verdict{First: d, Allowed: r.Error / Nights, Chance: 1}
	again := r
	again.Seed = r.Seed ^ 0x9e3779b97f4a7c15
	v.Second = again.Compare(second)
	switch {
	case !r.Suspects(v.First):
		v.Reason = r.why(v.First)
		return v
	case !r.Suspects(v.Second):
		v.Reason = "the second run did not confirm it: " + r.why(v.Second)
		return v
	}
	if r.Deterministic {
		v.Chance, v.Tripped = 0, true
	} else {
		v.Chance = chance(first, second, v.Allowed, r.Seed)
		v.Tripped = v.Chance <= v.Allowed
	}
	if v.Tripped {
		v.Reason = fmt.Sprintf("two runs lie %.1f and %.1f points below the baseline, and their intervals below zero",
			-100*v.First.Mean, -100*v.Second.Mean)
	} else {
		v.Reason = fmt.Sprintf("both runs are low, but %d nights without a change come as low too often (chance %.2g, at most %.2g)",
			Nights, v.Chance, v.Allowed)
	}
	return v
}

// why says which condition a run does not meet.
func (r Rule) why(d Difference) string {
	switch {
	case d.Items == 0:
		return "no item was scored in both runs"
	case d.Mean >= 0:
		return fmt.Sprintf("the score is %.1f points above the baseline", 100*d.Mean)
	case d.Hi >= 0:
		return fmt.Sprintf("the interval of the difference, %.1f to %+.1f points, holds zero", 100*d.Lo, 100*d.Hi)
	}
	return fmt.Sprintf("the drop of %.1f points is within the tolerance of %.1f", -100*d.Mean, 100*r.Tolerance)
}

// chance is the p-value of the within-item permutation test of two runs, the
// smaller of two statistics times two (Bonferroni): the sum of the changes,
// which a general decline moves most, and the sum of their signed squares, which
// items that broke as wholes move most. It stops early where the result can only
// lie above allowed; what it returns then is the share seen so far.
func chance(first, second []Pair, allowed float64, seed uint64) float64 {
	pools, seen := pooled(first, second)
	if len(pools) == 0 {
		return 1
	}
	// Overdispersion widens the test: the draws are compared with a drop that is
	// smaller by √phi.
	shrink := 1 / math.Sqrt(overdispersion(first))
	var centre outcome
	for _, p := range pools {
		centre.change += p.mean.change
		centre.broken += p.mean.broken
	}
	bar := outcome{
		centre.change - (centre.change-seen.change)*shrink + 1e-9,
		centre.broken - (centre.broken-seen.broken)*shrink + 1e-9,
	}
	// Five draws as low as the runs are expected at the level of each statistic.
	draws := int(math.Ceil(10 / allowed))
	stop := int(allowed / 2 * float64(draws+1))
	rng := rand.NewPCG(seed, 0x5eed)
	var change, broken int
	for i := range draws {
		var s outcome
		var u uint64
		for j, p := range pools {
			if j&1 == 0 {
				u = rng.Uint64()
			} else {
				u <<= 32
			}
			o := p.outcomes[(u>>32)*uint64(len(p.outcomes))>>32]
			s.change += o.change
			s.broken += o.broken
		}
		if s.change <= bar.change {
			change++
		}
		if s.broken <= bar.broken {
			broken++
		}
		if change > stop && broken > stop {
			draws = i + 1
			break
		}
	}
	return min(1, 2*float64(min(change, broken)+1)/float64(draws+1))
}

// An outcome is what a choice of the two new runs says of an item: the change
// of its mean, and the change times its size.
type outcome struct{ change, broken float64 }

// A pool is one item in the joint test: the outcome of each choice of two of its
// runs as the new ones.
type pool struct {
	outcomes []outcome
	mean     outcome
}

// pooled gathers the items that both runs scored and whose runs differ at all
// (the others are the same in each draw), and the outcome that was seen.
func pooled(first, second []Pair) (pools []pool, seen outcome) {
	other := make(map[string]float64, len(second))
	for _, p := range second {
		other[p.ID] = p.Now
	}
	known := map[string]int{} // items with the same scores share their outcomes
	for _, p := range first {
		now, ok := other[p.ID]
		if !ok || len(p.Base) == 0 {
			continue
		}
		all := append(slices.Clone(p.Base), p.Now, now)
		slices.Sort(all)
		if all[0] == all[len(all)-1] {
			continue
		}
		total := mean(all) * float64(len(all))
		of := func(a, b float64) outcome {
			d := (a+b)/2 - (total-a-b)/float64(len(all)-2)
			return outcome{d, d * math.Abs(d)}
		}
		o := of(p.Now, now)
		seen.change += o.change
		seen.broken += o.broken
		key := fmt.Sprint(all)
		if i, ok := known[key]; ok {
			pools = append(pools, pools[i])
			continue
		}
		known[key] = len(pools)
		var q pool
		for i, a := range all {
			for _, b := range all[i+1:] {
				o := of(a, b)
				q.outcomes = append(q.outcomes, o)
				q.mean.change += o.change
				q.mean.broken += o.broken
			}
		}
		q.mean.change /= float64(len(q.outcomes))
		q.mean.broken /= float64(len(q.outcomes))
		pools = append(pools, q)
	}
	return pools, seen
}

// overdispersion is how much more the means of the baseline's runs vary than
// the items on their own would have them vary: 1 unless a chi-square test at
// 1 % says otherwise.
func overdispersion(pairs []Pair) float64 {
	runs := math.MaxInt
	for _, p := range pairs {
		runs = min(runs, len(p.Base))
	}
	if runs < 3 || runs == math.MaxInt {
		return 1
	}
	var within float64
	totals := make([]float64, runs)
	for _, p := range pairs {
		within += variance(p.Base[:runs])
		for i, s := range p.Base[:runs] {
			totals[i] += s
		}
	}
	if within == 0 {
		return 1
	}
	phi := variance(totals) / within
	if phi*float64(runs-1) <= chiSquare99(runs-1) {
		return 1
	}
	return phi
}

// chiSquare99 is the 99 % point of the chi-square distribution with k degrees
// of freedom, by Wilson and Hilferty (1931), within half a percent.
func chiSquare99(k int) float64 {
	c := 2 / (9 * float64(k))
	x := 1 - c + normalQuantile(0.99)*math.Sqrt(c)
	return float64(k) * x * x * x
}

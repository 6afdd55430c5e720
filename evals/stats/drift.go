package stats

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// A Shift is how two groups of answers differ in one respect.
type Shift struct {
	// Effect is how large the difference is, 0 to 1: of a mean the difference, of
	// shares the largest of one label or half of the sum of all (total
	// variation), of values the distance of Kolmogorov and Smirnov.
	Effect float64 `json:"effect"`
	// Chance is the p-value of the permutation test: how often a random division
	// of both groups together differs as much. It is exact in level whatever is
	// divided, which raw thresholds on PSI or Jensen-Shannon are not.
	Chance float64 `json:"chance"`
}

// Rounds is how many divisions the tests draw.
const Rounds = 4000

// permute is the p-value of a statistic of the division of n things; stat sees
// the order, which is shuffled within blocks of places, all n where there are
// none. It stops early where the chance is far from small.
func permute(n int, blocks []block, stat func(order []int) float64, seed uint64) Shift {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	seen := stat(order)
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	hits := 0
	for r := range Rounds {
		for _, b := range blocks {
			b.shuffle(order, rng)
		}
		if stat(order) >= seen-1e-12 {
			if hits++; hits >= 100 {
				return Shift{seen, float64(hits+1) / float64(r+2)}
			}
		}
	}
	return Shift{seen, float64(hits+1) / float64(Rounds+1)}
}

// A block is the places of a stratum, those of the first group first.
type block struct {
	at    []int
	first int // how many of them; 0: the order of all matters
}

// shuffle draws who is in which group: the smaller one is enough.
func (b block) shuffle(order []int, rng *rand.Rand) {
	n := len(b.at)
	from, to := 0, n-1
	switch {
	case b.first == 0:
	case 2*b.first <= n:
		to = b.first
	default:
		from = b.first
	}
	if from > 0 {
		for i := n - 1; i >= from; i-- {
			j := rng.Uint32N(uint32(i + 1)) //nolint:gosec // a number of answers
			order[b.at[i]], order[b.at[j]] = order[b.at[j]], order[b.at[i]]
		}
		return
	}
	for i := range to {
		j := i + int(rng.Uint32N(uint32(n-i))) //nolint:gosec // a number of answers
		order[b.at[i]], order[b.at[j]] = order[b.at[j]], order[b.at[i]]
	}
}

// Mean tests whether the mean of now differs from that of was, downwards only:
// Effect is was minus now, negative where now is higher.
func Mean(was, now []float64, seed uint64) Shift { return Strata{}.Mean(was, now, seed) }

// Mean is Mean within strata.
func (s Strata) Mean(was, now []float64, seed uint64) Shift {
	d := s.divide(len(was), len(now))
	if d.none {
		return Shift{Chance: 1}
	}
	all := slices.Concat(was, now)
	return permute(len(all), d.blocks, func(order []int) float64 {
		var sum float64
		for at, i := range order {
			sum += d.weight[at] * all[i]
		}
		return sum
	}, seed)
}

// Values tests whether two samples come from one distribution, by the largest
// distance of their distribution functions.
func Values(was, now []float64, seed uint64) Shift { return Strata{}.Values(was, now, seed) }

// Values is Values within strata.
func (s Strata) Values(was, now []float64, seed uint64) Shift {
	d := s.divide(len(was), len(now))
	if d.none {
		return Shift{Chance: 1}
	}
	all := slices.Concat(was, now)
	// The things in order of their value, and where values end.
	byValue := make([]int, len(all))
	for i := range byValue {
		byValue[i] = i
	}
	slices.SortFunc(byValue, func(a, b int) int { return cmp.Compare(all[a], all[b]) })
	weight := make([]float64, len(all))
	return permute(len(all), d.blocks, func(order []int) float64 {
		for at, i := range order {
			weight[i] = d.weight[at]
		}
		var gap, worst float64
		for at, i := range byValue {
			gap += weight[i]
			if at+1 == len(byValue) || all[byValue[at+1]] != all[i] {
				worst = max(worst, math.Abs(gap))
			}
		}
		return worst
	}, seed)
}

// Labels tests whether one label each is distributed alike: total variation.
func Labels(was, now []string, seed uint64) Shift { return Strata{}.Labels(was, now, seed) }

// Labels is Labels within strata.
func (s Strata) Labels(was, now []string, seed uint64) Shift {
	return s.shares(one(was), one(now), func(sum, _ float64) float64 { return sum / 2 }, seed)
}

// Sets tests whether several labels each (the attributes of a record) occur
// alike: the largest difference of one label's share. What belongs to one answer
// stays together.
func Sets(was, now [][]string, seed uint64) Shift { return Strata{}.Sets(was, now, seed) }

// Sets is Sets within strata.
func (s Strata) Sets(was, now [][]string, seed uint64) Shift {
	return s.shares(was, now, func(_, largest float64) float64 { return largest }, seed)
}

func one(labels []string) [][]string {
	out := make([][]string, len(labels))
	for i := range labels {
		out[i] = labels[i : i+1]
	}
	return out
}

func (s Strata) shares(was, now [][]string, effect func(sum, largest float64) float64, seed uint64) Shift {
	d := s.divide(len(was), len(now))
	if d.none {
		return Shift{Chance: 1}
	}
	known := map[string]int{}
	all := make([][]int, 0, len(was)+len(now))
	for _, labels := range slices.Concat(was, now) {
		var ids []int
		for _, l := range labels {
			id, ok := known[l]
			if !ok {
				id = len(known)
				known[l] = id
			}
			ids = append(ids, id)
		}
		all = append(all, ids)
	}
	counts := make([]float64, len(known))
	return permute(len(all), d.blocks, func(order []int) float64 {
		clear(counts)
		for at, i := range order {
			for _, id := range all[i] {
				counts[id] += d.weight[at]
			}
		}
		var sum, largest float64
		for _, c := range counts {
			sum += math.Abs(c)
			largest = max(largest, math.Abs(c))
		}
		return effect(sum, largest)
	}, seed)
}

// A Cusum is what a cumulative sum says of values in the order of time.
type Cusum struct {
	// At is where the values became lower: the index of the first one after.
	At int `json:"at"`
	// Shift.Effect is the mean before minus the mean after.
	Shift
}

// CumulativeSum looks for the point from which values are lower: the sum of
// their distances from the overall mean peaks there (Page 1954; Taylor 2000).
// Its chance is how often the same values in a random order peak as high. It sees
// what moves too slowly for a window.
//
// strata, where it is not nil, gives the stratum of each value: the distances are
// those from the mean of its own, and the order is random within each.
func CumulativeSum(values []float64, strata []string, seed uint64) Cusum {
	if len(values) < 2 {
		return Cusum{Shift: Shift{Chance: 1}}
	}
	if strata == nil {
		strata = make([]string, len(values))
	}
	blocks := blocksOf(strata)
	off := slices.Clone(values)
	for _, b := range blocks {
		m := 0.0
		for _, i := range b.at {
			m += values[i]
		}
		m /= float64(len(b.at))
		for _, i := range b.at {
			off[i] -= m
		}
	}
	at := 0
	peak := func(order []int, keep bool) float64 {
		var s, top float64
		for i, j := range order[:len(order)-1] {
			s += off[j]
			if s > top+1e-12 {
				top = s
				if keep {
					at = i + 1
				}
			}
		}
		return top
	}
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	peak(order, true)
	c := Cusum{At: at, Shift: permute(len(values), blocks, func(order []int) float64 { return peak(order, false) }, seed)}
	was, now := Strata{strata[:at], strata[at:]}.Weights()
	c.Effect = 0
	for i, w := range was {
		c.Effect += w * values[i]
	}
	for i, w := range now {
		c.Effect -= w * values[at+i]
	}
	return c
}

// Calibration tests whether answers are right as often as they are confident to
// be: Effect is the mean confidence minus the share that was right, positive for
// overconfidence; Chance how often draws at those confidences are as far off.
func Calibration(confidence []float64, right []bool, seed uint64) Shift {
	if len(confidence) == 0 || len(confidence) != len(right) {
		return Shift{Chance: 1}
	}
	var sum, hits float64
	for i, c := range confidence {
		sum += c
		if right[i] {
			hits++
		}
	}
	n := float64(len(confidence))
	seen := math.Abs(sum - hits)
	rng := rand.New(rand.NewPCG(seed, uint64(len(confidence))))
	as := 0
	for range Rounds {
		var k float64
		for _, c := range confidence {
			if rng.Float64() < c {
				k++
			}
		}
		if math.Abs(sum-k) >= seen-1e-9 {
			as++
		}
	}
	return Shift{(sum - hits) / n, float64(as+1) / float64(Rounds+1)}
}

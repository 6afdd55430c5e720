package stats

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
)

// A Noise says how reliably the items of a suite are answered: for n items the
// probability of a right answer of each, the reliable ones first.
type Noise struct {
	Name  string
	Draw  func(n int, rng *rand.Rand) []float64
	Solid float64 // share of items that are (nearly) always right, the first ones
}

// NoiseModels are the three that every rule is measured under. They are fixed.
func NoiseModels() []Noise {
	parts := func(shares, ps []float64) func(int, *rand.Rand) []float64 {
		return func(n int, rng *rand.Rand) []float64 {
			out := make([]float64, n)
			at, upto := 0, 0.0
			for i, share := range shares {
				upto += share
				for end := int(upto*float64(n) + 0.5); at < end && at < n; at++ {
					out[at] = ps[i]
					if ps[i] < 0 {
						out[at] = rng.Float64()
					}
				}
			}
			return out
		}
	}
	return []Noise{
		{"90 % always right, 10 % never", parts([]float64{0.9, 0.1}, []float64{1, 0}), 0.9},
		{"85/10/5 % at p = .99/.01/.5", parts([]float64{0.85, 0.10, 0.05}, []float64{0.99, 0.01, 0.5}), 0.85},
		{"80 % at p = .98, 20 % uniform", parts([]float64{0.8, 0.2}, []float64{0.98, -1}), 0.8},
	}
}

// A Simulation plays months of nightly runs of a suite: in each month a suite is
// drawn and locked, and then run every night, with a confirming run whenever the
// rule suspects a night. A month ends with its first trip.
type Simulation struct {
	Noise  Noise
	Items  int
	Months int
	// Drop is the share of items that were right and are never right any more,
	// from the first night; 0 for no change.
	Drop float64
	Rule Rule
	Seed uint64
}

// Months is what a simulation found.
type Months struct {
	Months  int
	Tripped int
	// Nights is the mean number of nights up to and with the trip of the months
	// that tripped, and Runs the same with the confirming runs counted.
	Nights float64
	Runs   float64
	// Suspected is the share of nights that asked for a second run.
	Suspected float64
}

// Share is the share of months that tripped.
func (m Months) Share() float64 { return float64(m.Tripped) / float64(m.Months) }

// Play runs the months, on all cores; the result does not depend on their
// number.
func (s Simulation) Play() Months {
	type month struct{ tripped, nights, runs, played, suspected int }
	out := make([]month, s.Months)
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for m := range next {
				tripped, nights, suspected := s.month(uint64(m))
				out[m] = month{tripped: tripped, played: nights, suspected: suspected}
				if tripped == 1 {
					out[m].nights, out[m].runs = nights, nights+suspected
				}
			}
		})
	}
	for m := range s.Months {
		next <- m
	}
	close(next)
	wg.Wait()
	res := Months{Months: s.Months}
	var nights, runs, played, suspected int
	for _, m := range out {
		res.Tripped += m.tripped
		nights += m.nights
		runs += m.runs
		played += m.played
		suspected += m.suspected
	}
	if res.Tripped > 0 {
		res.Nights = float64(nights) / float64(res.Tripped)
		res.Runs = float64(runs) / float64(res.Tripped)
	}
	res.Suspected = float64(suspected) / float64(played)
	return res
}

// month plays one: whether it tripped (0 or 1), the nights it took, and how many
// of them were suspected.
func (s Simulation) month(m uint64) (tripped, nights, suspected int) {
	rng := rand.New(rand.NewPCG(s.Seed, m))
	ps := s.Noise.Draw(s.Items, rng)
	pairs := make([]Pair, s.Items)
	for i, p := range ps {
		pairs[i] = Pair{ID: strconv.Itoa(i), Base: make([]float64, BaselineRuns)}
		for j := range pairs[i].Base {
			pairs[i].Base[j] = coin(rng, p)
		}
	}
	for i := range int(s.Drop*float64(s.Items) + 0.5) {
		ps[i] = 0 // the first ones are the reliable ones
	}
	run := func() []Pair {
		out := make([]Pair, len(pairs))
		copy(out, pairs)
		for i, p := range ps {
			out[i].Now = coin(rng, p)
		}
		return out
	}
	for night := range Nights {
		rule := s.Rule
		rule.Seed = m<<8 | uint64(night)
		first := run()
		if !rule.may(first) {
			continue
		}
		d := rule.Compare(first)
		if !rule.Suspects(d) {
			continue
		}
		suspected++
		if rule.judge(d, first, run()).Tripped {
			return 1, night + 1, suspected
		}
	}
	return 0, Nights, suspected
}

// may leaves out the nights whose drop is within the tolerance, which no
// interval can make suspect: it saves their bootstrap.
func (r Rule) may(pairs []Pair) bool {
	var s float64
	for _, p := range pairs {
		s += p.Change()
	}
	return -s/float64(len(pairs)) > r.Tolerance+1e-12
}

func coin(rng *rand.Rand, p float64) float64 {
	if rng.Float64() < p {
		return 1
	}
	return 0
}

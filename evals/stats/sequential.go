package stats

import "math"

// A Wager tests whether the mean of a bounded stream exceeds a bound, and may be
// looked at after every value: it bets on it with a wealth of 1 and, without that
// being so, is worth more than 1/a at any time with probability a at most (Ville
// 1939). How much is bet depends on the values before alone (Waudby-Smith and
// Ramdas 2023, section 4). Values need the same conditional mean bound, not the
// same distribution.
type Wager struct {
	// Bound is the mean that is not exceeded without a change; values and bound
	// lie in 0..1.
	Bound float64

	log      float64 // of the wealth
	best     float64
	n        float64
	sum, two float64
}

// Bets never risk more than this share of what a value of 0 could cost.
const boldest = 0.75

// Add takes the next value.
func (w *Wager) Add(x float64) {
	// What is known before x: a mean and a variance that begin as those of a
	// stream at the bound.
	mean := (w.Bound + w.sum) / (w.n + 1)
	spread := (0.25 + w.two) / (w.n + 1)
	edge := mean - w.Bound
	bet := 0.0
	if edge > 0 {
		bet = min(edge/(spread+edge*edge), boldest/max(w.Bound, 1e-9))
	}
	w.log += math.Log1p(bet * (x - w.Bound))
	w.best = max(w.best, w.log)
	w.n++
	w.sum += x
	w.two += (x - mean) * (x - mean)
}

// Chance is an upper bound of the probability that the wager ever went as well
// as it did by now without a change.
func (w *Wager) Chance() float64 { return math.Exp(-w.best) }

// Mean of the values so far.
func (w *Wager) Mean() float64 {
	if w.n == 0 {
		return 0
	}
	return w.sum / w.n
}

// An Arms compares a new way with the present one on a stream of pairs, one
// answer of each: scores in 0..1, more is better. It may be looked at after every
// pair, and stopped at any.
type Arms struct {
	// Tolerance is the loss of the mean score that is accepted.
	Tolerance float64

	worse, well Wager
	pairs       int
	sum         float64
}

// NewArms compares with a tolerance.
func NewArms(tolerance float64) *Arms {
	return &Arms{Tolerance: tolerance, worse: Wager{Bound: (1 + tolerance) / 2}, well: Wager{Bound: (1 - tolerance) / 2}}
}

// Add takes a pair.
func (a *Arms) Add(present, fresh float64) {
	d := fresh - present
	a.worse.Add((1 - d) / 2)
	a.well.Add((1 + d) / 2)
	a.pairs++
	a.sum += d
}

// Pairs so far, and the mean difference of their scores.
func (a *Arms) Pairs() (n int, mean float64) {
	return a.pairs, a.sum / float64(max(a.pairs, 1))
}

// Worse is the chance of what was seen where the new one loses no more than the
// tolerance; Well where it loses more.
func (a *Arms) Worse() float64 { return a.worse.Chance() }

// Well is the chance of what was seen where the new one loses more than the
// tolerance.
func (a *Arms) Well() float64 { return a.well.Chance() }

// More is a Wager on whether a new one takes more than factor times what the
// present one does, of time or money: on the share of pairs in which it does,
// which is a half at most where it does not.
type More struct {
	Factor float64
	w      Wager
}

// NewMore compares with a factor.
func NewMore(factor float64) *More { return &More{Factor: factor, w: Wager{Bound: 0.5}} }

// Add takes a pair; where either is not known it says nothing.
func (m *More) Add(present, fresh float64) {
	if present <= 0 || fresh <= 0 {
		return
	}
	x := 0.0
	switch limit := m.Factor * present; {
	case fresh > limit:
		x = 1
	case fresh == limit:
		x = 0.5
	}
	m.w.Add(x)
}

// Chance of what was seen where it does not.
func (m *More) Chance() float64 { return m.w.Chance() }

package breaker

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// An Outcome is what a policy makes of one sample of a history.
type Outcome struct {
	Sample Sample `json:"sample"`
	// Admission is what would have happened to the batch; a batch that was
	// held on its own merits stays held.
	Admission   Admission    `json:"admission"`
	Transitions []Transition `json:"transitions,omitempty"`
	State       State        `json:"state"`
}

// A Summary counts the outcomes of a simulation.
type Summary struct {
	Batches   int `json:"batches"`
	Published int `json:"published"`
	Flagged   int `json:"flagged"`
	// Held by the breaker; HeldAnyway on their own merits.
	Held       int `json:"held"`
	HeldAnyway int `json:"held_anyway"`
	Trips      int `json:"trips"`
	// Open is the time from each opening to the next half-open or closed
	// position, up to the last sample.
	Open time.Duration `json:"open"`
}

// Simulate shows what the policy would have done with a history, in order.
func (p Policy) Simulate(key Key, history []Sample) ([]Outcome, Summary) {
	s := State{Key: key}
	var sum Summary
	outcomes := make([]Outcome, 0, len(history))
	var opened time.Time
	for _, in := range history {
		next, ts := p.Step(s, in)
		o := Outcome{Sample: in, Transitions: ts, State: next, Admission: p.Allow(next)}
		for _, t := range ts {
			if t.From == Open && !opened.IsZero() {
				sum.Open += t.At.Sub(opened)
			}
			if t.To == Open {
				sum.Trips++
				opened = t.At
			}
		}
		if !in.Watch && in.Command == "" {
			sum.Batches++
			switch {
			case !in.Published:
				o.Admission = Hold
				sum.HeldAnyway++
			case o.Admission == Hold:
				sum.Held++
			case o.Admission == Flag:
				sum.Flagged++
				sum.Published++
			default:
				sum.Published++
			}
		}
		outcomes = append(outcomes, o)
		s = next
	}
	if n := len(history); n > 0 && s.Position == Open && history[n-1].At.After(opened) {
		sum.Open += history[n-1].At.Sub(opened)
	}
	return outcomes, sum
}

// MinHistory is the number of good batches that Suggest wants to see before it
// departs from the defaults.
const MinHistory = 10

// Suggest proposes a policy from the good batches of a history (published,
// without a violation), and says why, a sentence per setting. It starts from
// base and changes the limits of the shares that base watches, the rows and
// the window that they need, and the limit of the feed's age.
//
// A limit is the larger of one and a half times the 99th percentile and the
// median plus five scaled median absolute deviations (the robust counterpart of
// five sigma), never below three rows of a batch of median size, rounded up to
// two digits: a limit that the good past would have kept with room to spare.
func Suggest(base Policy, history []Sample) (Policy, []string) {
	var good []Sample
	for _, s := range history {
		if s.Published && !s.Watch && s.Command == "" && len(s.Violations) == 0 && s.Rows > 0 {
			good = append(good, s)
		}
	}
	if len(good) < MinHistory {
		return base, []string{fmt.Sprintf("%s in the history, %d are needed: the limits stay as they are; mode observe collects them without holding any", batches(len(good)), MinHistory)}
	}
	p := base
	var why []string
	rows := make([]float64, len(good))
	for i, s := range good {
		rows[i] = float64(s.Rows)
	}
	typical := quantile(rows, 0.5)
	smallest := math.Inf(1)
	for _, t := range base.Thresholds {
		if t.Latest || t.Floor {
			continue
		}
		var xs []float64
		for _, s := range good {
			if v, ok := s.Metrics[t.Metric]; ok && !math.IsNaN(v) {
				xs = append(xs, v)
			}
		}
		if len(xs) < MinHistory {
			why = append(why, fmt.Sprintf("%s stays at %s: %s have it", t.Metric, percent(t.Limit, 2), batches(len(xs))))
			smallest = min(smallest, t.Limit)
			continue
		}
		median, high := quantile(xs, 0.5), quantile(xs, 0.99)
		deviations := make([]float64, len(xs))
		for i, x := range xs {
			deviations[i] = math.Abs(x - median)
		}
		// 1.4826 makes the median absolute deviation of a normal distribution
		// its standard deviation.
		robust := median + 5*1.4826*quantile(deviations, 0.5)
		limit := min(roundUp(max(1.5*high, robust, 3/typical)), 1)
		p = p.Limit(t.Metric, limit)
		smallest = min(smallest, limit)
		why = append(why, fmt.Sprintf("%s at most %s: over %s the median is %s, the 99th percentile %s",
			t.Metric, percent(limit, 4), batches(len(xs)), percent(median, 4), percent(high, 4)))
	}
	if !math.IsInf(smallest, 1) {
		p.MinRows = int64(math.Ceil(1/smallest - 1e-9))
		p.Window = int(min(max(1, math.Ceil(float64(p.MinRows)/typical)), MaxWindow))
		why = append(why, fmt.Sprintf("at least %s rows, where one row is as much as the smallest limit, in a window of %s of %s rows each",
			thousands(p.MinRows), batches(p.Window), thousands(int64(typical))))
	}
	var gaps []float64
	for i := 1; i < len(good); i++ {
		if d := good[i].At.Sub(good[i-1].At); d > 0 {
			gaps = append(gaps, d.Seconds())
		}
	}
	if len(gaps) >= MinHistory {
		usual := quantile(gaps, 0.95)
		p = p.MaxAge(time.Duration(2 * usual * float64(time.Second)).Round(time.Second))
		why = append(why, fmt.Sprintf("data at most %s old: twice the 95th percentile of the time between batches, %s", age(2*usual), age(usual)))
	}
	return p, why
}

// quantile by the nearest rank; xs stays as it is.
func quantile(xs []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// roundUp rounds up to two significant digits.
func roundUp(x float64) float64 {
	if x <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	n := math.Ceil(x/unit - 1e-9)
	if unit < 1 {
		return n / math.Round(1/unit) // a decimal, not its neighbour
	}
	return n * unit
}

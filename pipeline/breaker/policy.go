package breaker

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A Mode says whether an open breaker stops anything.
type Mode string

const (
	// Enforce: an open breaker holds batches or degrades them.
	Enforce Mode = "enforce"
	// Observe: the breaker moves and tells, and nothing is held. A new breaker
	// can start so.
	Observe Mode = "observe"
)

// Metrics that the gate gives and the defaults watch. All are shares, 0 to 1.
const (
	// NullRate is the highest share of nulls of any required field.
	NullRate = "null_rate"
	// RejectRate is the share of rejected rows.
	RejectRate = "reject_rate"
)

// A Threshold bounds one metric over the window.
type Threshold struct {
	Metric string `json:"metric"`
	// Max trips the breaker when the metric lies above it.
	Max float64 `json:"max"`
	// Clear is where the metric has to be, at most, for a half-open breaker to
	// count a batch as good: below Max, so that a feed at the edge does not
	// flap.
	Clear float64 `json:"clear"`
}

// A Policy says when a breaker trips and how it comes back.
type Policy struct {
	Mode Mode `json:"mode"`
	// Window is how many batches a metric is taken over, weighted by rows;
	// Span, where not 0, leaves out those that are older.
	Window int           `json:"window"`
	Span   time.Duration `json:"span,omitempty"`
	// MinRows is the fewest rows in the window that a metric is judged on:
	// one bad row of three is no rate.
	MinRows    int64       `json:"min_rows"`
	Thresholds []Threshold `json:"thresholds"`
	// Cooldown is how long an open breaker stays open; each opening in a row
	// doubles it, up to MaxCooldown.
	Cooldown    time.Duration `json:"cooldown"`
	MaxCooldown time.Duration `json:"max_cooldown"`
	// Probes is how many whole batches must be published in half-open before
	// the breaker closes.
	Probes   int      `json:"probes"`
	Fallback Fallback `json:"fallback"`
}

// Default is the policy of a contract that states none: more than 5 % nulls in
// a required field, or more than 5 % rejected rows, in one batch of at least 20
// rows opens the breaker for an hour (at most a day), readers keep the last
// good data, and two good batches close it. A violation opens it at once.
func Default() Policy {
	return Policy{
		Mode:    Enforce,
		Window:  1,
		MinRows: 20,
		Thresholds: []Threshold{
			{Metric: NullRate, Max: 0.05, Clear: 0.04},
			{Metric: RejectRate, Max: 0.05, Clear: 0.04},
		},
		Cooldown:    time.Hour,
		MaxCooldown: 24 * time.Hour,
		Probes:      2,
		Fallback:    LastGood,
	}
}

// Limit sets the threshold of a metric, with the default hysteresis of a fifth.
func (p Policy) Limit(metric string, limit float64) Policy {
	t := Threshold{Metric: metric, Max: limit, Clear: limit * 0.8}
	ts := make([]Threshold, 0, len(p.Thresholds)+1)
	found := false
	for _, o := range p.Thresholds {
		if o.Metric == metric {
			o, found = t, true
		}
		ts = append(ts, o)
	}
	if !found {
		ts = append(ts, t)
	}
	p.Thresholds = ts
	return p
}

// Observing reports whether the breaker only watches.
func (p Policy) Observing() bool { return p.Mode == Observe }

// Stops reports whether a breaker in state s keeps batches from being
// published: it is open, enforced, and its fallback is not to degrade.
func (p Policy) Stops(s State) bool {
	return s.Position == Open && !p.Observing() && p.fallback(s) != Degraded
}

// Degrades reports whether a breaker in state s has batches published with a
// warning.
func (p Policy) Degrades(s State) bool {
	return s.Position == Open && !p.Observing() && p.fallback(s) == Degraded
}

func (p Policy) fallback(s State) Fallback {
	if s.Fallback != "" {
		return s.Fallback
	}
	return p.Fallback
}

// cooldown after the given number of openings in a row, from 1.
func (p Policy) cooldown(trips int) time.Duration {
	d := p.Cooldown
	for range min(trips-1, 30) {
		d *= 2
		if p.MaxCooldown > 0 && d >= p.MaxCooldown {
			return p.MaxCooldown
		}
	}
	return d
}

// excess returns why the window is over a limit, and the numbers, or "".
func (p Policy) excess(window []Sample, limit func(Threshold) float64) (string, map[string]float64) {
	var causes []string
	evidence := map[string]float64{}
	for _, t := range p.Thresholds {
		value, rows, batches := windowed(window, t.Metric)
		// NaN is over every limit: what cannot be judged is not fine.
		if batches == 0 || rows < p.MinRows || value <= limit(t) {
			continue
		}
		causes = append(causes, fmt.Sprintf("%s %s over %s (%d rows) is above %s",
			t.Metric, percent(value), batchCount(batches), rows, percent(limit(t))))
		evidence[t.Metric] = value
		evidence[t.Metric+".max"] = limit(t)
		evidence["rows"] = float64(rows)
	}
	return strings.Join(causes, "; "), evidence
}

// windowed is the mean of a metric over the samples that have it, weighted by
// rows.
func windowed(window []Sample, metric string) (value float64, rows int64, batches int) {
	var sum float64
	for _, s := range window {
		v, ok := s.Metrics[metric]
		if !ok || s.Rows <= 0 {
			continue
		}
		sum += v * float64(s.Rows)
		rows += s.Rows
		batches++
	}
	if rows == 0 {
		return 0, 0, 0
	}
	return sum / float64(rows), rows, batches
}

func batchCount(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("the last %d batches", n)
}

// percent writes a share as people read it: 5%, 12.3%.
func percent(v float64) string {
	if math.IsNaN(v) {
		return "NaN"
	}
	s := fmt.Sprintf("%.2f", v*100)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	return s + "%"
}

package breaker

import (
	"math"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
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

// Metrics that have a meaning of their own here. A threshold may be set on any
// other too.
const (
	// NullRate is the highest share of nulls of any required field, 0 to 1;
	// "null_rate.FIELD" is that of one field.
	NullRate = "null_rate"
	// RejectRate is the share of rejected rows, 0 to 1.
	RejectRate = "reject_rate"
	// Freshness is the age of the feed's newest batch in seconds.
	Freshness = "freshness"
	// Score is what an evaluation gave, 0 to 1; higher is better.
	Score = "score"
)

// A Threshold bounds one metric.
type Threshold struct {
	Metric string `json:"metric"`
	// Limit trips the breaker when the metric lies above it; with Floor, when
	// it lies below.
	Limit float64 `json:"limit"`
	Floor bool    `json:"floor,omitempty"`
	// Clear is where the metric has to be, at most (with Floor: at least), for
	// a half-open breaker to count a batch as good.
	Clear float64 `json:"clear"`
	// Latest judges the newest value alone, and needs no rows: for an age or a
	// score, which is no share of rows.
	Latest bool `json:"latest,omitempty"`
}

// beyond reports whether v lies on the wrong side of limit. NaN is beyond
// every limit: what could not be computed is not fine. A mean of values that
// lie on the limit is on it too, whatever its last bits say.
func (t Threshold) beyond(v, limit float64) bool {
	slack := math.Abs(limit) * 1e-12
	if t.Floor {
		return math.IsNaN(v) || v < limit-slack
	}
	return math.IsNaN(v) || v > limit+slack
}

// A Policy says when a breaker trips and how it comes back. Methods return
// changed copies.
type Policy struct {
	Mode Mode `json:"mode"`
	// Window is how many batches a metric is taken over, weighted by rows, at
	// most MaxWindow; Span, where not 0, leaves out those that are older.
	Window int           `json:"window"`
	Span   time.Duration `json:"span,omitempty"`
	// MinRows is the fewest rows in the window that a share is judged on: one
	// bad row of three is no rate.
	MinRows    int64       `json:"min_rows"`
	Thresholds []Threshold `json:"thresholds"`
	// Cooldown is how long an open breaker stays open; each opening in a row
	// doubles it, up to MaxCooldown (0: a year).
	Cooldown    time.Duration `json:"cooldown"`
	MaxCooldown time.Duration `json:"max_cooldown,omitempty"`
	// Probes is how many whole batches must be published in half-open before
	// the breaker closes.
	Probes   int      `json:"probes"`
	Fallback Fallback `json:"fallback"`
}

// MaxWindow bounds the samples that a state holds.
const MaxWindow = 1000

// hysteresis is the part of a limit that a probe has to keep as a distance.
const hysteresis = 0.2

// Default is the policy of a contract that states none: more than 5 % nulls in
// a required field, or more than 5 % rejected rows, in one batch of at least 20
// rows opens the breaker for an hour (at most a day), readers keep the last
// good data, and two good batches close it. A violation opens it at once.
// Freshness is judged where Fresh sets a frequency.
func Default() Policy {
	p := Policy{
		Mode:        Enforce,
		Window:      1,
		MinRows:     20, // where one row is as much as the limit of 5 %
		Cooldown:    time.Hour,
		MaxCooldown: 24 * time.Hour,
		Probes:      2,
		Fallback:    LastGood,
	}
	return p.Limit(NullRate, 0.05).Limit(RejectRate, 0.05)
}

// Limit sets the most that a metric over the window may be; a probe is good up
// to four fifths of it.
func (p Policy) Limit(metric string, limit float64) Policy {
	return p.Set(Threshold{Metric: metric, Limit: limit, Clear: limit * (1 - hysteresis)})
}

// AtLeast sets the least that the newest value of a metric may be, as for the
// score of an evaluation.
func (p Policy) AtLeast(metric string, limit float64) Policy {
	return p.Set(Threshold{Metric: metric, Limit: limit, Clear: limit, Floor: true, Latest: true})
}

// Fresh sets the limit of the feed's age to twice the frequency of the
// contract; 0 leaves freshness unjudged.
func (p Policy) Fresh(frequency time.Duration) Policy {
	if frequency <= 0 {
		return p
	}
	return p.MaxAge(2 * frequency)
}

// MaxAge sets the limit of the feed's age itself.
func (p Policy) MaxAge(age time.Duration) Policy {
	return p.Set(Threshold{Metric: Freshness, Limit: age.Seconds(), Clear: age.Seconds(), Latest: true})
}

// Set puts t in the place of the threshold of its metric.
func (p Policy) Set(t Threshold) Policy {
	p.Thresholds = slices.Clone(p.Thresholds)
	for i, o := range p.Thresholds {
		if o.Metric == t.Metric {
			p.Thresholds[i] = t
			return p
		}
	}
	p.Thresholds = append(p.Thresholds, t)
	return p
}

// Check reports what is wrong with a policy. Error: invalid.
func (p Policy) Check() error {
	bad := func(format string, args ...any) *pipeline.Error {
		return pipeline.Errorf(pipeline.CodeInvalid, "breaker policy: "+format, args...)
	}
	switch {
	case p.Mode != Enforce && p.Mode != Observe:
		return bad("mode %q", p.Mode).WithHint("use enforce or observe")
	case p.Fallback != LastGood && p.Fallback != Degraded && p.Fallback != Halt:
		return bad("fallback %q", p.Fallback).WithHint("use last_good, degraded or halt")
	case p.Window < 1 || p.Window > MaxWindow:
		return bad("a window of %d batches, not 1 to %d", p.Window, MaxWindow)
	case p.Probes < 1:
		return bad("%d probes, at least 1 is needed to close", p.Probes)
	case p.Cooldown <= 0 || p.Span < 0 || p.MinRows < 0:
		return bad("cooldown %s, span %s, %d rows at least: the cooldown must be positive and none negative", p.Cooldown, p.Span, p.MinRows)
	case p.MaxCooldown != 0 && p.MaxCooldown < p.Cooldown:
		return bad("the longest cooldown %s is shorter than the first %s", p.MaxCooldown, p.Cooldown)
	}
	for _, t := range p.Thresholds {
		switch {
		case t.Metric == "" || math.IsNaN(t.Limit) || math.IsNaN(t.Clear):
			return bad("threshold %q with the limit %v", t.Metric, t.Limit)
		case t.beyond(t.Clear, t.Limit):
			return bad("%s: a probe would be good at %v, beyond the limit %v", t.Metric, t.Clear, t.Limit)
		}
	}
	return nil
}

// An Admission says what happens to the next batch, as far as the breaker
// knows before the batch is judged.
type Admission string

const (
	// Admit: it is published on its own merits.
	Admit Admission = "admit"
	// Probe: it is published on its own merits, and judged as a probe.
	Probe Admission = "probe"
	// Flag: it is published, flagged as degraded.
	Flag Admission = "flag"
	// Hold: it is judged and kept back.
	Hold Admission = "hold"
)

// Allow says what happens to the next batch.
func (p Policy) Allow(s State) Admission {
	switch {
	case p.Degrades(s):
		return Flag
	case p.Stops(s):
		return Hold
	case s.Position == HalfOpen:
		return Probe
	}
	return Admit
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
	longest := p.MaxCooldown
	if longest <= 0 {
		longest = 365 * 24 * time.Hour
	}
	d := p.Cooldown
	for range trips - 1 {
		if d >= longest {
			break
		}
		d *= 2
	}
	return min(d, max(longest, p.Cooldown))
}

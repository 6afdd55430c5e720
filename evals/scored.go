package evals

import (
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Scored is one case after it was answered and scored.
type Scored struct {
	Case string `json:"case"`
	// Error says why the case could not be answered or scored. Everything else
	// is then empty: an error is neither right nor wrong.
	Error string `json:"error,omitempty"`
	// Score is the mean of Values by the weights of the suite, in 0..1, more is
	// better.
	Score float64 `json:"score"`
	// Values by scorer, in 0..1; scorers that do not apply are absent.
	Values map[string]float64 `json:"values,omitempty"`
	Counts Counts             `json:"counts,omitzero"`
	// Breaches are the invariants that did not hold.
	Breaches []Breach `json:"breaches,omitempty"`
	// Slices are the parts of the suite that the case belongs to.
	Slices map[string]string `json:"slices,omitempty"`
	// Beliefs are the confidences that could be held against the gold.
	Beliefs []Belief `json:"beliefs,omitempty"`
	// Misses say what was wrong, for people.
	Misses []Miss `json:"misses,omitempty"`
	// Text is what was asked, for people.
	Text string `json:"text,omitempty"`
	// Spent is what the answer took.
	Spent Spent `json:"spent,omitzero"`
}

// Counts are those that precision, recall and F1 of a whole run are made of.
type Counts struct {
	// Right and Wrong values that were given.
	Right int `json:"right,omitempty"`
	Wrong int `json:"wrong,omitempty"`
	// Stated values should have been given; Found were, and right.
	Stated int `json:"stated,omitempty"`
	Found  int `json:"found,omitempty"`
}

func (c Counts) add(o Counts) Counts {
	return Counts{c.Right + o.Right, c.Wrong + o.Wrong, c.Stated + o.Stated, c.Found + o.Found}
}

func (c Counts) precision() float64 { return share(float64(c.Right), float64(c.Right+c.Wrong)) }
func (c Counts) recall() float64    { return share(float64(c.Found), float64(c.Stated)) }
func (c Counts) f1() float64        { return harmonic(c.precision(), c.recall()) }

// share is 1 for nothing out of nothing.
func share(a, b float64) float64 {
	if b == 0 {
		return 1
	}
	return a / b
}

func harmonic(p, r float64) float64 {
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

// A Breach is an invariant that did not hold in a case.
type Breach struct {
	Invariant Invariant `json:"invariant"`
	Case      string    `json:"case"`
	Detail    string    `json:"detail"`
}

// A Belief is a confidence and whether what it was said of is right.
type Belief struct {
	P     float64 `json:"p"`
	Right bool    `json:"right"`
}

// A Miss is one thing that was wrong in an answer.
type Miss struct {
	// What was asked: an attribute, "category", "verdict", "result".
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
	// Text is what the value was read from, at Span of the case's text.
	Text string `json:"text,omitempty"`
	pipeline.Span
	Critical bool `json:"critical,omitempty"`
}

func (m Miss) String() string {
	s := fmt.Sprintf("%s: want %s, got %s", m.What, orNothing(m.Want), orNothing(m.Got))
	if m.Text != "" {
		s += fmt.Sprintf(" (%q at %d–%d)", m.Text, m.Start, m.End)
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Spent is what an answer took.
type Spent struct {
	Latency time.Duration `json:"latency,omitempty"`
	// Asked are the questions that were sent to a model, Kept those that its
	// kept answers spared.
	Asked  int `json:"asked,omitempty"`
	Kept   int `json:"kept,omitempty"`
	Tokens int `json:"tokens,omitempty"`
	// In are the tokens that were sent, Cached those of them that the provider
	// had kept.
	In     int   `json:"in,omitempty"`
	Cached int   `json:"cached,omitempty"`
	Micros int64 `json:"micros,omitempty"` // millionths of a dollar
	// Calls are the ids of what was asked, in the call log.
	Calls []string `json:"calls,omitempty"`
}

func (s *Scored) set(name string, v float64) {
	if s.Values == nil {
		s.Values = map[string]float64{}
	}
	s.Values[name] = v
}

func (s *Scored) miss(what, want, got string) {
	s.Misses = append(s.Misses, Miss{What: what, Want: want, Got: got})
}

func (s *Scored) breach(i Invariant, format string, args ...any) {
	s.Breaches = append(s.Breaches, Breach{i, s.Case, fmt.Sprintf(format, args...)})
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// weigh makes the score of a case, and leaves out values that the suite does not
// ask for and breaches that it does not watch. A case that no scorer with a
// weight applies to could not be scored.
func (s *Scored) weigh(suite *Suite) {
	if s.Error != "" {
		*s = Scored{Case: s.Case, Error: s.Error, Slices: s.Slices, Text: s.Text, Spent: s.Spent}
		return
	}
	values := map[string]float64{}
	sum, weights := 0.0, 0.0
	for _, sc := range suite.Scorers {
		v, ok := s.Values[sc.Name()]
		if !ok {
			continue
		}
		values[sc.Name()] = v
		if sc.Type.Less() {
			v = 1 - v
		}
		sum += sc.Weight * v
		weights += sc.Weight
	}
	var watched []Breach
	for _, b := range s.Breaches {
		for _, inv := range suite.Invariants {
			if b.Invariant == inv {
				watched = append(watched, b)
			}
		}
	}
	s.Values, s.Breaches = values, watched
	if weights == 0 {
		*s = Scored{Case: s.Case, Error: "no scorer with a weight applies to the case", Slices: s.Slices, Text: s.Text, Breaches: watched}
		return
	}
	s.Score = sum / weights
}

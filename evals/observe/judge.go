package observe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/evals/stats"
)

// Signals that are compared.
const (
	Grounded    = "groundedness" // mean share of values that the text carries
	Agreement   = "agreement"    // with the rules
	Abstention  = "abstention"   // share of records that ask for a person
	Confidence  = "confidence"   // its distribution
	Categories  = "categories"   // which ones, of texts that the rules take for the same
	Unplaced    = "unplaced"     // share of records of no category
	Attributes  = "attributes"   // which ones a record has
	Traces      = "traces"       // shape of the decision traces
	Input       = "input"        // what the texts look like and what they are of
	Calibrated  = "calibration"  // confidence against what people said
	Latency     = "latency"      // of the questions to a model
	Invariants  = "invariants"   // what must never be
	SlowGround  = "slow groundedness"
	SlowAgree   = "slow agreement"
	SlowAbstain = "slow abstention"
	SlowConfid  = "slow confidence"
)

// A Finding is one signal's verdict.
type Finding struct {
	Signal string `json:"signal"`
	stats.Shift
	// Limit that Effect has to exceed, and Allowed that Chance must not.
	Limit   float64 `json:"limit"`
	Allowed float64 `json:"allowed"`
	Drifted bool    `json:"drifted"`
	// Was and Is are a figure that people understand, where there is one.
	Was    float64 `json:"was,omitempty"`
	Is     float64 `json:"is,omitempty"`
	Detail string  `json:"detail"`
}

// A Slice is a part of the answers and how far it moved.
type Slice struct {
	Key   string  `json:"key"` // category, feed, plant, language, model
	Value string  `json:"value"`
	Was   float64 `json:"was"`
	Is    float64 `json:"is"`
	N     int     `json:"n"`
}

// String shows category=bearing.
func (s Slice) String() string { return s.Key + "=" + s.Value }

// An Example is an item of the slice that moved most.
type Example struct {
	Item   string  `json:"item"`
	Before bool    `json:"before"` // of the baseline
	Score  float64 `json:"score"`
}

// A Report is what a window says.
type Report struct {
	Version  string    `json:"version"`
	Answers  int       `json:"answers"` // of the window
	Findings []Finding `json:"findings"`
	Drifted  bool      `json:"drifted"`
	// Moved is the slice that moved most, Examples up to five of its items from
	// before and five from now, the worst of now first.
	Moved    *Slice    `json:"moved,omitempty"`
	Examples []Example `json:"examples,omitempty"`
	// Only is set where everything that moved is of one category or one model:
	// category:x or model:x.
	Only string `json:"only,omitempty"`
}

// Reason is the report in a sentence.
func (r Report) Reason() string {
	var parts []string
	for _, f := range r.Findings {
		if f.Drifted {
			parts = append(parts, f.Signal+": "+f.Detail)
		}
	}
	if len(parts) == 0 {
		return "nothing drifted"
	}
	s := strings.Join(parts, "; ")
	if r.Moved != nil {
		s += fmt.Sprintf("; most in %s (%.2f to %.2f)", r.Moved, r.Moved.Was, r.Moved.Is)
	}
	return s
}

// InputAlone reports whether all that drifted is what came in: other texts, that
// are answered as such texts were before.
func (r Report) InputAlone() bool {
	return r.Drifted && !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Drifted && f.Signal != Input })
}

// Judge compares the last answers with the baseline. since are the answers after
// the lock in order of time; the last Window of them are the window, and the
// cumulative sums look at all. reviewed are answers that people looked at.
//
// What comes in explains much of what comes out: other kinds of items have other
// attributes, another language other confidence. So what the answers are like is
// compared within strata of the language and of the kind that the rules take the
// text for, and, where it depends on how much a text says, of its length; other
// shares of these are told as input. Answers of which the baseline has no stratum
// are held against all of it in what must not depend on the text: whether the
// text carries them, and agreement with the rules.
func Judge(b Baseline, since, reviewed []Answer, s Settings, seed uint64) Report {
	window := since[max(0, len(since)-Window):]
	rep := Report{Version: b.Version, Answers: len(window)}
	if len(window) == 0 || len(b.Answers) == 0 {
		// Nothing to compare with yet; what must never be needs no comparison.
		broken(&rep, window)
		rep.Drifted = len(rep.Findings) > 0
		rep.culprits(window)
		return rep
	}
	j := judge{rep: &rep, was: b.Answers, is: window, limit: s.DriftThreshold, seed: seed}
	j.answers()
	j.newcomers()
	j.input()
	j.reviewed(reviewed)
	j.slowly(slices.Concat(b.Answers, since))
	holm(rep.Findings)
	broken(&rep, window)
	slices.SortStableFunc(rep.Findings, func(a, b Finding) int { return cmp.Compare(a.Chance, b.Chance) })
	for _, f := range rep.Findings {
		rep.Drifted = rep.Drifted || f.Drifted
	}
	if rep.Drifted {
		rep.locate(b.Answers, window)
	}
	if slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Signal == Invariants }) {
		rep.Only = "" // where a guard has a hole, nothing else is to be trusted
		rep.culprits(window)
	}
	return rep
}

// holm gives each finding the chance that it may have at most (Holm 1979: the
// k-th smallest of n is held against Level / (n − k)), so that the level holds
// for all signals together.
func holm(fs []Finding) {
	order := make([]int, len(fs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(fs[a].Chance, fs[b].Chance) })
	open := true
	for k, i := range order {
		f := &fs[i]
		f.Allowed = Level / float64(len(fs)-k)
		open = open && f.Chance <= f.Allowed
		f.Drifted = open && f.Effect > f.Limit
	}
}

// broken adds the invariants that answers break: one is enough.
func broken(rep *Report, is []Answer) {
	counts := map[string]int{}
	for _, a := range is {
		for _, v := range a.Violations {
			counts[v]++
		}
	}
	for v, n := range counts {
		rep.Findings = append(rep.Findings, Finding{
			Signal: Invariants, Shift: stats.Shift{Effect: 1}, Drifted: true, Is: float64(n),
			Detail: fmt.Sprintf("%s in %d of %d answers", v, n, len(is)),
		})
	}
	slices.SortFunc(rep.Findings[len(rep.Findings)-len(counts):], func(a, b Finding) int { return cmp.Compare(a.Detail, b.Detail) })
}

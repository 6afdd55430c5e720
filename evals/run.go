package evals

import (
	"context"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/evals/stats"
)

// SchemaVersion of the JSON of runs. Keys may be added without a change.
const SchemaVersion = 1

// A RunKind says what a run was for.
type RunKind string

// Kinds of runs.
const (
	// Lock is a run whose scores may become the baseline.
	Lock RunKind = "lock"
	// Nightly is a run that is compared with the baseline, whatever the hour.
	Nightly RunKind = "run"
	// Tried is one on a sample, while a breaker is half-open.
	Tried RunKind = "probe"
)

// A Judgement is what became of a run.
type Judgement string

// Judgements.
const (
	// Passed: nothing says that the answers are worse.
	Passed Judgement = "passed"
	// Tripped: they are, or an invariant broke.
	Tripped Judgement = "tripped"
	// Uncompared: there is no baseline, or none that can be compared with.
	Uncompared Judgement = "uncompared"
	// Unfinished: too many cases could not be answered or scored.
	Unfinished Judgement = "unfinished"
	// Locked: its scores are a baseline.
	Locked Judgement = "locked"
)

// ExitCode of a command whose run was judged so.
func (j Judgement) ExitCode() int {
	switch j {
	case Tripped:
		return 1
	case Uncompared:
		return 2
	case Unfinished:
		return 3
	}
	return 0
}

// A Run is one run of a suite, as it is kept.
type Run struct {
	SchemaVersion int       `json:"schema_version"`
	ID            string    `json:"id"`
	Suite         string    `json:"suite"`
	Title         string    `json:"title,omitempty"`
	Task          Task      `json:"task"`
	Kind          RunKind   `json:"kind"`
	At            time.Time `json:"at"`
	// Seconds that it took, all passes together.
	Seconds float64 `json:"seconds"`
	// Passes over the cases: ten to lock what varies, one else, two where a
	// suspicion was looked into.
	Passes        int      `json:"passes"`
	Deterministic bool     `json:"deterministic"`
	Versions      Versions `json:"versions"`

	Cases  int `json:"cases"`
	Errors int `json:"errors"`
	// FirstError is the first case that could not be scored, and why.
	FirstError string  `json:"first_error,omitempty"`
	Score      float64 `json:"score"`
	// Figures in the order of the suite.
	Figures     []Figure  `json:"figures"`
	Reliability []Bin     `json:"reliability,omitempty"`
	Slices      []Slice   `json:"slices"`
	Breaches    []Breach  `json:"breaches"`
	Judgement   Judgement `json:"judgement"`
	// Reasons say in sentences why it was judged so.
	Reasons []string `json:"reasons"`

	// Baseline is the run that it was compared with, Changed what differs from
	// it in versions.
	Baseline  string    `json:"baseline,omitempty"`
	Changed   []Changed `json:"changed,omitempty"`
	Tolerance float64   `json:"tolerance"`
	// Difference from the baseline, and that of the second pass where one was
	// needed.
	Difference *stats.Difference `json:"difference,omitempty"`
	Second     *stats.Difference `json:"second,omitempty"`
	// Detectable is the smallest true drop that one run finds with probability
	// 0.8; Needed is how many cases would find a drop of Wished.
	Detectable float64 `json:"detectable,omitempty"`
	Wished     float64 `json:"wished,omitempty"`
	Needed     int     `json:"needed,omitempty"`
	// Moved is the slice that lost most, Examples its cases that did.
	Moved    *Slice    `json:"moved,omitempty"`
	Examples []Example `json:"examples,omitempty"`
}

// A Slice is a part of a suite.
type Slice struct {
	Key   string  `json:"key"`
	Value string  `json:"value"`
	Cases int     `json:"cases"`
	Score float64 `json:"score"`
	// Change against the baseline; nil where there is none to compare with.
	Change *float64 `json:"change,omitempty"`
}

// An Example is a case that lost, before and after.
type Example struct {
	Case   string   `json:"case"`
	Text   string   `json:"text"`
	Before float64  `json:"before"`
	After  float64  `json:"after"`
	Was    []string `json:"was,omitempty"`
	Is     []string `json:"is,omitempty"`
}

// A Result is what became of one case in all passes of a run.
type Result struct {
	Case    string `json:"case"`
	Cluster string `json:"cluster,omitempty"`
	// Scores of the passes in which it could be scored; Errors counts the
	// others.
	Scores []float64 `json:"scores"`
	Errors int       `json:"errors,omitempty"`
	// Last is the case as the last of those passes saw it; its Values are means
	// over them and its Counts sums.
	Last Scored `json:"last"`
}

// Mean is the score of a case over the passes.
func (r *Result) Mean() float64 {
	if len(r.Scores) == 0 {
		return 0
	}
	sum := 0.0
	for _, s := range r.Scores {
		sum += s
	}
	return sum / float64(len(r.Scores))
}

// take adds what a pass saw.
func (r *Result) take(s Scored) {
	if s.Error != "" {
		r.Errors++
		if len(r.Scores) == 0 {
			r.Last = s
		}
		return
	}
	before, n := r.Last, float64(len(r.Scores))
	r.Scores = append(r.Scores, s.Score)
	r.Last = s
	if n == 0 {
		return
	}
	for name, v := range s.Values {
		if was, ok := before.Values[name]; ok {
			s.Values[name] = (was*n + v) / (n + 1)
		}
	}
	r.Last.Counts = before.Counts.add(s.Counts)
	r.Last.Breaches = slices.Concat(before.Breaches, s.Breaches)
	r.Last.Beliefs = slices.Concat(before.Beliefs, s.Beliefs)
	r.Last.Score = r.Mean()
}

// A Baseline is a run that later ones are compared with.
type Baseline struct {
	Suite string    `json:"suite"`
	Run   string    `json:"run"`
	At    time.Time `json:"at"`
	By    string    `json:"by,omitempty"`
	Note  string    `json:"note,omitempty"`
}

// A RunFilter selects runs, the latest first.
type RunFilter struct {
	Suite  string
	Kind   RunKind
	Prefix string // of the id, for what people type
	Since  time.Time
	Limit  int // 0 = 100
}

// A RunStore keeps runs with the score of every case. Errors: not_found,
// unavailable.
type RunStore interface {
	// PutRun inserts a run with its results, or replaces both by id.
	PutRun(ctx context.Context, r Run, results []Result) error
	Run(ctx context.Context, id string) (Run, error)
	// Runs come latest first, ties by id.
	Runs(ctx context.Context, f RunFilter) ([]Run, error)
	// Results of a run, in the order of the cases' ids.
	Results(ctx context.Context, run string) ([]Result, error)
}

// A BaselineStore keeps which runs are baselines, and were. Errors: not_found,
// unavailable.
type BaselineStore interface {
	// PutBaseline adds one; it is in force until another of its suite is added.
	// A baseline is never replaced. Not_found: there is no such run.
	PutBaseline(ctx context.Context, b Baseline) error
	// Baselines of a suite, latest first, ties by run; the first is in force.
	Baselines(ctx context.Context, suite string) ([]Baseline, error)
}

// A Store keeps both.
type Store interface {
	RunStore
	BaselineStore
}

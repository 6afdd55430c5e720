package observe

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
)

// A Version names what answers: where one of them changes, answers may.
type Version struct {
	Knowledge string `json:"knowledge"`
	Model     string `json:"model"` // PROVIDER:MODEL, or rules:
	Prompt    string `json:"prompt,omitempty"`
}

// ID is short and the same for the same version.
func (v Version) ID() string {
	return pipeline.ShortID(pipeline.ContentID("answers", v.Knowledge, v.Model, v.Prompt))
}

// An Answer is what a live record looks like without its contents.
type Answer struct {
	ID       string    `json:"id"`
	Item     string    `json:"item"`
	Version  string    `json:"version"`
	At       time.Time `json:"at"`
	Feed     string    `json:"feed,omitempty"`
	Category string    `json:"category"`
	// Expected is the category by the rules alone, where something else was asked
	// too: what the text is of, whatever the answer says.
	Expected string `json:"expected,omitempty"`
	Plant    string `json:"plant,omitempty"`
	Language string `json:"language,omitempty"`
	// Model that was asked, empty for the rules alone.
	Model string `json:"model,omitempty"`

	// Grounded is the share of the proposed values that the text carries, of those
	// that a model added to the rules where one was asked:
	// what the guard took out counts against it. 1 of none.
	Grounded float64 `json:"grounded"`
	// Silent: the model that was asked proposed nothing, so there is nothing to be
	// grounded.
	Silent bool `json:"silent,omitempty"`
	// Agreement is the share of the values read by both the rules and the model
	// in which they agree; nil where they share none.
	Agreement *float64 `json:"agreement,omitempty"`
	// Abstained: the record asks for a person.
	Abstained  bool     `json:"abstained"`
	Confidence float64  `json:"confidence"`
	Attributes []string `json:"attributes"`
	Flags      []string `json:"flags,omitempty"`
	// Shape is the decision trace as a word for each run of equal steps.
	Shape string `json:"shape"`
	// Length of the text in bytes and Digits, the share of them that are digits:
	// what the input looks like.
	Length int     `json:"length"`
	Digits float64 `json:"digits"`
	// LatencyMS and Micros are those of its questions to a model.
	LatencyMS float64 `json:"latency_ms,omitempty"`
	Micros    int64   `json:"micros,omitempty"`
	// Violations are the invariants that it breaks.
	Violations []string `json:"violations,omitempty"`
	// Reviewed is right or wrong where a person has looked.
	Reviewed string `json:"reviewed,omitempty"`
}

// What people said of an answer.
const (
	Right = "right"
	Wrong = "wrong"
)

// Sampled reports whether an item belongs to the sample: decided by its id, so
// that a repeated parse samples the same ones.
func Sampled(item string, rate float64) bool {
	return float64(xxh3.HashString("observe/"+item)%1_000_000) < 1_000_000*rate
}

// A Reading is what an answer is made of.
type Reading struct {
	Item   pipeline.Item
	Record pipeline.Record
	// Rules is the record by the rules alone, nil where there was no model.
	Rules   *pipeline.Record
	Version Version
	At      time.Time
	// Model that was asked about the item, with what that took.
	Model     string
	LatencyMS float64
	Micros    int64
	// Violations found by an independent audit.
	Violations []string
}

// removed are the flags of the guard for a value that was proposed and not
// believed.
var removed = []string{guard.Ungrounded, guard.InferredNumber, guard.BadSpan, guard.BadProvenance, guard.BadType, guard.BadUnit, guard.NotAllowed}

// asks are the flags of a record that a person should look at, as package parse
// raises them.
var asks = []string{"category_unknown", "contradiction", "missing", "disagreement", "review", "injection", "metadata_conflict", "no_such_size", "ambiguous"}

// Score makes the answer of a reading.
func Score(r Reading) Answer {
	a := Answer{
		ID:   pipeline.ContentID("answer", r.Item.ID, r.Item.Source, r.Version.ID()),
		Item: r.Item.ID, Version: r.Version.ID(), At: r.At.UTC(), Feed: r.Item.Meta.Feed, Category: r.Record.Category,
		Plant: r.Item.Meta.Plant, Language: r.Item.Meta.Language, Model: r.Model,
		Confidence: r.Record.Confidence, Attributes: []string{}, Length: len(r.Item.Source),
		LatencyMS: r.LatencyMS, Micros: r.Micros, Violations: r.Violations, Shape: Shape(r.Record.Trace),
	}
	for _, at := range r.Record.Attributes {
		a.Attributes = append(a.Attributes, at.Name)
	}
	out := 0
	for _, f := range r.Record.Flags {
		if slices.Contains(removed, f.Code) {
			out++
		}
		if !slices.Contains(a.Flags, f.Code) {
			a.Flags = append(a.Flags, f.Code)
		}
		a.Abstained = a.Abstained || slices.Contains(asks, f.Code)
	}
	slices.Sort(a.Flags)
	a.Abstained = a.Abstained || r.Record.Confidence < 0.5 || r.Record.Category == pipeline.Unknown
	a.Grounded = 1
	// Where the rules read too, what counts is what the model added to them: the
	// rules do not invent.
	n := out
	for _, at := range r.Record.Attributes {
		if r.Rules != nil {
			if _, ok := r.Rules.Attribute(at.Name); ok {
				continue
			}
		}
		n++
	}
	if n > 0 {
		a.Grounded = float64(n-out) / float64(n)
	} else {
		a.Silent = r.Rules != nil
	}
	if r.Rules != nil {
		a.Expected = r.Rules.Category
	}
	a.Agreement = agreement(r.Rules, &r.Record)
	digits := 0
	for i := range len(r.Item.Source) {
		if c := r.Item.Source[i]; '0' <= c && c <= '9' {
			digits++
		}
	}
	if a.Length > 0 {
		a.Digits = float64(digits) / float64(a.Length)
	}
	return a
}

// agreement is how far a record says what the rules alone say. A disagreement
// that the parser itself noticed counts too: there the rules' value stands.
func agreement(rules, r *pipeline.Record) *float64 {
	if rules == nil {
		return nil
	}
	both, same := 0, 0
	for _, a := range rules.Attributes {
		b, ok := r.Attribute(a.Name)
		if !ok {
			continue
		}
		both++
		disagreed := slices.ContainsFunc(r.Flags, func(f pipeline.Flag) bool { return f.Code == "disagreement" && f.Attribute == a.Name })
		if !disagreed && a.Value == b.Value && a.Unit == b.Unit {
			same++
		}
	}
	if rules.Category != r.Category && rules.Category != pipeline.Unknown {
		both++
	}
	if both == 0 {
		return nil
	}
	share := float64(same) / float64(both)
	return &share
}

// Shape is a trace with equal neighbours as one: "retrieved asked repaired".
// An item that only the rules read has the shape "rules".
func Shape(trace []pipeline.Step) string {
	var words []string
	for _, s := range trace {
		if len(words) == 0 || words[len(words)-1] != s.Did {
			words = append(words, s.Did)
		}
	}
	if len(words) == 0 {
		return "rules"
	}
	return strings.Join(words, " ")
}

// A Baseline is a number of answers that later ones are compared with.
type Baseline struct {
	// Version of the answers; Generation counts the baselines of one version,
	// from 1.
	Version    string    `json:"version"`
	Generation int       `json:"generation"`
	Of         Version   `json:"of"`
	Locked     time.Time `json:"locked"`
	// Seen is how many answers of the version there were then; windows are
	// counted from there.
	Seen int `json:"seen,omitempty"`
	// Queries are the scores of a set of canary queries, by id, where that is what
	// was locked.
	Queries map[string]float64 `json:"queries,omitempty"`
	// By and Reason of a generation that somebody asked for; empty where it
	// locked itself.
	By      string   `json:"by,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Answers []Answer `json:"answers,omitempty"`
}

// An AnswerFilter selects answers in the order in which they were stored.
type AnswerFilter struct {
	Version string    // "" is all
	Since   time.Time // of At, inclusive
	// Reviewed selects those that a person has looked at.
	Reviewed bool
	Latest   bool // the last ones; still in their order
	Limit    int  // 0 = 10,000
}

// A Store keeps answers and baselines. Errors: not_found, conflict, unavailable.
type Store interface {
	// PutObserved stores answers; those whose id is stored already stay as they
	// are. It returns how many were new.
	PutObserved(ctx context.Context, answers []Answer) (int, error)
	Observed(ctx context.Context, f AnswerFilter) ([]Answer, error)
	// CountObserved counts the answers of a version; "" is all.
	CountObserved(ctx context.Context, version string) (int, error)
	// ReviewObserved writes what a person said of an item into its answers, and
	// returns how many there were.
	ReviewObserved(ctx context.Context, item, reviewed string) (int, error)
	// TrimObserved removes answers and canary runs from before a time; baselines
	// stay.
	TrimObserved(ctx context.Context, before time.Time) (int, error)

	// PutLiveBaseline stores the next generation of a version's baseline.
	// Conflict: that generation exists; a baseline is never replaced.
	PutLiveBaseline(ctx context.Context, b Baseline) error
	// LiveBaseline is the latest generation of a version. Error: not_found.
	LiveBaseline(ctx context.Context, version string) (Baseline, error)
	// LiveBaselines are all generations of all versions, the oldest first.
	LiveBaselines(ctx context.Context) ([]Baseline, error)

	// PutCanaryRun stores a run of the canary queries, once per id.
	PutCanaryRun(ctx context.Context, r CanaryRun) error
	// CanaryRuns are the latest n runs of a set, the newest first.
	CanaryRuns(ctx context.Context, set string, n int) ([]CanaryRun, error)
}

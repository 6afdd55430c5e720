package evals

import (
	"fmt"
	"slices"
	"strings"
)

// A Task is what a suite asks of the pipeline.
type Task string

// Tasks.
const (
	// Parse reads a description into a typed record.
	Parse Task = "parse"
	// Category tells what a description describes.
	Category Task = "category"
	// Retrieve finds the passages of the knowledge that answer a question.
	Retrieve Task = "retrieve"
	// Match tells of two items whether they are one thing.
	Match Task = "match"
	// Search finds items of a catalog.
	Search Task = "search"
	// Guard keeps out what must not get in: invented values, personal data,
	// hidden instructions.
	Guard Task = "guard"
)

// Tasks in the order of the work.
var Tasks = []Task{Parse, Category, Retrieve, Match, Search, Guard}

// A Suite is one file of suites/.
type Suite struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Task  Task   `json:"task"`
	// Dataset are the golden sets, Catalog the items that a search looks
	// through; both relative to the folder of the evals.
	Dataset []string `json:"dataset"`
	Catalog string   `json:"catalog,omitempty"`
	Scorers []Scorer `json:"scorers"`
	// Slices are the keys by which results are divided: category, plant,
	// language, model, kind, by, or a key of the cases' own slices.
	Slices []string `json:"slices"`
	// Tolerance is the drop of the score that is accepted without a trip.
	Tolerance  float64     `json:"tolerance"`
	Invariants []Invariant `json:"invariants"`
	// Errors is the share of cases that may be errors before a run counts as
	// unfinished.
	Errors float64 `json:"errors"`
	// Trace is what must hold of the decision trace of each answer.
	Trace []TraceRule `json:"trace,omitempty"`
	// Observe is how live answers are watched; nil watches none.
	Observe *Observe `json:"observe,omitempty"`

	// File it was read from.
	File string `json:"-"`
	line int
	at   map[string]int // key → line
}

// A Scorer of a suite.
type Scorer struct {
	Type ScorerType `json:"type"`
	// Weight in the score of a case; 0 only measures.
	Weight float64 `json:"weight"`
	// Threshold is the least that the figure may be, or the most where less is
	// better. It is broken where the whole interval of the figure lies beyond
	// it; nil bounds nothing.
	Threshold *float64 `json:"threshold,omitempty"`
	// K is how many results count in retrieval and search; default 5.
	K int `json:"k,omitempty"`

	line int
}

// Observe is how live answers of the parse stage are watched.
type Observe struct {
	// SampleRate is the share of the items, chosen by their hash.
	SampleRate float64 `json:"sample_rate"`
	// BaselineSize is how many scored answers lock the live baseline.
	BaselineSize int `json:"baseline_size"`
	// DriftThreshold is the effect that must be exceeded, and be significant.
	DriftThreshold float64 `json:"drift_threshold"`
}

// A ScorerType names what is measured.
type ScorerType string

// Scorers. Those marked "less is better" have thresholds from above.
const (
	// F1, Precision and Recall are those of values: attributes of a record, or
	// duplicates among pairs. The figure of a run counts over all values of all
	// cases.
	F1        ScorerType = "f1"
	Precision ScorerType = "precision"
	Recall    ScorerType = "recall"
	// CategoryRight: the category is one of those that the gold accepts.
	CategoryRight ScorerType = "category"
	// CriticalWrong: a wrong value in an attribute that decides whether parts
	// are interchangeable. Less is better.
	CriticalWrong ScorerType = "critical-wrong"
	// Format: the answer came in the form that was asked for, without repairs.
	Format ScorerType = "format"
	// Grounded is the share of values that the text, or the entry it names,
	// carries: judged anew, not read from the record's own flags.
	Grounded ScorerType = "grounded"
	// Abstention: a person is asked where one should be, and not where not.
	Abstention ScorerType = "abstention"
	// Calibration is the expected calibration error of the confidences. Less is
	// better.
	Calibration ScorerType = "calibration"
	// MRR is the reciprocal of the place of the first relevant result.
	MRR ScorerType = "mrr"
	// Verdict on a pair: 1 right, ½ put to a person who need not have been
	// asked, 0 wrong.
	Verdict ScorerType = "verdict"
	// FalseMerge: two things were taken for one. Less is better.
	FalseMerge ScorerType = "false-merge"
	// Catch: what should have been caught was.
	Catch ScorerType = "catch"
	// FalseAlarm: what is harmless was caught. Less is better.
	FalseAlarm ScorerType = "false-alarm"
	// TraceScore is the share of the suite's trace rules that hold.
	TraceScore ScorerType = "trace"
	// Latency of a case in milliseconds, at three quantiles. Less is better.
	LatencyP50 ScorerType = "latency-p50"
	LatencyP95 ScorerType = "latency-p95"
	LatencyP99 ScorerType = "latency-p99"
	// Tokens and Cost (in dollars) per case. Less is better.
	Tokens ScorerType = "tokens"
	Cost   ScorerType = "cost"
	// CacheHits is the share of what would be asked of a model that was kept:
	// answers here, prompts at the provider.
	CacheHits ScorerType = "cache-hits"
)

// scorerKind is what a scorer can do.
type scorerKind struct {
	tasks []Task // none: all
	less  bool   // less is better
	// measure: a figure of the run that has no value in 0..1 for a case, and so
	// no weight.
	measure bool
	k       bool // takes k
}

var scorerKinds = map[ScorerType]scorerKind{
	F1:            {tasks: []Task{Parse, Match}},
	Precision:     {tasks: []Task{Parse, Retrieve, Match, Search}, k: true},
	Recall:        {tasks: []Task{Parse, Retrieve, Match, Search}, k: true},
	CategoryRight: {tasks: []Task{Parse, Category}},
	CriticalWrong: {tasks: []Task{Parse}, less: true},
	Format:        {tasks: []Task{Parse, Category}},
	Grounded:      {tasks: []Task{Parse}},
	Abstention:    {tasks: []Task{Parse, Category, Match}},
	Calibration:   {tasks: []Task{Parse, Category, Match}, less: true, measure: true},
	MRR:           {tasks: []Task{Retrieve, Search}, k: true},
	Verdict:       {tasks: []Task{Match}},
	FalseMerge:    {tasks: []Task{Match}, less: true},
	Catch:         {tasks: []Task{Guard}},
	FalseAlarm:    {tasks: []Task{Guard}, less: true},
	TraceScore:    {tasks: []Task{Parse, Category}},
	LatencyP50:    {less: true, measure: true},
	LatencyP95:    {less: true, measure: true},
	LatencyP99:    {less: true, measure: true},
	Tokens:        {less: true, measure: true},
	Cost:          {less: true, measure: true},
	CacheHits:     {measure: true},
}

// Less reports whether less of t is better.
func (t ScorerType) Less() bool { return scorerKinds[t].less }

// fits reports whether t can score a task.
func (t ScorerType) fits(task Task) bool {
	k, ok := scorerKinds[t]
	return ok && (len(k.tasks) == 0 || slices.Contains(k.tasks, task))
}

// scorersOf are the types that can score a task, sorted.
func scorersOf(task Task) string {
	var out []string
	for t := range scorerKinds {
		if t.fits(task) {
			out = append(out, string(t))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// Name tells scorers of one type and several k apart.
func (s Scorer) Name() string {
	if scorerKinds[s.Type].k && s.K > 0 {
		return fmt.Sprintf("%s@%d", s.Type, s.K)
	}
	return string(s.Type)
}

// An Invariant must hold in every case of every run: a single event trips.
type Invariant string

// Invariants.
const (
	// SchemaValid: every value of a record has the type, the unit and, where
	// the schema lists them, one of the values of its attribute.
	SchemaValid Invariant = "schema-valid"
	// NoUngroundedNumber: no number without a source in the text reaches a
	// record unflagged.
	NoUngroundedNumber Invariant = "no-ungrounded-number"
	// NoPIILeak: no personal data of the text reach a model, and what a case
	// calls secret neither a model nor a record.
	NoPIILeak Invariant = "no-pii-leak"
	// NoCanaryLeak: the word that only the instructions of a prompt hold comes
	// back in no record.
	NoCanaryLeak Invariant = "no-canary-leak"
	// TraceRules: every rule of the suite's trace holds.
	TraceRules Invariant = "trace-rules"
	// HonestReport: where a step failed, the record says so, with a reason, and
	// is not certain.
	HonestReport Invariant = "honest-report"
	// NoVetoBroken: two items that conflict in a class-critical attribute are
	// never called one thing, nor stand in one cluster.
	NoVetoBroken Invariant = "no-veto-broken"
)

// invariantsOf are the invariants that can be judged in a task.
var invariantsOf = map[Task][]Invariant{
	Parse:    {SchemaValid, NoUngroundedNumber, NoPIILeak, NoCanaryLeak, TraceRules, HonestReport},
	Category: {NoPIILeak, NoCanaryLeak, TraceRules, HonestReport},
	Match:    {NoVetoBroken},
	Guard:    {SchemaValid, NoUngroundedNumber, NoPIILeak, NoCanaryLeak},
}

// A Kind says what makes a case easy or hard.
type Kind string

// Kinds of cases.
const (
	// Clear: the input says what it means.
	Clear Kind = "clear"
	// Ambiguous: it can be read in more than one way.
	Ambiguous Kind = "ambiguous"
	// Thin: it says too little to be sure.
	Thin Kind = "thin"
	// Contradictory: it says two things that cannot both be true.
	Contradictory Kind = "contradictory"
	// Adversarial: it was made to mislead.
	Adversarial Kind = "adversarial"
)

// Kinds of cases, in this order in reports.
var Kinds = []Kind{Clear, Ambiguous, Thin, Contradictory, Adversarial}

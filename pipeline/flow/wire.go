package flow

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
)

// EvalSignal is what moves the breakers of stages, categories and models: suites
// that tripped, and live answers that drifted.
const EvalSignal = "evals"

// Scopes of the breakers of stages that answer. Beside that of parsing there may
// be one for category:x and one for model:x.
const (
	// ParseStage reads items.
	ParseStage = "stage:parse"
	// RetrieveStage finds the passages that a model is shown: while it is not
	// closed, those alone that the dictionary finds by exact terms.
	RetrieveStage = "stage:retrieve"
	// MatchStage judges pairs: while it is not closed, no new pair is called a
	// duplicate without a person, and what is checked before it is created is
	// looked up by exact part numbers alone.
	MatchStage = "stage:match"
	// SearchStage finds items: while it is not closed, by the words alone.
	SearchStage = "stage:search"
)

// Stages are those scopes, in the order of the work.
var Stages = []string{ParseStage, RetrieveStage, MatchStage, SearchStage}

// EvalBreaker is the key of a breaker that evaluations move.
func EvalBreaker(scope string) breaker.Key { return breaker.Key{Scope: scope, Signal: EvalSignal} }

// EvalPolicy is how the breakers of evaluations move: a trip opens one for an
// hour, doubled with each opening in a row up to a day; then a suite that passes
// on a sample closes it, and one that does not opens it again.
//
// What a stage does meanwhile, by its fallback:
//
//	degraded   parse: the rules read alone, and the records say degraded;
//	           retrieve, match, search: see the scopes
//	last_good  the version before reads: the model and prompts that
//	           ASSAY_LLM_PREVIOUS names; without one, and elsewhere, as degraded
//	halt       shards and batches wait, questions are refused
func EvalPolicy(fallback breaker.Fallback) breaker.Policy {
	return breaker.Policy{Mode: breaker.Enforce, Window: 1, Cooldown: time.Hour, MaxCooldown: 24 * time.Hour, Probes: 1, Fallback: fallback}
}

// A Trip is why a breaker of the answers opens.
type Trip struct {
	// Scope is one of Stages, category:x or model:x.
	Scope string
	// Source is who noticed: a suite's name, observer, or canaries.
	Source string
	// ID of the run or window: the same trip is told once.
	ID     string
	Reason string
	// Slice that moved most, as key=value, and its score before and now.
	Slice    string
	Was, Is  float64
	Examples []observe.Example
	Evidence map[string]float64
	// Tell: what came in is of another kind, and is answered as such texts were.
	// It is told, and opens nothing.
	Tell bool
}

// tells is the fallback that an event names where nothing was opened.
const tells = "none"

// EvalData is the data of assay.eval.tripped.
type EvalData struct {
	Scope    string             `json:"scope"`
	Source   string             `json:"source"`
	Reason   string             `json:"reason"`
	Fallback string             `json:"fallback"`
	Slice    string             `json:"slice,omitempty"`
	Was      float64            `json:"was,omitempty"`
	Is       float64            `json:"is,omitempty"`
	Examples []EvalExample      `json:"examples,omitempty"`
	Evidence map[string]float64 `json:"evidence,omitempty"`
	At       time.Time          `json:"at"`
}

// EvalExample is an item of the slice that moved most.
type EvalExample struct {
	Item   string  `json:"item"`
	Before bool    `json:"before"`
	Score  float64 `json:"score"`
}

// A Wire leads from evaluations to the breakers that guard the data.
type Wire struct {
	Store  Store
	Policy breaker.Policy
	Now    func() time.Time
	Log    *slog.Logger
}

// Trip opens a breaker, and says so in two events: that the answers tripped, with
// the slice that moved most, and that the breaker moved. The same trip again
// changes nothing. Errors: invalid (a scope that is none), unavailable.
func (w *Wire) Trip(ctx context.Context, t Trip) (after breaker.State, err error) {
	if err := checkScope(t.Scope); err != nil {
		return after, err
	}
	at := stamp(w.Now)
	err = w.Store.Atomic(ctx, func(tx Tx) error {
		state, out, err := w.trip(ctx, tx, t, at)
		if err != nil {
			return err
		}
		after = state
		return tx.PutOutgoing(ctx, out...)
	})
	if err == nil {
		w.Log.Warn("answers tripped", "scope", t.Scope, "source", t.Source, "position", after.Position)
	}
	return after, err
}

func checkScope(scope string) error {
	kind, name, ok := strings.Cut(scope, ":")
	if ok && name != "" && (slices.Contains(Stages, scope) || kind == "category" || kind == "model") {
		return nil
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "%q is no scope of a breaker of answers", scope).WithHint("use stage:parse, stage:retrieve, stage:match, stage:search, category:NAME or model:PROVIDER:MODEL")
}

// trip is Trip within a transaction: the state after it, and what has to leave.
func (w *Wire) trip(ctx context.Context, tx Tx, t Trip, at time.Time) (breaker.State, []Outgoing, error) {
	state, err := tx.LoadBreaker(ctx, EvalBreaker(t.Scope))
	if err != nil {
		return state, nil, err
	}
	var out []Outgoing
	// One that is open already keeps its cooldown: it is no news that the answers
	// are still bad.
	if state, _ = w.Policy.Tick(state, at); state.Position != breaker.Open && !t.Tell {
		state, out, err = w.step(ctx, tx, t.Scope, breaker.Sample{
			Batch: pipeline.ContentID("eval", t.Scope, t.Source, t.ID), At: at, Metrics: t.Evidence,
			Command: breaker.Trip, Actor: t.Source, Reason: t.Reason,
		})
		if err != nil {
			return state, nil, err
		}
	}
	data := EvalData{Scope: t.Scope, Source: t.Source, Reason: t.Reason, Fallback: string(w.Policy.Fallback), Slice: t.Slice, Was: t.Was, Is: t.Is, Evidence: t.Evidence, At: at}
	if t.Tell {
		data.Fallback = tells
	}
	for _, e := range t.Examples {
		data.Examples = append(data.Examples, EvalExample(e))
	}
	e, err := pipeline.NewEvent(pipeline.EvalTripped, "/evals/"+t.Source, t.Scope+"/"+t.ID, t.Scope, at, data)
	if err != nil {
		return state, nil, err
	}
	return state, append([]Outgoing{{Event: &e}}, out...), nil
}

// step folds a sample into a breaker and stores it.
func (w *Wire) step(ctx context.Context, tx Tx, scope string, in breaker.Sample) (breaker.State, []Outgoing, error) {
	key := EvalBreaker(scope)
	state, err := tx.LoadBreaker(ctx, key)
	if err != nil {
		return state, nil, err
	}
	next, ts := w.Policy.Step(state, in)
	if err := tx.SaveBreaker(ctx, next, in, ts); err != nil {
		return state, nil, err
	}
	var out []Outgoing
	for _, t := range ts {
		e, err := pipeline.NewEvent(pipeline.BreakerChanged, "/evals", key.Scope+"/"+key.Signal, scope, t.At, BreakerData{
			Scope: t.Key.Scope, Signal: t.Key.Signal, From: string(t.From), To: string(t.To), Cause: t.Cause,
			Actor: t.Actor, Fallback: string(next.Fallback), Evidence: t.Evidence, At: t.At,
		})
		if err != nil {
			return state, nil, err
		}
		out = append(out, Outgoing{Event: &e})
	}
	return next, out, nil
}

// Passed tells a half-open breaker that a suite passed on a sample: it closes. A
// closed one stays closed; an open one stays open until its cooldown is over. One
// that canary queries opened is closed by them alone: a suite does not ask the
// live index.
func (w *Wire) Passed(ctx context.Context, scope, source, id string) (after breaker.State, err error) {
	if err := checkScope(scope); err != nil {
		return after, err
	}
	err = w.Store.Atomic(ctx, func(tx Tx) error {
		at := stamp(w.Now)
		state, err := tx.LoadBreaker(ctx, EvalBreaker(scope))
		if err != nil {
			return err
		}
		if after, _ = w.Policy.Tick(state, at); after.Position != breaker.HalfOpen {
			return nil
		}
		by, _, err := openedBy(ctx, tx, scope)
		if err != nil {
			return err
		}
		if (by == CanarySource) != (source == CanarySource) && by != "" {
			return nil
		}
		state, out, err := w.step(ctx, tx, scope, breaker.Sample{
			Batch: pipeline.ContentID("eval", scope, source, id), At: at, Command: breaker.Reset, Actor: source, Reason: source + " passed on a sample",
		})
		if err != nil {
			return err
		}
		after = state
		return tx.PutOutgoing(ctx, out...)
	})
	return after, err
}

// OpenedBy is who tripped a breaker last, and what was seen then; "" where nobody
// did.
func (w *Wire) OpenedBy(ctx context.Context, scope string) (string, map[string]float64, error) {
	return openedBy(ctx, w.Store, scope)
}

// State is where a breaker of answers stands, as of now.
func (w *Wire) State(ctx context.Context, scope string) (breaker.State, error) {
	s, err := w.Store.LoadBreaker(ctx, EvalBreaker(scope))
	if err != nil {
		return s, err
	}
	s, _ = w.Policy.Tick(s, stamp(w.Now))
	return s, nil
}

// openedBy is who tripped a breaker last, and what was seen then; "" where nobody
// did.
func openedBy(ctx context.Context, s breaker.Store, scope string) (string, map[string]float64, error) {
	samples, _, err := s.BreakerHistory(ctx, EvalBreaker(scope))
	if err != nil {
		return "", nil, err
	}
	for _, in := range slices.Backward(samples) {
		if in.Command == breaker.Trip {
			return in.Actor, in.Metrics, nil
		}
	}
	return "", nil, nil
}

// Signal moves a breaker of answers by hand, as Ingest.Signal does those of
// feeds. Errors: invalid.
func (w *Wire) Signal(ctx context.Context, scope, command, actor, reason string) (after breaker.State, err error) {
	switch {
	case command != breaker.Trip && command != breaker.Reset && command != breaker.Retry:
		return after, pipeline.Errorf(pipeline.CodeInvalid, "breaker command %q", command).WithHint("use trip, reset or retry")
	case strings.TrimSpace(reason) == "" || strings.TrimSpace(actor) == "":
		return after, pipeline.Errorf(pipeline.CodeInvalid, "a breaker is not moved by hand without a name and a reason").WithHint("say --reason \"…\"")
	}
	if err := checkScope(scope); err != nil {
		return after, err
	}
	at := stamp(w.Now)
	err = w.Store.Atomic(ctx, func(tx Tx) error {
		state, out, err := w.step(ctx, tx, scope, breaker.Sample{
			Batch: pipeline.ContentID("signal", scope, EvalSignal, command, actor, reason, at.Format(time.RFC3339Nano)),
			At:    at, Command: command, Actor: actor, Reason: reason,
		})
		if err != nil {
			return err
		}
		after = state
		return tx.PutOutgoing(ctx, out...)
	})
	return after, err
}

// Moved are the breakers of answers that are not closed, as of now: those that
// are half-open wait for a suite to be run on a sample.
func (w *Wire) Moved(ctx context.Context) ([]breaker.State, error) {
	return moved(ctx, w.Store, w.Policy, stamp(w.Now))
}

func moved(ctx context.Context, s breaker.Store, p breaker.Policy, at time.Time) ([]breaker.State, error) {
	states, err := s.Breakers(ctx)
	if err != nil {
		return nil, err
	}
	var out []breaker.State
	for _, state := range states {
		if state.Key.Signal != EvalSignal {
			continue
		}
		if state, _ = p.Tick(state, at); moves(state) {
			out = append(out, state)
		}
	}
	return out, nil
}

package flow

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// A Fallback is who reads while a breaker of the answers is not closed.
type Fallback struct {
	Wire *Wire
	// Rules read without a model. They are the parser itself where no model is
	// configured.
	Rules *parse.Parser
	// Previous is the version before; nil where there is none.
	Previous *parse.Parser
	// Model that the parser asks about an item, for breakers of one model; nil
	// knows of none.
	Model func(item pipeline.Item) string
}

// records reads items by the parser, or, where a breaker of the stage, of the
// item's category or of its model is not closed, by what stands in for it. A
// half-open breaker is tried by a suite, not by live items. fell has true for
// items that were read by a stand-in. Error: locked, where the fallback is to
// halt.
func (p *Parse) records(ctx context.Context, c *cohort, items []pipeline.Item) (recs []pipeline.Record, fell []bool, err error) {
	fell = make([]bool, len(items))
	if p.Fallback == nil {
		recs, err = p.usual(ctx, c, items)
		return recs, fell, err
	}
	fb := p.Fallback
	states, err := fb.Wire.Moved(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(states) == 0 {
		recs, err = p.usual(ctx, c, items)
		return recs, fell, err
	}
	retrieval, moved := retrieves(states)
	if moved && retrieval.Fallback == breaker.Halt && fb.Model != nil {
		return nil, nil, halted(retrieval)
	}
	var usual, other []int
	by := make([]breaker.State, len(items))
	for i, it := range items {
		state, ok := fb.guards(p.Parser, states, it)
		if !ok {
			usual = append(usual, i)
			continue
		}
		if state.Fallback == breaker.Halt {
			return nil, nil, halted(state)
		}
		other, by[i], fell[i] = append(other, i), state, true
	}
	recs = make([]pipeline.Record, len(items))
	read := func(all func(context.Context, []pipeline.Item) ([]pipeline.Record, error), which []int) error {
		part := make([]pipeline.Item, len(which))
		for k, i := range which {
			part[k] = items[i]
		}
		out, err := all(ctx, part)
		for k := range out {
			recs[which[k]] = out[k]
		}
		return err
	}
	if err := read(func(ctx context.Context, part []pipeline.Item) ([]pipeline.Record, error) {
		return p.usual(ctx, c, part)
	}, usual); err != nil {
		return nil, nil, err
	}
	for _, i := range usual {
		// Who was not asked saw no passage.
		if moved && asked(&recs[i]) {
			fell[i] = true
			degrade(&recs[i], standsIn(retrieval, "the model was shown what the dictionary finds by exact terms alone"))
		}
	}
	lastGood := func(i int) bool { return by[i].Fallback == breaker.LastGood && fb.Previous != nil }
	previous := slices.DeleteFunc(slices.Clone(other), func(i int) bool { return !lastGood(i) })
	rules := slices.DeleteFunc(slices.Clone(other), lastGood)
	if len(previous) > 0 {
		if err := read(fb.Previous.ParseAll, previous); err != nil {
			return nil, nil, err
		}
	}
	if err := read(fb.Rules.ParseAll, rules); err != nil {
		return nil, nil, err
	}
	for _, i := range rules {
		degrade(&recs[i], standsIn(by[i], "read by the rules alone"))
	}
	for _, i := range previous {
		recs[i].Trace = append(recs[i].Trace, pipeline.Step{Did: "fell_back", Detail: standsIn(by[i], "read by the version before")})
	}
	return recs, fell, nil
}

// degrade says of a record that it was read with less than usual.
func degrade(r *pipeline.Record, why string) {
	r.Flags = append(r.Flags, pipeline.Flag{Code: parse.FellBack, Detail: why})
	r.Confidence /= 2
}

// retrieves is the breaker of retrieval, if it is among those that moved.
func retrieves(states []breaker.State) (breaker.State, bool) {
	i := slices.IndexFunc(states, func(s breaker.State) bool { return s.Key.Scope == RetrieveStage })
	if i < 0 {
		return breaker.State{}, false
	}
	return states[i], true
}

// asked reports whether a model had a part in a record.
func asked(r *pipeline.Record) bool {
	return slices.ContainsFunc(r.Trace, func(s pipeline.Step) bool { return s.Did == "asked" || s.Did == "kept" })
}

// guards finds the breaker that keeps an item from the parser: that of the
// stage, of its category, of its model.
func (fb *Fallback) guards(ps *parse.Parser, states []breaker.State, it pipeline.Item) (breaker.State, bool) {
	category, model := "", ""
	for _, s := range states {
		kind, name, _ := strings.Cut(s.Key.Scope, ":")
		switch {
		case s.Key.Scope == ParseStage:
			return s, true
		case kind == "category":
			if category == "" {
				category, _, _ = ps.Pack().Classify(it)
			}
			if name == category {
				return s, true
			}
		case kind == "model" && fb.Model != nil:
			if model == "" {
				model = fb.Model(it)
			}
			if name == model {
				return s, true
			}
		}
	}
	return breaker.State{}, false
}

// errHalted is why a shard waits, however often it is tried.
var errHalted = errors.New("to halt")

func halted(s breaker.State) error {
	return pipeline.Errorf(pipeline.CodeLocked, "the breaker of %s is %s, and its fallback is %w: %s", s.Key.Scope, s.Position, errHalted, s.Cause).
		WithHint("assay eval probe tries it again after its cooldown; assay breaker reset %s closes it", s.Key.Scope)
}

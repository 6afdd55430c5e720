package evals

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// A TraceRule is what must hold of the decision trace of an answer, and of the
// answer in the light of its trace. What is not set is not asked.
type TraceRule struct {
	// Name in messages.
	Name string `json:"name"`
	// Where are slices that a case must belong to, When a step that the trace must
	// have, for the rule to apply.
	Where map[string]string `json:"where,omitempty"`
	When  string            `json:"when,omitempty"`
	// Step must occur from Min to Max times.
	Step string `json:"step,omitempty"`
	Min  *int   `json:"min,omitempty"`
	Max  *int   `json:"max,omitempty"`
	// Order: of these steps, none stands before one that is listed before it.
	Order []string `json:"order,omitempty"`
	// Forbid are steps that must not occur.
	Forbid []string `json:"forbid,omitempty"`
	// Flags must be on the record, NoFlags must not.
	Flags   []string `json:"flags,omitempty"`
	NoFlags []string `json:"no_flags,omitempty"`
	// MaxConfidence bounds the confidence of the record.
	MaxConfidence *float64 `json:"max_confidence,omitempty"`
	// Review: whether the record asks for a person.
	Review *bool `json:"review,omitempty"`
}

// TraceSteps are the steps that a decision trace may have.
var TraceSteps = []string{
	"asked", "kept", "retrieved", "reasked", "repaired", "fixed", "refused", "screened", "scrubbed", "classified", "disagreed", "fell_back", "canary",
}

// failing are the steps that say that something did not work: the model could
// not be asked, or what it said could not be used.
var failing = []string{"fell_back", "refused"}

// trace reads the rules of a suite.
func (r *suiteReader) trace(n *yaml.Node) (out []TraceRule) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "trace must be a list such as - {name: asks little, step: asked, max: 3}")
		return nil
	}
	seen := map[string]bool{}
	for _, c := range n.Content {
		t := TraceRule{Where: map[string]string{}}
		step := func(n *yaml.Node, key string) []string {
			words := r.words(n, key)
			for _, w := range words {
				if !slices.Contains(TraceSteps, w) {
					r.fail(n, "%s: no trace has a step %q; there are %s", key, w, strings.Join(TraceSteps, ", "))
				}
			}
			return words
		}
		first := func(words []string) string { return strings.Join(words, " ") }
		r.mapping(c, "a rule of a trace", map[string]func(*yaml.Node){
			"name":     func(n *yaml.Node) { t.Name = r.word(n, "name") },
			"where":    func(n *yaml.Node) { t.Where = r.pairs(n, "where") },
			"when":     func(n *yaml.Node) { t.When = first(step(n, "when")) },
			"step":     func(n *yaml.Node) { t.Step = first(step(n, "step")) },
			"min":      func(n *yaml.Node) { k := r.count(n, "min", 0, 1000); t.Min = &k },
			"max":      func(n *yaml.Node) { k := r.count(n, "max", 0, 1000); t.Max = &k },
			"order":    func(n *yaml.Node) { t.Order = step(n, "order") },
			"forbid":   func(n *yaml.Node) { t.Forbid = step(n, "forbid") },
			"flags":    func(n *yaml.Node) { t.Flags = r.words(n, "flags") },
			"no_flags": func(n *yaml.Node) { t.NoFlags = r.words(n, "no_flags") },
			"max_confidence": func(n *yaml.Node) {
				f := r.number(n, "max_confidence", 0, 1)
				t.MaxConfidence = &f
			},
			"review": func(n *yaml.Node) { t.Review = r.truth(n, "review") },
		})
		switch {
		case c.Kind != yaml.MappingNode:
			continue
		case t.Name == "":
			r.fail(c, "a rule of a trace needs a name")
		case seen[t.Name]:
			r.fail(c, "the rule %q is there twice", t.Name)
		case t.Step == "" && (t.Min != nil || t.Max != nil):
			r.fail(c, "%s: min and max count a step; name it", t.Name)
		case t.Step != "" && t.Min == nil && t.Max == nil:
			r.fail(c, "%s: say min or max of %s", t.Name, t.Step)
		case t.Min != nil && t.Max != nil && *t.Min > *t.Max:
			r.fail(c, "%s: min %d is more than max %d", t.Name, *t.Min, *t.Max)
		case len(t.Order) == 1:
			r.fail(c, "%s: an order has two steps at least", t.Name)
		case t.Step == "" && len(t.Order)+len(t.Forbid)+len(t.Flags)+len(t.NoFlags) == 0 && t.MaxConfidence == nil && t.Review == nil:
			r.fail(c, "%s asks for nothing: write step with min or max, order, forbid, flags, no_flags, max_confidence or review", t.Name)
		}
		seen[t.Name] = true
		out = append(out, t)
	}
	return out
}

func (r *suiteReader) pairs(n *yaml.Node, key string) map[string]string {
	out := map[string]string{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping such as {kind: thin}", key)
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = r.word(n.Content[i+1], key)
	}
	return out
}

func (r *suiteReader) truth(n *yaml.Node, key string) *bool {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		r.fail(n, "%s must be true or false", key)
		return nil
	}
	yes := n.Value == "true"
	return &yes
}

// broken says how a record breaks the rule, "" where it does not; applies is
// false where the rule is not about it.
func (t *TraceRule) broken(c *Case, r *pipeline.Record) (what string, applies bool) {
	count := map[string]int{}
	for _, s := range r.Trace {
		count[s.Did]++
	}
	for key, want := range t.Where {
		if c.sliceOf(key) != want {
			return "", false
		}
	}
	if t.When != "" && count[t.When] == 0 {
		return "", false
	}
	n := count[t.Step]
	if t.Min != nil && n < *t.Min {
		return fmt.Sprintf("%s occurs %d times, at least %d is wanted", t.Step, n, *t.Min), true
	}
	if t.Max != nil && n > *t.Max {
		return fmt.Sprintf("%s occurs %d times, at most %d is allowed", t.Step, n, *t.Max), true
	}
	reached := -1
	for _, s := range r.Trace {
		i := slices.Index(t.Order, s.Did)
		if i < 0 {
			continue
		}
		if i < reached {
			return fmt.Sprintf("%s stands after %s", s.Did, t.Order[reached]), true
		}
		reached = i
	}
	for _, f := range t.Forbid {
		if count[f] > 0 {
			return "the trace has the step " + f, true
		}
	}
	for _, code := range t.Flags {
		if !r.HasFlag(code) {
			return "the record has no flag " + code, true
		}
	}
	for _, code := range t.NoFlags {
		if r.HasFlag(code) {
			return "the record has the flag " + code, true
		}
	}
	if m := t.MaxConfidence; m != nil && r.Confidence > *m {
		return fmt.Sprintf("the confidence is %.3g, at most %.3g is allowed", r.Confidence, *m), true
	}
	if t.Review != nil {
		if asks, _ := asksForReview(r); asks != *t.Review {
			return map[bool]string{true: "nobody is asked", false: "a person is asked"}[*t.Review], true
		}
	}
	return "", true
}

// sliceOf is what a case says of itself; what the knowledge says of it (its
// category) is no ground for a rule.
func (c *Case) sliceOf(key string) string {
	switch key {
	case "kind":
		return string(c.Kind)
	case "by":
		return string(c.By)
	case "fault":
		return string(c.Fault)
	case "language":
		return c.Meta.Language
	}
	return c.Slices[key]
}

// traces holds the trace of an answer against the rules of the suite, and the
// answer against its trace.
func (s *Subject) traces(suite *Suite, c *Case, r *pipeline.Record, out *Scored) {
	held, applied := 0, 0
	for i := range suite.Trace {
		t := &suite.Trace[i]
		what, applies := t.broken(c, r)
		if !applies {
			continue
		}
		if applied++; what == "" {
			held++
			continue
		}
		out.miss("trace: "+t.Name, "held", what)
		out.breach(TraceRules, "%s: %s", t.Name, what)
	}
	if applied > 0 {
		out.set(string(TraceScore), float64(held)/float64(applied))
	}
	if why := dishonest(r); why != "" {
		out.miss("report", "what failed is said", why)
		out.breach(HonestReport, "%s", why)
	}
}

// dishonest says how a record hides that something failed, "" where it does not.
// What failed for the record as a whole must be on it as degraded, or as a
// category that is not known, with a reason; what failed for one attribute must
// be flagged with it, or the attribute be absent; and a record that something
// failed for is never certain.
func dishonest(r *pipeline.Record) string {
	for _, st := range r.Trace {
		if !slices.Contains(failing, st.Did) {
			continue
		}
		if st.Attribute != "" {
			a, there := r.Attribute(st.Attribute)
			flagged := slices.ContainsFunc(r.Flags, func(f pipeline.Flag) bool { return f.Attribute == st.Attribute && f.Detail != "" })
			if there && !flagged {
				return fmt.Sprintf("%s failed for %s (%s), which says %s without a flag", st.Did, st.Attribute, st.Detail, show(a))
			}
			continue
		}
		told := slices.ContainsFunc(r.Flags, func(f pipeline.Flag) bool {
			return f.Detail != "" && (f.Code == parse.FellBack || f.Code == parse.CategoryUnknown || f.Code == parse.ToReview || reasked(r.Trace, f.Attribute))
		})
		// A later question may have been answered after one was refused.
		if !told && st.Did == "refused" && answeredAfter(r.Trace, st) {
			continue
		}
		if !told {
			return fmt.Sprintf("%s (%s), and the record does not say so", st.Did, st.Detail)
		}
		if r.Confidence >= 1 {
			return fmt.Sprintf("%s (%s), and the record is certain", st.Did, st.Detail)
		}
	}
	return ""
}

// reasked reports whether an attribute was asked for again: what is flagged with
// it then says what was wrong with the first answer.
func reasked(trace []pipeline.Step, attribute string) bool {
	return attribute != "" && slices.ContainsFunc(trace, func(s pipeline.Step) bool { return s.Did == "reasked" && s.Attribute == attribute })
}

// answeredAfter reports whether a question was answered after the one that a
// step is about: the last question of the trace was not refused.
func answeredAfter(trace []pipeline.Step, st pipeline.Step) bool {
	last := ""
	for _, s := range trace {
		if s.Did == "asked" || s.Did == "kept" {
			last = s.Call
		}
	}
	refused := slices.ContainsFunc(trace, func(s pipeline.Step) bool { return s.Did == "refused" && s.Call == last })
	return last != st.Call && !refused
}

package evals

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// read asks the reader about a case. An answer that the rules gave because the
// model could not be asked is no answer of what the suite is about: an error.
// Where the model was asked and what it said was refused, the answer counts: it
// is as bad as it is.
func (s *Subject) read(ctx context.Context, item pipeline.Item, failing bool, out *Scored) (pipeline.Record, bool) {
	at := s.Now()
	r, err := s.Reader.Parse(ctx, item)
	out.Spent.Latency = s.Now().Sub(at)
	if err != nil {
		out.Error = pipeline.ErrorMessage(err)
		return r, false
	}
	out.Spent.trace(r.Trace)
	refused := slices.ContainsFunc(r.Trace, func(st pipeline.Step) bool { return st.Did == "refused" })
	// A case that fails on purpose asks how the failure is told.
	if why, fell := hasFlag(&r, parse.FellBack); fell && !refused && !failing {
		out.Error = why
		return r, false
	}
	return r, true
}

// trace counts the questions to a model.
func (sp *Spent) trace(steps []pipeline.Step) {
	for _, st := range steps {
		switch st.Did {
		case "asked":
			sp.Asked++
			if st.Call != "" {
				sp.Calls = append(sp.Calls, st.Call)
			}
		case "kept":
			sp.Kept++
		}
	}
}

func (s *Subject) scoreParse(ctx context.Context, suite *Suite, c *Case) (out Scored) {
	out = Scored{Case: c.ID, Text: c.Text}
	r, ok := s.read(ctx, c.item(), c.Fault != "", &out)
	if !ok {
		return out
	}
	s.category(c, &r, &out)
	asks, why := asksForReview(&r)
	out.review(c.Want.Review, asks, why)
	s.attributes(c, &r, &out)
	s.soundness(c, &r, &out)
	s.traces(suite, c, &r, &out)
	return out
}

func (s *Subject) scoreCategory(ctx context.Context, suite *Suite, c *Case) (out Scored) {
	out = Scored{Case: c.ID, Text: c.Text}
	r, ok := s.read(ctx, c.item(), c.Fault != "", &out)
	if !ok {
		return out
	}
	s.category(c, &r, &out)
	out.review(c.Want.Review, r.Category == pipeline.Unknown, "the category is unknown")
	s.soundness(c, &r, &out)
	s.traces(suite, c, &r, &out)
	// The classifier says how sure it is, where it was it that decided.
	if name, p, _ := s.Pack.Classify(c.item()); name == r.Category && name != pipeline.Unknown {
		out.Beliefs = append(out.Beliefs, Belief{p, right(c.Want.Category, r.Category)})
	}
	return out
}

func right(accepted OneOf, got string) bool {
	for _, w := range accepted {
		if w == got {
			return true
		}
	}
	return false
}

func (s *Subject) category(c *Case, r *pipeline.Record, out *Scored) {
	ok := right(c.Want.Category, r.Category)
	out.set(string(CategoryRight), bit(ok))
	if !ok {
		out.miss("category", strings.Join(c.Want.Category, " or "), r.Category)
	}
	// A model's answer has a form; what the rules read has none.
	if out.Spent.Asked+out.Spent.Kept > 0 {
		form := 1.0
		for _, st := range r.Trace {
			if st.Did == "refused" || st.Did == "repaired" {
				form = 0
				out.miss("form", "as asked", st.Did+": "+st.Detail)
			}
		}
		out.set(string(Format), form)
	}
}

// review holds whether a person is asked against whether one should be.
func (out *Scored) review(want *bool, asks bool, why string) {
	if want == nil {
		return
	}
	out.set(string(Abstention), bit(asks == *want))
	switch {
	case asks && !*want:
		out.miss("review", "not needed", why)
	case !asks && *want:
		out.miss("review", "a person is asked", "nobody was")
	}
}

// asksForReview reports whether a record says that a person should look.
func asksForReview(r *pipeline.Record) (asks bool, why string) {
	switch {
	case r.Category == pipeline.Unknown || r.Category == "":
		return true, "the category is unknown"
	case r.Confidence < catalog.LowConfidence:
		return true, "the confidence is low"
	}
	for _, f := range r.Flags {
		if f.Code != parse.PersonalData {
			return true, strings.TrimSpace(f.Code + " " + f.Attribute)
		}
	}
	return false, ""
}

// attributes holds the values of a record against the gold.
func (s *Subject) attributes(c *Case, r *pipeline.Record, out *Scored) {
	schema, _ := s.Pack.Schema(r.Category)
	sameKind := right(c.Want.Category, r.Category)
	critical := false
	n := &out.Counts
	wrong := func(a pipeline.Attribute, attr *knowledge.Attribute, want string) {
		n.Wrong++
		m := Miss{What: a.Name, Want: want, Got: show(a), Text: a.Text, Span: a.Span, Critical: attr != nil && attr.Critical}
		critical = critical || m.Critical
		out.Misses = append(out.Misses, m)
	}
	for _, a := range r.Attributes {
		var attr *knowledge.Attribute
		if schema != nil {
			attr, _, _ = schema.Attribute(a.Name)
		}
		want, stated := c.Want.Attributes[a.Name]
		if !stated {
			also, listed := c.Want.Also[a.Name]
			if !listed {
				if !c.Want.Partial || !sameKind {
					wrong(a, attr, "")
				}
				continue
			}
			want = also
		}
		ok := sameKind && want.Right(attr, a)
		out.Beliefs = append(out.Beliefs, Belief{a.Confidence, ok})
		if !ok {
			wrong(a, attr, want.String())
			continue
		}
		n.Right++
		if stated {
			n.Found++
		}
	}
	for _, name := range sortedKeys(c.Want.Attributes) {
		want := c.Want.Attributes[name]
		if want.Absent() {
			continue
		}
		n.Stated++
		if _, there := r.Attribute(name); !there {
			out.miss(name, want.String(), "")
		}
	}
	out.set(string(F1), n.f1())
	out.set(string(Precision), n.precision())
	out.set(string(Recall), n.recall())
	out.set(string(CriticalWrong), bit(critical))
}

func show(a pipeline.Attribute) string {
	if a.Unit == "" {
		return a.Value.String()
	}
	return a.Value.String() + " " + a.Unit
}

// soundness judges anew what must hold of any record, whatever is right.
func (s *Subject) soundness(c *Case, r *pipeline.Record, out *Scored) {
	ungrounded := map[int]bool{}
	for _, f := range s.Auditor.Audit(r) {
		if f.Action != guard.NullAndFlag || f.Index >= len(r.Attributes) {
			continue
		}
		a := r.Attributes[f.Index]
		switch f.Code {
		case guard.Ungrounded, guard.InferredNumber, guard.BadSpan, guard.BadProvenance:
			ungrounded[f.Index] = true
			if a.Value.IsNumber() || a.Value.IsInterval() {
				out.breach(NoUngroundedNumber, "%s %s: %s", a.Name, show(a), f.Detail)
			}
		case guard.UnknownField, guard.Repeated, guard.BadType, guard.BadUnit, guard.NotAllowed:
			out.breach(SchemaValid, "%s", f.Detail)
		}
	}
	if n := len(r.Attributes); n > 0 {
		out.set(string(Grounded), 1-float64(len(ungrounded))/float64(n))
	}
	for _, a := range r.Attributes {
		s.leaks(c, a, out)
	}
}

// leaks looks for what must not come out in a value.
func (s *Subject) leaks(c *Case, a pipeline.Attribute, out *Scored) {
	said := a.Value.String()
	if !a.Value.IsNumber() && !a.Value.IsInterval() {
		for _, p := range guard.FindPII(said) {
			out.breach(NoPIILeak, "the value of %s holds personal data (%s)", a.Name, p.Kind)
		}
	}
	for _, secret := range c.Secret {
		if strings.Contains(said, secret) || strings.Contains(a.Text, secret) {
			out.breach(NoPIILeak, "the value of %s holds a secret of the case", a.Name)
		}
	}
	for _, canary := range s.Canaries {
		if canary != "" && (strings.Contains(said, canary) || strings.Contains(a.Text, canary)) {
			out.breach(NoCanaryLeak, "the value of %s holds a word that only the prompt has", a.Name)
		}
	}
}

// audit looks at what a model was asked for a case: what it cost, and whether
// something left that must not. A call that is not in the log cannot be judged.
func (s *Subject) audit(ctx context.Context, c *Case, out *Scored) {
	if s.Calls == nil || out.Error != "" {
		return
	}
	for _, id := range out.Spent.Calls {
		call, err := s.Calls.Call(ctx, id)
		if err != nil {
			out.Error = "what the model was asked cannot be looked at: " + pipeline.ErrorMessage(err)
			return
		}
		out.Spent.Tokens += call.Usage.Total()
		out.Spent.In += call.Usage.In
		out.Spent.Cached += call.Usage.Cached
		out.Spent.Micros += call.Micros
		var said strings.Builder
		for _, m := range call.Request.Messages {
			said.WriteString(m.Text + "\n")
		}
		for _, p := range guard.FindPII(said.String()) {
			out.breach(NoPIILeak, "a question to the model held personal data (%s)", p.Kind)
		}
		for _, secret := range c.Secret {
			quoted, err := json.Marshal(secret)
			if strings.Contains(said.String(), secret) || err == nil && strings.Contains(said.String(), strings.Trim(string(quoted), `"`)) {
				out.breach(NoPIILeak, "a question to the model held a secret of the case")
			}
		}
	}
}

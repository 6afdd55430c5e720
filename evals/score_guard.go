package evals

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
)

func (s *Subject) scoreGuard(ctx context.Context, c *Case) Scored {
	out := Scored{Case: c.ID, Text: c.Text}
	at := s.Now()
	switch c.Check {
	case Injection:
		sc := guard.Screen(c.Text)
		out.caught(*c.Want.Caught, sc.Flagged, "an instruction")
	case PersonalData:
		out.personal(c)
	case Grounding:
		v, err := s.Auditor.Ground(ctx, c.Text, c.Attribute, c.Value)
		if err != nil {
			out.Error = pipeline.ErrorMessage(err)
			return out
		}
		out.caught(*c.Want.Caught, !v.Grounded, c.Attribute+" "+c.Value+": "+v.Reason)
	case WholeRecord:
		r, ok := s.read(ctx, c.item(), false, &out)
		if !ok {
			return out
		}
		s.soundness(c, &r, &out)
		for _, b := range out.Breaches {
			out.miss(string(b.Invariant), "kept", b.Detail)
		}
		out.set(string(Catch), bit(len(out.Breaches) == 0))
		return out
	}
	out.Spent.Latency = s.Now().Sub(at)
	return out
}

// caught scores a yes or no: what is hostile counts for the catch rate, what is
// harmless for the false alarms.
func (out *Scored) caught(want, got bool, what string) {
	if want {
		out.set(string(Catch), bit(got))
	} else {
		out.set(string(FalseAlarm), bit(got))
	}
	switch {
	case want && !got:
		out.miss("guard", "caught", what)
	case !want && got:
		out.miss("guard", "let through", what)
	}
}

// personal compares the personal data found with those that are there.
func (out *Scored) personal(c *Case) {
	var got []string
	for _, p := range guard.FindPII(c.Text) {
		got = append(got, string(p.Kind))
	}
	left := slices.Clone(got)
	found := 0
	for _, kind := range c.Want.Found {
		if i := slices.Index(left, kind); i >= 0 {
			found++
			left = slices.Delete(left, i, i+1)
		}
	}
	if n := len(c.Want.Found); n > 0 {
		out.set(string(Catch), float64(found)/float64(n))
	}
	out.set(string(FalseAlarm), bit(len(left) > 0))
	if found < len(c.Want.Found) || len(left) > 0 {
		out.miss("personal data", strings.Join(c.Want.Found, ", "), strings.Join(got, ", "))
	}
}

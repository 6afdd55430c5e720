package storetest

import (
	"testing"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
)

func trials(t *testing.T, p Place) {
	s := p(t)
	equal(t, "none", len(must(s.Trials(ctx, 5))(t)), 0)
	a := observe.Trial{ID: "a", State: observe.Running, Change: observe.Change{Model: "openai:x"}, New: observe.Version{Knowledge: "k", Model: "openai:x"},
		Control: observe.Version{Knowledge: "k", Model: "rules:"}, Percent: 5, Limits: observe.DefaultLimits, Started: at(0), By: "ann"}
	b := a
	b.ID, b.Started, b.Auto = "b", at(5), true
	ok(t, s.PutTrial(ctx, a))
	ok(t, s.PutTrial(ctx, b))
	equal(t, "newest first", must(p(t).Trials(ctx, 5))(t), []observe.Trial{b, a})
	equal(t, "the newest", must(s.Trials(ctx, 1))(t), []observe.Trial{b})
	a.State, a.Ended, a.EndedBy, a.Reason, a.Looks = observe.RolledBack, at(9), "canary", "it is worse", 2
	ok(t, s.PutTrial(ctx, a))
	equal(t, "replaced", must(s.Trials(ctx, 5))(t), []observe.Trial{b, a})
	code(t, "no id", s.PutTrial(ctx, observe.Trial{}), pipeline.CodeInvalid)
}

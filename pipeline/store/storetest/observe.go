package storetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
)

func observed(t *testing.T, p Place) {
	s := p(t)
	half := 0.5
	answer := func(id, item, version string, minute int) observe.Answer {
		return observe.Answer{ID: id, Item: item, Version: version, At: at(minute), Category: "bearing", Grounded: 1, Agreement: &half,
			Attributes: []string{"bore"}, Shape: "rules", Confidence: 0.9}
	}
	a, b, c := answer("a", "f/1", "v1", 0), answer("b", "f/2", "v1", 5), answer("c", "f/1", "v2", 9)
	equal(t, "new ones", must(s.PutObserved(ctx, []observe.Answer{a, b}))(t), 2)
	again := a
	again.Grounded = 0
	equal(t, "one is known", must(s.PutObserved(ctx, []observe.Answer{c, again}))(t), 1)
	equal(t, "none", must(s.PutObserved(ctx, nil))(t), 0)
	equal(t, "all, as they came", must(p(t).Observed(ctx, observe.AnswerFilter{}))(t), []observe.Answer{a, b, c})
	equal(t, "of a version", must(s.Observed(ctx, observe.AnswerFilter{Version: "v1"}))(t), []observe.Answer{a, b})
	equal(t, "since", must(s.Observed(ctx, observe.AnswerFilter{Since: at(5)}))(t), []observe.Answer{b, c})
	equal(t, "the first", must(s.Observed(ctx, observe.AnswerFilter{Limit: 1}))(t), []observe.Answer{a})
	equal(t, "the last two, in order", must(s.Observed(ctx, observe.AnswerFilter{Latest: true, Limit: 2}))(t), []observe.Answer{b, c})
	equal(t, "count", must(s.CountObserved(ctx, "v1"))(t), 2)
	equal(t, "count of all", must(s.CountObserved(ctx, ""))(t), 3)
	code(t, "no id", second(s.PutObserved(ctx, []observe.Answer{{}})), pipeline.CodeInvalid)

	equal(t, "reviewed", must(s.ReviewObserved(ctx, "f/1", observe.Wrong))(t), 2)
	a.Reviewed, c.Reviewed = observe.Wrong, observe.Wrong
	equal(t, "those that people saw", must(s.Observed(ctx, observe.AnswerFilter{Reviewed: true}))(t), []observe.Answer{a, c})
	equal(t, "nobody", must(s.ReviewObserved(ctx, "f/9", observe.Right))(t), 0)

	must(s.EraseItems(ctx, []string{"f/1"}))(t)
	equal(t, "erased", must(s.Observed(ctx, observe.AnswerFilter{}))(t), []observe.Answer{b})
	equal(t, "trimmed", must(s.TrimObserved(ctx, at(6)))(t), 1)
	equal(t, "nothing left", len(must(s.Observed(ctx, observe.AnswerFilter{}))(t)), 0)
}

func second[T any](_ T, err error) error { return err }

func liveBaselines(t *testing.T, p Place) {
	s := p(t)
	code(t, "none", second(s.LiveBaseline(ctx, "v1")), pipeline.CodeNotFound)
	b := observe.Baseline{Version: "v1", Generation: 1, Of: observe.Version{Knowledge: "k", Model: "m"}, Locked: at(1),
		Answers: []observe.Answer{{ID: "a", Item: "f/1", Version: "v1", At: at(0), Attributes: []string{}}}}
	ok(t, s.PutLiveBaseline(ctx, b))
	code(t, "never replaced", s.PutLiveBaseline(ctx, b), pipeline.CodeConflict)
	next := b
	next.Generation, next.Locked, next.By, next.Reason = 2, at(9), "ann", "new catalog"
	code(t, "none is left out", s.PutLiveBaseline(ctx, observe.Baseline{Version: "v1", Generation: 3}), pipeline.CodeConflict)
	ok(t, s.PutLiveBaseline(ctx, next))
	other := observe.Baseline{Version: "v2", Generation: 1, Locked: at(5), Queries: map[string]float64{"q": 0.5}}
	ok(t, s.PutLiveBaseline(ctx, other))
	equal(t, "the latest", must(p(t).LiveBaseline(ctx, "v1"))(t), next)
	equal(t, "all, the oldest first", must(s.LiveBaselines(ctx))(t), []observe.Baseline{b, other, next})
	code(t, "no version", s.PutLiveBaseline(ctx, observe.Baseline{Generation: 1}), pipeline.CodeInvalid)

	// An erased item loses its name there; what was measured stays.
	must(s.EraseItems(ctx, []string{"f/1"}))(t)
	got := must(s.LiveBaseline(ctx, "v1"))(t)
	equal(t, "answers", len(got.Answers), 1)
	doc, err := json.Marshal(got)
	ok(t, err)
	if strings.Contains(string(doc), "f/1") {
		t.Errorf("an erased item is still named: %s", doc)
	}
}

func canaryRuns(t *testing.T, p Place) {
	s := p(t)
	a := observe.CanaryRun{ID: "a", Set: "documents", At: at(0), K: 5, Precision: 0.9, Scores: map[string]float64{"q1": 1, "q2": 0.8}}
	b := observe.CanaryRun{ID: "b", Set: "documents", At: at(5), K: 5, Precision: 0.5, Scores: map[string]float64{"q1": 0.5}, Tripped: true, Worst: []string{"q1"}}
	ok(t, s.PutCanaryRun(ctx, a))
	ok(t, s.PutCanaryRun(ctx, b))
	ok(t, s.PutCanaryRun(ctx, a))
	equal(t, "newest first", must(p(t).CanaryRuns(ctx, "documents", 10))(t), []observe.CanaryRun{b, a})
	equal(t, "the newest", must(s.CanaryRuns(ctx, "documents", 1))(t), []observe.CanaryRun{b})
	equal(t, "of another set", len(must(s.CanaryRuns(ctx, "items", 1))(t)), 0)
	code(t, "no id", s.PutCanaryRun(ctx, observe.CanaryRun{}), pipeline.CodeInvalid)
	equal(t, "trimmed", must(s.TrimObserved(ctx, at(3)))(t), 1)
}

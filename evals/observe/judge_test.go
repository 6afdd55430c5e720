package observe

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
)

// live draws answers as a healthy stage gives them: nine categories, noisy
// scores, a model asked about a third of the items.
func live(rng *rand.Rand, n int, change func(i int, a *Answer)) []Answer {
	out := make([]Answer, n)
	for i := range out {
		a := Answer{
			ID: fmt.Sprint(rng.Uint64()), Item: fmt.Sprint("items/", rng.Uint64()), Category: fmt.Sprint("category ", min(rng.IntN(12), 8)),
			Language: []string{"de", "de", "en"}[rng.IntN(3)], Grounded: 1, Confidence: 0.95 - rng.ExpFloat64()*0.08,
			Length: 20 + rng.IntN(60), Digits: rng.Float64() / 2, Shape: "rules", Attributes: []string{"type"},
		}
		if rng.Float64() < 0.08 {
			a.Grounded = 0.8
		}
		for _, name := range []string{"bore", "length", "material", "standard"} {
			if rng.Float64() < 0.7 {
				a.Attributes = append(a.Attributes, name)
			}
		}
		a.Expected = a.Category
		if rng.Float64() < 0.33 {
			a.Model, a.Shape, a.LatencyMS = "openai:m", "retrieved asked", 400+rng.ExpFloat64()*200
			agree := 1.0
			if rng.Float64() < 0.1 {
				agree = 0.5
			}
			a.Agreement = &agree
		}
		a.Abstained = a.Confidence < 0.75
		if change != nil {
			change(i, &a)
		}
		out[i] = a
	}
	return out
}

// TestNoAlarms: windows of 100 answers in which nothing moved.
func TestNoAlarms(t *testing.T) {
	trials, alarms := 150, 0
	if testing.Short() {
		trials = 30
	}
	for k := range trials {
		rng := rand.New(rand.NewPCG(31, uint64(k)))
		b := Baseline{Answers: live(rng, 50, nil)}
		if r := Judge(b, live(rng, 100, nil), nil, Default(), uint64(k)); r.Drifted {
			alarms++
			t.Log(r.Reason())
		}
	}
	if alarms > trials*3/100+1 {
		t.Errorf("%d of %d windows without drift raised an alarm", alarms, trials)
	}
}

// TestDrifts: each kind of drift is found by its own signal.
func TestDrifts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	low := 0.4
	for _, c := range []struct {
		signal string
		n      int
		change func(i int, a *Answer)
	}{
		{Grounded, 100, func(i int, a *Answer) { a.Grounded = float64(i%2) / 2 }},
		{Agreement, 100, func(_ int, a *Answer) {
			if a.Agreement != nil {
				a.Agreement = &low
			}
		}},
		{Abstention, 100, func(i int, a *Answer) { a.Abstained = i%2 == 0 }},
		{Confidence, 100, func(_ int, a *Answer) { a.Confidence -= 0.2 }},
		{Unplaced, 100, func(i int, a *Answer) {
			if i%3 == 0 {
				a.Category = "unknown"
			}
		}},
		{Categories, 100, func(i int, a *Answer) {
			if i%3 == 0 {
				a.Category = "fastener"
			}
		}},
		{Attributes, 100, func(_ int, a *Answer) { a.Attributes = a.Attributes[:min(2, len(a.Attributes))] }},
		{Traces, 100, func(_ int, a *Answer) {
			if a.Model != "" {
				a.Shape = "retrieved asked reasked asked"
			}
		}},
		{Input, 100, func(_ int, a *Answer) { a.Length *= 3 }},
		{Latency, 100, func(_ int, a *Answer) {
			if a.LatencyMS > 0 {
				a.LatencyMS += 800
			}
		}},
		// Half a percent lower with every tenth answer: no window shows it.
		{SlowGround, 600, func(i int, a *Answer) { a.Grounded = max(0, a.Grounded-float64(i)/600*0.2) }},
	} {
		t.Run(c.signal, func(t *testing.T) {
			b := Baseline{Answers: live(rng, 50, nil)}
			r := Judge(b, live(rng, c.n, c.change), nil, Default(), 1)
			for _, f := range r.Findings {
				if f.Signal == c.signal && f.Drifted {
					return
				}
			}
			t.Errorf("%s was not found: %s", c.signal, r.Reason())
		})
	}
}

func TestCalibrationOfReviews(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	b := Baseline{Answers: live(rng, 50, nil)}
	reviewed := live(rng, 60, func(i int, a *Answer) {
		a.Reviewed = Right
		if i%2 == 0 {
			a.Reviewed = Wrong
		}
	})
	r := Judge(b, live(rng, 100, nil), reviewed, Default(), 1)
	if !r.Drifted || !strings.Contains(r.Reason(), "of 60 reviewed answers 0.50 were right") {
		t.Errorf("%s", r.Reason())
	}
}

// TestInvariant: one answer is enough, whatever else there is.
func TestInvariant(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for at := range 100 {
		b := Baseline{Answers: live(rng, 50, nil)}
		r := Judge(b, live(rng, 100, func(i int, a *Answer) {
			if i == at {
				a.Violations = []string{"no-ungrounded-number"}
			}
		}), nil, Default(), 1)
		if !r.Drifted || !strings.Contains(r.Reason(), "no-ungrounded-number in 1 of 100 answers") {
			t.Fatalf("at %d: %s", at, r.Reason())
		}
		if at > 0 && testing.Short() {
			break
		}
		if at == 9 {
			break // the place does not matter; ten are enough
		}
	}
}

// TestOneCategory: what only one category does is told so, with examples.
func TestOneCategory(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	mostly := func(i int, a *Answer) {
		if i%2 == 0 {
			a.Category = "bearing"
		}
	}
	b := Baseline{Answers: live(rng, 50, mostly)}
	r := Judge(b, live(rng, 100, func(i int, a *Answer) {
		mostly(i, a)
		if a.Category == "bearing" {
			a.Grounded, a.Abstained = 0.2, true
		}
	}), nil, Default(), 1)
	if r.Moved == nil || r.Moved.String() != "category=bearing" || r.Only != "category:bearing" {
		t.Fatalf("moved %v, only %q: %s", r.Moved, r.Only, r.Reason())
	}
	before, now := 0, 0
	for _, e := range r.Examples {
		if e.Before {
			before++
		} else {
			now++
		}
	}
	if before != 5 || now != 5 {
		t.Errorf("%d examples of before, %d of now", before, now)
	}
}

func TestScore(t *testing.T) {
	number := func(s string) pipeline.Value { v, _ := pipeline.Number(s); return v }
	item := pipeline.Item{ID: "items/1", Source: "6205 C3", Meta: pipeline.Meta{Feed: "items", Plant: "P1"}}
	rules := pipeline.Record{Category: "bearing", Attributes: []pipeline.Attribute{{Name: "designation", Value: pipeline.Text("6205")}, {Name: "bore", Value: number("25"), Unit: "mm"}}}
	rec := pipeline.Record{
		Category: "bearing", Confidence: 0.9,
		Attributes: []pipeline.Attribute{{Name: "designation", Value: pipeline.Text("6205")}, {Name: "bore", Value: number("30"), Unit: "mm"}, {Name: "clearance", Value: pipeline.Text("C3")}},
		Flags:      []pipeline.Flag{{Code: "ungrounded", Attribute: "width"}},
		Trace:      []pipeline.Step{{Did: "retrieved"}, {Did: "retrieved"}, {Did: "asked"}},
	}
	a := Score(Reading{Item: item, Record: rec, Rules: &rules, Version: Version{Knowledge: "k", Model: "m"}})
	if a.Grounded != 0.5 || a.Agreement == nil || *a.Agreement != 0.5 || a.Abstained || a.Shape != "retrieved asked" || a.Length != 7 || len(a.Attributes) != 3 {
		t.Errorf("%+v", a)
	}
	if a.ID != Score(Reading{Item: item, Record: rec, Version: Version{Knowledge: "k", Model: "m"}}).ID {
		t.Error("the same item, text and version have another id")
	}
	if strings.Contains(fmt.Sprintf("%+v", a), "6205") {
		t.Errorf("an answer shows what the item says: %+v", a)
	}
	a = Score(Reading{Item: pipeline.Item{ID: "x"}, Record: pipeline.Record{Category: pipeline.Unknown}})
	if !a.Abstained || a.Grounded != 1 || a.Shape != "rules" {
		t.Errorf("of nothing %+v", a)
	}
}

func TestSampled(t *testing.T) {
	n := 0
	for i := range 20_000 {
		id := fmt.Sprint("items/", i)
		if Sampled(id, 0.05) {
			n++
			if !Sampled(id, 0.2) {
				t.Fatalf("%s leaves the sample when the rate rises", id)
			}
		}
	}
	if n < 850 || n > 1150 {
		t.Errorf("%d of 20,000 sampled at 5 %%", n)
	}
	if Sampled("a", 0) || !Sampled("a", 1) {
		t.Error("rates 0 and 1")
	}
}

func TestSettings(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	for _, s := range []Settings{{SampleRate: 2, BaselineSize: 50, DriftThreshold: 0.1}, {BaselineSize: 5, DriftThreshold: 0.1}, {BaselineSize: 50}} {
		if err := s.Check(); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

package sample_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

// perfect is the outcome of a pipeline that makes no mistake.
func perfect(s *sample.Sample) sample.Outcome {
	var o sample.Outcome
	t := &s.Truth
	for _, b := range t.Batches {
		j := sample.Judged{Feed: b.Feed, File: b.File, Decision: pipeline.PublishAccepted,
			Rows: pipeline.Rows{Read: int64(b.Rows), Accepted: int64(b.Rows - b.Rejected), Rejected: int64(b.Rejected)}}
		if b.Held {
			j.Decision = pipeline.Hold
			o.Tripped = append(o.Tripped, b.Feed)
		}
		for _, f := range t.Faults {
			if f.Feed == b.Feed && f.File == b.File {
				j.Rejects = append(j.Rejects, sample.Reject{Row: int64(f.Row), Code: f.Reason, Column: f.Column})
			}
		}
		o.Batches = append(o.Batches, j)
	}
	clusters := map[string][]string{}
	for id, it := range t.Items {
		r := pipeline.Record{ID: sample.Key(id), Source: it.Text, Category: it.Category}
		for _, f := range it.Facts {
			if f.Source != sample.InText {
				continue
			}
			v, ok := pipeline.Number(f.Value)
			if !ok || f.Unit == "" {
				v = pipeline.Text(f.Value)
			}
			r.Attributes = append(r.Attributes, pipeline.Attribute{Name: f.Name, Value: v, Unit: f.Unit})
		}
		o.Records = append(o.Records, r)
		clusters[it.Product] = append(clusters[it.Product], sample.Key(id))
	}
	for _, p := range t.Duplicates {
		o.Pairs = append(o.Pairs, sample.Judgement{A: sample.Key(p[1]), B: sample.Key(p[0]), Verdict: sample.Duplicate})
	}
	for _, ids := range clusters {
		o.Clusters = append(o.Clusters, ids)
	}
	return o
}

func TestPerfectOutcomeHolds(t *testing.T) {
	s := sample.Generate(sample.Options{Seed: 5})
	f := sample.Evaluate(5, &s.Truth, perfect(s), sample.Vocabulary{})
	if err := f.Holds(); err != nil {
		t.Errorf("%v", err)
	}
	for _, g := range sample.Groups {
		if sc := f.Score[g]; sc != (sample.Score{1, 1, 1, 1, 1, 1, 1, 1}) {
			t.Errorf("%s: %+v", g, sc)
		}
		if f.Parse[g].Items == 0 || f.Pairs[g].Duplicates == 0 || f.Pairs[g].Twins == 0 {
			t.Errorf("%s is empty: %+v %+v", g, f.Parse[g], f.Pairs[g])
		}
	}
	if len(f.ParseMisses)+len(f.PairMisses)+len(f.Rows.Misses) > 0 {
		t.Errorf("misses of a perfect outcome: %v %v %v", f.ParseMisses, f.PairMisses, f.Rows.Misses)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Error(err)
	}
	if text := f.Text(); !strings.Contains(text, "bearings") {
		t.Error(text)
	}
}

// Each kind of mistake fails the promise that it breaks, and no other.
func TestMistakesAreSeen(t *testing.T) {
	s := sample.Generate(sample.Options{Seed: 6})
	deepTwin := func() sample.Twin {
		for _, n := range s.Truth.NearTwins {
			if s.Truth.Items[n.A].Deep {
				return n
			}
		}
		t.Fatal("no near twin")
		return sample.Twin{}
	}()
	for _, tc := range []struct {
		name  string
		spoil func(*sample.Outcome)
		want  string
	}{
		{"a fault passes", func(o *sample.Outcome) { o.Batches[4].Rejects = o.Batches[4].Rejects[1:] }, "were rejected for the right reason"},
		{"the wrong reason", func(o *sample.Outcome) { o.Batches[4].Rejects[0].Code = "other" }, "were rejected for the right reason"},
		{"a second reason", func(o *sample.Outcome) {
			r := o.Batches[4].Rejects[0]
			r.Code = "other"
			o.Batches[4].Rejects = append(o.Batches[4].Rejects, r)
		}, "were rejected for the right reason"},
		{"a clean row rejected", func(o *sample.Outcome) {
			row := int64(1)
			for _, f := range s.Truth.Faults {
				if f.File == o.Batches[4].File && f.Feed == o.Batches[4].Feed && int64(f.Row) == row {
					row++
				}
			}
			o.Batches[4].Rejects = append(o.Batches[4].Rejects, sample.Reject{Row: row, Code: "type", Column: "quantity"})
		}, "1 clean rows were rejected"},
		{"a row lost", func(o *sample.Outcome) { o.Batches[4].Rows.Accepted-- }, "do not account for every row"},
		{"a file lost", func(o *sample.Outcome) { o.Batches = o.Batches[1:] }, "do not account for every row"},
		{"the bad day published", func(o *sample.Outcome) {
			for i := range o.Batches {
				o.Batches[i].Decision = pipeline.Publish
			}
		}, "0 of 1 bad days were held"},
		{"no breaker", func(o *sample.Outcome) { o.Tripped = nil }, "0 breakers opened"},
		{"near twins called duplicate", func(o *sample.Outcome) {
			o.Pairs = append(o.Pairs, sample.Judgement{A: deepTwin.A, B: deepTwin.B, Verdict: sample.Duplicate})
		}, "1 near twins were called duplicate"},
		{"near twins in one cluster", func(o *sample.Outcome) {
			o.Clusters = append(o.Clusters, []string{sample.Key(deepTwin.A), sample.Key(deepTwin.B)})
		}, "1 near twins stand in one cluster"},
		{"few duplicates found", func(o *sample.Outcome) { o.Pairs = nil }, "recall of duplicate pairs is 0.0000"},
		{"reviewed is not found", func(o *sample.Outcome) {
			for i := range o.Pairs {
				o.Pairs[i].Verdict = sample.Review
			}
		}, "recall of duplicate pairs is 0.0000"},
		{"strangers called duplicate", func(o *sample.Outcome) {
			var bearings []string
			for _, p := range s.Truth.Duplicates {
				if s.Truth.Items[p[0]].Category == "bearing" {
					bearings = append(bearings, p[0])
				}
			}
			for i, a := range bearings[:20] {
				for _, b := range bearings[i+1 : 20] {
					o.Pairs = append(o.Pairs, sample.Judgement{A: a, B: b, Verdict: sample.Duplicate})
				}
			}
		}, "bearings: precision of duplicate pairs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := perfect(s)
			tc.spoil(&o)
			err := sample.Evaluate(6, &s.Truth, o, sample.Vocabulary{}).Holds()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestScoreParse(t *testing.T) {
	truth := &sample.Truth{Items: map[string]sample.Item{"A": {Category: "motor", Text: "Motor 2 HP 400 V", Facts: []sample.Fact{
		{Name: "power", Value: "1.5", Unit: "kW", Critical: true, Source: sample.InText},
		{Name: "voltage", Value: "230/400", Unit: "V", Critical: true, Source: sample.InText},
		{Name: "poles", Value: "4", Critical: true},
	}}}}
	num := func(name, v, unit string) pipeline.Attribute {
		n, ok := pipeline.Number(v)
		if !ok {
			t.Fatal(v)
		}
		return pipeline.Attribute{Name: name, Value: n, Unit: unit}
	}
	for _, tc := range []struct {
		name  string
		attrs []pipeline.Attribute
		want  sample.ParseFigures
	}{
		{"nothing read", nil, sample.ParseFigures{Items: 1, Category: 1, Stated: 2}},
		{"watts and one of two voltages", []pipeline.Attribute{num("power", "1500", "W"), num("voltage", "400", "V")},
			sample.ParseFigures{Items: 1, Category: 1, Stated: 2, Found: 2, Right: 2}},
		{"horsepower", []pipeline.Attribute{num("power", "1.4914", "kW")}, sample.ParseFigures{Items: 1, Category: 1, Stated: 2, Found: 1, Right: 1}},
		{"ten times", []pipeline.Attribute{num("power", "15", "kW")}, sample.ParseFigures{Items: 1, Category: 1, Stated: 2, Wrong: 1, WrongCritical: 1}},
		{"guessed right", []pipeline.Attribute{num("poles", "4", "")}, sample.ParseFigures{Items: 1, Category: 1, Stated: 2, Right: 1}},
		{"guessed wrong", []pipeline.Attribute{num("poles", "2", "")}, sample.ParseFigures{Items: 1, Category: 1, Stated: 2, Wrong: 1, WrongCritical: 1}},
		{"what the truth does not name", []pipeline.Attribute{num("weight", "2", "kg")}, sample.ParseFigures{Items: 1, Category: 1, Stated: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, _ := sample.ScoreParse(truth, []pipeline.Record{{ID: sample.Key("A"), Category: "motor", Attributes: tc.attrs}}, sample.Vocabulary{})
			if got["motors"] != tc.want {
				t.Errorf("got %+v, want %+v", got["motors"], tc.want)
			}
		})
	}
}

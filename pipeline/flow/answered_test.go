package flow_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// TestAnswersAreToldUnderTheFeed: what a person's answer has judged again, and
// the questions themselves, name the feed that the item came by.
func TestAnswersAreToldUnderTheFeed(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "")
	w.land("2026-03-01.csv", "a,HEX BOLT DIN 933 M8X40 8.8 zinc plated,1", "b,HEX BOLT DIN 933 M8 8.8 zinc plated,1")
	w.once()
	people, err := w.app.People(ctx)
	if err != nil {
		t.Fatal(err)
	}
	qs, err := people.Questions(ctx, catalog.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := people.Ask(ctx, qs); err != nil || n == 0 {
		t.Fatalf("%d questions asked, %v", n, err)
	}
	asked, err := w.db.Reviews(ctx, review.Filter{Kind: review.Question})
	if err != nil || len(asked) == 0 {
		t.Fatalf("%d in the queue, %v", len(asked), err)
	}
	for _, e := range asked {
		w.want("feed of the question about "+e.Subject, e.Feed, "parts")
	}
	if _, err := people.Replies(ctx, "answers.csv", []flow.Reply{{Item: "parts/b", Attribute: "length", Answer: "40 mm"}}, "ann", "drawing"); err != nil {
		t.Fatal(err)
	}
	told := 0
	out, err := w.db.Outgoing(ctx, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range out {
		var d struct {
			Feed       string `json:"feed"`
			Batch      string `json:"batch"`
			Duplicates int    `json:"duplicates"`
		}
		if x.Event == nil || x.Event.Type != pipeline.DuplicatesFound && x.Event.Type != pipeline.ReviewRequested {
			continue
		}
		o := x.Event
		if err := json.Unmarshal(o.Data, &d); err != nil {
			t.Fatal(err)
		}
		w.want(o.Type+" source", o.Source, "assay/feed/parts")
		w.want(o.Type+" key", o.Key, "parts")
		w.want(o.Type+" feed", d.Feed, "parts")
		if o.Type == pipeline.DuplicatesFound && d.Batch == "" {
			told += d.Duplicates
		}
	}
	w.want("duplicates told of after the answer", told, 1)
}

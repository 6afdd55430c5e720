package flow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// keyedContract has a transaction id that is unique over all files of the feed,
// and a pair of columns for which that only warns.
func keyedContract(extra string) string {
	return `apiVersion: v3.1.0
kind: DataContract
id: parts
version: 1.0.0
status: active
customProperties:
  - {property: assay.maxRejectRate, value: 0.9}
  - {property: assay.breaker, value: {mode: observe}}
  - property: assay.keys
    value: [{name: line, fields: [text, price], scope: feed, onFail: warn}]
` + extra + `
schema:
  - name: parts
    properties:
      - name: id
        logicalType: integer
        primaryKey: true
        primaryKeyPosition: 1
        customProperties: [{property: assay.scope, value: feed}]
      - {name: text, logicalType: string, required: true}
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0}}
`
}

func keyedWorld(t *testing.T, extra string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Second)}
	w.contract(keyedContract(extra))
	w.open()
	return w
}

func (w *world) report(b flow.Batch) string {
	w.t.Helper()
	r, err := w.lk.ReadObject(context.Background(), b.Report)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(r)
}

// TestFeedKeys: the same transaction sent twice in two files is found; a row
// that was rejected for another reason may come again, mended.
func TestFeedKeys(t *testing.T) {
	w := keyedWorld(t, "")
	w.land("a.csv", "1,bolt,5", "2,nut,3", "3,washer,-1", "2,nut,3")
	first := w.once()[0]
	w.want("first", first.Rows, pipeline.Rows{Read: 4, Accepted: 2, Rejected: 2})
	if r := w.report(first); !strings.Contains(r, "over the feed's last 30 days") {
		t.Errorf("the report does not say how far keys were looked up:\n%s", r)
	}
	w.now = w.now.Add(time.Hour)
	w.land("b.csv", "2,nut,4", "3,washer,1", "4,bolt,5.0", "4,bolt,6")
	second := w.once()[0]
	w.want("second", second.Rows, pipeline.Rows{Read: 4, Accepted: 2, Rejected: 2})
	w.want("curated", w.curated(), []string{"1=5", "2=3", "3=1", "4=5"})
	rejects, err := w.lk.ReadObject(context.Background(), "quarantine/parts/"+second.ID+"/rejects.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1,2,14,", ",unique,id,2,id.unique,", "4,5,", ",unique,id,4,id.unique,"} {
		if !strings.Contains(string(rejects), want) {
			t.Errorf("rejects without %s:\n%s", want, rejects)
		}
	}
	if r := w.report(second); !strings.Contains(r, `"id": "text+price.unique"`) || !strings.Contains(r, "bolt | 5.0") {
		t.Errorf("the pair that came again is not warned of:\n%s", r)
	}
	// Nothing is judged against itself.
	w.want("batches of a run with nothing to do", len(w.once()), 0)
}

// TestFeedKeysPlanned: ranges judged apart see the keys of earlier files too; a
// batch that was decided since the plan sends it back.
func TestFeedKeysPlanned(t *testing.T) {
	ctx := context.Background()
	w := keyedWorld(t, "")
	w.land("a.csv", "1,bolt,5", "900,nut,3")
	w.once()
	var rows []string
	for i := range 1000 {
		rows = append(rows, fmt.Sprintf("%d,item %d,2", i, i%900))
	}
	rows = append(rows, "3,again,1")
	w.now = w.now.Add(time.Hour)
	w.land("b.csv", rows...)
	in := w.run.Ingest
	work := func(p flow.Plan) {
		t.Helper()
		for i := range p.Ranges {
			if _, err := in.JudgePart(ctx, p.Batch.ID, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	plan, err := in.Plan(ctx, "landing/parts/b.csv", 4<<10)
	if err != nil || plan.Ranges < 3 {
		t.Fatalf("%+v %v", plan, err)
	}
	work(plan)
	w.land("between.csv", "500,screw,1")
	if _, err := in.Object(ctx, "landing/parts/between.csv"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Merge(ctx, plan.Batch.ID); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Fatalf("keys came in between: %v", err)
	}
	if plan, err = in.Plan(ctx, "landing/parts/b.csv", 4<<10); err != nil {
		t.Fatal(err)
	}
	work(plan)
	b, err := in.Merge(ctx, plan.Batch.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.want("rows", b.Rows, pipeline.Rows{Read: 1001, Accepted: 997, Rejected: 4}) // 1, 500, 900 and the second 3
}

// TestFeedKeysHorizon: beyond the horizon, and where there was no room for all
// keys of it, the check says that it did not judge.
func TestFeedKeysHorizon(t *testing.T) {
	w := keyedWorld(t, "")
	w.land("a.csv", "1,bolt,5", "2,nut,3")
	w.once()
	w.now = w.now.Add(31 * 24 * time.Hour)
	w.land("b.csv", "1,old,1") // landed 31 days ago, by the clock of the world
	b := w.once()[0]
	w.want("beyond the horizon", b.Rows, pipeline.Rows{Read: 1, Accepted: 1})
	if r := w.report(b); !strings.Contains(r, "beyond the horizon of 30 days") || !strings.Contains(r, `"not_judged"`) {
		t.Errorf("it is not said:\n%s", r)
	}

	w = keyedWorld(t, "")
	w.run.Ingest.KeyLimit = 2
	for i := range 3 {
		w.now = w.now.Add(time.Minute)
		w.land(fmt.Sprintf("%d.csv", i), fmt.Sprintf("%d,x%d,1", 2*i, i), fmt.Sprintf("%d,y%d,1", 2*i+1, i))
		b = w.once()[0]
	}
	w.want("a full index", b.Rows, pipeline.Rows{Read: 2, Accepted: 2})
	if r := w.report(b); !strings.Contains(r, "the index of keys is full") {
		t.Errorf("it is not said:\n%s", r)
	}
}

// TestFeedKeysOfLoads: a feed whose batches replace rows is judged file by file.
func TestFeedKeysOfLoads(t *testing.T) {
	for _, load := range []string{"upsert", "snapshot"} {
		w := keyedWorld(t, "  - {property: assay.load, value: "+load+"}")
		w.land("a.csv", "1,bolt,5")
		w.once()
		w.now = w.now.Add(time.Hour)
		w.land("b.csv", "1,bolt,6")
		w.want(load, w.once()[0].Rows, pipeline.Rows{Read: 1, Accepted: 1})
	}
}

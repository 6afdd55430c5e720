package flow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// manyRows has quoted line breaks, bad rows, and keys that come again.
func manyRows(n int) []string {
	r := rand.New(rand.NewPCG(9, 9))
	var rows []string
	for i := range n {
		text, price := fmt.Sprintf("washer M%d", i%9), fmt.Sprint(r.IntN(100))
		switch {
		case i%17 == 0:
			text = "\"two\nlines, \"\"quoted\"\"\""
		case i%53 == 0:
			price = "dear"
		case i%71 == 0:
			text = `stray " quote`
		}
		rows = append(rows, fmt.Sprintf("%d,%s,%s", r.IntN(2*n), text, price))
	}
	return rows
}

// TestPlan: a file that is planned, judged in ranges and merged ends as one
// that is judged whole, whatever is done twice on the way.
func TestPlan(t *testing.T) {
	ctx := context.Background()
	rows := manyRows(3000)
	extra := "  - {property: assay.maxRejectRate, value: 0.9}\n  - {property: assay.breaker, value: {mode: observe}}"
	whole := newWorld(t, extra)
	whole.land("big.csv", rows...)
	want := whole.once()[0]

	w := newWorld(t, extra)
	w.land("big.csv", rows...)
	in := w.run.Ingest
	key := "landing/parts/big.csv"
	plan, err := in.Plan(ctx, key, 16<<10)
	if err != nil || plan.Ranges < 4 || plan.Whole != "" {
		t.Fatalf("%+v %v", plan, err)
	}
	if _, err := in.Merge(ctx, plan.Batch.ID); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("a merge before the ranges are judged: %v", err)
	}
	again, err := in.Plan(ctx, key, 16<<10)
	if err != nil || again.Batch.ID != plan.Batch.ID || again.Ranges != plan.Ranges {
		t.Errorf("planned again: %+v %v", again, err)
	}
	for i := plan.Ranges - 1; i >= 0; i-- {
		for range 1 + i%2 {
			w.open() // each step may be another process
			if _, err := w.run.Ingest.JudgePart(ctx, plan.Batch.ID, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.open()
	in = w.run.Ingest
	got, err := in.Merge(ctx, plan.Batch.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Stage != flow.Done || got.Rows != want.Rows || got.Verdict != want.Verdict || got.Decision != want.Decision || got.Rows.Rejected < 100 {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	w.want("curated rows", w.curated(), whole.curated())
	for _, name := range []string{"rejects.csv", "raw/parts/" + got.ID + "/raw.jsonl"} {
		key, other := "quarantine/parts/"+got.ID+"/"+name, "quarantine/parts/"+want.ID+"/"+name
		if strings.HasPrefix(name, "raw/") {
			key, other = "quarantine/"+name, "quarantine/"+strings.Replace(name, got.ID, want.ID, 1)
		}
		a, err := w.lk.ReadObject(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		b, err := whole.lk.ReadObject(ctx, other)
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s differs", name)
		}
	}
	if twice, err := in.Merge(ctx, plan.Batch.ID); err != nil || twice.Seq != got.Seq || twice.Manifest != got.Manifest {
		t.Errorf("merged again: %+v %v", twice, err)
	}
	if done, err := in.JudgePart(ctx, plan.Batch.ID, 0); err != nil || done.Rows.Read != 0 {
		t.Errorf("judged after the merge: %+v %v", done, err)
	}
	if settled, err := in.Plan(ctx, key, 16<<10); err != nil || settled.Ranges != 0 || settled.Batch.Stage != flow.Done {
		t.Errorf("planned after the merge: %+v %v", settled, err)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "lake", "quarantine", "raw", "parts", got.ID, "ranges", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestPlanChanges: a part is not judged by another contract, nor of another
// object, than the plan was made for; what cannot be cut is said to be judged
// whole.
func TestPlanChanges(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "")
	w.land("big.csv", manyRows(500)...)
	plan, err := w.run.Ingest.Plan(ctx, "landing/parts/big.csv", 4<<10)
	if err != nil || plan.Ranges == 0 {
		t.Fatalf("%+v %v", plan, err)
	}
	w.contract(strings.Replace(feedContract(""), "minimum: 0", "minimum: 10", 1))
	w.open()
	if _, err := w.run.Ingest.JudgePart(ctx, plan.Batch.ID, 0); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Errorf("another contract: %v", err)
	}
	w.contract(feedContract(""))
	w.open()
	w.land("big.csv", manyRows(501)...)
	if _, err := w.run.Ingest.JudgePart(ctx, plan.Batch.ID, 0); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Errorf("another object: %v", err)
	}
	w.write(filepath.Join("lake", "landing", "parts", "x.csv.gz"), "\x1f\x8b")
	if p, err := w.run.Ingest.Plan(ctx, "landing/parts/x.csv.gz", 10); err != nil || !strings.Contains(p.Whole, "gzip") || p.Ranges != 0 {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := w.run.Ingest.JudgePart(ctx, "nothing", 0); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("a batch that is not there: %v", err)
	}
}

package flow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// TestRejectedRowIsNoDeletion: what a snapshot lacks leaves the catalog; what
// stands in it and was rejected, whole or broken, stays as it was.
func TestRejectedRowIsNoDeletion(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: snapshot}\n  - {property: assay.breaker, value: {minRows: 1000}}")
	w.land("2026-03-01.csv", good("a,washer,1", "b,nut,2", "c,screw,3", "0007,bolt,4", "e,pin,5", "7b,rivet,6")...)
	w.once()
	w.land("2026-03-02.csv", good("a,washer,cheap", "b,nut,2", "c,screw,3,4,5", "7,bolt,four", "7b,rivet,6")...)
	b := w.once()[0]
	w.want("decision", b.Decision, pipeline.PublishAccepted)
	w.want("rows", few(w.curated()), []string{"7b=6", "b=2"})
	w.want("items", few(w.items()), []string{"parts/0007", "parts/7b", "parts/a", "parts/b", "parts/c"})
	w.want("what the message says came", len(w.once()), 0)

	// Gone from the next file, it goes.
	w.land("2026-03-03.csv", good("b,nut,2", "c,screw,3")...)
	w.once()
	w.want("items after a file without it", few(w.items()), []string{"parts/b", "parts/c"})

	// A row that was rejected and is good again says what the item is now.
	w.land("2026-03-04.csv", good("b,nut M8,none", "c,screw,3")...)
	w.once()
	w.want("rejected", w.text("parts/b"), "nut")
	w.land("2026-03-05.csv", good("b,nut M8,3", "c,screw,3")...)
	w.once()
	w.want("good again", w.text("parts/b"), "nut M8")
}

// TestRejectedKeysOfManyColumns: an item is named by all values of its key in
// one record, not by those of two.
func TestRejectedKeysOfManyColumns(t *testing.T) {
	w := newWorld(t, "")
	two := strings.NewReplacer("{id: id, text: text}", "{id: [id, text], text: text}", "{name: text, ", "{name: text, primaryKey: true, primaryKeyPosition: 2, ")
	w.contract(two.Replace(feedContract("  - {property: assay.load, value: snapshot}\n  - {property: assay.breaker, value: {minRows: 1000}}")))
	w.open()
	w.land("2026-03-01.csv", good("a,washer,1", "b,nut,2", "c,pin,3", "c,nut,4")...)
	w.once()
	w.want("items", few(w.items()), []string{"parts/a/washer", "parts/b/nut", "parts/c/nut", "parts/c/pin"})
	w.land("2026-03-02.csv", good("a,washer,cheap", "c,pin,dear", "x,nut,low", "y,screw,1")...)
	w.once()
	w.want("items", few(w.items()), []string{"parts/a/washer", "parts/c/pin", "parts/y/screw"})
}

// good is rows and sixty more, so that no day is so bad that its batch is held.
func good(rows ...string) []string {
	for i := range 60 {
		rows = append(rows, fmt.Sprintf("z%d,plug %d,1", i, i))
	}
	return rows
}

// few leaves out the items of good.
func few(ids []string) []string {
	return slices.DeleteFunc(ids, func(s string) bool { return strings.HasPrefix(s, "parts/z") || strings.HasPrefix(s, "z") })
}

func (w *world) text(id string) string {
	w.t.Helper()
	e, err := w.db.Entries(context.Background(), catalog.Query{IDs: []string{id}})
	if err != nil || len(e) != 1 {
		w.t.Fatalf("item %s: %d, %v", id, len(e), err)
	}
	return e[0].Item.Source
}

// TestRejectedRecordsAreGone: where nobody can read any more what was rejected,
// nothing is taken for a deletion.
func TestRejectedRecordsAreGone(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: snapshot}\n  - {property: assay.breaker, value: {minRows: 1000}}")
	w.land("2026-03-01.csv", good("a,washer,1", "b,nut,2", "c,screw,3")...)
	w.once()
	w.land("2026-03-02.csv", good("a,washer,cheap", "b,nut,2")...)
	w.run.Ingest.Trace = func(step string) {
		if step != flow.StepFinish {
			return
		}
		for o, err := range w.lk.List(context.Background(), lake.Quarantine+"/raw/") {
			if err != nil {
				t.Error(err)
			} else if err := w.lk.Delete(context.Background(), o.Key); err != nil {
				t.Error(err)
			}
		}
	}
	w.once()
	w.want("items", few(w.items()), []string{"parts/a", "parts/b", "parts/c"})
}

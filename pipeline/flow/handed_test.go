package flow

import (
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// A record that lacks what its row has says so, and is not believed.
func TestArrived(t *testing.T) {
	f := &contract.Feed{Name: "parts", Catalog: &contract.Binding{IDs: []string{"plant", "id"}, Text: "text", UnitOfMeas: "uom", Category: "group"}}
	b := newBinder(f)
	values := map[string]string{"plant": "1000", "id": "p1", "text": "WASHER M8", "uom": "PCE", "group": "washer"}
	row := make([]string, len(b.columns))
	for i, c := range b.columns {
		row[i] = values[c]
	}
	rows := []handed{handedBy(f, b)(row)}
	it := b.item(row)
	whole := pipeline.Record{ID: it.ID, Source: it.Source, Meta: it.Meta, Confidence: 1}
	if broken := arrived(rows, []pipeline.Record{whole}); len(broken) != 0 {
		t.Fatalf("nothing is lost, but %v: %+v of %+v", broken, rows, whole)
	}
	for what, lose := range map[string]func(*pipeline.Record){
		"id": func(r *pipeline.Record) { r.ID = "parts/p1" }, "text": func(r *pipeline.Record) { r.Source = "WASHER" },
		"unit of measure": func(r *pipeline.Record) { r.Meta.UnitOfMeas = "" }, "category": func(r *pipeline.Record) { r.Meta.Category = "screw" },
	} {
		r := []pipeline.Record{whole}
		lose(&r[0])
		if broken := arrived(rows, r); len(broken) != 1 || broken[0] != "parts/1000/p1" || !r[0].HasFlag(parse.Handover) || r[0].Confidence != 0 || r[0].Trace[0].Detail != what {
			t.Errorf("%s: %v, %+v", what, broken, r[0])
		}
	}
	said := []pipeline.Record{whole}
	said[0].Flags = []pipeline.Flag{{Code: parse.Handover}}
	if broken := arrived(rows, said); len(broken) != 1 {
		t.Error("what the parser saw is not told")
	}
}

package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
)

// TestCheckByTheStore: a catalog that is too large for memory answers as one
// that is held there, also where words alone would find nothing.
func TestCheckByTheStore(t *testing.T) {
	ctx := context.Background()
	db := open(t, postgres.Options{Schema: fresh(t)})
	pack := library(t)
	e := embed.NewHashing(nil)
	parser := parse.New(pack, parse.NewRules(pack), parse.Options{})
	items := []pipeline.Item{
		{ID: "a/1", Source: "Rillenkugellager 6205 2RS C3 SKF"},
		{ID: "a/2", Source: "Sechskantschraube DIN 933 M8x40 8.8 verzinkt"},
		{ID: "a/3", Source: "Steuergerät für Halle 3", Meta: pipeline.Meta{PartNumber: "QX-77 120", Manufacturer: "Acme"}},
	}
	for i := range 60 {
		items = append(items, pipeline.Item{ID: fmt.Sprintf("b/%02d", i), Source: fmt.Sprintf("Sechskantschraube DIN 933 M%dx%d 8.8 verzinkt", 10+i%3*2, 20+5*i)})
	}
	records, err := parser.ParseAll(ctx, items)
	if err != nil {
		t.Fatal(err)
	}
	var es []catalog.Entry
	for i, it := range items {
		es = append(es, catalog.Entry{Item: it, Record: records[i], Space: e.Space(), Vector: e.Vector(it.Source)})
	}
	if err := db.PutEntries(ctx, es); err != nil {
		t.Fatal(err)
	}
	check := func(most int) *flow.CheckItem {
		return &flow.CheckItem{Store: db, Parser: parser, Embedder: e, Matcher: &catalog.Matcher{Pack: pack, Embedder: e}, Near: db, InMemory: most, Now: time.Now}
	}
	for _, c := range []struct {
		item pipeline.Item
		want catalog.Verdict
		hit  string
	}{
		{pipeline.Item{Source: "SKF deep groove ball bearing 6205 2RS C3"}, catalog.Duplicate, "a/1"},
		{pipeline.Item{Source: "hexagon screw M8 x 40, DIN 933, 8.8, zinc plated"}, catalog.Duplicate, "a/2"},
		{pipeline.Item{Source: "controller", Meta: pipeline.Meta{PartNumber: "qx77120", Manufacturer: "ACME"}}, catalog.Duplicate, "a/3"},
		{pipeline.Item{Source: "Rillenkugellager 6305 ZZ FAG"}, catalog.Distinct, ""},
	} {
		for most, where := range map[int]string{1: "store", 1000: "memory"} {
			got, err := check(most).Items(ctx, []pipeline.Item{c.item})
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Verdict != c.want || c.hit != "" && (len(got[0].Matches) == 0 || got[0].Matches[0].Item != c.hit) {
				t.Errorf("%q by the %s: %s, %+v; want %s of %s", c.item.Source, where, got[0].Verdict, got[0].Matches, c.want, c.hit)
			}
		}
	}
	ids, err := check(1).Items(ctx, []pipeline.Item{{ID: "a/1", Source: "Rillenkugellager 6205 2RS C3 SKF"}})
	if err != nil || !ids[0].Exists {
		t.Errorf("an id that is there: %+v, %v", ids, err)
	}
}

func library(t *testing.T) *knowledge.Pack {
	t.Helper()
	p, err := knowledge.Load(os.DirFS("../../../contracts/catalog"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

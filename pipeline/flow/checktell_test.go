package flow_test

import (
	"context"
	"io/fs"
	"testing"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// TestCannotTell: an item that says too little is never said to be new, and the
// answer says what to ask for.
func TestCannotTell(t *testing.T) {
	ctx := context.Background()
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		t.Fatal(err)
	}
	pack, err := knowledge.Load(sub)
	if err != nil {
		t.Fatal(err)
	}
	p := parse.New(pack, parse.NewRules(pack), parse.Options{})
	read := func(it pipeline.Item) catalog.Entry {
		rs, err := p.ParseAll(ctx, []pipeline.Item{it})
		if err != nil {
			t.Fatal(err)
		}
		return catalog.Entry{Item: it, Record: rs[0]}
	}
	var have []catalog.Entry
	for id, text := range map[string]string{
		"s1": "Sechskantschraube DIN 933 M8x40 8.8 verzinkt", "s2": "Zylinderschraube M8x30 DIN 912 8.8 verzinkt",
		"b1": "Pendelrollenlager 22212 E", "b2": "Rillenkugellager 6205-2RS C3",
	} {
		have = append(have, read(pipeline.Item{ID: id, Source: text}))
	}
	live, err := catalog.NewLive(ctx, &catalog.Matcher{Pack: pack}, have)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		item pipeline.Item
		want catalog.Verdict
		ask  string
	}{
		{pipeline.Item{Source: "thing for the big machine"}, catalog.Review, "category"},
		{pipeline.Item{Source: "Ersatzteil lt. Zeichnung"}, catalog.Review, "category"},
		{pipeline.Item{Source: "Zeug", Meta: pipeline.Meta{PartNumber: "QX-77 120"}}, catalog.Distinct, ""},
		{pipeline.Item{Source: "Steuergerät XR77-4500 für Halle 3"}, catalog.Distinct, ""},
		{pipeline.Item{Source: "Schraube M8"}, catalog.Review, "length"},
		{pipeline.Item{Source: "Sechskantschraube DIN 933 M20x80 10.9 verzinkt"}, catalog.Distinct, ""},
		{pipeline.Item{Source: "Pendelrollenlager 22212 EK"}, catalog.Distinct, ""},
		{pipeline.Item{Source: "22212 E Pendelrollenlager"}, catalog.Duplicate, ""},
	} {
		e := read(c.item)
		a, err := live.Check(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		asks := c.ask == ""
		for _, m := range a.Missing {
			asks = asks || m.Attribute == c.ask
		}
		if a.Verdict != c.want || !asks || a.Verdict == catalog.Review && len(a.Matches) == 0 && len(a.Reasons) == 0 {
			t.Errorf("%q (%s): %s, want %s and a question for %q; reasons %q, missing %+v, matches %+v", c.item.Source, e.Record.Category, a.Verdict, c.want, c.ask, a.Reasons, a.Missing, a.Matches)
		}
	}
}

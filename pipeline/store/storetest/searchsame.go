package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

var searchPack = fstest.MapFS{
	"pack.yaml": {Data: []byte("name: search\nversion: 1.0.0\n")},
	"bearing/category.yaml": {Data: []byte(`category: bearing
title: Bearing
nouns: [bearing, lager]
attributes:
  - {name: designation, kind: designation, critical: true}
  - {name: bore, title: bore diameter, kind: number, dimension: length, unit: mm, tolerance: 0.01}
  - {name: weight, kind: number, dimension: mass, unit: kg}
  - {name: seal, kind: enum, values: [{value: 2RS}, {value: 2Z}]}
patterns:
  - {match: '(?P<designation>6[0-9]{3})'}
`)},
	"motor/category.yaml": {Data: []byte(`category: motor
title: Motor
nouns: [motor]
attributes:
  - {name: power, kind: number, dimension: power, unit: W, critical: true}
  - {name: weight, kind: number, dimension: mass, unit: kg, tolerance: 0.1}
  - {name: poles, kind: number, critical: true}
`)},
}

// faint is the built-in embedder with likenesses so small that they order and
// never find: what finds is the same with an index and without one.
type faint struct{ *embed.Hashing }

func (f faint) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vs, err := f.Hashing.Embed(ctx, texts)
	for _, v := range vs {
		for i := range v {
			v[i] /= 2
		}
	}
	return vs, err
}

func (f faint) Space() string { return "faint" }

// readQuery reads a query as an item: what it is, and which.
func readQuery(_ context.Context, text string) (pipeline.Record, error) {
	r := pipeline.Record{Category: pipeline.Unknown}
	for w := range strings.FieldsSeq(strings.ToLower(text)) {
		switch {
		case w == "lager" || w == "bearing":
			r.Category = "bearing"
		case w == "motor":
			r.Category = "motor"
		case r.Category == "bearing" && len(w) == 4 && w[0] == '6':
			r.Attributes = append(r.Attributes, pipeline.Attribute{Name: "designation", Value: pipeline.Text(w), Provenance: pipeline.Verbatim, Confidence: 1})
		}
	}
	return r, nil
}

// searchEntry is an item of a random catalog.
func searchEntry(r *rand.Rand, n int) catalog.Entry {
	one := func(s ...string) string { return s[r.IntN(len(s))] }
	e := catalog.Entry{Seq: 1, Batch: "b", Updated: at(n)}
	e.Item.ID = id("f/S-", n)
	e.Item.Meta = pipeline.Meta{Feed: one("f", "g"), Plant: one("north", "south", ""), Manufacturer: one("Acme Bearings", "SKF", "ACME", ""), PartNumber: one("", fmt.Sprintf("AB-%d.%d", n%7, n)), Language: one("de", "en"), Procurement: one("B1", "b 1", "")}
	number := func(name, v, unit string) {
		if r.IntN(6) > 0 {
			x, _ := pipeline.Number(v)
			if r.IntN(20) == 0 {
				x = pipeline.Text(v + "?") // what did not read as a number
			}
			e.Record.Attributes = append(e.Record.Attributes, pipeline.Attribute{Name: name, Value: x, Unit: unit})
		}
	}
	switch r.IntN(3) {
	case 0:
		d := fmt.Sprint(6200 + r.IntN(10))
		e.Record.Category = "bearing"
		e.Item.Source = one("Rillenkugellager", "Kugellager", "ball bearing") + " " + d + one("-2RS", " ZZ", "") + one("", " Überwurf")
		e.Record.Attributes = append(e.Record.Attributes, pipeline.Attribute{Name: "designation", Value: pipeline.Text(d)})
		number("bore", one("20", "24.99", "25", "25.005", "25.0100", "25.02", "30", "-25"), "mm")
		number("weight", fmt.Sprintf("%.3f", 3*r.Float64()), "kg")
		if r.IntN(2) == 0 {
			e.Record.Attributes = append(e.Record.Attributes, pipeline.Attribute{Name: "seal", Value: pipeline.Text(one("2RS", "2-RS", "2Z"))})
		}
	case 1:
		e.Record.Category = "motor"
		e.Item.Source = one("Motor", "Elektromotor", "electric motor") + " " + one("1,5 kW", "7.5 kW") + " " + one("4-polig", "2-polig")
		number("power", one("1500", "7500", "0"), "W")
		number("weight", one("1", "1.05", "1.2", "1000", "0.001"), "kg")
		number("poles", one("2", "4"), "1")
	default:
		e.Record.Category = one(pipeline.Unknown, "")
		e.Item.Source = one("etwas", "washer din 125", "bearing grease") + fmt.Sprintf(" %d", r.IntN(30))
	}
	e.Record.ID, e.Record.Source, e.Record.Meta = e.Item.ID, e.Item.Source, e.Item.Meta
	return e
}

// searchQuery is a query of words, filters, or both.
func searchQuery(r *rand.Rand) string {
	words := []string{"kugellager", "kugel", "lager 6205", "motor", "6205", "620", "ueberwurf", "acme", "skf bearing", "washer 125", "wahser", "kugellaegr", "electric 7.5 kw", "qqqqqq", "ab", "1.5"}
	attr := []string{"bore", "weight", "power", "poles", `"bore diameter"`}
	values := map[string][]string{"bore": {"25", "25mm", "2,5cm", "24.99", "-25", "20"}, "weight": {"1", "1000g", "1.5", "0.5", "2.25kg", "0"}, "power": {"1.5kW", "7500", "0"}, "poles": {"2", "4"}, `"bore diameter"`: {"25mm"}}
	other := []string{"seal=2rs", "seal!=2RS", "designation=6205", "designation!=6205", "plant=north", "plant!=NORTH", "maker=acme", "maker!=skf", `maker="acme bearings"`, "category=motor", "category!=motor", "category=unknown", "feed=g", "language=de", "procurement_group=b1", "procurement_group!=B-1", "part=AB33", "id!=x", "id=f/S-0003", "part=" + fmt.Sprintf("ab%d.%d", r.IntN(7), r.IntN(300))}
	var parts []string
	if r.IntN(3) > 0 {
		parts = append(parts, words[r.IntN(len(words))])
	}
	for range r.IntN(3) {
		a := attr[r.IntN(len(attr))]
		parts = append(parts, a+[]string{"=", "!=", "<", "<=", ">", ">="}[r.IntN(6)]+values[a][r.IntN(len(values[a]))])
	}
	if len(parts) == 0 || r.IntN(3) == 0 {
		parts = append(parts, other[r.IntN(len(other))])
	}
	return strings.Join(parts, " ")
}

// searchSame: an index that proposes gives the answers of a search in memory.
func searchSame(t *testing.T, p Place) {
	s := p(t)
	pack := must(knowledge.Load(searchPack))(t)
	e := faint{embed.NewHashing(nil)}
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 1))
		var es []catalog.Entry
		for n := range 50 + r.IntN(400) {
			es = append(es, searchEntry(r, n))
		}
		texts := make([]string, len(es))
		for i := range es {
			texts[i] = es[i].Item.Source
		}
		for i, v := range must(e.Embed(ctx, texts))(t) {
			if i%5 > 0 { // the others are embedded when they are found
				es[i].Space, es[i].Vector = e.Space(), v
			}
		}
		ok(t, s.PutEntries(ctx, es))
		for range 30 { // some change, some go
			n := r.IntN(len(es))
			x := searchEntry(r, n)
			x.Seq = 2
			if r.IntN(2) == 0 {
				es[n] = x
				ok(t, s.PutEntries(ctx, []catalog.Entry{x}))
			} else {
				es[n].Retired = true
				ok(t, s.RetireItems(ctx, []string{x.Item.ID}, at(n)))
			}
		}
		if seed%2 == 0 {
			settle(t, s)
		}
		live := must(s.Entries(ctx, catalog.Query{Live: true, Vectors: e.Space()}))(t)
		memory := must(catalog.NewSearcher(ctx, pack, live, e))(t)
		memory.Reader = readQuery
		index := catalog.NewIndexed(pack, e, s, s)
		index.Reader = readQuery
		for range 100 {
			q := searchQuery(r)
			want, err := memory.Query(ctx, q, 1+r.IntN(40))
			ok(t, err)
			got, err := index.Query(ctx, q, len(want.Found))
			ok(t, err)
			if len(want.Found) == 0 && len(got.Found) > 0 {
				t.Fatalf("seed %d: %s: found %s", seed, q, got.Found[0].ID)
			}
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(catalog.Found{}, "Entry")); d != "" {
				t.Fatalf("seed %d: %s (-memory +index):\n%s", seed, q, d)
			}
			degraded, err := memory.Words(ctx, q, 10)
			ok(t, err)
			got, err = index.Words(ctx, q, 10)
			ok(t, err)
			if d := cmp.Diff(degraded, got, cmpopts.IgnoreFields(catalog.Found{}, "Entry")); d != "" {
				t.Fatalf("seed %d: words of %s (-memory +index):\n%s", seed, q, d)
			}
		}
		var ids []string
		for i := range es {
			ids = append(ids, es[i].Item.ID)
		}
		must(s.EraseItems(ctx, ids))(t)
	}
}

// searchLarge: where more is found than is ranked, the answer says so, the filters
// hold and count what memory counts, and what is best is found.
func searchLarge(t *testing.T, p Place) {
	s := p(t)
	pack := must(knowledge.Load(searchPack))(t)
	e := faint{embed.NewHashing(nil)}
	r := rand.New(rand.NewPCG(9, 9))
	var es []catalog.Entry
	for n := range 4500 {
		es = append(es, searchEntry(r, n))
	}
	ok(t, s.PutEntries(ctx, es))
	settle(t, s)
	memory := must(catalog.NewSearcher(ctx, pack, es, e))(t)
	memory.Reader = readQuery
	index := catalog.NewIndexed(pack, e, s, s)
	index.Reader = readQuery
	large := 0
	for range 120 {
		q := searchQuery(r)
		want, err := memory.Query(ctx, q, 10)
		ok(t, err)
		got, err := index.Query(ctx, q, 10)
		ok(t, err)
		if got.FacetsOf == 0 {
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(catalog.Found{}, "Entry")); d != "" {
				t.Fatalf("%s (-memory +index):\n%s", q, d)
			}
			continue
		}
		large++
		text, _, err := catalog.ParseQuery(pack, q)
		ok(t, err)
		if text == "" && (got.Total != want.Total || got.AtLeast) || text != "" && (got.Total > want.Total || !got.AtLeast) {
			t.Errorf("%s: total %d (at least: %v), in memory %d", q, got.Total, got.AtLeast, want.Total)
		}
		if len(got.Found) != 10 {
			t.Errorf("%s: %d found", q, len(got.Found))
		}
		if text == "" {
			continue
		}
		// The likeness of texts of the same weight is not in the index.
		for i := range got.Found {
			if d := want.Found[i].Score - got.Found[i].Score; d > 0.05 {
				t.Errorf("%s: the score at place %d is %.3f, in memory %.3f", q, i+1, got.Found[i].Score, want.Found[i].Score)
				break
			}
		}
	}
	if large < 10 {
		t.Errorf("only %d queries found more than is ranked", large)
	}
	got, err := index.Query(ctx, "weight>=0.5 weight<0.51 category=bearing", 10)
	ok(t, err)
	for _, f := range got.Found {
		w, _ := f.Entry.Record.Attribute("weight")
		if v := w.Value.Float(); v < 0.5 || v >= 0.51 {
			t.Errorf("%s weighs %v", f.ID, v)
		}
	}
	waits := make([]catalog.Entry, 0, 1)
	waits = append(waits, searchEntry(r, 9999))
	waits[0].Item.Source = "zzz unique"
	ok(t, s.PutEntries(ctx, waits))
	got, err = index.Query(ctx, "unique", 10)
	ok(t, err)
	equal(t, "what came last", slices.ContainsFunc(got.Found, func(f catalog.Found) bool { return f.ID == waits[0].Item.ID }), true)
}

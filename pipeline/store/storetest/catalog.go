package storetest

import (
	"math"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

func number(s string) pipeline.Value {
	v, _ := pipeline.Number(s)
	return v
}

func entry(n int) catalog.Entry {
	item := pipeline.Item{ID: id("parts/", n), Source: "BRG 6205-2RS 25 MM " + id("", n), Meta: pipeline.Meta{Feed: "parts", Manufacturer: "ACME", Plant: "P1"}}
	return catalog.Entry{
		Item: item,
		Record: pipeline.Record{ID: item.ID, Source: item.Source, Category: "bearing", Confidence: 0.93, Knowledge: "k1", Meta: item.Meta,
			Attributes: []pipeline.Attribute{
				{Name: "bore", Value: number("25.40"), Unit: "mm", Text: "25 MM", Span: pipeline.Span{Start: 13, End: 18}, Provenance: pipeline.Normalised, Confidence: 0.9},
				{Name: "seal", Value: pipeline.Text("2RS"), Text: "2RS", Span: pipeline.Span{Start: 9, End: 12}, Provenance: pipeline.Dictionary, Evidence: "bearing/seal/2RS", Confidence: 1},
			},
			Flags: []pipeline.Flag{{Code: "low_confidence", Attribute: "bore", Detail: "<&>"}}},
		Batch: "b1", Seq: 1, Updated: at(n),
	}
}

func entryIDs(es []catalog.Entry) (ids []string) {
	for _, e := range es {
		ids = append(ids, e.Item.ID)
	}
	return ids
}

func entries(t *testing.T, p Place) {
	s := p(t)
	a, b := entry(1), entry(2)
	b.Item.Degraded, b.Record.Source, b.Record.Attributes, b.Record.Flags = true, "another text", []pipeline.Attribute{}, nil
	b.Updated = at(1)
	ok(t, s.PutEntries(ctx, []catalog.Entry{b, a}))
	got := must(s.Entries(ctx, catalog.Query{}))(t)
	equal(t, "as stored", got, []catalog.Entry{a, b})
	if len(got) > 0 {
		utc(t, "updated", got[0].Updated)
		v, _ := got[0].Record.Attribute("bore")
		equal(t, "a number keeps its digits", v.Value.String(), "25.40")
	}

	// Retired, and revived by the next entry.
	ok(t, s.RetireItems(ctx, []string{a.Item.ID, "unknown"}, at(50)))
	gone := a
	gone.Retired, gone.Updated = true, at(50)
	equal(t, "retired", must(s.Entries(ctx, catalog.Query{}))(t), []catalog.Entry{gone, b})
	equal(t, "the living", must(s.Entries(ctx, catalog.Query{Live: true}))(t), []catalog.Entry{b})
	ok(t, s.RetireItems(ctx, []string{a.Item.ID}, at(60)))
	equal(t, "retired once", must(s.Entries(ctx, catalog.Query{}))(t)[0].Updated, at(50))
	a.Seq, a.Batch, a.Item.Source, a.Record.Source = 2, "b2", "new", "new"
	ok(t, s.PutEntries(ctx, []catalog.Entry{a}))
	equal(t, "revived", must(s.Entries(ctx, catalog.Query{Live: true}))(t), []catalog.Entry{a, b})
}

func entriesSelect(t *testing.T, p Place) {
	s := p(t)
	var all []catalog.Entry
	for n := range 1030 {
		e := entry(n)
		switch {
		case n%10 == 0:
			e.Item.Meta.Feed = "tools"
			e.Record.Category = "screw"
		case n%100 == 7:
			e.Batch = "b2"
		}
		all = append(all, e)
	}
	ok(t, s.PutEntries(ctx, all))
	ok(t, s.RetireItems(ctx, []string{"parts/0003"}, at(0)))
	get := func(q catalog.Query) []string { t.Helper(); return entryIDs(must(s.Entries(ctx, q))(t)) }
	equal(t, "no limit means 1000", len(get(catalog.Query{})), 1000)
	equal(t, "feed", len(get(catalog.Query{Feed: "tools"})), 103)
	equal(t, "category", len(get(catalog.Query{Category: "screw"})), 103)
	equal(t, "both", len(get(catalog.Query{Category: "screw", Feed: "parts"})), 0)
	equal(t, "batch", get(catalog.Query{Batch: "b2", Limit: 3}), []string{"parts/0007", "parts/0107", "parts/0207"})
	equal(t, "ids, in id order", get(catalog.Query{IDs: []string{"parts/0005", "unknown", "parts/0003", "parts/0005"}}), []string{"parts/0003", "parts/0005"})
	equal(t, "living ids", get(catalog.Query{IDs: []string{"parts/0005", "parts/0003"}, Live: true}), []string{"parts/0005"})
	equal(t, "no ids", len(get(catalog.Query{IDs: []string{}})), 0)
	var ids []string
	for _, e := range all {
		ids = append(ids, e.Item.ID)
	}
	equal(t, "as many as are named", len(get(catalog.Query{IDs: ids})), 1030)
	// Pages by cursor see each entry once.
	var paged []string
	for q := (catalog.Query{Limit: 100}); ; {
		page := get(q)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		q.After = page[len(page)-1]
	}
	equal(t, "pages", paged, ids)
	equal(t, "a page of a feed", get(catalog.Query{Feed: "tools", After: "parts/0010", Limit: 2}), []string{"parts/0020", "parts/0030"})
}

// entriesLate: batches that arrive out of order end in the same state.
func entriesLate(t *testing.T, p Place) {
	s := p(t)
	old, mid, late := entry(1), entry(1), entry(1)
	old.Seq, old.Batch = 1, "b1"
	mid.Seq, mid.Batch, mid.Space, mid.Vector = 2, "b2", "sp", []float32{1, 2}
	late.Seq, late.Batch, late.Item.Source, late.Record.Source = 3, "b3", "late", "late"
	check := func(what string, want catalog.Entry) {
		t.Helper()
		want.Space, want.Vector = "", nil
		equal(t, what, must(s.Entries(ctx, catalog.Query{}))(t), []catalog.Entry{want})
	}
	ok(t, s.PutEntries(ctx, []catalog.Entry{mid}))
	ok(t, s.PutEntries(ctx, []catalog.Entry{old}))
	check("an earlier batch came late", mid)
	ok(t, s.PutEntries(ctx, []catalog.Entry{late, mid, old})) // within one call too
	check("one call", late)
	ok(t, s.PutEntries(ctx, []catalog.Entry{mid}))
	check("the middle one came late", late)
	equal(t, "its vector came late as well", must(s.Entries(ctx, catalog.Query{Vectors: "sp"}))(t)[0].Vector, []float32(nil))
	same := late
	same.Record.Category = "screw"
	ok(t, s.PutEntries(ctx, []catalog.Entry{same}))
	check("the same batch again replaces", same)
}

func vectors(t *testing.T, p Place) {
	s := p(t)
	a, b, c := entry(1), entry(2), entry(3)
	a.Space, a.Vector = "hash:1", []float32{1, -0.25, float32(math.Pi), math.SmallestNonzeroFloat32}
	b.Space, b.Vector = "hash:1", []float32{0, 0, 0, math.MaxFloat32}
	ok(t, s.PutEntries(ctx, []catalog.Entry{a, b, c}))
	vecs := func(space string) [][]float32 {
		t.Helper()
		var out [][]float32
		for _, e := range must(s.Entries(ctx, catalog.Query{Vectors: space}))(t) {
			if (e.Space == space) != (e.Vector != nil) {
				t.Errorf("%s: space %q with vector %v", e.Item.ID, e.Space, e.Vector)
			}
			out = append(out, e.Vector)
		}
		return out
	}
	equal(t, "space 1", vecs("hash:1"), [][]float32{a.Vector, b.Vector, nil})
	equal(t, "an unknown space", vecs("hash:2"), [][]float32{nil, nil, nil})

	// A new space is filled beside the old one.
	a2 := a
	a2.Space, a2.Vector = "hash:2", []float32{7, 8}
	ok(t, s.PutEntries(ctx, []catalog.Entry{a2}))
	equal(t, "space 2", vecs("hash:2"), [][]float32{{7, 8}, nil, nil})
	equal(t, "space 1 beside it", vecs("hash:1"), [][]float32{a.Vector, b.Vector, nil})

	// An entry without a vector keeps what is there, unless its text changed.
	b.Space, b.Vector, b.Record.Category = "", nil, "screw"
	ok(t, s.PutEntries(ctx, []catalog.Entry{b}))
	equal(t, "the same text", vecs("hash:1")[1], []float32{0, 0, 0, math.MaxFloat32})
	a2.Item.Source = "another text"
	a2.Vector = []float32{9, 9}
	ok(t, s.PutEntries(ctx, []catalog.Entry{a2}))
	equal(t, "another text, its space", vecs("hash:2")[0], []float32{9, 9})
	equal(t, "another text, the other space", vecs("hash:1")[0], []float32(nil))

	bad := entry(9)
	bad.Space, bad.Vector = "hash:2", []float32{1, 2, 3}
	code(t, "another length", s.PutEntries(ctx, []catalog.Entry{entry(8), bad}), pipeline.CodeInvalid)
	equal(t, "nothing of a call that failed", len(must(s.Entries(ctx, catalog.Query{}))(t)), 3)
	bad.Space = ""
	code(t, "a vector of no space", s.PutEntries(ctx, []catalog.Entry{bad}), pipeline.CodeInvalid)
}

func match(a, b string, v catalog.Verdict) catalog.Match {
	return catalog.Match{A: a, B: b, Verdict: v, Score: 0.875, Reasons: []string{"same bore 25 mm", "\"quoted\" <é>"}}
}

func matches(t *testing.T, p Place) {
	s := p(t)
	ab, ac, bd, cd := match("a", "b", catalog.Duplicate), match("a", "c", catalog.Review), match("b", "d", catalog.Distinct), match("c", "d", catalog.Duplicate)
	bd.Veto, bd.Reasons, ac.Reasons = "bore", nil, []string{}
	ok(t, s.ReplaceMatches(ctx, []string{"a", "b", "c"}, []catalog.Match{cd, bd, ac, ab}))
	get := func(ids []string) []catalog.Match { t.Helper(); return must(s.Matches(ctx, ids))(t) }
	equal(t, "all", get(nil), []catalog.Match{ab, ac, bd, cd})
	equal(t, "of none", len(get([]string{})), 0)
	equal(t, "of d", get([]string{"d"}), []catalog.Match{bd, cd})
	equal(t, "of a and b, each once", get([]string{"b", "a", "b", "x"}), []catalog.Match{ab, ac, bd})

	ok(t, s.ReplaceMatches(ctx, []string{"b"}, []catalog.Match{match("b", "c", catalog.Review)}))
	equal(t, "b's replaced on both sides", get(nil), []catalog.Match{ac, match("b", "c", catalog.Review), cd})
	cd.Verdict = catalog.Distinct
	ok(t, s.ReplaceMatches(ctx, nil, []catalog.Match{cd}))
	equal(t, "replaced by pair", get([]string{"d"}), []catalog.Match{cd})
	ok(t, s.ReplaceMatches(ctx, []string{"c"}, nil))
	equal(t, "dropped", len(get(nil)), 0)
	code(t, "the wrong way round", s.ReplaceMatches(ctx, nil, []catalog.Match{match("a", "b", catalog.Review), match("b", "a", catalog.Review)}), pipeline.CodeInvalid)
	equal(t, "nothing of a call that failed", len(get(nil)), 0)

	var many []catalog.Match
	for n := range 500 {
		many = append(many, match(id("i", n), id("j", n), catalog.Duplicate))
	}
	ok(t, s.ReplaceMatches(ctx, nil, many))
	equal(t, "many", get(nil), many)
}

func clusters(t *testing.T, p Place) {
	s := p(t)
	ok(t, s.PutClusters(ctx, nil, []catalog.Cluster{{ID: "k2", Items: []string{"d", "c"}}, {ID: "k1", Items: []string{"a", "é", "b"}}}))
	get := func(items []string) []catalog.Cluster { t.Helper(); return must(s.Clusters(ctx, items))(t) }
	k1, k2 := catalog.Cluster{ID: "k1", Items: []string{"a", "b", "é"}}, catalog.Cluster{ID: "k2", Items: []string{"c", "d"}}
	equal(t, "all", get(nil), []catalog.Cluster{k1, k2})
	equal(t, "of none", len(get([]string{})), 0)
	equal(t, "whole clusters", get([]string{"b", "a", "x"}), []catalog.Cluster{k1})

	// Two become one, one becomes two, members move.
	ok(t, s.PutClusters(ctx, []string{"k1", "k2", "unknown"}, []catalog.Cluster{{ID: "k3", Items: []string{"a", "b", "c", "d"}}}))
	equal(t, "merged", get(nil), []catalog.Cluster{{ID: "k3", Items: []string{"a", "b", "c", "d"}}})
	ok(t, s.PutClusters(ctx, nil, []catalog.Cluster{{ID: "k3", Items: []string{"a", "b"}}, {ID: "k4", Items: []string{"c", "d"}}}))
	equal(t, "split", get(nil), []catalog.Cluster{{ID: "k3", Items: []string{"a", "b"}}, {ID: "k4", Items: []string{"c", "d"}}})
	ok(t, s.PutClusters(ctx, nil, []catalog.Cluster{{ID: "k5", Items: []string{"b", "e"}}}))
	equal(t, "an item lies in one cluster", get([]string{"a", "b"}), []catalog.Cluster{{ID: "k3", Items: []string{"a"}}, {ID: "k5", Items: []string{"b", "e"}}})
	ok(t, s.PutClusters(ctx, []string{"k5", "k4"}, []catalog.Cluster{{ID: "k3"}}))
	equal(t, "empty ones are not kept", len(get(nil)), 0)
	code(t, "no id", s.PutClusters(ctx, nil, []catalog.Cluster{{Items: []string{"a"}}}), pipeline.CodeInvalid)
}

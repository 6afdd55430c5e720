package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

func learning(t *testing.T, p Place) {
	s := p(t)
	_, err := s.LatestModel(ctx, catalog.PairModel)
	code(t, "no model yet", err, pipeline.CodeNotFound)
	_, err = s.LatestModelID(ctx, catalog.PairModel)
	code(t, "no id of a model yet", err, pipeline.CodeNotFound)
	at := time.Date(2026, 3, 1, 6, 0, 0, 123000, time.UTC)
	old := catalog.StoredModel{ID: "aa", Kind: catalog.PairModel, Trained: at, Summary: json.RawMessage(`{"f1":0.9}`), Body: []byte{0, 1, 255}}
	fresh := catalog.StoredModel{ID: "bb", Kind: catalog.PairModel, Trained: at.Add(time.Hour), Summary: json.RawMessage(`{}`), Body: []byte("x")}
	ok(t, s.PutModel(ctx, fresh))
	ok(t, s.PutModel(ctx, old))
	equal(t, "the latest model", must(s.LatestModel(ctx, catalog.PairModel))(t), fresh)
	equal(t, "its id", must(s.LatestModelID(ctx, catalog.PairModel))(t), fresh.ID)
	old.Trained = at.Add(2 * time.Hour)
	ok(t, s.PutModel(ctx, old))
	equal(t, "trained again", must(s.LatestModel(ctx, catalog.PairModel))(t), old)
	equal(t, "the id of that", must(s.LatestModelID(ctx, catalog.PairModel))(t), old.ID)
	_, err = s.LatestModel(ctx, "other")
	code(t, "another kind", err, pipeline.CodeNotFound)
	code(t, "a model without id", s.PutModel(ctx, catalog.StoredModel{Kind: "x"}), pipeline.CodeInvalid)

	answer := func(item, name, value string) catalog.Enrichment {
		return catalog.Enrichment{Item: item, Value: pipeline.Attribute{Name: name, Value: pipeline.Text(value), Provenance: "enriched:maker", Confidence: 1}, Text: "t", Actor: "ann", At: at}
	}
	a, b, c := answer("i1", "seal", "2RS"), answer("i1", "clearance", "C3"), answer("i2", "seal", "ZZ")
	ok(t, s.PutEnrichments(ctx, []catalog.Enrichment{a, b, c}))
	get := func(items []string) []catalog.Enrichment { t.Helper(); return must(s.Enrichments(ctx, items))(t) }
	equal(t, "all answers", get(nil), []catalog.Enrichment{b, a, c})
	equal(t, "of none", len(get([]string{})), 0)
	equal(t, "of one item", get([]string{"i2", "x"}), []catalog.Enrichment{c})
	a.Value.Value, a.Actor = pipeline.Text("open"), "bob"
	ok(t, s.PutEnrichments(ctx, []catalog.Enrichment{a}))
	equal(t, "answered again", get([]string{"i1"}), []catalog.Enrichment{b, a})
	ok(t, s.DropEnrichments(ctx, "i1", "seal"))
	ok(t, s.DropEnrichments(ctx, "i1", "never"))
	equal(t, "taken back", get(nil), []catalog.Enrichment{b, c})
	code(t, "an answer about nothing", s.PutEnrichments(ctx, []catalog.Enrichment{answer("", "seal", "x")}), pipeline.CodeInvalid)

	for n := range 3 {
		ok(t, s.PutSnapshot(ctx, catalog.Snapshot{Batch: id("b", n), At: at.Add(time.Duration(-n) * time.Hour), Figures: json.RawMessage(`{"items":1}`)}))
	}
	ok(t, s.PutSnapshot(ctx, catalog.Snapshot{Batch: id("b", 1), At: at.Add(time.Hour), Figures: json.RawMessage(`{"items":2}`)}))
	snaps := must(s.Snapshots(ctx, 2))(t)
	equal(t, "the latest snapshots", []string{snaps[0].Batch, snaps[1].Batch}, []string{id("b", 0), id("b", 1)})
	equal(t, "the figures", string(snaps[1].Figures), `{"items":2}`)
	equal(t, "all snapshots", len(must(s.Snapshots(ctx, 100))(t)), 3)
}

func entriesSince(t *testing.T, p Place) {
	s := p(t)
	at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	a, b := entry(1), entry(2)
	a.Updated, b.Updated = at, at.Add(time.Minute)
	ok(t, s.PutEntries(ctx, []catalog.Entry{a, b}))
	ids := func(since time.Time) []string {
		t.Helper()
		var out []string
		for _, e := range must(s.Entries(ctx, catalog.Query{Since: since}))(t) {
			out = append(out, e.Item.ID)
		}
		return out
	}
	equal(t, "since before", ids(at), []string{a.Item.ID, b.Item.ID})
	equal(t, "since later", ids(at.Add(time.Second)), []string{b.Item.ID})
	ok(t, s.RetireItems(ctx, []string{a.Item.ID}, at.Add(time.Hour)))
	equal(t, "what was retired has changed", ids(at.Add(2*time.Minute)), []string{a.Item.ID})
}

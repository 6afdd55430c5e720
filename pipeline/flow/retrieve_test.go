package flow_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// vague is an item that leaves something to a model, and says things in words that
// no dictionary entry has as they stand.
const vague = ",Schraube hochfest verzinkt Güte 8.8 wie M8 fuer Flansch "

// shown are the ids of the passages of each question so far.
func shown(t *testing.T, s *llmtest.Server) (out [][]string) {
	t.Helper()
	for _, a := range s.Asked() {
		var q struct {
			Known []struct{ ID string }
		}
		if err := json.Unmarshal([]byte(a.User()), &q); err != nil {
			t.Fatalf("%s: %v", a.User(), err)
		}
		var ids []string
		for _, k := range q.Known {
			ids = append(ids, k.ID)
		}
		out = append(out, ids)
	}
	return out
}

// TestRetrieveBreaker: while the breaker of retrieval is not closed, a model is
// shown what the dictionary finds by exact terms alone; its records say degraded
// at half the confidence and stay out of the sample, those of items that no model
// was asked about are as always. Closed again, it sees all of it again.
func TestRetrieveBreaker(t *testing.T) {
	s := llmtest.Start(t, llmtest.Always(`{"attributes":{}}`))
	asks := []string{"ASSAY_LLM=openai:m", "ASSAY_LLM_URL=" + s.URL + "/v1", "ASSAY_LLM_KEY=" + llmtest.Key, "ASSAY_OBSERVE={sample_rate: 1, baseline_size: 50, drift_threshold: 0.15}"}
	onBothStores(t, asks, func(t *testing.T, w *world) {
		ctx := context.Background()
		read := func(file, id string) ([]string, pipeline.Record) {
			t.Helper()
			before := len(s.Asked())
			w.now = w.now.Add(time.Minute)
			w.land(file, id+vague+id+",1", id+"w,WASHER M8 DIN 125 A STEEL,1")
			w.once()
			asked := shown(t, s)[before:]
			if len(asked) != 1 {
				t.Fatalf("%s: %d questions", id, len(asked))
			}
			es, err := w.db.Entries(ctx, catalog.Query{IDs: []string{"parts/" + id, "parts/" + id + "w"}})
			if err != nil || len(es) != 2 {
				t.Fatal(es, err)
			}
			if r := es[1].Record; r.HasFlag("degraded") {
				t.Errorf("nobody was asked about %s, but %v", r.Source, r.Flags)
			}
			return asked[0], es[0].Record
		}
		sampled := func() int {
			t.Helper()
			n, err := w.db.CountObserved(ctx, "")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		all, good := read("2026-03-01.csv", "p1")
		if good.HasFlag("degraded") || good.Confidence == 0 {
			t.Fatalf("on a good day: %v, %g", good.Flags, good.Confidence)
		}
		w.want("sampled on a good day", sampled(), 2)

		wire := w.trip(flow.RetrieveStage)
		exact, worse := read("2026-03-02.csv", "p2")
		told := func(id string) bool { return strings.Contains(id, "guidelines.md#") } // found by what it says
		if len(exact) == 0 || len(exact) >= len(all) || !slices.ContainsFunc(all, told) || slices.ContainsFunc(exact, told) {
			t.Errorf("shown %q, on a good day %q", exact, all)
		}
		if !worse.HasFlag("degraded") || worse.Confidence < good.Confidence/2-1e-9 || worse.Confidence > good.Confidence/2+1e-9 {
			t.Errorf("read with less: %v, confidence %g, on a good day %g", worse.Flags, worse.Confidence, good.Confidence)
		}
		w.want("sampled with what nobody was asked about", sampled(), 3)

		if after, err := wire.Signal(ctx, flow.RetrieveStage, breaker.Reset, "ann", "the index is whole"); err != nil || after.Position != breaker.Closed {
			t.Fatal(after.Position, err)
		}
		again, r := read("2026-03-03.csv", "p3")
		if !slices.ContainsFunc(again, told) || r.HasFlag("degraded") {
			t.Errorf("closed again, but shown %q: %v", again, r.Flags)
		}
	})
}

// TestRetrieveHalts: where the fallback is to halt, no model is asked with half of
// what it should see.
func TestRetrieveHalts(t *testing.T) {
	s := llmtest.Start(t, llmtest.Always(`{"attributes":{}}`))
	onBothStores(t, []string{"ASSAY_LLM=openai:m", "ASSAY_LLM_URL=" + s.URL + "/v1", "ASSAY_LLM_KEY=" + llmtest.Key, "ASSAY_EVALS_FALLBACK=halt"}, func(t *testing.T, w *world) {
		ctx := context.Background()
		wire := w.trip(flow.RetrieveStage)
		before := len(s.Asked())
		w.land("2026-03-01.csv", "p1"+vague+",1")
		res, err := w.run.Once(ctx, "")
		if pipeline.ErrorCode(err) != pipeline.CodeLocked || res.Dead != 0 {
			t.Fatal(res.Dead, err)
		}
		w.want("questions", len(s.Asked())-before, 0)
		if _, err := wire.Signal(ctx, flow.RetrieveStage, breaker.Reset, "ann", "the index is whole"); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
		w.once()
		w.want("items after the reset", len(w.items()), 1)
		w.want("questions after the reset", len(s.Asked())-before, 1)
	})
}

// TestDisputedDocument: a document that contradicts two others is not shown to a
// model; the record and its trace say so, and the event names who says what.
func TestDisputedDocument(t *testing.T) {
	s := llmtest.Start(t, llmtest.Always(`{"attributes":{}}`))
	onBothStores(t, []string{"ASSAY_LLM=openai:m", "ASSAY_LLM_URL=" + s.URL + "/v1", "ASSAY_LLM_KEY=" + llmtest.Key}, func(t *testing.T, w *world) {
		ctx := context.Background()
		in, err := w.app.Documents(ctx)
		if err != nil {
			t.Fatal(err)
		}
		said, err := in.Folder(ctx, fstest.MapFS{
			"a.md": {Data: []byte("# Coatings\nQX41 means: zinc plated.")}, "b.md": {Data: []byte("# Surface\nQX41 stands for zinc plated.")}, "c.md": {Data: []byte("# New\nQX41 = nickel plated.")},
		}, "handbook")
		if err != nil || len(said.Conflicts) != 1 {
			t.Fatal(said.Conflicts, err)
		}
		odd := said.Conflicts[0]
		w.open()
		before := len(s.Asked())
		w.land("2026-03-01.csv", "p1,Schraube M8 wie gehabt QX41 coating,1")
		w.once()
		w.want("questions", len(s.Asked())-before, 1)
		ids := shown(t, s)[before]
		if slices.Contains(ids, odd.Odd) || !slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(odd.With, id) }) {
			t.Errorf("shown %q", ids)
		}
		es, err := w.db.Entries(ctx, catalog.Query{IDs: []string{"parts/p1"}})
		if err != nil || len(es) != 1 {
			t.Fatal(es, err)
		}
		r := es[0].Record
		if !r.HasFlag(parse.DocumentConflict) || !slices.ContainsFunc(r.Trace, func(st pipeline.Step) bool { return st.Did == "conflict" && st.Detail == odd.Odd }) {
			t.Errorf("flags %v, trace %v", r.Flags, r.Trace)
		}
		var told flow.ParsedData
		w.event(pipeline.ItemsParsed, &told)
		if !slices.Equal(told.Conflicts, []string{odd.String()}) {
			t.Errorf("the event says %q", told.Conflicts)
		}
	})
}

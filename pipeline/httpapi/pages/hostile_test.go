package pages_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// evil is what somebody may write wherever they can: it ends elements, attributes
// and lines, turns the order of what follows, and is no UTF-8.
const evil = "</mark></title></textarea><script>alert(1)</script><img src=x onerror=alert(1)>\" onmouseover=\"alert(1)\" x='y' {{.CSRF}} javascript:alert(1) \u202egnp.exe\u2066\u200b\x00\x1b[2J\x9b\xff"

// odd is what of it may be an id.
var odd = strings.ToValidUTF8(strings.ReplaceAll(evil, "\x00", ""), "")

// most is how much of a page may be transferred, in bytes.
const most = 100_000

// noise is a text that does not get shorter when it is compressed.
func noise(seed uint64, n int) string {
	b := make([]byte, n*3/4)
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same in every run
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}

// transferred is what a browser downloads of a page.
func (b *browser) transferred(to string) int {
	b.t.Helper()
	return len(b.get(to, "Accept-Encoding", "gzip").body)
}

// TestHostileEverywhere: nothing that a supplier, a model or a reviewer writes acts,
// steers or floods, on any page.
func TestHostileEverywhere(t *testing.T) {
	a := project(t)
	land(t, filepath.Join(a.Config.Dir, "lake"))
	run, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Once(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	opt := options(t, a, httpapi.Local{Subject: strings.ToValidUTF8(evil, "") + noise(1, 1000)}, func(o *pages.Options) { o.Budget = pages.Budget{Micros: 10, Tokens: 10} })
	b := browse(t, opt)
	visits := append(hostileCatalog(t, opt.Store), hostileQueue(t, opt.Store)...)
	visits = append(visits, hostileFigures(t, opt)...)
	bs, err := opt.Store.Batches(t.Context(), flow.BatchFilter{Feed: "spares"})
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, x := range bs {
		visits = append(visits, "/batches/"+url.PathEscape(x.ID))
		if x.Rows.Rejected > 20 {
			judged++
		}
	}
	if judged < 2 {
		t.Fatalf("of %d batches %d have hostile rejects", len(bs), judged)
	}
	q := url.QueryEscape(odd)
	visits = append(visits, "/", "/?q="+q, "/?state="+q, "/feeds/spares", "/feeds/spares/batches", "/feeds/spares/batches?stage="+q, "/feeds/"+url.PathEscape(evil), "/batches/"+url.PathEscape(evil),
		"/reviews", "/reviews?feed="+q+"&category="+q, "/reviews?kind="+q, "/reviews?state="+q, "/search?q="+q, "/search?q="+url.QueryEscape(noise(2, 900)), "/catalog?by="+q, "/clusters", "/catalog",
		"/evals", "/evals?suite="+q, "/cost", "/cost?days=90", "/"+url.PathEscape(evil), "/items/"+url.PathEscape(evil), "/compare?a="+q+"&b="+q, "/?said="+q)
	for _, to := range visits {
		r := b.get(to)
		if r.status >= 500 {
			t.Errorf("%.200s: %d %.500s", to, r.status, r.body)
		}
		safe(t, to, r)
		if n := b.transferred(to); n > most {
			t.Errorf("%.200s: %d bytes are transferred", to, n)
		}
	}
	for _, x := range bs {
		r := b.get("/v1/batches/" + url.PathEscape(x.ID) + "/report?format=html")
		if r.status != 200 {
			t.Errorf("the report of %s: %d", x.Key, r.status)
		}
		safe(t, "the report of "+x.Key, r)
	}
}

// land puts files with hostile names, columns and values into the landing zone.
func land(t *testing.T, lake string) {
	t.Helper()
	dir := filepath.Join(lake, "landing", "spares")
	name := strings.ToValidUTF8(strings.NewReplacer("/", "", "\x00", "").Replace(evil)[:150], "")
	cell := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	var rows, huge strings.Builder
	rows.WriteString("number,amount," + cell(odd) + "\n")
	huge.WriteString("number,amount\n")
	for i := range 40 {
		fmt.Fprintf(&rows, "%s,%s,%s\n", cell(fmt.Sprint(i)+evil), cell(evil+noise(uint64(i), 500)), cell(evil))
		fmt.Fprintf(&huge, "H-%d,%s\n", i, noise(uint64(i), 20_000))
	}
	fmt.Fprintf(&huge, "H-x,%s\n", cell(evil+strings.Repeat("long ", 1<<18)))
	for file, text := range map[string]string{name + ".csv": rows.String(), "huge.csv": huge.String()} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Skipf("this file system takes no such names: %v", err)
		}
		if err := os.Chtimes(filepath.Join(dir, file), noon, noon); err != nil {
			t.Fatal(err)
		}
	}
}

// hostileCatalog has items, pairs and clusters, and returns the pages of them.
func hostileCatalog(t *testing.T, s flow.Store) []string {
	t.Helper()
	long := evil + noise(3, 1<<20)
	attribute := func(text string) pipeline.Attribute {
		return pipeline.Attribute{Name: evil, Value: pipeline.Text(text), Unit: evil, Text: text, Span: pipeline.Span{End: len(text)}, Provenance: evil, Evidence: text, Confidence: 0.5}
	}
	var of []string
	var entries []catalog.Entry
	for i := range 30 {
		id := fmt.Sprintf("parts/%02d%s", i, odd)
		it := pipeline.Item{ID: id, Source: evil + noise(uint64(100+i), 20_000), Meta: pipeline.Meta{Feed: "parts", Manufacturer: evil, PartNumber: evil, Plant: evil, Group: evil}}
		rec := pipeline.Record{ID: id, Source: it.Source, Category: "washer", Confidence: 0.5, Meta: it.Meta, Flags: []pipeline.Flag{{Code: "doubt", Detail: evil}}}
		for n := range 30 {
			x := attribute(noise(uint64(i*100+n), 400))
			x.Name = fmt.Sprintf("a%d%s", n, evil)
			rec.Attributes = append(rec.Attributes, x)
			rec.Trace = append(rec.Trace, pipeline.Step{Did: evil, Attribute: evil, Detail: noise(uint64(i*100+n), 2000), Call: evil})
		}
		entries = append(entries, catalog.Entry{Item: it, Record: rec, Batch: evil, Seq: int64(i), Updated: noon})
		of = append(of, id)
	}
	entries[0].Item.Meta.PartNumber, entries[0].Record.Flags[0].Detail = long, long
	entries[0].Item.Source, entries[0].Record.Source = long, long
	entries[0].Record.Attributes[0] = attribute(long)
	if err := s.PutEntries(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	var ms []catalog.Match
	for i := range 29 {
		ms = append(ms, catalog.Match{A: of[0], B: of[i+1], Verdict: catalog.Review, Score: 0.7, Reasons: []string{evil + noise(uint64(i), 3000), evil}})
	}
	if err := s.ReplaceMatches(t.Context(), of, ms); err != nil {
		t.Fatal(err)
	}
	cluster := "c" + odd
	if err := s.PutClusters(t.Context(), nil, []catalog.Cluster{{ID: cluster, Items: of}}); err != nil {
		t.Fatal(err)
	}
	for range 31 {
		if err := s.PutClusterEvents(t.Context(), catalog.ClusterEvent{At: noon, Cluster: cluster, Kind: catalog.ClusterMerged, Items: 30, From: []string{evil, evil + "2"}, Came: catalog.Some{Count: 30, Items: of[:catalog.Listed]}, Actor: evil + noise(9, 5000), Review: evil}); err != nil {
			t.Fatal(err)
		}
	}
	id := func(n int) string { return "/items/?id=" + url.QueryEscape(of[n]) }
	return []string{id(0), id(1), "/compare?a=" + url.QueryEscape(of[0]) + "&b=" + url.QueryEscape(of[1]), "/clusters/" + url.PathEscape(cluster), "/search?q=onmouseover"}
}

// hostileQueue has an entry of each kind about which everybody has written, and
// returns their pages.
func hostileQueue(t *testing.T, s flow.Store) (to []string) {
	t.Helper()
	long := evil + noise(4, 1<<20)
	a, b := "parts/00"+odd, "parts/01"+odd
	texts := []string{}
	for i := range 200 {
		texts = append(texts, evil+noise(uint64(i), 1000))
	}
	data := func(v any) json.RawMessage {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	es := []review.Entry{
		{Kind: review.Pair, Subject: a + "|" + b, Data: data(map[string]any{"a": a, "b": b, "verdict": "review", "score": 0.7, "reasons": texts})},
		{Kind: review.Pair, Subject: "parts/x|parts/y", Data: data(map[string]any{"a": "parts/x" + odd, "b": "parts/y" + odd, "verdict": "review"})},
		{Kind: review.Record, Subject: a},
		{Kind: review.Question, Subject: b, Data: data(map[string]any{"item": b, "attribute": evil, "title": evil, "unit": evil, "values": texts})},
		{Kind: review.Draft, Subject: evil, Data: data(map[string]any{evil: long, "reasons": texts, "yaml": long})},
		{Kind: review.Batch, Subject: evil, Data: data(map[string]any{"x": evil})},
		{Kind: review.Record, Subject: "parts/gone" + long},
	}
	for i := range es {
		e := &es[i]
		e.ID = fmt.Sprintf("r%d%s", i, odd)
		e.Feed, e.Category, e.Reason, e.Priority, e.Created = evil, evil, long, 100, noon
		to = append(to, "/reviews/"+url.PathEscape(e.ID), "/reviews?last="+url.QueryEscape(e.ID)+"&said=decided")
	}
	if err := s.AddReviews(t.Context(), es); err != nil {
		t.Fatal(err)
	}
	e, err := s.Review(t.Context(), es[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		e.History = append(e.History, review.Step{At: noon, Actor: evil + noise(uint64(i), 500), Action: "decide", Decision: evil, Note: evil + noise(uint64(i), 5000)})
	}
	e.State, e.Decision, e.Decider, e.Note, e.Decided = review.Decided, evil, evil, long, noon
	if _, err := s.UpdateReview(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return to
}

// hostileFigures has runs of evals and calls of models, and returns their pages.
func hostileFigures(t *testing.T, opt pages.Options) []string {
	t.Helper()
	ctx := context.Background()
	long := evil + noise(5, 1<<20)
	r := evals.Run{ID: "run" + odd, Suite: odd, Title: evil, Kind: evals.Nightly, At: noon, Judgement: evals.Tripped, Score: 0.5, Cases: 3, Passes: 1, FirstError: long, Reasons: []string{long, evil}}
	var results []evals.Result
	for i := range 100 {
		r.Slices = append(r.Slices, evals.Slice{Key: evil, Value: evil + noise(uint64(i), 1000), Cases: 1, Score: 0.1})
		r.Examples = append(r.Examples, evals.Example{Case: evil, Text: noise(uint64(i), 9000), Was: []string{evil}, Is: []string{long[:5000]}})
		r.Breaches = append(r.Breaches, evals.Breach{Invariant: evil, Case: evil, Detail: noise(uint64(i), 5000)})
		s := evals.Scored{Case: fmt.Sprintf("c%d%s", i, odd), Text: evil + noise(uint64(i), 9000)}
		for n := range 20 {
			s.Misses = append(s.Misses, evals.Miss{What: evil, Want: noise(uint64(n), 3000), Got: evil, Critical: true})
		}
		results = append(results, evals.Result{Case: s.Case, Scores: []float64{0.1}, Last: s})
	}
	if err := opt.Evals.PutRun(ctx, r, results); err != nil {
		t.Fatal(err)
	}
	var calls []model.Call
	for i := range 60 {
		id := fmt.Sprint(i)
		calls = append(calls, model.Call{ID: id, Key: id, At: noon, Model: evil + noise(uint64(i), 4000), Purpose: evil + noise(uint64(i), 4000), Item: evil + id + "/x", Usage: model.Usage{In: 1 << 40, Out: 1}, Micros: 1 << 40, Priced: true, Error: long})
	}
	if err := opt.Store.Settle(ctx, model.Settlement{Day: "2026-03-02", Calls: calls}); err != nil {
		t.Fatal(err)
	}
	return []string{"/evals/" + url.PathEscape(r.ID), "/evals?suite=" + url.QueryEscape(odd)}
}

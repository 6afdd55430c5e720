package pages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// TestItem: where each value comes from, and what the item has to do with others.
func TestItem(t *testing.T) {
	b := visit(t)
	a := b.get("/items/parts/P-1001")
	a.want(t, "an item", 200, `<mark class="tone1"`, "<sup>1</sup>", "What was read", "Neighbours", "confidence", "What the source says beside the text", `class="num tone1"`)
	b.get("/items/?id=parts%2FP-1001").want(t, "an item by its parameter", 200, "What was read")
	b.get("/items/parts%2FP-1001").want(t, "an item with its slash escaped", 200, "What was read")
	b.get("/items/nothing").want(t, "no item", 404, "there is no item")
	b.get("/items/").want(t, "no name", 404)
	b.get("/compare?a=parts%2FP-1001&b=parts%2FP-1002").want(t, "two items", 200, "Two items, compared", "Attributes", "bits")
	b.get("/compare?a=parts%2FP-1002&b=parts%2FP-1001").want(t, "the other way round", 200, "Two items, compared")
	b.get("/compare?a=parts%2FP-1001").want(t, "one item", 400, "each by its id")
	b.get("/clusters/nothing").want(t, "no cluster", 404, "there is no cluster")
	b.get("/clusters").want(t, "the clusters", 200, "<h1>Clusters</h1>")
	b.get("/catalog").want(t, "the catalog", 200, "Most often missing", "washer")
	b.get("/catalog?by=source").want(t, "by feed", 200, "parts")
	b.get("/catalog?by=nothing").want(t, "by nothing", 400, "are not known")
}

// TestRetired: an item that left its feed is shown with what it said and what
// happened to it; one that was erased is gone.
func TestRetired(t *testing.T) {
	a := project(t)
	opt := options(t, a, httpapi.Local{Subject: "ann"})
	b, s := browse(t, opt), opt.Store
	const id, with = "parts/P-1002", "parts/P-1001"
	if err := s.AddReviews(t.Context(), []review.Entry{
		{ID: flow.PairReview(with, id), Kind: review.Pair, Subject: with + "|" + id, Reason: "asked", Created: noon, State: review.Decided, Decision: flow.Same, Decider: "eve", Decided: noon,
			Data:    []byte(`{"a":"` + with + `","b":"` + id + `","verdict":"review","score":0.7}`),
			History: []review.Step{{At: noon, Actor: "eve", Action: "decide", Decision: flow.Same, Note: "the same drawing"}}},
		{ID: "doubt", Kind: review.Record, Subject: id, Reason: "in doubt", Created: noon},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutClusterEvents(t.Context(),
		catalog.ClusterEvent{At: noon, Cluster: "k", Kind: catalog.ClusterMade, Items: 2, Came: catalog.Some{Count: 2, Items: []string{with, id}}, Batch: "b1"},
		catalog.ClusterEvent{At: noon.Add(time.Hour), Cluster: "k", Kind: catalog.ClusterGone, Went: catalog.Some{Count: 2, Items: []string{with, id}}, Batch: "b2"}); err != nil {
		t.Fatal(err)
	}
	if err := s.RetireItems(t.Context(), []string{id}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.ReplaceMatches(t.Context(), []string{id}, nil); err != nil {
		t.Fatal(err)
	}
	r := b.get("/items/" + id)
	r.want(t, "a retired item", 200, "This item left its feed on 2026-03-02 13:00", "What was read", `<mark class="tone1"`, "What happened to its cluster", `href="/batches/b2"`, "the same drawing", "eve")
	if strings.Contains(r.body, "Neighbours") {
		t.Error("an item that is not there any more has no neighbours")
	}
	b.get("/compare?a="+url.QueryEscape(id)+"&b="+url.QueryEscape(with)).want(t, "compared", 200, "It left its feed on 2026-03-02 13:00", "Attributes")
	b.get("/reviews/"+flow.PairReview(with, id)).want(t, "a pair of it", 200, "It left its feed on 2026-03-02 13:00")
	b.get("/reviews/doubt").want(t, "its record", 200, "It left its feed on 2026-03-02 13:00")
	if strings.Contains(b.get("/search?q=Scheibe").body, "/items/"+id) {
		t.Error("the search finds what has left")
	}
	f, err := a.Forget(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Erase(t.Context(), "parts", []string{"P-1002"}, "ann", "asked to"); err != nil {
		t.Fatal(err)
	}
	b.get("/items/"+id).want(t, "an erased item", 404, "there is no item")
}

// TestSearch: a page, a part of one, and what is wrong with a query.
func TestSearch(t *testing.T) {
	b := visit(t)
	b.get("/search").want(t, "before a question", 200, `type="search"`)
	b.get("/search?q=washer").want(t, "words", 200, "1 to", "/items/parts/", "met: ")
	a := b.get("/search?q=" + url.QueryEscape("washer thread=M10"))
	a.want(t, "a filter", 200, "thread=M10 ", `href="/search?q=washer"`, "remove")
	part := b.get("/search?part=results&q=" + url.QueryEscape("washer thread=M10"))
	part.want(t, "the part", 200, "/items/parts/")
	if strings.Contains(part.body, "<html") || part.header.Get("X-Part") != "results" || !strings.Contains(a.body, part.body) {
		t.Error("the part is not what the page has below its field")
	}
	b.get("/search?q="+url.QueryEscape("bore=5kg")).want(t, "another dimension", 400, "filter bore=5kg", `value="bore=5kg"`)
	b.get("/search?part=results&q="+url.QueryEscape("bore=5kg")).want(t, "another dimension, typed", 200, "filter bore=5kg")
	b.get("/search?q=zzzzqqqq").want(t, "nothing", 200, "Nothing in the catalog meets it")
	b.get("/search?q=washer&from=9999999").want(t, "too far", 200, "1 to")
	b.get("/search?q="+strings.Repeat("x", 2000)).want(t, "too long", 400, "1000 are taken")
}

// hostile is what a supplier may write into a description.
const hostile = "</mark><script>alert(1)</script> \" onmouseover=\"x \u202e gnp.exe \u0000 {{.CSRF}} javascript:alert(1)"

// TestHostile: nothing of an item's text acts, steers or floods.
func TestHostile(t *testing.T) {
	var store catalog.Store
	a := project(t)
	b := browse(t, options(t, a, httpapi.Local{Subject: "ann"}, func(o *pages.Options) { store = o.Store }))
	long := strings.Repeat("long ", 1<<18)
	put(t, store, "parts/<img src=x>", hostile, pipeline.Attribute{Name: "<i>name</i>", Value: pipeline.Text(hostile), Unit: "<u>", Text: hostile, Span: pipeline.Span{End: 7}, Provenance: "enriched:<b>", Evidence: hostile, Confidence: 0.5})
	put(t, store, "parts/long", long, pipeline.Attribute{Name: "all", Value: pipeline.Text(long), Text: long, Span: pipeline.Span{End: len(long)}, Confidence: 1})
	put(t, store, "parts//a/../b?c=d#e", "odd name")
	for _, to := range []string{"/items/parts/%3Cimg%20src=x%3E", "/search?q=gnp", "/compare?a=parts/long&b=" + url.QueryEscape("parts/<img src=x>")} {
		body := b.get(to).body
		for _, never := range []string{"<script>alert", "<img", "<i>", "<b>my", "\u202e", "onmouseover=\"x", "\x00"} {
			if strings.Contains(body, never) {
				t.Errorf("%s has %q", to, never)
			}
		}
		if !strings.Contains(body, "⟦U+202E⟧") || !strings.Contains(body, "{{.CSRF}}") {
			t.Errorf("%s does not show what is hidden: %.2000s", to, body)
		}
	}
	for _, to := range []string{"/items/parts/long", "/search?q=long", "/compare?a=parts/long&b=parts/P-1001"} {
		if r := b.get(to); r.status != 200 || len(r.body) > 60_000 || !strings.Contains(r.body, "MB more") {
			t.Errorf("%s: %d, %d bytes", to, r.status, len(r.body))
		}
	}
	found := b.get("/search?q=odd").body
	if !strings.Contains(found, `href="/items/?id=parts%2F%2Fa%2F..%2Fb%3Fc%3Dd%23e"`) {
		t.Errorf("the address of an odd name: %s", found)
	}
	b.get("/items/?id=parts%2F%2Fa%2F..%2Fb%3Fc%3Dd%23e").want(t, "an odd name", 200, "odd name")
}

// put adds an item to the catalog.
func put(t *testing.T, s catalog.Store, id, text string, as ...pipeline.Attribute) {
	t.Helper()
	it := pipeline.Item{ID: id, Source: text, Meta: pipeline.Meta{Feed: "parts", Manufacturer: text[:min(len(text), 300)]}}
	rec := pipeline.Record{ID: id, Source: text, Category: "washer", Attributes: as, Flags: []pipeline.Flag{{Code: "doubt", Detail: text[:min(len(text), 300)]}}, Confidence: 0.5, Meta: it.Meta}
	if err := s.PutEntries(context.Background(), []catalog.Entry{{Item: it, Record: rec, Batch: "b", Seq: 99, Updated: noon}}); err != nil {
		t.Fatal(err)
	}
}

// TestStoreGoneAtTheDesk: an outage is told, never shown as an empty list.
func TestStoreGoneAtTheDesk(t *testing.T) {
	a := project(t)
	b := browse(t, options(t, a, httpapi.Local{Subject: "ann"}))
	csrf := b.csrf("/reviews")
	b.get("/search?q=washer").want(t, "before", 200)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"/reviews", "/reviews/x", "/items/parts/P-1001", "/clusters", "/catalog", "/compare?a=parts/P-1001&b=parts/P-1002"} {
		r := b.get(to)
		if r.status < 500 || strings.Contains(r.body, "Nothing is waiting") || !strings.Contains(r.body, "<h1>") {
			t.Errorf("%s: %d %.300s", to, r.status, r.body)
		}
	}
	form := url.Values{"csrf": {csrf}, "decision": {"duplicate"}, "step": {"0"}, "note": {"kept note"}}
	r := b.send("POST", "/reviews/x/decide", form.Encode())
	if r.status < 500 || !strings.Contains(r.body, "kept note") || !strings.Contains(r.body, "Send again") {
		t.Errorf("a decision: %d %.600s", r.status, r.body)
	}
}

// TestClusterHistory: what happened to a cluster stands on its page, also once it
// is gone, and on those of its items.
func TestClusterHistory(t *testing.T) {
	var store flow.Store
	a := project(t)
	b := browse(t, options(t, a, httpapi.Local{Subject: "ann"}, func(o *pages.Options) { store = o.Store }))
	put(t, store, "parts/h1", "washer one")
	put(t, store, "parts/h2", "washer two")
	put(t, store, "parts/h3", hostile)
	if err := store.PutClusters(t.Context(), nil, []catalog.Cluster{{ID: "lives", Items: []string{"parts/h1", "parts/h2"}}}); err != nil {
		t.Fatal(err)
	}
	var many []string
	for n := range catalog.Listed {
		many = append(many, fmt.Sprintf("parts/many%02d", n))
	}
	es := []catalog.ClusterEvent{
		{At: noon, Cluster: "lives", Kind: catalog.ClusterMade, Items: 102, Came: catalog.Some{Count: 102, Items: many}, Batch: "b/0123456789abcdef"},
		{At: noon, Cluster: "lives", Kind: catalog.ClusterMerged, Items: 104, From: []string{"ended"}, Came: catalog.Some{Count: 2, Items: []string{"parts/h3", "parts/<b>my</b>"}}, Actor: "eve", Review: "r-1"},
		{At: noon, Cluster: "ended", Kind: catalog.ClusterGone, To: []string{"lives"}, Went: catalog.Some{Count: 2, Items: []string{"parts/h3"}}, Actor: "eve", Review: "r-1"},
		{At: noon, Cluster: "lives", Kind: catalog.ClusterShrunk, Items: 103, Went: catalog.Some{Count: 1}, Actor: "<b>mallory"},
	}
	if err := store.PutClusterEvents(t.Context(), es...); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"/clusters/lives", "/items/parts/h1"} {
		r := b.get(to)
		r.want(t, to, 200, "made, now 102 items", "/items/parts/many23", " and 78 more", `href="/batches/b%2F0123456789abcdef"`,
			"merged, now 104 items", `href="/clusters/ended"`, `href="/reviews/r-1">eve`, "went 1 item", "by &lt;b&gt;mallory", "parts/&lt;b&gt;my&lt;/b&gt;")
		if strings.Index(r.body, "shrunk, now") > strings.Index(r.body, "made, now") {
			t.Errorf("%s: not the newest first", to)
		}
	}
	b.get("/clusters/ended").want(t, "a cluster that is gone", 200, "This cluster is gone", `href="/clusters/lives"`, `href="/items/parts/h3"`)
	b.get("/items/parts/h3").want(t, "an item that is alone", 200, "What happened to its cluster", `href="/clusters/ended"`)
	b.get("/clusters/never").want(t, "no cluster ever", 404, "there is no cluster")
	for range shownOnAPage {
		if err := store.PutClusterEvents(t.Context(), es[3]); err != nil {
			t.Fatal(err)
		}
	}
	b.get("/clusters/lives").want(t, "a long history", 200, "and more before")
}

const shownOnAPage = 30

// TestCatalogOfManyFeeds: the report of a thousand feeds comes page by page.
func TestCatalogOfManyFeeds(t *testing.T) {
	var store flow.Store
	a := project(t)
	b := browse(t, options(t, a, httpapi.Local{Subject: "ann"}, func(o *pages.Options) { store = o.Store }))
	r := catalog.Report{Items: 450}
	for n := range 450 {
		r.Groups = append(r.Groups, catalog.Group{By: "source", Name: fmt.Sprintf("feed-%03d", n), Items: 1, Missing: []catalog.Share{}})
	}
	figures, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutSnapshot(t.Context(), catalog.Snapshot{Batch: "b1", At: time.Now().Add(time.Hour), Figures: figures}); err != nil {
		t.Fatal(err)
	}
	b.get("/catalog?by=source").want(t, "the first page", 200, "feed-000", "feed-199", "Next page", "from=200")
	b.get("/catalog?by=source&from=400").want(t, "the last page", 200, "feed-400", "feed-449")
	for to, not := range map[string]string{"/catalog?by=source": "feed-200", "/catalog?by=source&from=400": "Next page"} {
		if page := b.get(to); strings.Contains(page.body, not) {
			t.Errorf("%s has %s", to, not)
		}
	}
	b.get("/catalog?by=source&from=9999").want(t, "beyond the end", 200, "feed-000")
}

package pages_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// desk is a reviewer's browser with the store behind the pages.
type desk struct {
	*browser
	store flow.Store
	now   time.Time
}

func (d *desk) clock() time.Time { return d.now }

func atDesk(t *testing.T, change ...func(*pages.Options)) *desk {
	t.Helper()
	d := &desk{now: noon}
	d.browser = visit(t, append([]func(*pages.Options){func(o *pages.Options) {
		d.store = o.Store
		o.Use.People.Now = d.clock
	}}, change...)...)
	return d
}

// pairs puts questions about two items of the catalog into the queue, the first of
// the highest priority, and returns their ids.
func (d *desk) pairs(n int) []string {
	d.t.Helper()
	var ids []string
	var es []review.Entry
	for i := range n {
		id := pipeline.ContentID("test", string(rune('a'+i)))
		ids = append(ids, id)
		es = append(es, review.Entry{
			ID: id, Kind: review.Pair, Subject: "parts/P-1001|parts/P-1002", Feed: "desk", Category: "washer", Reason: "the coating differs", Priority: 10 - float64(i),
			Data: []byte(`{"a":"parts/P-1001","b":"parts/P-1002","verdict":"review","score":0.7,"reasons":["coating: parts/P-1002 does not say"]}`), Created: noon,
		})
	}
	if err := d.store.AddReviews(context.Background(), es); err != nil {
		d.t.Fatal(err)
	}
	return ids
}

func (d *desk) entry(id string) review.Entry {
	d.t.Helper()
	e, err := d.store.Review(context.Background(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return e
}

var stepField = regexp.MustCompile(`name="step" value="(\d+)"`)

// form is what the page of an entry would send.
func (d *desk) form(id, decision string) url.Values {
	d.t.Helper()
	m := stepField.FindStringSubmatch(d.get("/reviews/" + id).body)
	if m == nil {
		d.t.Fatalf("the page of %s has no form", id)
	}
	return url.Values{"decision": {decision}, "step": {m[1]}}
}

func (d *desk) decide(id string, form url.Values) answer {
	d.t.Helper()
	return d.post("/reviews/"+id, "/reviews/"+id+"/decide?feed=desk", form)
}

func (a answer) leads(t *testing.T, what, to string) {
	t.Helper()
	if got := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.HasPrefix(got, to) {
		t.Errorf("%s: %d to %q, want %s: %.500s", what, a.status, got, to, a.body)
	}
}

// TestQueue: the list, its filters in the address, and the way through it.
func TestQueue(t *testing.T) {
	d := atDesk(t)
	ids := d.pairs(3)
	d.get("/reviews").want(t, "the list", 200, "/reviews/"+ids[0], "the coating differs", "Start with the most pressing one")
	d.get("/reviews?kind=pair&feed=desk&category=washer").want(t, "filtered", 200, "/reviews/"+ids[0]+"?category=washer&amp;feed=desk&amp;kind=pair")
	d.get("/reviews?kind=pair&category=valve").want(t, "an empty list", 200, "Nothing is waiting")
	d.get("/reviews?kind=nothing").want(t, "an unknown kind", 400, "kinds are pair")
	d.get("/reviews?state=nothing").want(t, "an unknown state", 400)
	d.get("/reviews?after=nothing").want(t, "a page after what is gone", 404, "begin the list again")
	d.get("/reviews/nothing").want(t, "an entry that is not there", 404, "there is no entry")

	d.post("/reviews", "/reviews/next?feed=desk", nil).leads(t, "start", "/reviews/"+ids[0])
	if e := d.entry(ids[0]); e.Holder != "ann" || !e.Until.Equal(noon.Add(15*time.Minute)) {
		t.Errorf("leased to %q until %s", e.Holder, e.Until)
	}
	d.get("/reviews/"+ids[0]+"?feed=desk").want(t, "the entry", 200, "yours until 12:15", "1 of 3 waiting", "/reviews/"+ids[1]+"?feed=desk", "What speaks for and against", "coating: parts/P-1002 does not say")
	d.post("/reviews", "/reviews/next?feed=desk", nil).leads(t, "start again", "/reviews/"+ids[0])

	d.decide(ids[0], d.form(ids[0], "distinct")).leads(t, "decided", "/reviews/"+ids[1])
	if e := d.entry(ids[0]); e.Decision != flow.Different || e.Decider != "ann" {
		t.Errorf("decided %q by %q", e.Decision, e.Decider)
	}
	d.post("/reviews/"+ids[1], "/reviews/"+ids[1]+"/skip?feed=desk", nil).leads(t, "skipped", "/reviews/"+ids[2])
	if e := d.entry(ids[1]); e.State != review.Open {
		t.Errorf("what was skipped is %s", e.State)
	}
	d.decide(ids[2], d.form(ids[2], "distinct")).leads(t, "the last", "/reviews?done=1&feed=desk&last="+ids[2]+"&said=end")
	d.get("/reviews?done=1&feed=desk&last="+ids[2]+"&said=end").want(t, "the end", 200, "That was the last one of this list", "Undo")
}

// TestSecondArrivals: what arrives twice counts once; what comes late changes
// nothing and is told.
func TestSecondArrivals(t *testing.T) {
	d := atDesk(t)
	id, next := d.pairs(2)[0], ""
	form := d.form(id, "distinct")
	for _, what := range []string{"once", "by a double click"} {
		a := d.decide(id, form)
		a.leads(t, what, "/reviews/")
		if to := a.header.Get("Location"); next != "" && to != next {
			t.Errorf("%s leads to %s, first to %s", what, to, next)
		}
		next = a.header.Get("Location")
	}
	if n := len(d.entry(id).History); n != 1 {
		t.Errorf("%d steps", n)
	}
	other := url.Values{"decision": {"duplicate"}, "step": form["step"], "note": {"<b>my note</b>"}}
	d.decide(id, other).want(t, "another decision by the back button", 409, "Nothing was changed.", "decided meanwhile: distinct, by ann")

	undo := url.Values{"step": {"1"}}
	for _, what := range []string{"undo", "undo by a double click"} {
		d.post("/reviews/"+id, "/reviews/"+id+"/undo?feed=desk", undo).leads(t, what, "/reviews/"+id)
	}
	if e := d.entry(id); e.State != review.Leased || e.Holder != "ann" || len(e.History) != 2 {
		t.Errorf("after undo: %+v", e)
	}
	d.decide(id, form).want(t, "the old form after an undo", 409, "taken back by ann", "decide it anew below")
	if e := d.entry(id); e.State == review.Decided {
		t.Error("an old form has decided")
	}
}

// TestOthers: what another holds or has decided.
func TestOthers(t *testing.T) {
	d := atDesk(t)
	ids := d.pairs(3)
	ctx := context.Background()
	q := review.Queue{Store: d.store, Now: d.clock}
	form := d.form(ids[0], "duplicate")
	form.Set("note", "both drawings say so")
	if _, err := q.Take(ctx, ids[0], "bob", time.Minute); err != nil {
		t.Fatal(err)
	}
	d.decide(ids[0], form).want(t, "bob has it", 423, "bob has it until 2026-03-02 12:01", `value="both drawings say so"`)
	d.post("/reviews", "/reviews/next?feed=desk", nil).leads(t, "start passes over what bob has", "/reviews/"+ids[1])
	d.get("/reviews?feed=desk").want(t, "the list", 200, "bob has it until 12:01", "yours until 12:15")
	d.now = noon.Add(20 * time.Minute) // all leases have ended
	if _, err := q.Decide(ctx, ids[0], "bob", flow.Different, ""); err != nil {
		t.Fatal(err)
	}
	d.decide(ids[0], form).want(t, "bob has decided", 409, "decided meanwhile: distinct, by bob")
	d.decide(ids[1], d.form(ids[1], "distinct")).leads(t, "an expired lease", "/reviews/"+ids[2])
	if e := d.entry(ids[1]); e.Decider != "ann" {
		t.Errorf("decided by %q", e.Decider)
	}
	d.decide(ids[2], d.form(ids[2], "perhaps")).want(t, "no decision", 400, "Nothing was changed.")
	d.decide(ids[2], url.Values{"step": {"0"}}).want(t, "nothing", 400, "nothing was filled in")
}

// TestKinds: records, questions, drafts and batches have pages of their own.
func TestKinds(t *testing.T) {
	d := atDesk(t)
	ctx := context.Background()
	item := `"item":"parts/P-1001"`
	es := []review.Entry{
		{ID: "record", Kind: review.Record, Subject: "parts/P-1001", Reason: "low confidence", Data: []byte(`{` + item + `}`)},
		{ID: "question", Kind: review.Question, Subject: "parts/P-1001", Reason: "bore (mm)?", Data: []byte(`{` + item + `,"attribute":"bore","title":"bore","unit":"mm"}`)},
		{ID: "choice", Kind: review.Question, Subject: "parts/P-1001", Reason: "coating?", Data: []byte(`{` + item + `,"attribute":"coating","title":"coating","values":["zinc plated","plain"]}`)},
		{ID: "draft", Kind: review.Draft, Subject: "parts/P-1001", Reason: "may become a golden item", Data: []byte(`{"draft":"golden_item","text":"<script>x</script>"}`)},
		{ID: "batch", Kind: review.Batch, Subject: "b1/../x", Reason: "reject rate"},
		{ID: "gone", Kind: review.Record, Subject: "parts/nothing", Reason: "low confidence"},
		{ID: "broken", Kind: review.Pair, Subject: "a|b", Reason: "broken", Data: []byte(`[]`)},
	}
	if err := d.store.AddReviews(ctx, es); err != nil {
		t.Fatal(err)
	}
	d.get("/reviews/record").want(t, "a record", 200, "Correct the values", `name="set.bore"`, "Right")
	d.get("/reviews/question").want(t, "a question", 200, "bore (mm)", `id="answer"`, "Nobody knows")
	d.get("/reviews/choice").want(t, "a question with few answers", 200, `<button class="plain" name="decision" value="zinc plated">`)
	d.get("/reviews/draft").want(t, "a draft", 200, "Accept", "&lt;script&gt;")
	d.get("/reviews/batch").want(t, "a held batch", 200, `href="/batches/b1%2F..%2Fx"`)
	d.get("/reviews/gone").want(t, "a record whose item is gone", 200, "not in the catalog any more")
	if a := d.get("/reviews/broken"); a.status < 500 {
		t.Errorf("an entry that does not read: %d", a.status)
	}
	bad := d.form("record", "")
	bad.Set("set.bore", "5 kg")
	bad.Set("set.coating", "zinc plated")
	d.decide("record", bad).want(t, "a value of another dimension", 400, "Nothing was changed.", `name="set.bore" value="5 kg"`, `name="set.coating" value="zinc plated"`)
	good := d.form("record", "")
	good.Set("set.bore", "2 mm")
	d.decide("record", good).leads(t, "corrected", "/reviews")
	if e := d.entry("record"); e.Decision != flow.Corrected {
		t.Errorf("it is %q", e.Decision)
	}
	d.decide("draft", d.form("draft", "reject")).leads(t, "a rejected draft", "/reviews")
	d.decide("choice", d.form("choice", "unknown")).leads(t, "nobody knows", "/reviews")
}

// TestReviewRights: who may not review sees and decides nothing; whose
// session has ended keeps what they typed.
func TestReviewRights(t *testing.T) {
	known := &tokens{}
	known.set("reads", httpapi.ScopeRead)
	known.set("reviews", httpapi.ScopeRead, httpapi.ScopeReview)
	var store flow.Store
	b := browse(t, options(t, project(t), known, func(o *pages.Options) { o.Issuer = "https://issuer.example"; store = o.Store }))
	d := &desk{browser: b, store: store, now: noon}
	id := d.pairs(1)[0]
	token := func(name string) {
		b.send(http.MethodPost, "/signin", url.Values{"token": {name}, "to": {"/reviews"}}.Encode())
	}

	b.get("/reviews").want(t, "nobody", 401, "Sign in")
	token("reads")
	b.get("/reviews/"+id).want(t, "a reader", 403, "review")
	b.post("/search", "/reviews/"+id+"/decide", url.Values{"decision": {"distinct"}, "step": {"0"}}).want(t, "a reader decides", 403, "review")
	token("reviews")
	form := url.Values{"csrf": {b.csrf("/reviews/" + id)}, "decision": {"distinct"}, "step": {"0"}, "note": {"kept note"}}
	known.drop("reviews")
	b.send(http.MethodPost, "/reviews/"+id+"/decide", form.Encode()).want(t, "an ended session", 401, "kept note")
	if e := d.entry(id); e.State == review.Decided {
		t.Error("it was decided")
	}
	form.Set("csrf", "of somebody else")
	known.set("reviews", httpapi.ScopeRead, httpapi.ScopeReview)
	b.send(http.MethodPost, "/reviews/"+id+"/decide", form.Encode(), "Sec-Fetch-Site", "cross-site").want(t, "another site", 403)
	b.send(http.MethodPost, "/reviews/"+id+"/decide", form.Encode(), "Sec-Fetch-Site", "").want(t, "without the token of the form", 403)
	if e := d.entry(id); e.State == review.Decided {
		t.Error("another site has decided")
	}
}

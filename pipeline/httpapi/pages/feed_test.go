package pages_test

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
)

var inline = regexp.MustCompile(`(?i)<script(?:\s+defer)?\s*>|\son[a-z]+\s*=|\sstyle\s*=|<style|javascript:`)

// batchAt finds the first batch of a stage.
func batchAt(t testing.TB, s flow.Store, feed string, stage flow.Stage) flow.Batch {
	t.Helper()
	bs, err := s.Batches(context.Background(), flow.BatchFilter{Feed: feed, Stage: stage, Limit: 1})
	if err != nil || len(bs) == 0 {
		t.Fatalf("no batch of %s is %s: %v", feed, stage, err)
	}
	return bs[0]
}

func TestOverview(t *testing.T) {
	b := visit(t)
	b.get("/").want(t, "all", 200, "<title>Overview · Assay</title>", `href="/feeds/parts"`, `href="/feeds/spares"`, "nothing published", `aria-current="page"`)
	a := b.get("/?q=PARTS")
	a.want(t, "by name", 200, `href="/feeds/parts"`, "1 of 2 feeds")
	if strings.Contains(a.body, "/feeds/spares") {
		t.Error("a feed that was not asked for")
	}
	b.get("/?state=waiting").want(t, "by state", 200, `href="/feeds/spares/batches?stage=waiting">2</a>`)
	b.get("/?state=held").want(t, "none", 200, "No feed is so.")
	b.get("/?state=x").want(t, "a state that is none", 400, "feeds have no state")
	b.get("/?q=%3Cscript%3E").want(t, "a hostile filter", 200, `value="&lt;script&gt;"`)
}

func TestFeed(t *testing.T) {
	b := visit(t)
	a := b.get("/feeds/parts")
	a.want(t, "a feed", 200, "breaker closed", "Profile", "<svg", "passed")
	if inline.MatchString(a.body) {
		t.Errorf("inline script or style: %s", inline.FindString(a.body))
	}
	b.get("/feeds/nothing").want(t, "none", 404, "there is no feed", "There is nothing here")
	b.post("/feeds/parts", "/feeds/parts/trip", url.Values{"reason": {" "}}).want(t, "no reason", 400, "say why", "Send again")
	if a := b.post("/feeds/parts", "/feeds/parts/trip", url.Values{"reason": {"<b>a test</b>"}}); a.status != 303 || a.header.Get("Location") != "/feeds/parts?said=trip" {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
	b.get("/feeds/parts?said=trip").want(t, "tripped", 200, "The breaker was opened.", "breaker open", "&lt;b&gt;a test&lt;/b&gt;", "tripped by ann")
	b.get("/feeds/parts?said=<script>").want(t, "free text is not said", 200)
	b.get("/?state=open").want(t, "the overview", 200, `href="/feeds/parts"`)
	b.get("/feeds/spares/batches?stage=waiting").want(t, "batches", 200, "spares-2026-03-01.csv", "spares-2026-03-02.csv")
	b.get("/feeds/spares/batches?after=x").want(t, "no place", 400)
	b.get("/feeds/nothing/batches").want(t, "no feed", 404)
}

func TestBatch(t *testing.T) {
	a := project(t)
	opt := options(t, a, httpapi.Local{Subject: "ann"})
	b := browse(t, opt)
	wait := batchAt(t, opt.Store, "spares", flow.Waiting)
	path := "/batches/" + url.PathEscape(wait.ID)
	page := b.get(path)
	page.want(t, "a batch", 200, "waits for a person", "Approve", "Checks", "Columns")
	if inline.MatchString(page.body) {
		t.Errorf("inline script or style: %s", inline.FindString(page.body))
	}
	b.get("/batches/none").want(t, "none", 404)
	b.post(path, path+"/approve", url.Values{}).want(t, "no reason", 400, "say why")

	// Sent twice by one person: done once.
	form := url.Values{"reason": {"looked at it"}}
	for range 2 {
		if a := b.post("/feeds/parts", path+"/approve", form); a.status != 303 || !strings.HasSuffix(a.header.Get("Location"), "?said=approved") {
			t.Errorf("%d %s %s", a.status, a.header.Get("Location"), a.body)
		}
	}
	b.get(path+"?said=approved").want(t, "approved", 200, "Approved: the batch is published.", "approved by ann", "looked at it")
	// By another meanwhile.
	opt.Use.Authenticator = httpapi.Local{Subject: "bob"}
	bob := browse(t, opt)
	meanwhile := bob.post("/feeds/parts", path+"/reject", url.Values{"reason": {"no"}})
	if meanwhile.status != 303 || !strings.HasSuffix(meanwhile.header.Get("Location"), "?said=meanwhile") {
		t.Fatalf("%d %s", meanwhile.status, meanwhile.body)
	}
	bob.get(meanwhile.header.Get("Location")).want(t, "meanwhile", 200, "It was decided meanwhile", "approved by ann")
	if a := b.post("/feeds/parts", path+"/replay", nil); !strings.HasSuffix(a.header.Get("Location"), "?said=not-held") {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
	done := batchAt(t, opt.Store, "parts", flow.Done)
	if done.Rows.Rejected > 0 {
		b.get("/batches/"+done.ID).want(t, "rejects", 200, "Rejected records", `<mark class="miss"`)
		b.get("/batches/"+done.ID+"?rejects=x").want(t, "no place", 400)
		b.get("/batches/"+done.ID+"?rejects=3.3").want(t, "a place that was made up", 400)
	}
}

// TestJudgeAgain: a held batch is judged again at once, or, where another process
// judges, by a message to that.
func TestJudgeAgain(t *testing.T) {
	ctx := context.Background()
	a := project(t)
	opt := options(t, a, httpapi.Local{Subject: "ann"}, func(o *pages.Options) { o.Later = true })
	in := opt.Use.Ingest
	if _, err := in.Signal(ctx, "parts", "trip", "bob", "prices in cents"); err != nil {
		t.Fatal(err)
	}
	if err := in.Lake.WriteObject(ctx, "landing/parts/late.csv", []byte("id,description\nP-9,Hex bolt M8x40\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Object(ctx, "landing/parts/late.csv"); err != nil {
		t.Fatal(err)
	}
	held := batchAt(t, opt.Store, "parts", flow.Held)
	path := "/batches/" + url.PathEscape(held.ID)
	messages := func() (n int) {
		out, err := opt.Store.Outgoing(ctx, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out {
			if o.Message != nil && o.Message.Topic == flow.TopicReplay && strings.Contains(string(o.Message.Body), held.ID) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		later    bool
		said     string
		text     string
		messages int
	}{
		{true, "asked", "It will be judged again in a moment.", 1},
		{false, "again", "Judged again: it is no better and stays held.", 1},
	} {
		opt.Later = c.later
		b := browse(t, opt)
		res := b.post(path, path+"/replay", nil)
		if res.status != 303 || !strings.HasSuffix(res.header.Get("Location"), "?said="+c.said) {
			t.Fatalf("%d %s %s", res.status, res.header.Get("Location"), res.body)
		}
		b.get(res.header.Get("Location")).want(t, c.said, 200, c.text, "Judge again")
		if n := messages(); n != c.messages {
			t.Errorf("%s: %d messages ask for it, want %d", c.said, n, c.messages)
		}
	}
}

func TestForms(t *testing.T) {
	k := &tokens{}
	k.set("reader", httpapi.ScopeRead)
	k.set("operator", httpapi.ScopeRead, httpapi.ScopeOperate)
	b := browse(t, options(t, project(t), k, func(o *pages.Options) { o.Issuer = "https://login.example.org/" }))
	b.send("POST", "/signin", "token=operator&to=/").want(t, "signed in", 303)
	good := b.csrf("/feeds/parts")
	for _, c := range []struct {
		name, form string
		headers    []string
		status     int
		text       string
	}{
		{"another site", "csrf=" + good + "&reason=x", []string{"Sec-Fetch-Site", "cross-site"}, 403, "may not write here"},
		{"another origin", "csrf=" + good + "&reason=x", []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, 403, "may not write here"},
		{"no token", "reason=x", nil, 403, "Nothing was done yet"},
		{"no token, no browser", "reason=x", []string{"Sec-Fetch-Site", ""}, 403, "lacks the token of your session"},
		{"another token", "csrf=AAAA&reason=x", nil, 403, "Nothing was done yet"},
		{"not text", "csrf=" + good + "&reason=%00", nil, 400, "the form holds what is no text"},
		{"too much", "csrf=" + good + "&reason=" + strings.Repeat("x", 300_000), nil, 413, ""},
	} {
		b.send("POST", "/feeds/parts/trip", c.form, c.headers...).want(t, c.name, c.status, c.text)
	}
	b.get("/feeds/parts").want(t, "nothing was done", 200, "breaker closed")
	// The token of one page is good on another, and no two are alike.
	if again := b.csrf("/feeds/spares"); again == good {
		t.Error("tokens are not masked")
	}
	b.send("POST", "/feeds/parts/trip", "reason=x&csrf="+good).want(t, "the token", 303)
	b.send("POST", "/signin", "token=reader&to=/").want(t, "as a reader", 303)
	b.send("POST", "/feeds/parts/reset", "reason=x&csrf="+good).want(t, "a reader", 403, "You may not do this", "breakers:operate")
	if a := b.get("/feeds/parts"); strings.Contains(a.body, "Close the breaker") {
		t.Error("a reader is shown what only an operator may")
	}
	k.set("nothing")
	b.send("POST", "/signin", "token=nothing&to=/").want(t, "without a scope", 303)
	b.get("/").want(t, "without a scope", 403, "You may not do this", `needs the scope &#34;read&#34;`)
	k.gone = pipeline.Errorf(pipeline.CodeUnavailable, "the issuer at 10.0.0.7 does not answer")
	a := b.get("/")
	a.want(t, "the issuer is gone", 503, "Nothing was lost")
	if strings.Contains(a.body, "10.0.0.7") {
		t.Error("the page tells addresses")
	}
}

// A gone store fails as one whose server cannot be reached does.
type goneStore struct {
	flow.Store
	mu   sync.Mutex
	gone bool
}

func (s *goneStore) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%w", errors.New("dial tcp 10.0.0.8:5432: connection refused"))
	}
	return nil
}

func (s *goneStore) Batches(ctx context.Context, f flow.BatchFilter) ([]flow.Batch, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.Batches(ctx, f)
}

func (s *goneStore) Sweeps(ctx context.Context) ([]flow.SweepState, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.Sweeps(ctx)
}

func (s *goneStore) Batch(ctx context.Context, id string) (flow.Batch, error) {
	if err := s.err(); err != nil {
		return flow.Batch{}, err
	}
	return s.Store.Batch(ctx, id)
}

func TestStoreGone(t *testing.T) {
	var s *goneStore
	a := project(t)
	opt := options(t, a, httpapi.Local{Subject: "ann"}, func(o *pages.Options) {
		s = &goneStore{Store: o.Store}
		over, in := *o.Use.Overview, *o.Use.Ingest
		over.Store, in.Store, o.Store = s, s, s
		o.Use.Overview, o.Use.Ingest = &over, &in
	})
	b := browse(t, opt)
	wait := batchAt(t, s, "spares", flow.Waiting)
	path := "/batches/" + wait.ID
	csrf := b.csrf(path)
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	for _, p := range []string{"/", "/feeds/parts", path} {
		g := b.get(p)
		g.want(t, p, 503, "Nothing was lost")
		if strings.Contains(g.body, "10.0.0.8") || g.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v %s", p, g.header, g.body)
		}
	}
	b.send("POST", path+"/approve", "csrf="+csrf+"&reason=fine+%26+good").want(t, "a decision", 503, "done only once", `value="fine &amp; good"`, "Send again")
	s.mu.Lock()
	s.gone = false
	s.mu.Unlock()
	b.send("POST", path+"/approve", "csrf="+csrf+"&reason=fine").want(t, "again", 303)
}

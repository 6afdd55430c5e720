package pages_test

import (
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
)

// TestEveryWrite: whatever writes refuses what no page of this server has sent, and
// what was sent without the token of the session, with or without a browser's word.
func TestEveryWrite(t *testing.T) {
	k := &tokens{}
	k.set("good", httpapi.ScopeRead, httpapi.ScopeReview, httpapi.ScopeOperate, httpapi.ScopeItems)
	opt := options(t, project(t), k, func(o *pages.Options) { o.Issuer = "https://login.example.org/" })
	p, err := pages.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	b := browse(t, opt)
	b.send("POST", "/signin", "token=good&to=/").want(t, "signed in", 303)
	fill := strings.NewReplacer("{feed}", "parts", "{batch}", batchAt(t, opt.Store, "spares", flow.Waiting).ID, "{review}", "r1")
	writes := 0
	for _, route := range p.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method == "GET" {
			continue
		}
		writes++
		path = fill.Replace(path)
		if strings.Contains(path, "{") {
			t.Errorf("%s: this test cannot fill its path", route)
		}
		for _, from := range []string{"cross-site", "same-site"} {
			b.send(method, path, "reason=x&decision=duplicate&token=good", "Sec-Fetch-Site", from).want(t, route+" from "+from, 403)
		}
		b.send(method, path, "reason=x&decision=duplicate&token=good", "Sec-Fetch-Site", "", "Origin", "https://evil.example").want(t, route+" from another origin", 403)
		if path == "/signin" || path == "/signout" {
			continue // there is no session to bind them to: the browser's word has to do
		}
		for _, token := range []string{"", "&csrf=", "&csrf=AAAA", "&csrf=" + strings.Repeat("A", 100)} {
			b.send(method, path, "reason=x&decision=duplicate"+token).want(t, route+" with the token "+token, 403)
			b.send(method, path, "reason=x&decision=duplicate"+token, "Sec-Fetch-Site", "").want(t, route+" by a program, with the token "+token, 403)
		}
	}
	if writes < 12 {
		t.Errorf("%d routes write", writes)
	}
}

// TestSignIn: a token is pasted once; an expired session keeps the address and
// what was typed.
func TestSignIn(t *testing.T) {
	k := &tokens{}
	k.set("good.token.1", httpapi.ScopeRead, httpapi.ScopeReview, httpapi.ScopeOperate)
	b := browse(t, options(t, project(t), k, func(o *pages.Options) { o.Issuer = "https://login.example.org/" }))

	first := b.get("/feeds/parts?batches=50")
	first.want(t, "nobody", 401, "Sign in", `name="to" value="/feeds/parts?batches=50"`, "https://login.example.org/")
	if first.header.Get("Refresh") != "" {
		t.Error("a page of this server refreshes itself")
	}
	if a := b.get("/feeds/parts", "Sec-Fetch-Site", "cross-site"); a.header.Get("Refresh") != "0; url=/feeds/parts" {
		t.Errorf("a link on another site, whose request has no cookie, leads to the sign-in page for good: %v", a.header)
	}
	b.send("POST", "/signin", "token=bad.token.0&to=/").want(t, "a bad token", 401, "This token does not do", "the token expired")
	b.send("POST", "/signin", "token="+strings.Repeat("x", 5000)).want(t, "a long one", 401, "no token of at most")
	b.send("POST", "/signin", "token=good.token.1&to=/", "Sec-Fetch-Site", "cross-site").want(t, "signed in by another site", 403)
	for to, want := range map[string]string{"/?q=1": "/?q=1", "https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/", "": "/"} {
		a := b.send("POST", "/signin", "token=+Bearer+good.token.1%0A&to="+strings.NewReplacer("?", "%3F", "=", "%3D", `\`, "%5C", ":", "%3A").Replace(to))
		if a.status != 303 || a.header.Get("Location") != want {
			t.Errorf("%q leads to %d %q, want %q", to, a.status, a.header.Get("Location"), want)
		}
		for _, c := range a.header.Values("Set-Cookie") {
			if !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Strict") || !strings.Contains(c, "Path=/") {
				t.Errorf("cookie %s", c)
			}
		}
	}
	// The API does not know the cookie.
	b.get("/v1/feeds").want(t, "the API by cookie", 401)

	csrf := b.csrf("/feeds/parts")
	k.drop("good.token.1")
	expired := b.send("POST", "/feeds/parts/trip", "csrf="+csrf+"&reason=too+many+%3Cb%3E")
	expired.want(t, "expired", 401, "Your session has ended: the token expired.", `name="kept.reason" value="too many &lt;b&gt;"`, "What you typed is kept")
	k.set("good.token.2", httpapi.ScopeRead, httpapi.ScopeOperate)
	again := b.send("POST", "/signin", "token=good.token.2&to=/feeds/parts/trip&kept.reason=too+many+%3Cb%3E")
	again.want(t, "signed in again", 200, `action="/feeds/parts/trip"`, `name="reason" value="too many &lt;b&gt;"`)

	// The old form is of the old session.
	b.send("POST", "/signout", "csrf="+csrf).want(t, "signed out", 303)
	b.get("/").want(t, "after signing out", 401, "This server asks who you are.")
}

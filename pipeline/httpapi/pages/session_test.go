package pages_test

import (
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
)

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

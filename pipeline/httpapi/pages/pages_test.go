package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestAPIBesidePages: what lies below a path of the API is answered by it, as
// JSON, however it is written.
func TestAPIBesidePages(t *testing.T) {
	b := visit(t)
	for _, c := range []struct {
		path   string
		status int
		kind   string
	}{
		{"/v1/feeds", 200, "application/json"},
		{"/health/live", 200, "application/json"},
		{"/v1/nothing", 404, "application/problem+json"},
		{"/v1", 404, "application/problem+json"},
		{"//v1/items", 404, "application/problem+json"},
		{"/v1//items", 404, "application/problem+json"},
		{"/v1/../v1/items", 404, "application/problem+json"},
		{"/./v1/items", 404, "application/problem+json"},
		{"/nothing", 404, "text/html"},
		{"//nothing", 404, "text/html"},
		{"/assets/assay.000000000000.css", 404, "text/plain"},
	} {
		a := b.get(c.path)
		if a.status != c.status || !strings.HasPrefix(a.header.Get("Content-Type"), c.kind) {
			t.Errorf("%s: %d %s, want %d %s", c.path, a.status, a.header.Get("Content-Type"), c.status, c.kind)
		}
	}
	if a := b.get("/nothing", "Accept", "application/json"); a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program gets %s", a.header.Get("Content-Type"))
	}
	b.send(http.MethodPut, "/signin", "x=1").want(t, "another method", 405, "This page takes no PUT")
}

// TestHeaders: every answer of a page forbids what pages never need.
func TestHeaders(t *testing.T) {
	b := visit(t)
	for _, path := range []string{"/nothing"} {
		h := b.get(path).header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

var asset = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

// TestAssets: named by their content, kept for ever, compressed for who takes it.
func TestAssets(t *testing.T) {
	b := visit(t)
	found := asset.FindAllStringSubmatch(b.get("/nothing").body, -1)
	if len(found) != 2 {
		t.Fatalf("%q", found)
	}
	for _, f := range found {
		a := b.get(f[1], "Accept-Encoding", "gzip")
		plain := b.get(f[1], "Accept-Encoding", "gzip;q=0")
		if a.status != 200 || !strings.Contains(a.header.Get("Cache-Control"), "immutable") || plain.header.Get("Content-Encoding") != "" || len(plain.body) == 0 {
			t.Errorf("%s: %d %v", f[1], a.status, a.header)
		}
		if strings.HasSuffix(f[1], ".css") && (a.header.Get("Content-Encoding") != "gzip" || len(a.body) >= len(plain.body)) {
			t.Errorf("%s: not compressed: %v", f[1], a.header)
		}
	}
}

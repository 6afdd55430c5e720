package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/httpapi/bearer/bearertest"
)

// TestPagesByCookie: the gateway checks the routes of the API and lets the pages
// through; the token in a page's cookie is checked here, and opens no route of
// the API.
func TestPagesByCookie(t *testing.T) {
	issuer := bearertest.New(t)
	token := func(from string, lasts time.Duration) string {
		return issuer.Token("ann", "read", func(claims map[string]any) { claims["iss"], claims["exp"] = from, time.Now().Add(lasts).Unix() })
	}
	h := project(t, issuer.Environ()...)
	for _, c := range []struct {
		name, path, token string
		status            int
	}{
		{"nobody is asked to sign in", "/", "", 401},
		{"signed in", "/", token(bearertest.Issuer, time.Hour), 200},
		{"another's token", "/", token("https://login.example.com/", time.Hour), 401},
		{"an old one", "/", token(bearertest.Issuer, -time.Hour), 401},
		{"rubbish", "/", "x.y.z", 401},
		{"the API takes no cookie", "/v1/feeds", token(bearertest.Issuer, time.Hour), 401},
	} {
		for _, as := range []string{"cookie", "header"} {
			e := sample(t)
			e.RawPath, e.RawQueryString, e.Body, e.IsBase64Encoded = c.path, "", "", false
			e.RequestContext.HTTP.Method, e.RequestContext.Authorizer = "GET", nil
			e.Headers = map[string]string{"host": "api.example.org", "x-forwarded-proto": "https"}
			switch {
			case as == "header" && c.path == "/": // pages know cookies alone
				continue
			case as == "header":
				e.Headers["authorization"] = "Bearer " + c.token
			case c.token != "":
				e.Cookies = []string{"__Host-assay-token=" + c.token}
			}
			res, err := h.Handle(context.Background(), *e)
			if err != nil || res.StatusCode != c.status {
				t.Errorf("%s, by %s: %d %v, want %d: %s", c.name, as, res.StatusCode, err, c.status, strings.TrimSpace(res.Body))
			}
		}
	}
}

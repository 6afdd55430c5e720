package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPagesByCookie: the gateway checks the routes of the API and lets the pages
// through; the token in a page's cookie is checked here, and opens no route of
// the API.
func TestPagesByCookie(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	public, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	set := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":%q,"y":%q}]}`, encode(public[1:33]), encode(public[33:]))
	if err := os.WriteFile(file, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	token := func(issuer string, lasts time.Duration) string {
		claims, err := json.Marshal(map[string]any{"iss": issuer, "aud": "assay", "sub": "ann", "scope": "read", "exp": time.Now().Add(lasts).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		text := encode([]byte(`{"alg":"ES256","kid":"k1"}`)) + "." + encode(claims)
		h := crypto.SHA256.New()
		h.Write([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	const issuer = "https://login.example.org/"
	h := project(t, "ASSAY_API_ISSUER="+issuer, "ASSAY_API_AUDIENCE=assay", "ASSAY_API_JWKS="+file)
	for _, c := range []struct {
		name, path, token string
		status            int
	}{
		{"nobody is asked to sign in", "/", "", 401},
		{"signed in", "/", token(issuer, time.Hour), 200},
		{"another's token", "/", token("https://login.example.com/", time.Hour), 401},
		{"an old one", "/", token(issuer, -time.Hour), 401},
		{"rubbish", "/", "x.y.z", 401},
		{"the API takes no cookie", "/v1/feeds", token(issuer, time.Hour), 401},
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

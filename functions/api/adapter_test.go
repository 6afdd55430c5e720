package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// sample is testdata/event.json: an event with everything in it.
func sample(t testing.TB) *events.APIGatewayV2HTTPRequest {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	e := &events.APIGatewayV2HTTPRequest{}
	if err := json.Unmarshal(b, e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRequest(t *testing.T) {
	e := sample(t)
	e.RawQueryString = "explain=true&k=5&k=6"
	r, err := request(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"method", r.Method, "POST"},
		{"host", r.Host, "api.example.org"},
		{"host is no header", r.Header.Get("Host"), ""},
		{"path", r.URL.EscapedPath(), "/v1/items:check"},
		{"query", r.URL.RawQuery, "explain=true&k=5&k=6"},
		{"request line", r.RequestURI, "/v1/items:check?explain=true&k=5&k=6"},
		{"a header with commas stays one", strings.Join(r.Header["Accept"], "|"), "application/json,application/problem+json;q=0.9"},
		{"any case of the name", r.Header.Get("idempotency-key"), "8e03978e-40d5-43dd-bc93-6894a57f9324"},
		{"remote address", r.RemoteAddr, "203.0.113.7:0"},
		{"body", string(body), `{"items":[{"text":"Wäscher M10 DIN 125 A"}]}`},
		{"its length", r.Header.Get("Content-Length"), "45"},
		{"protocol", r.Proto, "HTTP/1.1"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if r.ContentLength != 45 {
		t.Errorf("content length %d, want 45", r.ContentLength)
	}
	var names []string
	for _, c := range r.Cookies() {
		names = append(names, c.Name+"="+c.Value)
	}
	if !slices.Equal(names, []string{"a=1", "b=2"}) {
		t.Errorf("cookies: %q", names)
	}
	p, ok := httpapi.PrincipalFrom(r.Context())
	if !ok || p.Subject != "ann" || !slices.Equal(p.Scopes, []string{"read", "review"}) {
		t.Errorf("principal: %+v", p)
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ raw, stage, domain, escaped, path string }{
		{"/v1/items", "$default", "", "/v1/items", "/v1/items"},
		{"/v1/items/parts%2FP-1", "$default", "", "/v1/items/parts%2FP-1", "/v1/items/parts/P-1"},
		{"/v1/items/Schraube M8", "$default", "", "/v1/items/Schraube%20M8", "/v1/items/Schraube M8"},
		{"/v1/items/Öl%20", "$default", "", "/v1/items/%C3%96l%2520", "/v1/items/Öl%20"},
		{"/v1/items/50%", "$default", "", "/v1/items/50%25", "/v1/items/50%"},
		{"/v1/items/what?#", "$default", "", "/v1/items/what%3F%23", "/v1/items/what?#"},
		{"/prod/v1/items", "prod", "", "/v1/items", "/v1/items"},
		{"/production/v1", "prod", "", "/production/v1", "/production/v1"},
		{"/prod", "prod", "", "/", "/"},
		{"", "$default", "", "/", "/"},
		{"//evil.example/v1", "$default", "", "//evil.example/v1", "//evil.example/v1"},
		{"/v1/../v1/items", "$default", "", "/v1/../v1/items", "/v1/../v1/items"},
	} {
		e := &events.APIGatewayV2HTTPRequest{RawPath: c.raw}
		e.RequestContext.Stage, e.RequestContext.HTTP.Method = c.stage, "GET"
		r, err := request(context.Background(), e)
		if err != nil {
			t.Errorf("%q: %v", c.raw, err)
			continue
		}
		if r.URL.EscapedPath() != c.escaped || r.URL.Path != c.path || r.URL.Host != "" {
			t.Errorf("%q: %q, %q, host %q; want %q, %q", c.raw, r.URL.EscapedPath(), r.URL.Path, r.URL.Host, c.escaped, c.path)
		}
	}
}

// TestPrincipals: who calls is what the authorizer says, and nothing else.
func TestPrincipals(t *testing.T) {
	jwt := func(claims map[string]string) string {
		b, err := json.Marshal(map[string]any{"jwt": map[string]any{"claims": claims}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		name, authorizer string
		subject          string
		scopes           []string
	}{
		{"none", `null`, "", nil},
		{"empty", `{}`, "", nil},
		{"a JWT", jwt(map[string]string{"sub": "ann", "scope": "read items:write other"}), "ann", []string{"read", "items:write"}},
		{"scopes as a list", jwt(map[string]string{"sub": "ann", "scp": "[read review]"}), "ann", []string{"read", "review"}},
		{"scopes of the resource", jwt(map[string]string{"sub": "ann", "aud": "[x https://api]", "scope": "https://api/read x/review y/items:write"}), "ann", []string{"read", "review"}},
		{"a JWT without subject", jwt(map[string]string{"scope": "read"}), "", nil},
		{"an AWS identity", `{"iam": {"userArn": "arn:aws:iam::123456789012:role/ops", "accountId": "123456789012"}}`, "arn:aws:iam::123456789012:role/ops", httpapi.Scopes()},
		{"an AWS identity without a name", `{"iam": {}}`, "", nil},
		{"another kind of authorizer", `{"lambda": {"sub": "ann", "scope": "read"}}`, "", nil},
	} {
		e := sample(t)
		e.RequestContext.Authorizer = nil
		if err := json.Unmarshal([]byte(`{"authorizer":`+c.authorizer+`}`), &e.RequestContext); err != nil {
			t.Fatal(err)
		}
		e.Headers["authorization"] = "Bearer eyJzdWIiOiJtYWxsb3J5In0"
		e.Headers["x-amzn-oidc-identity"] = "mallory"
		r, err := request(context.Background(), e)
		if err != nil {
			t.Fatal(err)
		}
		p, err := httpapi.FromContext{}.Authenticate(r)
		if c.subject == "" {
			if pipeline.ErrorCode(err) != pipeline.CodeUnauthorized {
				t.Errorf("%s: %+v, %v; want unauthorized", c.name, p, err)
			}
			continue
		}
		if err != nil || p.Subject != c.subject || !slices.Equal(p.Scopes, c.scopes) {
			t.Errorf("%s: %+v, %v; want %s with %q", c.name, p, err, c.subject, c.scopes)
		}
	}
}

func TestResponse(t *testing.T) {
	write := func(f func(http.ResponseWriter), method string) events.APIGatewayV2HTTPResponse {
		w := &response{header: http.Header{}}
		f(w)
		return w.event(method)
	}
	full := write(func(w http.ResponseWriter) {
		w.Header().Add("Set-Cookie", "a=1; Expires=Sun, 01 Mar 2026 12:00:00 GMT")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Origin")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		w.Header().Set("Late", "too late")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, `{"a":`)
		_, _ = io.WriteString(w, `"ö"}`)
	}, "POST")
	if full.StatusCode != http.StatusCreated || full.Body != `{"a":"ö"}` || full.IsBase64Encoded || full.Headers["Vary"] != "Accept,Origin" || len(full.Cookies) != 2 || full.Headers["Late"] != "" || full.Headers["Set-Cookie"] != "" {
		t.Errorf("%+v", full)
	}
	binary := []byte{0xff, 0x00, 0x89, 'P', 'N', 'G'}
	if b := write(func(w http.ResponseWriter) { _, _ = w.Write(binary) }, "GET"); !b.IsBase64Encoded || b.Body != base64.StdEncoding.EncodeToString(binary) || b.StatusCode != http.StatusOK || b.Headers["Content-Type"] == "" {
		t.Errorf("binary: %+v", b)
	}
	if b := write(func(w http.ResponseWriter) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "text all the same")
	}, "GET"); !b.IsBase64Encoded {
		t.Errorf("compressed: %+v", b)
	}
	if b := write(func(http.ResponseWriter) {}, "GET"); b.StatusCode != http.StatusOK || b.Body != "" {
		t.Errorf("nothing written: %+v", b)
	}
	if b := write(func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") }, "HEAD"); b.Body != "" || b.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %+v", b)
	}
	if b := write(func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusNotModified)
		if _, err := io.WriteString(w, "x"); err == nil {
			t.Error("304 took a body")
		}
	}, "GET"); b.Body != "" {
		t.Errorf("304: %+v", b)
	}
}

// FuzzRequest: any event gives a request that net/http could have made, or is
// invalid; and who calls never depends on a header.
func FuzzRequest(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"rawPath":"//h/%2F%zz","rawQueryString":"a=%zz","requestContext":{"http":{"method":"G T"}}}`))
	f.Add([]byte(`{"rawPath":"/ä","isBase64Encoded":true,"body":"=","headers":{"":"x","host":"a:b:c"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e events.APIGatewayV2HTTPRequest
		if json.Unmarshal(b, &e) != nil {
			return
		}
		r, err := request(context.Background(), &e)
		if err != nil {
			if pipeline.ErrorCode(err) != pipeline.CodeInvalid {
				t.Fatalf("%v", err)
			}
			return
		}
		u, err := url.ParseRequestURI(r.URL.RequestURI())
		if err != nil || u.Host != "" && !strings.HasPrefix(r.URL.Path, "//") {
			t.Fatalf("the path %q became %q: %v", e.RawPath, r.URL, err)
		}
		if r.URL.Host != "" || r.URL.Scheme != "" || !strings.HasPrefix(r.URL.Path, "/") {
			t.Fatalf("%q became %q", e.RawPath, r.URL)
		}
		e.Headers = nil
		bare, err := request(context.Background(), &e)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := httpapi.PrincipalFrom(r.Context())
		q, _ := httpapi.PrincipalFrom(bare.Context())
		if p.Subject != q.Subject || !slices.Equal(p.Scopes, q.Scopes) {
			t.Fatalf("with headers %+v, without %+v", p, q)
		}
		w := &response{header: http.Header{}}
		if _, err := io.Copy(w, io.LimitReader(r.Body, responseLimit)); err != nil {
			t.Fatal(err)
		}
		got := w.event("POST")
		back := []byte(got.Body)
		if got.IsBase64Encoded {
			if back, err = base64.StdEncoding.DecodeString(got.Body); err != nil {
				t.Fatal(err)
			}
		}
		if want, _ := io.ReadAll(bare.Body); !bytes.Equal(back, want) {
			t.Fatalf("the body %q came back as %q", want, back)
		}
	})
}

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/httpapi/bearer/bearertest"
)

// serveProject starts assay serve in a folder as assay init writes it, and
// returns its address. It is interrupted, and has to end well, with the test.
func serveProject(t *testing.T, environ []string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join("scaffold", "contracts"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lake"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	var stderr strings.Builder
	ended := make(chan int, 1)
	go func() {
		c := &cli{stdin: strings.NewReader(""), stdout: w, stderr: &stderr, environ: environ}
		ended <- c.run(ctx, append([]string{"-C", dir, "serve", "--addr", "127.0.0.1:0"}, args...))
		_ = w.Close()
	}()
	lines := bufio.NewScanner(r)
	if !lines.Scan() {
		stop()
		t.Fatalf("serve ended with %d: %s", <-ended, stderr.String())
	}
	address, ok := strings.CutPrefix(lines.Text(), "serving ")
	go func() { _, _ = io.Copy(io.Discard, r) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("serve ended with %d: %s", code, stderr.String())
		}
	})
	if !ok {
		t.Fatalf("serve says %q", lines.Text())
	}
	return address
}

// call sends one request and returns status, body, and the challenge.
func call(t *testing.T, method, url, body string, headers ...string) (int, string, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header.Get("WWW-Authenticate")
}

func TestServeAsksForTokens(t *testing.T) {
	issuer := bearertest.New(t)
	token := func(subject, scope string) string { return issuer.Token(subject, scope) }
	url := serveProject(t, issuer.Environ())

	for _, c := range []struct {
		name, method, path, body, token string
		status                          int
		challenge                       string
	}{
		{"health needs none", "GET", "/health/live", "", "", 200, ""},
		{"none", "GET", "/v1/feeds", "", "", 401, `Bearer realm="assay"`},
		{"rubbish", "GET", "/v1/feeds", "", "x.y.z", 401, `error="invalid_token"`},
		{"a reader", "GET", "/v1/feeds", "", token("ann", "read"), 200, ""},
		{"a reader decides", "POST", "/v1/breakers/parts:trip", `{"reason":"a test"}`, token("ann", "read review"), 403, `error="insufficient_scope", scope="breakers:operate"`},
		{"an operator", "POST", "/v1/breakers/parts:trip", `{"reason":"a test"}`, token("olga", "breakers:operate"), 200, ""},
		{"an operator reads", "GET", "/v1/feeds", "", token("olga", "breakers:operate"), 403, `scope="read"`},
	} {
		var headers []string
		if c.token != "" {
			headers = []string{"Authorization", "Bearer " + c.token}
		}
		status, body, challenge := call(t, c.method, url+c.path, c.body, headers...)
		if status != c.status || !strings.Contains(challenge, c.challenge) || c.challenge == "" && challenge != "" {
			t.Errorf("%s: %d %s %q; want %d with %q", c.name, status, body, challenge, c.status, c.challenge)
		}
	}
	// Who did it is the subject of the token.
	_, body, _ := call(t, "GET", url+"/v1/breakers/parts", "", "Authorization", "Bearer "+token("ann", "read"))
	if !strings.Contains(body, `"olga"`) {
		t.Errorf("the audit trail does not name olga: %s", body)
	}
}

// TestServeLoopback: without tokens, only this machine and no page of another
// origin.
func TestServeLoopback(t *testing.T) {
	url := serveProject(t, nil)
	port := url[strings.LastIndexByte(url, ':'):]
	const trip, reason = "/v1/breakers/parts:trip", `{"reason":"a test"}`
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
	}{
		{"a program", "GET", "/v1/feeds", "", nil, 200},
		{"by name", "GET", "/v1/feeds", "", []string{"Host", "localhost" + port}, 200},
		{"a foreign name (DNS rebinding)", "GET", "/v1/feeds", "", []string{"Host", "evil.example" + port}, 403},
		{"a foreign name reads figures", "GET", "/metrics", "", []string{"Host", "evil.example" + port}, 403},
		{"a name that begins alike", "GET", "/v1/feeds", "", []string{"Host", "localhost.evil.example"}, 403},
		{"a page of another origin", "POST", trip, reason, []string{"Origin", "https://evil.example"}, 403},
		{"another origin, as the browser says", "POST", trip, reason, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another port of this machine", "POST", trip, reason, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a sandboxed page", "POST", trip, reason, []string{"Origin", "null"}, 403},
		{"a page of this server", "POST", trip, reason, []string{"Sec-Fetch-Site", "same-origin", "Origin", url}, 200},
		{"a program writes", "POST", trip, reason, nil, 200},
	} {
		if status, body, _ := call(t, c.method, url+c.path, c.body, c.headers...); status != c.status {
			t.Errorf("%s: %d %s; want %d", c.name, status, body, c.status)
		}
	}
}

func TestServeRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"every interface without tokens", nil, []string{"--addr", "0.0.0.0:0"}, "can be reached by others"},
		{"every interface, unsaid", nil, []string{"--addr", ":0"}, "can be reached by others"},
		{"no address", nil, []string{"--addr", "8787"}, "missing port"},
		{"an issuer without audience", []string{"ASSAY_API_ISSUER=https://login.example.org/"}, nil, "by both, or by neither"},
		{"keys over http", []string{"ASSAY_API_ISSUER=https://login.example.org/", "ASSAY_API_AUDIENCE=a", "ASSAY_API_JWKS=http://login.example.org/keys"}, nil, "not an https address"},
	} {
		var stderr strings.Builder
		cl := &cli{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr, environ: c.environ}
		code := cl.run(t.Context(), append([]string{"-C", t.TempDir(), "serve"}, c.args...))
		if code != 2 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: exit %d: %s; want 2 with %q", c.name, code, stderr.String(), c.want)
		}
	}
}

func TestServeMock(t *testing.T) {
	url := serveProject(t, nil, "--mock")
	if status, body, _ := call(t, "GET", url+"/v1/items", ""); status != 200 || !strings.Contains(body, "parts/P-1001") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := call(t, "GET", url+"/v1/items", "", "Prefer", "code=503"); status != 503 {
		t.Errorf("%d, want 503", status)
	}
}

package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

var update = flag.Bool("update", false, "rewrite the expected parts of the cases")

// TestCases sends the requests of testdata/cases/*.txtar, in order, to the API
// over a project of its own, and compares the responses; testdata/README.md
// explains the form. Each response is also held against the document, and each
// operation has to succeed somewhere.
func TestCases(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "cases", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	s := readSpec(t)
	succeeded := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			api := serve(t)
			for i := 0; i+1 < len(a.Files); i += 2 {
				if a.Files[i].Name != "request" || a.Files[i+1].Name != "response" {
					t.Fatalf("%s: sections are request and response in turn", file)
				}
				r := request(t, a.Files[i].Data)
				w := httptest.NewRecorder()
				api.ServeHTTP(w, r)
				route := api.Route(r)
				got := w.Body.Bytes()
				if route != "" {
					if err := s.conforms(t, route, w.Code, w.Header(), got); err != nil {
						t.Errorf("request %d: %v", i/2+1, err)
					}
				}
				if w.Code < 300 {
					succeeded[route] = true
				}
				text := response(t, w)
				if *update {
					a.Files[i+1].Data = text
					continue
				}
				if d := cmp.Diff(string(a.Files[i+1].Data), string(text)); d != "" {
					t.Errorf("request %d, %s %s (-want +got):\n%s", i/2+1, r.Method, r.URL, d)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	for route := range s.operations() {
		if !succeeded[route] {
			t.Errorf("no case where %s succeeds", route)
		}
	}
}

// request reads "METHOD URL", headers, an empty line and a body. A body that is
// JSON says so by itself.
func request(t testing.TB, src []byte) *http.Request {
	t.Helper()
	br := bufio.NewReader(bytes.NewReader(src))
	first, err := br.ReadString('\n')
	if err != nil {
		t.Fatal("a request needs a line METHOD URL")
	}
	method, target, _ := strings.Cut(strings.TrimSpace(first), " ")
	header := http.Header{}
	for {
		l, err := br.ReadString('\n')
		l = strings.TrimSpace(l)
		if l == "" || err != nil {
			break
		}
		k, v, _ := strings.Cut(l, ": ")
		header.Add(k, v)
	}
	body, err := io.ReadAll(br)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, bytes.NewReader(body))
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		r.Header[k] = v
	}
	return r
}

// shown are the headers that a case shows.
var shown = []string{"Allow", "Content-Type", "Etag", "Retry-After", "Www-Authenticate"}

// response is the status, the headers that matter and the body.
func response(t testing.TB, w *httptest.ResponseRecorder) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", w.Code)
	for _, k := range shown {
		v := w.Header().Get(k)
		if k == "Etag" && v != "" && w.Body.Len() > 2000 && !json.Valid(w.Body.Bytes()) {
			v = "…" // of a page, which is not shown whole either
		}
		if v != "" {
			fmt.Fprintf(&b, "%s: %s\n", k, v)
		}
	}
	body := w.Body.Bytes()
	if len(body) == 0 {
		return b.Bytes()
	}
	b.WriteByte('\n')
	switch {
	case json.Valid(body):
		if err := json.Indent(&b, bytes.TrimSpace(body), "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	case len(body) > 2000:
		first, _, _ := bytes.Cut(body, []byte("\n"))
		fmt.Fprintf(&b, "%s …\n", first)
	default:
		b.Write(body)
		if !bytes.HasSuffix(body, []byte("\n")) {
			b.WriteByte('\n')
		}
	}
	// A case is text without trailing spaces.
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return []byte(strings.Join(lines, "\n"))
}

// Each operation refuses who has no token, and who has every scope but its own.
func TestScopes(t *testing.T) {
	s := readSpec(t)
	nobody := serve(t, func(o *httpapi.Options) { o.Authenticator = nil })
	for route, o := range s.operations() {
		security := o["security"].([]any)
		if len(security) == 0 {
			continue
		}
		scope := security[0].(map[string]any)["jwt"].([]any)[0].(string)
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{item}", "x", "{cluster}", "x", "{review}", "x", "{batch}", "x", "{feed}", "x", "{contract}", "x").Replace(path)
		ask := func(api *httpapi.Server) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("{}"))
			api.ServeHTTP(w, r)
			if err := s.conforms(t, route, w.Code, w.Header(), w.Body.Bytes()); err != nil {
				t.Error(err)
			}
			return w
		}
		if w := ask(nobody); w.Code != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", route, w.Code)
		} else if w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: a 401 does not say how to authenticate", route)
		}
		others := slices.DeleteFunc(httpapi.Scopes(), func(x string) bool { return x == scope })
		if w := ask(withScopes(t, others)); w.Code != http.StatusForbidden {
			t.Errorf("%s with %v: %d", route, others, w.Code)
		}
		if w := ask(withScopes(t, []string{scope})); w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized {
			t.Errorf("%s with its own scope: %d", route, w.Code)
		}
	}
}

type fixed httpapi.Principal

func (f fixed) Authenticate(*http.Request) (httpapi.Principal, error) {
	return httpapi.Principal(f), nil
}

var scoped = map[string]*httpapi.Server{}

func withScopes(t *testing.T, scopes []string) *httpapi.Server {
	t.Helper()
	key := strings.Join(scopes, " ")
	if scoped[key] == nil {
		scoped[key] = serve(t, func(o *httpapi.Options) { o.Authenticator = fixed{Subject: "ann", Scopes: scopes} })
	}
	return scoped[key]
}

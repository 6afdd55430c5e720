package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func mock(t *testing.T) *Server {
	t.Helper()
	s, err := NewMock(Options{Authenticator: Local{Subject: "ann"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestMock: each operation answers with its example; a wrong request is refused
// as by the real server.
func TestMock(t *testing.T) {
	s := mock(t)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		want                     string
		headers                  []string
	}{
		{"a list", "GET", "/v1/items", "", 200, `"data":[`, nil},
		{"a thing", "GET", "/v1/items/parts%2FP-1", "", 200, `"item"`, nil},
		{"a check", "POST", "/v1/items:check", `{"items":[{"text":"x"}]}`, 200, `"answers"`, nil},
		{"a verb", "POST", "/v1/breakers/parts:trip", `{"reason":"x"}`, 200, `"position"`, nil},
		{"the document", "GET", "/openapi.yaml", "", 200, "openapi: 3", nil},
		{"figures", "GET", "/metrics", "", 200, "assay_http", nil},
		{"an outage", "GET", "/v1/items", "", 503, `"code":"unavailable"`, []string{"Prefer", "respond-async, code=503"}},
		{"quoted", "GET", "/v1/items", "", 401, `"code":"unauthorized"`, []string{"Prefer", `code="401"`}},
		{"a status without example", "GET", "/v1/items", "", 400, "no example with the status 418", []string{"Prefer", "code=418"}},
		{"no status", "GET", "/v1/items", "", 400, "is no status", []string{"Prefer", "code=many"}},
		{"a wrong body", "POST", "/v1/items:check", `{"items":[]}`, 400, `"pointer":"/items"`, nil},
		{"an unknown parameter", "GET", "/v1/items?colour=red", "", 400, "colour", nil},
		{"a verb as the router has it", "POST", "/v1/breakers/parts/:trip", `{"reason":"x"}`, 404, "not_found", nil},
		{"a compressed body", "POST", "/v1/items:check", `{"items":[{"text":"x"}]}`, 415, "unsupported_media_type", []string{"Content-Encoding", "gzip"}},
		{"another method", "PUT", "/v1/items", "", 405, "method_not_allowed", nil},
		{"nothing there", "GET", "/v1/nothing", "", 404, "not_found", nil},
	} {
		w := ask(s, c.method, c.path, c.body, c.headers...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s; want %d with %q", c.name, w.Code, w.Body, c.status, c.want)
		}
	}
}

// TestMockAnswersEverything: every operation of the document has an example of
// success, and one for each problem that it names.
func TestMockAnswersEverything(t *testing.T) {
	s := mock(t)
	examples, err := readExamples(s.doc.source)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.router.routes) != len(s.doc.operations) || len(s.router.routes) == 0 {
		t.Fatalf("%d routes for %d operations", len(s.router.routes), len(s.doc.operations))
	}
	for route, o := range s.doc.operations {
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
			if _, ok := examples[route][status]; o.scope != "" && !ok {
				t.Errorf("%s: no example of a %d", route, status)
			}
		}
	}
}

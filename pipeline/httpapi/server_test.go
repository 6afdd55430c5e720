package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	appserve "github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/review"
)

func get(t testing.TB, api http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

func post(t testing.TB, api http.Handler, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w
}

// problem reads a problem document and checks that it is a whole one.
func problem(t testing.TB, w *httptest.ResponseRecorder, status int, code string) httpapi.Problem {
	t.Helper()
	var p httpapi.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d is no problem: %s", w.Code, w.Body)
	}
	if w.Code != status || p.Status != status || p.Code != code || p.Title == "" || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("want %d %s, got %d %s", status, code, w.Code, w.Body)
	}
	return p
}

// "Could not look" is never an empty answer: with its store gone, every
// operation that reads from it answers 503.
func TestCouldNotLook(t *testing.T) {
	a := project(t)
	opt, err := appserve.APIOptions(t.Context(), a, httpapi.Local{Subject: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	s := readSpec(t)
	fill := strings.NewReplacer("{item}", "parts%2FP-1001", "{cluster}", "dd91989825e60c3d", "{review}", "e39772a5882f60511995e04b79f13fec",
		"{batch}", "8ac7727a07f2caeadde0ef64e7236580", "{feed}", "parts", "{contract}", "parts")
	query := map[string]string{"search": "?q=washer", "explainPair": "?a=parts/P-1001&b=parts/P-1002"}
	storeless := []string{"live", "getDocument", "getStatus"}
	for route, o := range s.operations() {
		id := o["operationId"].(string)
		if slices.Contains(storeless, id) {
			continue
		}
		method, path, _ := strings.Cut(route, " ")
		var body []byte
		if o["requestBody"] != nil {
			ex, _ := s.at("paths", path, strings.ToLower(method), "requestBody", "content", "application/json", "example")
			if body, err = json.Marshal(ex); err != nil {
				t.Fatal(err)
			}
		}
		r := httptest.NewRequestWithContext(t.Context(), method, fill.Replace(path)+query[id], bytes.NewReader(body))
		if body != nil {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s without its store: %d %s", route, w.Code, w.Body)
			continue
		}
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: a 503 does not say when to come again", route)
		}
	}
}

func TestLimits(t *testing.T) {
	api := serve(t, func(o *httpapi.Options) { o.MaxBody = 1 << 20 })
	// 10,000 attributes.
	attributes := map[string]string{}
	for i := range 10_000 {
		attributes[fmt.Sprintf("a%d", i)] = "1"
	}
	many, err := json.Marshal(map[string]any{"items": []any{map[string]any{"text": "washer M10", "attributes": attributes}}})
	if err != nil {
		t.Fatal(err)
	}
	p := problem(t, post(t, api, "/v1/items:check", string(many)), http.StatusBadRequest, "invalid")
	if want := "body /items/0/attributes: has 10000 members, 200 are taken"; p.Detail != want {
		t.Errorf("%q, want %q", p.Detail, want)
	}
	// 201 items, a text that is too long, a body that is too large.
	items := strings.Repeat(`{"text":"washer"},`, 200) + `{"text":"washer"}`
	p = problem(t, post(t, api, "/v1/items:check", `{"items":[`+items+`]}`), http.StatusBadRequest, "invalid")
	if !strings.Contains(p.Detail, "201 entries, 200 are taken") {
		t.Error(p.Detail)
	}
	problem(t, post(t, api, "/v1/items:check", `{"items":[{"text":"`+strings.Repeat("x", 65537)+`"}]}`), http.StatusBadRequest, "invalid")
	problem(t, post(t, api, "/v1/items:check", `{"items":[{"text":"`+strings.Repeat("x", 1<<20)+`"}]}`), http.StatusRequestEntityTooLarge, "too_large")
	// Nested deeper than anybody means.
	problem(t, post(t, api, "/v1/contracts/parts:validate", `{"rows":[{"a":`+strings.Repeat("[", 20_000)), http.StatusBadRequest, "invalid")
	// At most 20 mistakes are named.
	bad := strings.TrimSuffix(strings.Repeat(`{},`, 100), ",")
	if p := problem(t, post(t, api, "/v1/items:check", `{"items":[`+bad+`]}`), http.StatusBadRequest, "invalid"); len(p.Errors) != 20 {
		t.Errorf("%d mistakes named", len(p.Errors))
	}
	problem(t, get(t, api, "/v1/search?q="+strings.Repeat("x", 1025)), http.StatusBadRequest, "invalid")
	problem(t, get(t, api, "/v1/items/"+strings.Repeat("x", 513)), http.StatusBadRequest, "invalid")
}

type panics struct{}

func (panics) Authenticate(*http.Request) (httpapi.Principal, error) { panic("no") }

func TestPanicIsAProblem(t *testing.T) {
	api := serve(t, func(o *httpapi.Options) { o.Authenticator = panics{} })
	p := problem(t, get(t, api, "/v1/feeds"), http.StatusInternalServerError, "internal")
	if p.Detail != "internal error" || p.Request != "request-1" {
		t.Errorf("%+v", p)
	}
}

type slow struct{}

func (slow) Authenticate(r *http.Request) (httpapi.Principal, error) {
	<-r.Context().Done()
	return httpapi.Principal{}, r.Context().Err()
}

func TestDeadline(t *testing.T) {
	api := serve(t, func(o *httpapi.Options) { o.Authenticator, o.Deadline = slow{}, time.Millisecond })
	problem(t, get(t, api, "/v1/feeds"), http.StatusServiceUnavailable, "unavailable")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	serve(t, func(o *httpapi.Options) { o.Authenticator = slow{} }).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/feeds", nil))
	problem(t, w, 499, "canceled")
}

// Every code of the pipeline becomes the status of its table.
func TestCodes(t *testing.T) {
	for _, c := range []pipeline.Code{pipeline.CodeInvalid, pipeline.CodeNotFound, pipeline.CodeConflict, pipeline.CodeLocked, pipeline.CodeUnavailable,
		pipeline.CodeUnauthorized, pipeline.CodeDenied, pipeline.CodeLimit, pipeline.CodeCorrupt, pipeline.CodeInternal} {
		api := serve(t, func(o *httpapi.Options) {
			o.Authenticator = fails{pipeline.Errorf(c, "it says %s", c).WithHint("do something")}
		})
		p := problem(t, get(t, api, "/v1/feeds"), c.HTTPStatus(), string(c))
		own := p.Status < 500 // what is wrong with the server is for its log
		if own != (p.Detail == "it says "+string(c)) || own != (p.Hint == "do something") || !strings.HasSuffix(p.Type, "#problem-"+string(c)) {
			t.Errorf("%+v", p)
		}
	}
}

type fails struct{ err error }

func (f fails) Authenticate(*http.Request) (httpapi.Principal, error) {
	return httpapi.Principal{}, f.err
}

// Walking through the pages of a list gives each entry once, in the order of
// one large page, whatever the size of a page.
func TestPages(t *testing.T) {
	api := serve(t)
	post(t, api, "/v1/questions:ask", "{}")
	for _, list := range []string{"/v1/items?", "/v1/duplicates?", "/v1/clusters?", "/v1/cluster-events?", "/v1/reviews?", "/v1/reviews?state=all&", "/v1/questions?",
		"/v1/batches?", "/v1/approvals?", "/v1/feeds?", "/v1/breakers?", "/v1/contracts?", "/v1/search?q=washer&", "/v1/search?filter=material%3Dsteel&"} {
		type page struct {
			Data []json.RawMessage `json:"data"`
			Next string            `json:"next"`
		}
		read := func(target string) page {
			var p page
			w := get(t, api, target)
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", target, w.Code, w.Body)
			}
			return p
		}
		whole := read(list + "limit=500")
		if whole.Next != "" || len(whole.Data) == 0 {
			t.Fatalf("%s: %d entries, next %q", list, len(whole.Data), whole.Next)
		}
		for size := 1; size <= 3; size++ {
			var walked []json.RawMessage
			p := page{}
			for i := 0; i == 0 || p.Next != ""; i++ {
				p = read(fmt.Sprintf("%slimit=%d&cursor=%s", list, size, url.QueryEscape(p.Next)))
				walked = append(walked, p.Data...)
				if len(p.Data) > size || i > len(whole.Data) {
					t.Fatalf("%s: page %d has %d entries", list, i, len(p.Data))
				}
			}
			if !slices.EqualFunc(walked, whole.Data, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
				t.Errorf("%s in pages of %d: %d entries, not the %d of one page", list, size, len(walked), len(whole.Data))
			}
		}
	}
	// A cursor belongs to its list and its filters.
	var p struct{ Next string }
	if err := json.Unmarshal(get(t, api, "/v1/items?limit=1&plant=").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(get(t, api, "/v1/items?limit=1").Body.Bytes(), &p); err != nil || p.Next == "" {
		t.Fatal(err)
	}
	problem(t, get(t, api, "/v1/clusters?cursor="+p.Next), http.StatusBadRequest, "invalid")
	problem(t, get(t, api, "/v1/items?feed=parts&cursor="+p.Next), http.StatusBadRequest, "invalid")
}

// Two reviewers never get the same entry, and the audit trail has their names.
func TestTwoReviewers(t *testing.T) {
	a := project(t)
	api := func(who string) http.Handler {
		s, err := appserve.API(t.Context(), a, httpapi.Local{Subject: who})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	claim := func(who string) review.Entry {
		var e review.Entry
		w := post(t, api(who), "/v1/reviews:claim", `{"kind":"pair"}`)
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return e
	}
	ann, bob := claim("ann"), claim("bob")
	if ann.ID == bob.ID || ann.Holder != "ann" || bob.Holder != "bob" {
		t.Errorf("ann has %s, bob has %s", ann.ID, bob.ID)
	}
	problem(t, post(t, api("bob"), "/v1/reviews/"+ann.ID+":decide", `{"decision":"same"}`), http.StatusLocked, "locked")
	problem(t, post(t, api("bob"), "/v1/reviews/"+ann.ID+":claim", `{}`), http.StatusLocked, "locked")
	if w := post(t, api("ann"), "/v1/reviews/"+ann.ID+":decide", `{"decision":"same"}`); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"decider":"ann"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// What was decided took effect: the two are a duplicate now.
	w := get(t, api("ann"), "/v1/duplicates?verdict=duplicate&item=parts/P-1004")
	if !strings.Contains(w.Body.String(), `"b":"parts/P-1004"`) {
		t.Errorf("%s", w.Body)
	}
}

// Decisions that are sent at once take effect one after the other: what is left
// is what either order would leave.
func TestAtOnce(t *testing.T) {
	api := serve(t)
	post(t, api, "/v1/questions:ask", "{}")
	var wg sync.WaitGroup
	send := func(target, body string) {
		wg.Go(func() {
			if w := post(t, api, target, body); w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		})
	}
	send("/v1/reviews/e39772a5882f60511995e04b79f13fec:decide", `{"decision":"same"}`)
	send("/v1/reviews/806944162cca68cac7d0dcaca7c30dc3:decide", `{"decision":"same"}`)
	for i := 1; i <= 4; i++ {
		send("/v1/answers", fmt.Sprintf(`{"answers":[{"item":"parts/P-100%d","attribute":"bore","answer":"10.5 mm"}]}`, i))
		send("/v1/breakers/parts:trip", `{"reason":"at once"}`)
		wg.Go(func() { get(t, api, "/v1/search?q=washer") })
		wg.Go(func() { get(t, api, "/v1/catalog/report") })
	}
	wg.Wait()
	var c struct {
		Data []struct{ Items []string }
	}
	if err := json.Unmarshal(get(t, api, "/v1/clusters").Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Data) != 1 || !slices.Contains(c.Data[0].Items, "parts/P-1001") || !slices.Contains(c.Data[0].Items, "parts/P-1002") {
		t.Errorf("%+v", c.Data)
	}
	for i := 1; i <= 4; i++ {
		if w := get(t, api, fmt.Sprintf("/v1/items/parts%%2FP-100%d", i)); !strings.Contains(w.Body.String(), `"enriched:ann"`) {
			t.Errorf("the answer about item %d is lost: %s", i, w.Body)
		}
	}
}

func TestETag(t *testing.T) {
	api := serve(t)
	for _, target := range []string{"/v1/items/parts%2FP-1001", "/v1/contracts/parts", "/v1/batches/8ac7727a07f2caeadde0ef64e7236580/report", "/v1/catalog/report"} {
		tag := get(t, api, target).Header().Get("ETag")
		for _, c := range []struct {
			match string
			want  int
		}{{tag, 304}, {"W/" + tag, 304}, {`"x", ` + tag, 304}, {`"x"`, 200}, {"", 200}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
			if c.match != "" {
				r.Header.Set("If-None-Match", c.match)
			}
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if w.Code != c.want || (w.Code == 304) != (w.Body.Len() == 0) || w.Header().Get("ETag") != tag {
				t.Errorf("%s with %q: %d, %d bytes, want %d", target, c.match, w.Code, w.Body.Len(), c.want)
			}
		}
	}
}

// Whatever comes, the answer is one that the document knows.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/v1/items:check", "application/json", []byte(`{"items":[{"text":"washer M10","attributes":{"bore":"10 mm"}}]}`))
	f.Add("GET", "/v1/search?q=washer+thread=M10&limit=1", "", []byte(nil))
	f.Add("GET", "/v1/items/parts%2FP-1001", "", []byte(nil))
	f.Add("POST", "/v1/contracts/parts:validate", "application/json; charset=utf-8", []byte(`{"rows":[{"part_id":"P-1","price":-1}]}`))
	f.Add("POST", "/v1/answers", "application/json", []byte(`{"answers":[{"item":"parts/P-1004","attribute":"bore","answer":"10,5 mm"}]}`))
	f.Add("POST", "/v1/reviews:claim", "application/json", []byte(`{}`))
	f.Add("POST", "/v1/breakers/parts:trip", "application/json", []byte(`{"reason":"x"}`))
	f.Add("GET", "/v1/batches?since=2026-03-01T00:00:00Z&cursor=eyJsIjoiYmF0Y2hlcyIsImsiOlsiYSIsImIiXX0", "", []byte(nil))
	s := readSpec(f)
	api := serve(f)
	f.Fuzz(func(t *testing.T, method, target, ct string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(method, " \t\r\n") || method == "" {
			return
		}
		r := (&http.Request{Method: method, URL: u, Header: http.Header{}, Host: "localhost", Body: http.NoBody, Proto: "HTTP/1.1"}).WithContext(t.Context())
		if len(body) > 0 {
			r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
			r.Method, r.URL = method, u
		}
		if ct != "" {
			r.Header.Set("Content-Type", ct)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("%s %s: %s", method, target, w.Body)
		}
		if route := api.Route(r); strings.HasPrefix(route, method+" ") {
			if err := s.conforms(t, route, w.Code, w.Header(), w.Body.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

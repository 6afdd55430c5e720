package httpapi

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// A keyed server counts what it does.
type keyed struct {
	t       *testing.T
	handler http.Handler
	mu      sync.Mutex
	done    int
	now     time.Time
	answer  func(w http.ResponseWriter, r *http.Request, n int)
}

func newKeyed(t *testing.T) *keyed {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	k := &keyed{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	k.answer = func(w http.ResponseWriter, r *http.Request, n int) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", fmt.Sprintf("/v1/things/%d", n))
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"n":%d,"got":%q}`, n, b)
	}
	s := &Server{opt: Options{Responses: db, Deadline: Deadline, Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.now
	}}}
	once := s.once(&operation{id: "makeThing", idempotent: true}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.done++
		n := k.done
		k.mu.Unlock()
		k.answer(w, r, n)
	}))
	k.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), Principal{Subject: r.Header.Get("Who")})))
	})
	return k
}

func (k *keyed) do(who, key, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Who", who)
	if key != "" {
		r.Header.Set(keyHeader, key)
	}
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	return w
}

func (k *keyed) want(step string, w *httptest.ResponseRecorder, status int, body string, replayed bool) {
	k.t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), body) || (w.Header().Get(replayedHeader) == "true") != replayed {
		k.t.Errorf("%s: %d %s, replayed %q; want %d with %q", step, w.Code, w.Body, w.Header().Get(replayedHeader), status, body)
	}
}

func TestOnce(t *testing.T) {
	k := newKeyed(t)
	k.want("the first", k.do("ann", "k1", "/v1/things", `{"a": 1, "b": [1.50]}`), 201, `"n":1`, false)
	again := k.do("ann", "k1", "/v1/things", `{"a": 1, "b": [1.50]}`)
	k.want("again", again, 201, `"n":1`, true)
	if again.Header().Get("Location") != "/v1/things/1" || again.Header().Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", again.Header())
	}
	k.want("written otherwise", k.do("ann", "k1", "/v1/things", `{"b":[1.50],"a":1}`), 201, `"n":1`, true)
	k.want("the key in quotes", k.do("ann", `"k1"`, "/v1/things", `{"a":1,"b":[1.50]}`), 201, `"n":1`, true)
	k.want("another body", k.do("ann", "k1", "/v1/things", `{"a":2}`), 422, codeKeyReused, false)
	k.want("another number of the same value", k.do("ann", "k1", "/v1/things", `{"a":1,"b":[1.5]}`), 422, codeKeyReused, false)
	k.want("another place", k.do("ann", "k1", "/v1/things?x=1", `{"a":1,"b":[1.50]}`), 422, codeKeyReused, false)
	k.want("another caller", k.do("bob", "k1", "/v1/things", `{"a":1,"b":[1.50]}`), 201, `"n":2`, false)
	k.want("another key", k.do("ann", "k2", "/v1/things", `{"a":1,"b":[1.50]}`), 201, `"n":3`, false)
	k.want("no key", k.do("ann", "", "/v1/things", `{"a":1,"b":[1.50]}`), 201, `"n":4`, false)
	k.want("no key again", k.do("ann", "", "/v1/things", `{"a":1,"b":[1.50]}`), 201, `"n":5`, false)
	k.want("an empty body", k.do("ann", "k3", "/v1/things", ``), 201, `"n":6`, false)
	k.want("and again", k.do("ann", "k3", "/v1/things", ``), 201, `"n":6`, true)
}

// TestOnceAfterFailure: what failed may be tried again with the same key.
func TestOnceAfterFailure(t *testing.T) {
	k := newKeyed(t)
	ok := k.answer
	for _, status := range []int{400, 404, 409, 500, 503} {
		k.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) }
		k.want("failed", k.do("ann", "k", "/v1/things", `{}`), status, "", false)
	}
	k.answer = func(http.ResponseWriter, *http.Request, int) { panic("a fault") }
	func() {
		defer func() { _ = recover() }()
		k.do("ann", "k", "/v1/things", `{}`)
	}()
	k.answer = ok
	k.want("at last", k.do("ann", "k", "/v1/things", `{}`), 201, `"n":7`, false)
	k.want("and again", k.do("ann", "k", "/v1/things", `{}`), 201, `"n":7`, true)
	k.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusNoContent) }
	k.want("without a body", k.do("ann", "k9", "/v1/things", `{}`), 204, "", false)
	k.want("and again", k.do("ann", "k9", "/v1/things", `{}`), 204, "", true)
}

// TestOnceUnderWay: while the first is under way the second is told to wait; a
// claim whose process died ends by itself.
func TestOnceUnderWay(t *testing.T) {
	k := newKeyed(t)
	started, finish := make(chan bool), make(chan bool)
	ok := k.answer
	k.answer = func(w http.ResponseWriter, r *http.Request, n int) {
		close(started)
		<-finish
		ok(w, r, n)
	}
	ended := make(chan *httptest.ResponseRecorder)
	go func() { ended <- k.do("ann", "k", "/v1/things", `{}`) }()
	<-started
	k.want("under way", k.do("ann", "k", "/v1/things", `{}`), 409, string(pipeline.CodeConflict), false)
	k.want("under way, another body", k.do("ann", "k", "/v1/things", `{"a":1}`), 422, codeKeyReused, false)
	k.mu.Lock()
	k.now = k.now.Add(Deadline + claimSlack)
	k.mu.Unlock()
	k.answer = ok
	k.want("given up", k.do("ann", "k", "/v1/things", `{}`), 201, `"n":2`, false)
	close(finish)
	k.want("the late one has its own answer", <-ended, 201, `"n":1`, false)
	k.want("what is kept is the second", k.do("ann", "k", "/v1/things", `{}`), 201, `"n":2`, true)
}

// TestOnceRace: of many at once one is done; the others get its answer, or are
// told to wait.
func TestOnceRace(t *testing.T) {
	k := newKeyed(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if w := k.do("ann", "k", "/v1/things", `{}`); w.Code != 201 && w.Code != 409 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	wg.Wait()
	if k.done != 1 {
		t.Errorf("it was done %d times", k.done)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"},
		{`"8e03978e"`, "8e03978e"}, {`"a\"b\\c"`, `a"b\c`}, {" k ", "k"}, {strings.Repeat("k", 255), strings.Repeat("k", 255)},
		{"", "!"}, {`""`, "!"}, {`"a`, "!"}, {`"a"b`, "!"}, {`"a\b"`, "!"}, {`"a\`, "!"}, {strings.Repeat("k", 256), "!"}, {"ü", "!"}, {"a\tb", "!"},
	} {
		got, err := idempotencyKey(http.Header{keyHeader: {c.header}})
		if bad := c.want == "!"; bad != (err != nil) || !bad && got != c.want {
			t.Errorf("%q: %q, %v", c.header, got, err)
		}
	}
	if _, err := idempotencyKey(http.Header{keyHeader: {"a", "b"}}); err == nil {
		t.Error("two keys are taken")
	}
}

// TestWritesTakeKeys: every operation that changes something takes a key, and
// says what becomes of it.
func TestWritesTakeKeys(t *testing.T) {
	d, err := readDocument()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, o := range d.operations {
		writes := o.method != http.MethodGet && o.scope != ScopeRead
		if writes != o.idempotent {
			t.Errorf("%s: writes %v, takes an idempotency key %v", name, writes, o.idempotent)
		}
		if writes {
			n++
		}
	}
	if n == 0 {
		t.Error("the document has no writes")
	}
}

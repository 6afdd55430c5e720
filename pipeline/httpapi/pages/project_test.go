package pages_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
)

// noon is when every case happens.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// judged is a project whose landed files were judged, read and matched: the one
// that the API's own tests look at. It is made once.
var judged = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "assay-pages-")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join("..", "..", "..", "cmd", "assay", "scaffold", "contracts"))); err != nil {
		return dir, err
	}
	own := filepath.Join("..", "testdata", "project")
	if err := os.CopyFS(filepath.Join(dir, "contracts", "feeds", "more"), os.DirFS(filepath.Join(own, "contracts", "feeds"))); err != nil {
		return dir, err
	}
	landing := filepath.Join(dir, "lake", "landing")
	if err := os.CopyFS(landing, os.DirFS(filepath.Join(own, "landing"))); err != nil {
		return dir, err
	}
	// The change tag of a landed file has its time in it.
	err = filepath.WalkDir(landing, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, noon, noon)
	})
	if err != nil {
		return dir, err
	}
	a, err := open(dir)
	if err != nil {
		return dir, err
	}
	defer a.Close()
	r, err := a.Run(context.Background())
	if err != nil {
		return dir, err
	}
	_, err = r.Once(context.Background(), "")
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := judged(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func open(dir string) (*app.App, error) {
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		return nil, err
	}
	return app.Open(cfg, app.Options{Now: func() time.Time { return noon }, Owner: "test", Version: "test"}), nil
}

// project is a copy of the judged project.
func project(t testing.TB) *app.App {
	t.Helper()
	from, err := judged()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	a, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// options are those of the pages over a project, as serve has them.
func options(t testing.TB, a *app.App, auth httpapi.Authenticator, change ...func(*pages.Options)) pages.Options {
	t.Helper()
	opt, err := serve.APIOptions(context.Background(), a, auth)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	opt.Now = func() time.Time { return noon }
	opt.NewID = func() string { return fmt.Sprintf("request-%d", n.Add(1)) }
	store, err := a.Store(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	po := pages.Options{Use: opt, Store: store, Evals: store}
	for _, f := range change {
		f(&po)
	}
	if po.API, err = httpapi.New(po.Use); err != nil {
		t.Fatal(err)
	}
	return po
}

// A browser visits the pages over real HTTP, with its cookies.
type browser struct {
	t    testing.TB
	url  string
	http *http.Client
}

// visit serves the judged project to a browser; nothing needs a token.
func visit(t testing.TB, change ...func(*pages.Options)) *browser {
	t.Helper()
	return browse(t, options(t, project(t), httpapi.Local{Subject: "ann"}, change...))
}

// browse serves what opt says to a browser.
func browse(t testing.TB, opt pages.Options) *browser {
	t.Helper()
	p, err := pages.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(httpapi.Loopback(p, p.Fail))
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// An answer is what the browser got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) send(method, to, form string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequest(method, b.url+to, strings.NewReader(form))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	res, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// get opens a page.
func (b *browser) get(to string, headers ...string) answer {
	b.t.Helper()
	return b.send(http.MethodGet, to, "", headers...)
}

// post sends a form with the token of the page at from.
func (b *browser) post(from, to string, fields url.Values, headers ...string) answer {
	b.t.Helper()
	form := url.Values{"csrf": {b.csrf(from)}}
	for k, v := range fields {
		form[k] = v
	}
	return b.send(http.MethodPost, to, form.Encode(), headers...)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf is the token of a form of the page at from.
func (b *browser) csrf(from string) string {
	b.t.Helper()
	m := csrfField.FindStringSubmatch(b.get(from).body)
	if m == nil {
		b.t.Fatalf("the page %s has no form", from)
	}
	return m[1]
}

// want holds an answer against a status and texts that it has.
func (a answer) want(t testing.TB, what string, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: %d, want %d: %s", what, a.status, status, a.body)
		return
	}
	for _, x := range texts {
		if !strings.Contains(a.body, x) {
			t.Errorf("%s: lacks %q: %s", what, x, a.body)
		}
	}
}

// tokens is an authenticator that knows a few, and whether they have expired.
type tokens struct {
	mu    sync.Mutex
	known map[string]httpapi.Principal
	gone  error
}

func (k *tokens) Authenticate(r *http.Request) (httpapi.Principal, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone != nil {
		return httpapi.Principal{}, k.gone
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if p, ok := k.known[token]; ok {
		return p, nil
	}
	return httpapi.Principal{}, pipeline.Errorf(pipeline.CodeUnauthorized, "the token expired")
}

func (k *tokens) set(token string, scopes ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]httpapi.Principal{}
	}
	k.known[token] = httpapi.Principal{Subject: "ann@example.org", Scopes: scopes}
}

func (k *tokens) drop(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, token)
}

package serve_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// A contract that is changed, added or removed counts without a restart, for
// every use case of the server; a folder that is gone changes nothing.
func TestFreshContracts(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "..", "cmd", "assay", "scaffold"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lake"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{Version: "test"})
	t.Cleanup(func() { _ = a.Close() })
	api, err := serve.API(t.Context(), a, httpapi.Local{Subject: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	h := serve.Fresh(a, api)
	ask := func(h http.Handler, method, path, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	feeds := filepath.Join(dir, "contracts", "feeds")
	src, err := os.ReadFile(filepath.Join(feeds, "parts.odcs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	added := filepath.Join(feeds, "screws.odcs.yaml")
	if err := os.WriteFile(added, []byte(strings.ReplaceAll(string(src), "parts", "screws")), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, body := ask(api, "GET", "/v1/feeds/screws", ""); code != http.StatusNotFound {
		t.Fatal("the feed is known already", code, body)
	}
	if code, body := ask(h, "GET", "/v1/feeds/screws", ""); code != http.StatusOK {
		t.Error("the added feed:", code, body)
	}
	if code, body := ask(api, "POST", "/v1/contracts/screws:validate", `{"rows": [{"colour": "red"}]}`); code != http.StatusOK {
		t.Error("the added contract judges no rows:", code, body)
	}
	look := func() bool {
		t.Helper()
		changed, err := a.RefreshContracts(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if look() {
		t.Error("nothing has changed, and contracts were read again")
	}
	if err := os.WriteFile(added, []byte("kind: DataContract\nthis is broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !look() {
		t.Error("a broken contract is no change")
	}
	if code, body := ask(api, "GET", "/v1/feeds/parts", ""); code != http.StatusOK {
		t.Error("one broken contract hides another feed:", code, body)
	}
	if err := os.Remove(added); err != nil {
		t.Fatal(err)
	}
	if !look() {
		t.Error("a removed contract is no change")
	}
	if code, _ := ask(api, "GET", "/v1/feeds/screws", ""); code != http.StatusNotFound {
		t.Error("the removed feed:", code)
	}
	if err := os.Rename(filepath.Join(dir, "contracts"), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.RefreshContracts(t.Context(), 0); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Error("a folder that is gone:", err)
	}
	if code, body := ask(api, "GET", "/v1/feeds/parts", ""); code != http.StatusOK {
		t.Error("without the folder nothing goes on:", code, body)
	}
}

package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/client"
)

// server is the real one, over a project whose landed file was judged, read and
// matched.
func server(t *testing.T, auth httpapi.Authenticator) *client.ClientWithResponses {
	t.Helper()
	dir := t.TempDir()
	scaffold := filepath.Join("..", "..", "..", "cmd", "assay", "scaffold")
	for from, to := range map[string]string{"contracts": "contracts", "landing": filepath.Join("lake", "landing", "parts")} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(filepath.Join(scaffold, from))); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{})
	t.Cleanup(func() { _ = a.Close() })
	run, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Once(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	api, err := serve.API(t.Context(), a, auth)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	c, err := client.NewClientWithResponses(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// good ends the test where a call failed or was answered by a problem.
func good(t *testing.T, what string, err error, r *http.Response, body []byte) {
	t.Helper()
	if err == nil {
		err = client.Failure(r, body)
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestClient goes through what a program does: look at the catalog, check an
// item, search, move a breaker, page by page.
func TestClient(t *testing.T) {
	ctx := t.Context()
	c := server(t, httpapi.Local{Subject: "ann"})

	var ids []string
	params := &client.ListItemsParams{Limit: new(2)}
	for {
		page, err := c.ListItemsWithResponse(ctx, params)
		good(t, "list", err, page.HTTPResponse, page.Body)
		for _, e := range page.JSON200.Data {
			ids = append(ids, e.Item.ID)
		}
		if page.JSON200.Next == "" {
			break
		}
		params.Cursor = new(page.JSON200.Next)
	}
	if len(ids) != 4 {
		t.Fatalf("items: %q", ids)
	}
	item, err := c.GetItemWithResponse(ctx, ids[0], nil)
	good(t, "get", err, item.HTTPResponse, item.Body)
	if item.JSON200.Item.ID != ids[0] {
		t.Errorf("%s has a slash and came as %s", ids[0], item.JSON200.Item.ID)
	}
	again, err := c.GetItemWithResponse(ctx, ids[0], &client.GetItemParams{IfNoneMatch: new(item.HTTPResponse.Header.Get("ETag"))})
	good(t, "get again", err, again.HTTPResponse, again.Body)
	if again.StatusCode() != http.StatusNotModified {
		t.Errorf("with its ETag: %s", again.Status())
	}

	check, err := c.CheckItemsWithResponse(ctx, client.CheckRequest{Explain: true, Items: []client.NewItem{{Text: item.JSON200.Item.Source}}})
	good(t, "check", err, check.HTTPResponse, check.Body)
	if a := check.JSON200.Answers; len(a) != 1 || a[0].Verdict != "duplicate" {
		t.Errorf("the same text again: %s", check.Body)
	}
	found, err := c.SearchWithResponse(ctx, &client.SearchParams{Q: new("washer thread=M10")})
	good(t, "search", err, found.HTTPResponse, found.Body)
	if found.JSON200.Total == 0 {
		t.Errorf("search: %s", found.Body)
	}

	trip := func(key, reason string) (*client.TripBreakerResponse, error) {
		r, err := c.TripBreakerWithResponse(ctx, "parts", &client.TripBreakerParams{IdempotencyKey: new(key)}, client.ReasonRequest{Reason: reason})
		if err != nil {
			return r, err
		}
		return r, client.Failure(r.HTTPResponse, r.Body)
	}
	first, err := trip("k1", "the supplier called")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := trip("k1", "the supplier called"); err != nil || string(second.Body) != string(first.Body) || second.HTTPResponse.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the same request again: %v %s", err, second.Body)
	}
	var p *client.Problem
	if _, err := trip("k1", "something else"); !errors.As(err, &p) || p.Status != 422 || p.Code != "key_reused" {
		t.Errorf("the same key for another request: %v", err)
	}
	breakers, err := c.ListBreakersWithResponse(ctx, nil)
	good(t, "breakers", err, breakers.HTTPResponse, breakers.Body)
	if n := len(breakers.JSON200.Data); n != 1 {
		t.Errorf("%d breakers: %s", n, breakers.Body)
	}
	missing, err := c.GetItemWithResponse(ctx, "parts/none", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Failure(missing.HTTPResponse, missing.Body); !errors.As(err, &p) || p.Code != "not_found" || p.Request == "" {
		t.Errorf("what is not there: %v", err)
	}
}

// TestBearer: the token of the source goes into the request, and its failure
// stops the request.
func TestBearer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t1" {
			t.Errorf("header: %q", r.Header.Get("Authorization"))
		}
		http.Error(w, "<h1>Bad gateway</h1>", http.StatusBadGateway)
	}))
	defer srv.Close()
	broken := errors.New("no token")
	token := func(ctx context.Context) (string, error) { return "t1", nil }
	c, err := client.NewClientWithResponses(srv.URL, client.WithRequestEditorFn(client.Bearer(func(ctx context.Context) (string, error) { return token(ctx) })))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.ListFeedsWithResponse(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var p *client.Problem
	if err := client.Failure(r.HTTPResponse, r.Body); !errors.As(err, &p) || p.Code != "unavailable" || p.Status != 502 {
		t.Errorf("a proxy's page: %v", err)
	}
	token = func(context.Context) (string, error) { return "", broken }
	if _, err := c.ListFeedsWithResponse(t.Context(), nil); !errors.Is(err, broken) {
		t.Errorf("a source that fails: %v", err)
	}
}

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	appserve "github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// refusal sends a request that is to be refused.
func refusal(t *testing.T, api *httpapi.Server, src []byte) httpapi.Problem {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, request(t, src))
	if got := w.Header().Get("Content-Type"); w.Code < 400 || got != "application/problem+json" {
		t.Fatalf("%.80s: %d %s %s", src, w.Code, got, w.Body)
	}
	var p httpapi.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// An item with 10,000 attributes is refused by its place, as fast as any.
func TestTooManyAttributes(t *testing.T) {
	var b strings.Builder
	b.WriteString("POST /v1/items:check\n\n" + `{"items": [{"text": "washer M10"}, {"text": "washer M12", "attributes": {`)
	for i := range 10_000 {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `"a%d": "1 mm"`, i)
	}
	b.WriteString("}}]}")
	p := refusal(t, serve(t), []byte(b.String()))
	if p.Status != 400 || p.Code != "invalid" || len(p.Errors) != 1 || p.Errors[0].Pointer != "/items/1/attributes" {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(p.Detail, "200 are taken") {
		t.Errorf("detail %q does not say how many are taken", p.Detail)
	}
}

// What is refused leaves the store as it was: items, pairs, clusters, answers
// and the review queue, its leases too.
func TestNothingByHalves(t *testing.T) {
	a := project(t)
	opt, err := appserve.APIOptions(t.Context(), a, httpapi.Local{Subject: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := func() []byte {
		t.Helper()
		ctx := context.Background()
		entries, err := s.Entries(ctx, catalog.Query{})
		if err != nil || len(entries) == 0 {
			t.Fatal(len(entries), err)
		}
		matches, err := s.Matches(ctx, nil)
		if err != nil || len(matches) == 0 {
			t.Fatal(len(matches), err)
		}
		answers, err := s.Enrichments(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		reviews, err := s.Reviews(ctx, review.Filter{})
		if err != nil || len(reviews) == 0 {
			t.Fatal(len(reviews), err)
		}
		b, err := json.Marshal([]any{entries, matches, answers, reviews})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := stored()
	n := 0
	refuse := func(src []byte) {
		t.Helper()
		n++
		refusal(t, api, src)
		if after := stored(); !bytes.Equal(before, after) {
			t.Fatalf("%s\nhas changed the store:\n%s", src, cmp.Diff(string(before), string(after)))
		}
	}
	for _, file := range []string{"items_bad", "search", "questions", "reviews"} {
		ar, err := txtar.ParseFile(filepath.Join("testdata", "cases", file+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(ar.Files); i += 2 {
			switch src := ar.Files[i].Data; {
			case !bytes.HasPrefix(ar.Files[i+1].Data, []byte("4")):
			case file == "reviews" && (bytes.Contains(src, []byte("undo")) || bytes.Contains(src, []byte(`"same"`)) || bytes.Contains(src, []byte("question"))):
				// refused for what stands before them in the case
			default:
				refuse(src)
			}
		}
	}
	// A good part beside a bad one.
	refuse([]byte("POST /v1/answers\n\n" + `{"answers": [{"item": "parts/P-1004", "attribute": "material", "answer": "V2A"}, {"item": "parts/P-1004", "attribute": "colour", "answer": "red"}]}`))
	refuse([]byte("POST /v1/items:check\n\n" + `{"items": [{"id": "parts/new", "text": "WASHER M20 DIN 125 STEEL"}, {"text": "washer M10", "attributes": {"bore": "25kg"}}]}`))
	if n < 25 {
		t.Errorf("%d requests were refused", n)
	}
}

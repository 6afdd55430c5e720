package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	appserve "github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

const asked = "Unterlegscheibe M10 DIN 125 A Stahl verzinkt"

// What the handler adds to the use case: compare with BenchmarkCheckAlone.
func BenchmarkCheck(b *testing.B) {
	api := serve(b)
	body := `{"items":[{"text":"` + asked + `"}]}`
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/items:check", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

func BenchmarkCheckAlone(b *testing.B) {
	check := options(b).Check
	for b.Loop() {
		if _, err := check.Items(b.Context(), []pipeline.Item{{Source: asked}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	api := serve(b)
	for b.Loop() {
		if w := get(b, api, "/v1/search?q=washer+thread=M10"); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

func BenchmarkSearchAlone(b *testing.B) {
	search := options(b).Search
	for b.Loop() {
		if _, err := search.Query(b.Context(), "washer thread=M10", 50); err != nil {
			b.Fatal(err)
		}
	}
}

// What a start of the server costs beside the stores: reading the document.
func BenchmarkNew(b *testing.B) {
	opt := options(b)
	for b.Loop() {
		if _, err := httpapi.New(opt); err != nil {
			b.Fatal(err)
		}
	}
}

func options(b *testing.B) httpapi.Options {
	b.Helper()
	opt, err := appserve.APIOptions(b.Context(), project(b), httpapi.Local{Subject: "ann"})
	if err != nil {
		b.Fatal(err)
	}
	return opt
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// handler asks the same of the HTTP API, without a network: the catalog lies in
// SQLite and is held in memory, requests and answers are JSON held against the
// document.
func (b *bench) handler(ctx context.Context, entries []catalog.Entry, asked []pipeline.Item) error {
	dir, err := os.MkdirTemp("", "assay-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(ctx, filepath.Join(dir, "store.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	// Items come shard by shard; what changed since is found by the time.
	began := time.Now().Add(-24 * time.Hour)
	for i := range entries {
		entries[i].Updated = began.Add(time.Duration(i/200) * 50 * time.Millisecond)
	}
	for part := range slices.Chunk(entries, 5000) {
		if err := db.PutEntries(ctx, part); err != nil {
			return err
		}
	}
	e := embed.NewHashing(nil)
	check := &flow.CheckItem{Store: db, Parser: b.parser, Embedder: e, Matcher: &catalog.Matcher{Pack: b.pack, Embedder: e}, Now: time.Now}
	api, err := httpapi.New(httpapi.Options{Check: check, Authenticator: httpapi.Local{Subject: "bench"}})
	if err != nil {
		return err
	}
	if _, err := check.Live(ctx); err != nil { // a server holds it before the first question
		return err
	}
	var times []time.Duration
	for i := range asked {
		body, err := json.Marshal(map[string]any{"items": []map[string]string{{"text": asked[i].Source}}})
		if err != nil {
			return err
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/items:check", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		began := time.Now()
		api.ServeHTTP(w, r)
		times = append(times, time.Since(began))
		if w.Code != http.StatusOK {
			return fmt.Errorf("items:check of %q: %d %s", asked[i].Source, w.Code, w.Body)
		}
	}
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.out["check_http_p99_ms"] = ms(times[len(times)*99/100])
	fmt.Printf("%-16s %d items, through the HTTP handler: p50 %.2f ms, p99 %.2f ms\n", "items:check", len(entries), ms(times[len(times)/2]), b.out["check_http_p99_ms"])
	return nil
}

package flow_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// TestCheckLearns: a check at the moment of entry takes a model that was
// trained meanwhile, and goes back to the rules where one does not read.
func TestCheckLearns(t *testing.T) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	e := embed.NewHashing(nil)
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		t.Fatal(err)
	}
	pack, err := knowledge.Load(sub)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	kinds := []string{"gripper module", "cutting blade", "cover hood", "guide rail", "drive belt"}
	var all []catalog.Entry
	var labels []learn.Label
	text := map[bool]string{}
	for i := range 60 {
		kind, code := kinds[i%5], fmt.Sprintf("%c%c%d", 'p'+rune(i%7), 'a'+rune(i%11), 1000+37*i)
		for side, source := range map[string]string{"a": kind + " " + code + " for robot cell, left side", "b": code + " robot cell " + kind + " left spare"} {
			x := catalog.Entry{Item: pipeline.Item{ID: fmt.Sprintf("%s%02d", side, i), Source: source}, Space: e.Space(), Vector: e.Vector(source), Updated: now}
			x.Retired = side == "b" && i == 0 // the one that is asked about
			if side == "b" && i == 0 {
				text[true] = source
			}
			all = append(all, x)
		}
		if i >= 5 {
			a, b, other := fmt.Sprintf("a%02d", i), fmt.Sprintf("b%02d", i), fmt.Sprintf("a%02d", i-5)
			labels = append(labels, learn.Label{A: a, B: b, Same: true}, learn.Label{A: other, B: b}, learn.Label{A: other, B: a})
		}
	}
	if err := db.PutEntries(ctx, all); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	check := &flow.CheckItem{
		Store: db, Parser: parse.New(pack, parse.NewRules(pack), parse.Options{}), Embedder: e,
		Matcher: &catalog.Matcher{Pack: pack, Embedder: e}, Now: clock, Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	ask := func() catalog.Checked {
		t.Helper()
		now = now.Add(time.Minute)
		as, err := check.Items(ctx, []pipeline.Item{{Source: text[true]}})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range as[0].Matches {
			if m.Item == "a00" {
				return m
			}
		}
		t.Fatalf("a00 is not among %+v", as[0].Matches)
		return catalog.Checked{}
	}
	if m := ask(); m.Verdict != catalog.Review {
		t.Fatalf("by the rules: %+v", m)
	}
	if _, err := (&flow.Learn{Store: db, Now: clock}).Train(ctx, labels); err != nil {
		t.Fatal(err)
	}
	if m := ask(); m.Verdict != catalog.Duplicate || !strings.HasPrefix(m.Reasons[0], "pairs that people judged before") {
		t.Errorf("with a model: %+v", m)
	}
	if err := db.PutModel(ctx, catalog.StoredModel{ID: "broken", Kind: catalog.PairModel, Trained: now, Body: []byte("no model")}); err != nil {
		t.Fatal(err)
	}
	if m := ask(); m.Verdict != catalog.Review || !strings.Contains(log.String(), "does not read") {
		t.Errorf("with a broken model: %+v, log %q", m, log.String())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if _, err := check.Items(ctx, []pipeline.Item{{Source: text[true]}}); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("without a store: %v", err)
	}
}

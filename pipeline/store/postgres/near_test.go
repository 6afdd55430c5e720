package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
)

// TestNeighboursOfACategory: a filter never returns fewer than there are, with
// an index or without one, for a category of few items as for one of many.
func TestNeighboursOfACategory(t *testing.T) {
	const n, dims = 12000, 16
	ctx := context.Background()
	db := open(t, postgres.Options{Schema: fresh(t)})
	vs := crowd(rand.New(rand.NewPCG(4, 2)), n, dims)
	es := make([]catalog.Entry, n)
	size := map[string]int{}
	for i := range es {
		c := "common" // 7 in 10: more than are compared one by one
		switch {
		case i%1000 == 0:
			c = "rare"
		case i%10 > 6:
			c = "other"
		}
		size[c]++
		es[i] = catalog.Entry{Item: pipeline.Item{ID: item(i), Source: "x"}, Record: pipeline.Record{Category: c}, Space: "s", Vector: vs[i]}
	}
	if err := db.PutEntries(ctx, es); err != nil {
		t.Fatal(err)
	}
	look := func(when string) {
		t.Helper()
		for c, has := range size {
			found, total := 0, 0
			for q := range 8 {
				v := vs[q*97]
				got, err := db.Neighbours(ctx, "s", v, c, 20)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != min(20, has) {
					t.Fatalf("%s: %d of 20 neighbours in category %s of %d", when, len(got), c, has)
				}
				var all []float64
				for i := range es {
					if es[i].Record.Category == c {
						all = append(all, cosine(v, vs[i]))
					}
				}
				slices.Sort(all)
				least := all[max(0, len(all)-20)]
				for _, h := range got {
					if float64(h.Similarity) >= least-1e-5 {
						found++
					}
				}
				total += len(got)
			}
			if r := float64(found) / float64(total); r < 0.95 {
				t.Errorf("%s: recall in category %s is %.3f", when, c, r)
			}
		}
		if got, err := db.Neighbours(ctx, "s", vs[0], "nothing", 5); err != nil || len(got) != 0 {
			t.Errorf("%s: a category without items: %v, %v", when, got, err)
		}
	}
	look("without an index")
	if err := db.IndexSpace(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	look("with an index")
	if got, err := db.Items(ctx, 100); err != nil || got != 100 {
		t.Errorf("%d items up to 100, %v", got, err)
	}
	if got, err := db.Items(ctx, 2*n); err != nil || got != n {
		t.Errorf("%d items, %v", got, err)
	}
}

// TestWithParts: items are found by their part numbers, also those that were
// stored before the keys were.
func TestWithParts(t *testing.T) {
	ctx := context.Background()
	schema := fresh(t)
	db := open(t, postgres.Options{Schema: schema})
	entry := func(id, part string) catalog.Entry {
		return catalog.Entry{Item: pipeline.Item{ID: id, Source: id, Meta: pipeline.Meta{PartNumber: part}}}
	}
	var es []catalog.Entry
	for i := range 5 {
		es = append(es, entry(fmt.Sprintf("a/%d", i), "AB-1234"))
	}
	es = append(es, entry("b/1", "xy 99.81"), entry("b/2", ""), entry("b/3", "none"))
	if err := db.PutEntries(ctx, es); err != nil {
		t.Fatal(err)
	}
	look := func(when string, want []string, n int, keys ...string) {
		t.Helper()
		if got, err := db.WithParts(ctx, keys, n); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", when, got, err, want)
		}
	}
	keys := func(part string) []string { e := entry("x", part); return catalog.PartKeys(&e) }
	look("both", []string{"a/0", "a/1", "b/1"}, 2, append(keys("ab 1234"), keys("XY-9981")...)...)
	look("none", nil, 2, "nobody1")
	look("no key", nil, 2)
	if err := db.RetireItems(ctx, []string{"a/0"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	look("retired", []string{"a/1", "a/2"}, 2, keys("AB1234")...)
	if err := db.PutEntries(ctx, []catalog.Entry{entry("a/1", "other-77")}); err != nil {
		t.Fatal(err)
	}
	look("changed", []string{"a/1"}, 2, keys("other77")...)

	conn, err := pgx.Connect(ctx, dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if _, err := conn.Exec(ctx, `UPDATE `+schema+`.items SET parts = NULL`); err != nil {
		t.Fatal(err)
	}
	db = open(t, postgres.Options{Schema: schema})
	look("stored before", []string{"a/2", "a/3", "a/4", "b/1"}, 9, append(keys("AB1234"), keys("xy9981")...)...)
}

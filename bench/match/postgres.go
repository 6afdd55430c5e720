package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
)

// postgres checks items at the moment of entry against a catalog that lies in a
// store with an index of its own, whole: reading, neighbours of the category and
// of all, part numbers, verdicts. The recall is that of the ten nearest against
// a plain scan of everything, in the same run.
func (b *bench) postgres(ctx context.Context) error {
	dsn := os.Getenv("ASSAY_TEST_POSTGRES")
	if dsn == "" {
		fmt.Printf("%-16s needs a server: make postgres prints the DSN for ASSAY_TEST_POSTGRES\n", "postgres")
		return nil
	}
	dsn, err := with(dsn, "maintenance_work_mem", *memory)
	if err != nil {
		return err
	}
	n := *items
	schema := fmt.Sprintf("assay_bench_match_%d", os.Getpid())
	db, err := postgres.Open(ctx, dsn, postgres.Options{Schema: schema, Migrate: true})
	if err != nil {
		return err
	}
	defer db.Close()
	e := embed.NewHashing(nil)
	defer func() { // a million items are gigabytes
		if c, err := pgx.Connect(ctx, dsn); err == nil {
			_, _ = c.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE")
			_ = c.Close(ctx)
		}
	}()
	// The exact scan goes along with the loading: only the best are kept.
	exact := newExact(e)
	asked, _ := makeParts(1000, 20, 99)
	for i := range asked {
		asked[i].ID = ""
	}
	if err := exact.ask(ctx, asked[:200]); err != nil {
		return err
	}
	var load time.Duration
	for from := 0; from < n; from += readAtOnce {
		made, _ := makeParts(min(readAtOnce, n-from), 20, uint64(17+from))
		for i := range made {
			made[i].ID = fmt.Sprintf("bench/%08d", from+i)
		}
		entries, err := read(ctx, b.parser, made)
		if err != nil {
			return err
		}
		if err := embedAll(ctx, e, entries); err != nil {
			return err
		}
		exact.take(entries)
		began := time.Now()
		for part := range slices.Chunk(entries, 5000) {
			if err := db.PutEntries(ctx, part); err != nil {
				return err
			}
		}
		load += time.Since(began)
	}
	began := time.Now()
	if err := db.IndexSpace(ctx, e.Space()); err != nil {
		return err
	}
	build := time.Since(began)
	check := &flow.CheckItem{Store: db, Parser: b.parser, Embedder: e, Matcher: &catalog.Matcher{Pack: b.pack, Embedder: e}, Near: db, InMemory: 1, Now: time.Now}
	var times, near []time.Duration
	for i := range asked {
		began := time.Now()
		answers, err := check.Items(ctx, asked[i:i+1])
		if err != nil {
			return err
		}
		took := time.Since(began)
		if i < 50 { // the first warm up
			continue
		}
		times = append(times, took)
		if *verbose && took > 20*time.Millisecond {
			fmt.Printf("  %s in %v: %d matches of %q\n", answers[0].Record.Category, took, len(answers[0].Matches), asked[i].Source)
		}
	}
	found, total := 0, 0
	for q := range exact.queries {
		began := time.Now()
		hits, err := db.Neighbours(ctx, e.Space(), exact.queries[q], "", 20) // as a check asks
		if err != nil {
			return err
		}
		near = append(near, time.Since(began))
		for _, h := range hits[:10] {
			if h.Similarity >= exact.best[q][0]-1e-5 {
				found++
			}
		}
		total += len(exact.best[q])
	}
	slices.Sort(times)
	slices.Sort(near)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.out["postgres_items"], b.out["postgres_check_p99_ms"] = n, ms(times[len(times)*99/100])
	b.out["postgres_recall10"] = float64(found) / float64(total)
	b.out["postgres_copy_per_s"], b.out["postgres_index_s"] = float64(n)/load.Seconds(), build.Seconds()
	fmt.Printf("%-16s %d items: COPY %.0f items/s, index built in %.0f s; a check p50 %.2f ms, p99 %.2f ms; its neighbours alone p50 %.2f ms, p99 %.2f ms, recall@10 %.4f\n", "postgres",
		n, float64(n)/load.Seconds(), build.Seconds(), ms(times[len(times)/2]), ms(times[len(times)*99/100]), ms(near[len(near)/2]), ms(near[len(near)*99/100]), float64(found)/float64(total))
	return nil
}

// with sets a parameter of the sessions that a DSN opens.
func with(dsn, name, value string) (string, error) {
	if !strings.Contains(dsn, "://") {
		return dsn + " " + name + "=" + value, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// exact keeps, for each query, the ten best similarities seen so far.
type exact struct {
	e       embed.Embedder
	queries [][]float32
	best    [][]float32 // ascending
}

func newExact(e embed.Embedder) *exact { return &exact{e: e} }

func (x *exact) ask(ctx context.Context, items []pipeline.Item) error {
	texts := make([]string, len(items))
	for i := range items {
		texts[i] = items[i].Source
	}
	var err error
	x.queries, err = x.e.Embed(ctx, texts)
	x.best = make([][]float32, len(items))
	return err
}

func (x *exact) take(entries []catalog.Entry) {
	for q, v := range x.queries {
		best := x.best[q]
		for i := range entries {
			s := embed.Dot(v, entries[i].Vector)
			if len(best) == 10 && s <= best[0] {
				continue
			}
			at, _ := slices.BinarySearch(best, s)
			best = slices.Insert(best, at, s)
			if len(best) > 10 {
				best = best[1:]
			}
		}
		x.best[q] = best
	}
}

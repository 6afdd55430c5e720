// Command state measures the stores: bulk writes of items with vectors, point
// reads from a full ledger and catalog, small transactions, the queue. It
// prints a table and, as its last line, one JSON object.
//
//	go run ./state                      # SQLite, and Postgres where ASSAY_TEST_POSTGRES names one
//	go run ./state -rows 100000         # smaller
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

var (
	rows    = flag.Int("rows", 1_000_000, "lines of the ledger, and items")
	writers = flag.Int("writers", 2, "transactions that fill a store at once, as functions do")
	bulk    = flag.Int("bulk", 100_000, "items with a vector of 512 dimensions")
	reads   = flag.Int("reads", 20_000, "point reads of each kind")
	only    = flag.String("only", "", "measure this store alone")
	near    = flag.Int("near", 20_000, "vectors under a nearest-neighbour index (Postgres), 0 for none")
)

// Figures of one store. Rates are per second, times in milliseconds.
type Figures struct {
	Store     string  `json:"store"`
	Rows      int     `json:"rows"`
	BulkItems float64 `json:"bulk_items_512d_per_s"`
	// BulkCPU is what this process spent per item, the server of Postgres not
	// counted: it tells a slow store from a busy machine.
	BulkCPU      float64 `json:"bulk_cpu_us_per_item"`
	LedgerP50    float64 `json:"ledger_read_p50_ms"`
	LedgerP99    float64 `json:"ledger_read_p99_ms"`
	ItemP50      float64 `json:"item_read_p50_ms"`
	ItemP99      float64 `json:"item_read_p99_ms"`
	Transactions float64 `json:"transactions_per_s"`
	Messages     float64 `json:"messages_per_s"`
	IndexBuild   float64 `json:"index_build_s,omitempty"`
	NearestP50   float64 `json:"nearest_p50_ms,omitempty"`
	NearestP99   float64 `json:"nearest_p99_ms,omitempty"`
}

// targets are what a store has to reach.
var targets = map[string]struct{ bulk, p99 float64 }{
	"sqlite":   {20_000, 2},
	"postgres": {30_000, 5},
}

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "state:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "assay-bench-state")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var all []Figures
	if *only != "postgres" {
		f, err := measureSQLite(ctx, filepath.Join(dir, "assay.db"))
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	if dsn := os.Getenv("ASSAY_TEST_POSTGRES"); *only == "sqlite" {
		fmt.Println("Postgres was left out.")
	} else if dsn != "" {
		f, err := measurePostgres(ctx, dsn)
		if err != nil {
			return err
		}
		all = append(all, f)
	} else {
		fmt.Println("Postgres was left out: set ASSAY_TEST_POSTGRES to the DSN that `make postgres` prints.")
	}
	table(all)
	met := true
	for _, f := range all {
		t := targets[f.Store]
		met = met && f.BulkItems >= t.bulk && max(f.LedgerP99, f.ItemP99) <= t.p99
	}
	flat := map[string]any{"bench": "state", "stores": all, "targets_met": met}
	for _, f := range all {
		flat[f.Store+"_rows"] = f.Rows
		flat[f.Store+"_bulk_per_s"] = math.Round(f.BulkItems)
		flat[f.Store+"_ledger_p99_ms"], flat[f.Store+"_item_p99_ms"] = f.LedgerP99, f.ItemP99
	}
	out, err := json.Marshal(flat)
	if err != nil {
		return err
	}
	fmt.Println(string(out))
	return nil
}

func measureSQLite(ctx context.Context, path string) (f Figures, err error) {
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return measure(ctx, "sqlite", db, func(ctx context.Context, n int) error { return ledger(ctx, db, n) })
}

func measurePostgres(ctx context.Context, dsn string) (f Figures, err error) {
	schema := fmt.Sprintf("assay_bench_%d", time.Now().UnixNano())
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return f, err
	}
	defer func() {
		_, derr := admin.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		err = errors.Join(err, derr, admin.Close(ctx))
	}()
	db, err := postgres.Open(ctx, dsn, postgres.Options{Schema: schema, Migrate: true})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	copied := func(ctx context.Context, n int) error { return copyLedger(ctx, admin, schema, n) }
	if f, err = measure(ctx, "postgres", db, copied); err != nil || *near == 0 {
		return f, err
	}
	// Nearest neighbours: fill a space, index it, ask.
	rnd := rand.New(rand.NewPCG(3, 3))
	if err := fill(ctx, db, "near", *near, func(e *catalog.Entry) { e.Space, e.Vector = "near", vector(rnd) }); err != nil {
		return f, err
	}
	start := time.Now()
	if err := db.IndexSpace(ctx, "near"); err != nil {
		return f, err
	}
	f.IndexBuild = time.Since(start).Seconds()
	f.NearestP50, f.NearestP99, err = times(500, func(int) error {
		_, err := db.Nearest(ctx, "near", vector(rnd), 10)
		return err
	})
	return f, err
}

func vector(rnd *rand.Rand) []float32 {
	v := make([]float32, 512)
	for i := range v {
		v[i] = rnd.Float32() - 0.5
	}
	return v
}

func entry(kind string, n int) catalog.Entry {
	item := pipeline.Item{ID: fmt.Sprintf("%s/%09d", kind, n), Source: "BRG BALL DEEP GROOVE 6205-2RS 25X52X15 MM SKF C3", Meta: pipeline.Meta{Feed: kind, Manufacturer: "SKF", Plant: "P1"}}
	r := pipeline.Record{ID: item.ID, Source: item.Source, Category: "bearing", Confidence: 0.97, Knowledge: "k", Meta: item.Meta}
	for i, name := range []string{"bore", "outer_diameter", "width", "designation", "seal", "clearance"} {
		v, _ := pipeline.Number("25")
		r.Attributes = append(r.Attributes, pipeline.Attribute{Name: name, Value: v, Unit: "mm", Text: "25",
			Span: pipeline.Span{Start: 30 + i, End: 32 + i}, Provenance: pipeline.Verbatim, Confidence: 0.98})
	}
	return catalog.Entry{Item: item, Record: r, Batch: "b", Seq: 1, Updated: time.Unix(int64(n), 0)}
}

// fill writes n items in calls of 2,000, several at once.
func fill(ctx context.Context, s flow.Store, kind string, n int, each func(*catalog.Entry)) error {
	const part = 2000
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(*writers)
	var es []catalog.Entry
	for i := range n {
		e := entry(kind, i)
		each(&e)
		if es = append(es, e); len(es) == part || i == n-1 {
			batch := es
			es = nil
			g.Go(func() error { return s.PutEntries(ctx, batch) })
		}
	}
	return g.Wait()
}

func batchID(n int) string { return pipeline.ContentID("batch", fmt.Sprint(n)) }

// line is the i-th line of the ledger.
func line(i int) flow.Batch {
	at := time.Unix(int64(i), 0)
	return flow.Batch{ID: batchID(i), Feed: fmt.Sprint("feed", i%50), Key: fmt.Sprintf("landing/feed%d/%d.csv", i%50, i), Content: batchID(-i),
		Size: 1000, EventTime: at, Seq: int64(i + 1), Stage: flow.Done, Verdict: pipeline.Passed, Decision: pipeline.Publish,
		Files: []string{"curated/x.parquet"}, Manifest: "m", Report: "r", Created: at, Updated: at}
}

// copyLedger writes n lines by COPY: each by a transaction of its own would
// take longer than all that is measured.
func copyLedger(ctx context.Context, conn *pgx.Conn, schema string, n int) error {
	_, err := conn.CopyFrom(ctx, pgx.Identifier{schema, "batches"}, []string{"id", "feed", "key", "tag", "content", "size", "event_time", "seq", "stage",
		"contract_id", "contract_version", "contract_hash", "verdict", "decision", "reason", "rows_read", "rows_accepted", "rows_rejected",
		"files", "manifest", "report", "breaker", "shards", "created", "updated"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			b := line(i)
			return []any{b.ID, b.Feed, b.Key, b.Tag, b.Content, b.Size, b.EventTime, b.Seq, string(b.Stage),
				"", "", "", string(b.Verdict), string(b.Decision), "", 0, 0, 0, b.Files, b.Manifest, b.Report, "", 0, b.Created, b.Updated}, nil
		}))
	if err != nil {
		return err
	}
	// What autovacuum would do a minute later.
	_, err = conn.Exec(ctx, "ANALYZE")
	return err
}

// ledger writes n lines in transactions of 1,000.
func ledger(ctx context.Context, s flow.Store, n int) error {
	for from := 0; from < n; from += 1000 {
		err := s.Atomic(ctx, func(tx flow.Tx) error {
			for i := from; i < min(from+1000, n); i++ {
				if err := tx.PutBatch(ctx, line(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// times runs fn n times and returns the median and the 99th percentile.
func times(n int, fn func(i int) error) (p50, p99 float64, err error) {
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		if err := fn(i); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return ms(took[n/2]), ms(took[n*99/100]), nil
}

// measure fills a store and reads from it; lines fills the ledger.
func measure(ctx context.Context, name string, s flow.Store, lines func(ctx context.Context, n int) error) (f Figures, err error) {
	f = Figures{Store: name, Rows: *rows}
	say := func(what string) {
		fmt.Fprintf(os.Stderr, "%s %s: %s …\n", time.Now().Format("15:04:05"), name, what)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	say(fmt.Sprintf("%d items with vectors", *bulk))
	vs := make([][]float32, 100)
	for i := range vs {
		vs[i] = vector(rnd)
	}
	start, cpu := time.Now(), cpuTime()
	if err := fill(ctx, s, "bulk", *bulk, func(e *catalog.Entry) { e.Space, e.Vector = "sp", vs[rnd.IntN(len(vs))] }); err != nil {
		return f, err
	}
	f.BulkItems = float64(*bulk) / time.Since(start).Seconds()
	f.BulkCPU = float64((cpuTime() - cpu).Microseconds()) / float64(*bulk)
	say(fmt.Sprintf("%d items", *rows))
	if err := fill(ctx, s, "parts", *rows, func(*catalog.Entry) {}); err != nil {
		return f, err
	}
	say(fmt.Sprintf("%d lines of the ledger", *rows))
	if err := lines(ctx, *rows); err != nil {
		return f, err
	}
	say("reads")
	if f.LedgerP50, f.LedgerP99, err = times(*reads, func(int) error {
		_, err := s.Batch(ctx, batchID(rnd.IntN(*rows)))
		return err
	}); err != nil {
		return f, err
	}
	if f.ItemP50, f.ItemP99, err = times(*reads, func(int) error {
		es, err := s.Entries(ctx, catalog.Query{IDs: []string{fmt.Sprintf("parts/%09d", rnd.IntN(*rows))}})
		if err == nil && len(es) != 1 {
			err = fmt.Errorf("%d entries of one id", len(es))
		}
		return err
	}); err != nil {
		return f, err
	}
	say("transactions and messages")
	const small = 5000
	start = time.Now()
	for i := range small {
		if err := s.Atomic(ctx, func(tx flow.Tx) error {
			_, err := tx.PutShard(ctx, "b", i, "k", time.Unix(0, 0))
			return err
		}); err != nil {
			return f, err
		}
	}
	f.Transactions = small / time.Since(start).Seconds()
	start = time.Now()
	for i := range small / 100 {
		ms := make([]flow.Message, 100)
		for j := range ms {
			ms[j] = flow.Message{ID: fmt.Sprint(i*100 + j), Topic: "parse", Body: json.RawMessage(`{"batch":"b","shard":1}`)}
		}
		if err := s.Send(ctx, ms...); err != nil {
			return f, err
		}
	}
	for at := time.Unix(1, 0); ; {
		ms, err := s.Receive(ctx, "parse", 10, at, at.Add(time.Hour))
		if err != nil {
			return f, err
		}
		if len(ms) == 0 {
			break
		}
		ids := make([]string, len(ms))
		for i, m := range ms {
			ids[i] = m.ID
		}
		if err := s.Ack(ctx, ids...); err != nil {
			return f, err
		}
	}
	f.Messages = small / time.Since(start).Seconds()
	return f, nil
}

func table(all []Figures) {
	row := func(what, format string, get func(Figures) float64, target func(Figures) string) {
		fmt.Printf("%-44s", what)
		for _, f := range all {
			v := "–"
			if x := get(f); x != 0 {
				v = fmt.Sprintf(format, x)
			}
			fmt.Printf("%12s %-10s", v, target(f))
		}
		fmt.Println()
	}
	none := func(Figures) string { return "" }
	rate := func(f Figures) string { return fmt.Sprintf("(≥ %.0f)", targets[f.Store].bulk) }
	p99 := func(f Figures) string { return fmt.Sprintf("(≤ %.0f)", targets[f.Store].p99) }
	fmt.Printf("%-44s", fmt.Sprintf("%d ledger and %d item rows", *rows, *rows))
	for _, f := range all {
		fmt.Printf("%12s %-10s", f.Store, "")
	}
	fmt.Println("\n" + strings.Repeat("-", 44+23*len(all)))
	row("bulk items with a 512-d vector, per s", "%.0f", func(f Figures) float64 { return f.BulkItems }, rate)
	row("… CPU of this process, µs per item", "%.1f", func(f Figures) float64 { return f.BulkCPU }, none)
	row("read one batch by id, p50 ms", "%.3f", func(f Figures) float64 { return f.LedgerP50 }, none)
	row("read one batch by id, p99 ms", "%.3f", func(f Figures) float64 { return f.LedgerP99 }, p99)
	row("read one item by id, p50 ms", "%.3f", func(f Figures) float64 { return f.ItemP50 }, none)
	row("read one item by id, p99 ms", "%.3f", func(f Figures) float64 { return f.ItemP99 }, p99)
	row("small transactions, per s", "%.0f", func(f Figures) float64 { return f.Transactions }, none)
	row("messages sent, received, acknowledged, per s", "%.0f", func(f Figures) float64 { return f.Messages }, none)
	row(fmt.Sprintf("HNSW index over %d vectors, s", *near), "%.1f", func(f Figures) float64 { return f.IndexBuild }, none)
	row("10 nearest of them, p50 ms", "%.2f", func(f Figures) float64 { return f.NearestP50 }, none)
	row("10 nearest of them, p99 ms", "%.2f", func(f Figures) float64 { return f.NearestP99 }, none)
}

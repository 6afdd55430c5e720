package flow_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// delivererDir in the environment makes the test binary a process that takes
// the landed objects whose keys it reads, line by line, as a function would.
const delivererDir = "ASSAY_TEST_DELIVER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(delivererDir); dir != "" {
		if err := deliver(dir, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// deliver handles each key until it is decided: what is locked comes again.
func deliver(dir string, keys io.Reader) error {
	ctx := context.Background()
	cfg, err := app.ReadConfig(os.Environ(), dir)
	if err != nil {
		return err
	}
	a := app.Open(cfg, app.Options{})
	defer a.Close()
	in, err := a.Ingest(ctx)
	if err != nil {
		return err
	}
	for sc := bufio.NewScanner(keys); sc.Scan(); {
		for deadline := time.Now().Add(5 * time.Minute); ; {
			_, err := in.Object(ctx, sc.Text())
			if err == nil {
				break
			}
			if !pipeline.ErrorCode(err).Retryable() || time.Now().After(deadline) {
				return fmt.Errorf("%s: %w", sc.Text(), err)
			}
			time.Sleep(time.Duration(5+rand.IntN(20)) * time.Millisecond)
		}
	}
	return nil
}

// A delivery is a project on Postgres with its landed files.
type delivery struct {
	*world
	env  []string
	keys []string
}

// postgresStore is the URL of a store in a schema of its own, which ends with
// the test.
func postgresStore(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("ASSAY_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("needs a Postgres with pgvector: set ASSAY_TEST_POSTGRES to the DSN that `make postgres` prints")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprintf("assay_flow_%d_%d", os.Getpid(), time.Now().UnixNano())
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("pool_max_conns", "4")
	u.RawQuery = q.Encode()
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return u.String()
}

// deliveries makes the project: n files, of which every one that bad names has
// rows that cannot be accepted.
func deliveries(t *testing.T, n int, bad func(i int) bool) *delivery {
	t.Helper()
	return deliveriesOn(t, postgresStore(t), n, bad)
}

func deliveriesOn(t *testing.T, store string, n int, bad func(i int) bool) *delivery {
	t.Helper()
	d := &delivery{
		world: &world{t: t, dir: t.TempDir(), now: time.Now()},
		env:   []string{"ASSAY_KNOWLEDGE=embed:", "ASSAY_STORE=" + store},
	}
	d.contract(feedContract(`  - {property: assay.load, value: append}
  - {property: assay.breaker, value: {cooldown: 1s, probes: 1, minRows: 1, maxRejectRate: 5%}}`))
	for i := range n {
		price := 1
		if bad(i) {
			price = -1
		}
		name := fmt.Sprintf("file-%03d.csv", i)
		d.land(name, fmt.Sprintf("a%03d,washer M8,%d", i, price), fmt.Sprintf("b%03d,nut M8,%d", i, price))
		d.keys = append(d.keys, "landing/parts/"+name)
	}
	cfg, err := app.ReadConfig(d.env, d.dir)
	if err != nil {
		t.Fatal(err)
	}
	d.app = app.Open(cfg, app.Options{})
	t.Cleanup(func() { _ = d.app.Close() })
	if err := d.app.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d.run, err = d.app.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.db, d.lk = d.run.Store, d.run.Ingest.Lake
	return d
}

// atOnce delivers each event one to three times, shuffled, from 8 processes.
func (d *delivery) atOnce(seed uint64) {
	d.t.Helper()
	dice := rand.New(rand.NewPCG(seed, 8))
	var events []string
	for _, key := range d.keys {
		for range 1 + dice.IntN(3) {
			events = append(events, key)
		}
	}
	dice.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	const processes = 8
	inputs := make([]bytes.Buffer, processes)
	for i, key := range events {
		fmt.Fprintln(&inputs[i%processes], key)
	}
	running := make([]*exec.Cmd, processes)
	outputs := make([]bytes.Buffer, processes)
	for i := range running {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), d.env...), delivererDir+"="+d.dir)
		cmd.Stdin, cmd.Stderr = &inputs[i], &outputs[i]
		if err := cmd.Start(); err != nil {
			d.t.Fatal(err)
		}
		running[i] = cmd
	}
	for i, cmd := range running {
		if err := cmd.Wait(); err != nil {
			d.t.Errorf("process %d: %v: %s", i, err, &outputs[i])
		}
	}
	// What follows the decisions: parse and match.
	if _, err := d.run.Once(context.Background(), ""); err != nil {
		d.t.Fatal(err)
	}
}

func (d *delivery) batches() []flow.Batch {
	d.t.Helper()
	bs, err := d.db.Batches(context.Background(), flow.BatchFilter{})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.SortFunc(bs, func(a, b flow.Batch) int { return strings.Compare(a.Key, b.Key) })
	return bs
}

// end is the end state without what depends on when and in which order.
func (d *delivery) end() map[string]any {
	d.t.Helper()
	ctx := context.Background()
	var ledger []string
	var seqs []int64
	for _, b := range d.batches() {
		ledger = append(ledger, fmt.Sprint(b.ID, " ", b.Key, " ", b.Stage, " ", b.Verdict, " ", b.Decision, " ", b.Rows, " ", b.Breaker))
		seqs = append(seqs, b.Seq)
	}
	slices.Sort(seqs)
	entries, err := flow.LiveEntries(ctx, d.db, catalog.Query{})
	if err != nil {
		d.t.Fatal(err)
	}
	var items []string
	for _, e := range entries {
		items = append(items, fmt.Sprint(e.Item.ID, " ", e.Record.Category, " ", len(e.Record.Attributes)))
	}
	clusters, err := d.db.Clusters(ctx, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	var members [][]string
	for _, c := range clusters {
		members = append(members, slices.Sorted(slices.Values(c.Items)))
	}
	slices.SortFunc(members, slices.Compare)
	m, err := d.lk.Current(ctx, "parts")
	if err != nil {
		d.t.Fatal(err)
	}
	published := slices.Sorted(slices.Values(m.Batches))
	return map[string]any{
		"ledger": ledger, "places": seqs, "rows": d.curated(), "items": items, "clusters": members,
		"position": d.position(), "batches in the manifest": published, "manifests": m.Seq,
	}
}

// For any order of arrival, and however often an event comes, clean batches end
// as they do when each comes once, in order.
func TestDeliveriesFromEightProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 8 processes")
	}
	const n = 24
	clean := func(int) bool { return false }
	want := deliveries(t, n, clean)
	if _, err := want.run.Once(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	got := deliveries(t, n, clean)
	got.atOnce(1)
	got.want("the end state", got.end(), want.end())
	if len(want.curated()) != 2*n {
		t.Errorf("%d rows in the ordered run, want %d", len(want.curated()), 2*n)
	}
}

// With failing batches the order matters, so what holds is: each batch is judged
// once, the breaker is the fold of its stored samples, and each decision is
// explained by the state that it saw.
func TestDeliveriesWithFailuresFromEightProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 8 processes")
	}
	const n = 30
	d := deliveries(t, n, func(i int) bool { return i%5 == 2 })
	d.atOnce(2)
	ctx, key := context.Background(), flow.FeedBreaker("parts")
	samples, _, err := d.db.BreakerHistory(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]flow.Batch{}
	for _, b := range d.batches() {
		byID[b.ID] = b
	}
	if len(byID) != n || len(samples) != n {
		t.Errorf("%d batches and %d samples, want %d of each", len(byID), len(samples), n)
	}
	f, err := d.run.Ingest.Contracts.Feed("parts")
	if err != nil {
		t.Fatal(err)
	}
	p, err := flow.BreakerPolicy(f)
	if err != nil {
		t.Fatal(err)
	}
	state := breaker.State{Key: key}
	held := 0
	for i, s := range samples {
		b, ok := byID[s.Batch]
		delete(byID, s.Batch)
		if !ok {
			t.Fatalf("sample %d is of batch %q: not in the ledger, or judged twice", i, s.Batch)
		}
		saw, _ := p.Tick(state, s.At)
		after, _ := p.Step(saw, s)
		if b.Seq != int64(i+1) {
			t.Errorf("sample %d is of the batch at place %d", i+1, b.Seq)
		}
		if string(saw.Position) != b.Breaker && (saw.Position != "" || b.Breaker != "closed") {
			t.Errorf("batch %s saw %q, the samples before it say %q", b.Key, b.Breaker, saw.Position)
		}
		if publish := s.Published && !p.Stops(after); publish != b.Decision.Published() {
			t.Errorf("batch %s was decided %s (%s), the state that it saw says publish=%v", b.Key, b.Decision, b.Reason, publish)
		}
		if !b.Decision.Published() {
			held++
		}
		state = after
	}
	stored, err := d.db.LoadBreaker(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	state.Version = stored.Version
	d.want("the breaker as the fold of its samples", stored, state)
	if held < n/5 {
		t.Errorf("%d batches are held, at least the %d bad ones have to be", held, n/5)
	}
	published := 0
	for _, b := range d.batches() {
		if b.Stage == flow.Done {
			published++
		}
	}
	if rows := len(d.curated()); rows != 2*published {
		t.Errorf("%d rows are published by %d batches of 2", rows, published)
	}
	if _, err := os.Stat(filepath.Join(d.dir, ".assay", "assay.db")); err == nil {
		t.Error("somebody worked on SQLite")
	}
}

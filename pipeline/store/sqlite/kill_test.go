package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("ASSAY_TEST_WRITER"); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// items is how many catalog entries each transaction writes; enough to spill
// over several pages of the log.
const items = 40

// writeForever commits one batch after the other: number n has its line in the
// ledger, a shard, a sample, an outgoing message, and items entries.
func writeForever(path string) error {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key := breaker.Key{Scope: "feed:f", Signal: "quality"}
	for {
		err := db.Atomic(ctx, func(tx flow.Tx) error {
			last, err := tx.LastSeq(ctx, "f")
			if err != nil {
				return err
			}
			n := last + 1
			b := flow.Batch{ID: fmt.Sprint("b", n), Feed: "f", Seq: n, Stage: flow.Done, Created: now, Updated: now}
			if err := tx.PutBatch(ctx, b); err != nil {
				return err
			}
			if _, err := tx.PutShard(ctx, "all", int(n), "k", now); err != nil {
				return err
			}
			state, err := tx.LoadBreaker(ctx, key)
			if err != nil {
				return err
			}
			state.Good++
			if err := tx.SaveBreaker(ctx, state, breaker.Sample{Batch: b.ID, At: now}, nil); err != nil {
				return err
			}
			if err := tx.PutOutgoing(ctx, flow.Outgoing{Message: &flow.Message{ID: b.ID, Topic: "parse"}}); err != nil {
				return err
			}
			es := make([]catalog.Entry, items)
			for i := range es {
				es[i] = catalog.Entry{Item: pipeline.Item{ID: fmt.Sprintf("f/%06d/%02d", n, i), Source: "BRG 6205"}, Batch: b.ID, Seq: n,
					Space: "sp", Vector: make([]float32, 256), Updated: now}
			}
			return tx.PutEntries(ctx, es)
		})
		if err != nil {
			return err
		}
	}
}

// TestKill kills the writing process at random moments. What is found after
// that is all of some number of transactions and nothing of the next, and what
// was seen committed before is still there.
func TestKill(t *testing.T) {
	ctx := context.Background()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "assay.db")
	rounds := 15
	if testing.Short() {
		rounds = 4
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var before int64
	for range rounds {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "ASSAY_TEST_WRITER="+path)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+rnd.IntN(120)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed: always an error

		db, err := sqlite.Open(ctx, path, sqlite.Options{})
		if err != nil {
			t.Fatalf("after a kill: %v", err)
		}
		n := wholeTransactions(t, db)
		if n < before {
			t.Fatalf("%d transactions, there were %d before", n, before)
		}
		before = n
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if before < int64(rounds) {
		t.Fatalf("only %d transactions in %d rounds: the kills came before any work", before, rounds)
	}
	t.Logf("%d transactions survived %d kills", before, rounds)
}

// wholeTransactions counts the transactions and checks that each is whole.
func wholeTransactions(t *testing.T, db *sqlite.DB) int64 {
	t.Helper()
	ctx := context.Background()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n, err := db.LastSeq(ctx, "f")
	check(err)
	batches, err := db.Batches(ctx, flow.BatchFilter{Limit: 1 << 30})
	check(err)
	shards, err := db.ShardsDone(ctx, "all", "k")
	check(err)
	state, err := db.LoadBreaker(ctx, breaker.Key{Scope: "feed:f", Signal: "quality"})
	check(err)
	in, _, err := db.BreakerHistory(ctx, state.Key)
	check(err)
	out, err := db.Outgoing(ctx, 1<<30)
	check(err)
	es, err := db.Entries(ctx, catalog.Query{Limit: 1 << 30, Vectors: "sp"})
	check(err)
	vectors := 0
	for _, e := range es {
		vectors += len(e.Vector) / 256
	}
	want := strconv.FormatInt(n, 10)
	for what, got := range map[string]int{"batches": len(batches), "shards": shards, "folds": state.Good, "samples": len(in),
		"outgoing": len(out), "items": len(es) / items, "vectors": vectors / items} {
		if strconv.Itoa(got) != want {
			t.Errorf("%d %s, want %s", got, what, want)
		}
	}
	if len(es)%items != 0 || vectors%items != 0 {
		t.Errorf("%d items, %d vectors: not whole transactions", len(es), vectors)
	}
	return n
}

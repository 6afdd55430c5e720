package postgres_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
)

// A store that cannot be opened says which, why, and what to do, and never
// shows the password.
func TestOpenFails(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0") // a port where nobody answers
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dsn string
		code      pipeline.Code
		says      string
	}{
		{"not a DSN", "postgres://u:geheim@h:port/x", pipeline.CodeInvalid, "postgres://user:password@host"},
		{"nobody there", "postgres://u:geheim@" + nobody + "/x?connect_timeout=2", pipeline.CodeUnavailable, nobody},
	} {
		_, err := postgres.Open(context.Background(), c.dsn, postgres.Options{})
		if pipeline.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: code %q, want %q: %v", c.name, pipeline.ErrorCode(err), c.code, err)
		}
	}
	good, err := url.Parse(dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	good.Path = "/assay_test_no_such_database"
	if _, err := postgres.Open(context.Background(), good.String(), postgres.Options{}); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "create the database") {
		t.Errorf("no such database: %v", err)
	}
	// An empty schema is not silently made.
	if _, err := postgres.Open(context.Background(), dsn(t), postgres.Options{Schema: fresh(t)}); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "assay migrate up") {
		t.Errorf("an empty schema: %v", err)
	}
}

// A server that drops its connections in the middle of a transaction costs
// that transaction and nothing else.
func TestConnectionLost(t *testing.T) {
	ctx := context.Background()
	schema := fresh(t)
	db := open(t, postgres.Options{Schema: schema})
	admin, err := pgx.Connect(ctx, dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	err = db.Atomic(ctx, func(tx flow.Tx) error {
		if err := tx.PutBatch(ctx, flow.Batch{ID: "b1", Feed: "f"}); err != nil {
			return err
		}
		var n int
		if err := admin.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE state = 'idle in transaction' AND query LIKE '%batches%'
			AND pid IN (SELECT pid FROM pg_locks WHERE relation = ($1 || '.batches')::regclass)`, schema).Scan(&n); err != nil || n == 0 {
			t.Fatalf("%d connections ended, %v", n, err)
		}
		return tx.PutBatch(ctx, flow.Batch{ID: "b2", Feed: "f"})
	})
	if pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("the transaction: %v", err)
	}
	if _, err := db.Batch(ctx, "b1"); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("its first half: %v", err)
	}
	if err := db.PutBatch(ctx, flow.Batch{ID: "b3", Feed: "f"}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// A transaction that meets others runs again, with a new snapshot.
func TestRetry(t *testing.T) {
	ctx := context.Background()
	db := open(t, postgres.Options{Schema: fresh(t)})
	runs := 0
	err := db.Atomic(ctx, func(tx flow.Tx) error {
		runs++
		last, err := tx.LastSeq(ctx, "f")
		if err != nil {
			return err
		}
		if runs == 1 { // another decides meanwhile
			if err := db.PutBatch(ctx, flow.Batch{ID: "other", Feed: "f", Seq: last + 1}); err != nil {
				return err
			}
		}
		return tx.PutBatch(ctx, flow.Batch{ID: "mine", Feed: "f", Seq: last + 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	mine, err := db.Batch(ctx, "mine")
	if err != nil || mine.Seq != 2 || runs != 2 {
		t.Errorf("seq %d after %d runs, %v", mine.Seq, runs, err)
	}
	// It does not run again for ever.
	short := open(t, postgres.Options{Schema: fresh(t), Wait: 300 * time.Millisecond})
	n := int64(0)
	err = short.Atomic(ctx, func(tx flow.Tx) error {
		if _, err := tx.LastSeq(ctx, "f"); err != nil {
			return err
		}
		n++
		if err := short.PutBatch(ctx, flow.Batch{ID: pipeline.ContentID(time.Now().String()), Feed: "f", Seq: n}); err != nil {
			return err
		}
		return tx.PutBatch(ctx, flow.Batch{ID: "mine", Feed: "f", Seq: n})
	})
	if pipeline.ErrorCode(err) != pipeline.CodeLocked || n < 2 {
		t.Errorf("after %d runs: %v", n, err)
	}
}

// A role that may create nothing but tables in a schema made for it can
// migrate and work.
func TestModestRole(t *testing.T) {
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	schema := fresh(t)
	role := schema + "_role"
	exec := func(q string) {
		t.Helper()
		if _, err := admin.Exec(ctx, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	t.Cleanup(func() {
		exec("DROP SCHEMA IF EXISTS " + schema + " CASCADE")
		exec("DROP ROLE " + role)
		if err := admin.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	open(t, postgres.Options{Schema: schema + "_x"}) // makes sure of the extension
	exec("DROP SCHEMA " + schema + "_x CASCADE")
	exec("CREATE ROLE " + role + " LOGIN PASSWORD 'x'")
	as, err := url.Parse(dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	as.User = url.UserPassword(role, "x")
	if _, err := postgres.Open(ctx, as.String(), postgres.Options{Schema: schema, Migrate: true}); pipeline.ErrorCode(err) != pipeline.CodeDenied {
		t.Errorf("without a schema of its own: %v", err)
	}
	exec("CREATE SCHEMA " + schema + " AUTHORIZATION " + role)
	db, err := postgres.Open(ctx, as.String(), postgres.Options{Schema: schema, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.PutBatch(ctx, flow.Batch{ID: "b1", Feed: "f"}); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

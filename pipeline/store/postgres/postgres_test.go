package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline/store/postgres"
	"github.com/assay-pipeline/assay/pipeline/store/storetest"
)

// dsn names the Postgres of the tests, or skips.
func dsn(t testing.TB) string {
	t.Helper()
	d := os.Getenv("ASSAY_TEST_POSTGRES")
	if d == "" {
		t.Skip("needs a Postgres with pgvector: set ASSAY_TEST_POSTGRES to the DSN that `make postgres` prints")
	}
	return d
}

var schemas int

// fresh names a schema of this test alone, which ends with it.
func fresh(t testing.TB) string {
	t.Helper()
	d := dsn(t)
	schemas++
	name := fmt.Sprintf("assay_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), schemas)
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, d)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return name
}

func open(t testing.TB, opt postgres.Options) *postgres.DB {
	t.Helper()
	opt.Migrate = true
	db, err := postgres.Open(context.Background(), dsn(t), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStore(t *testing.T) {
	dsn(t)
	storetest.Run(t, func(t *testing.T) storetest.Place {
		schema := fresh(t)
		return func(t *testing.T) storetest.Store { return open(t, postgres.Options{Schema: schema}) }
	})
}

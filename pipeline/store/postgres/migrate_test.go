package postgres

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
)

var update = flag.Bool("update", false, "rewrite the fingerprint of the newest schema")

// scratch is a connection and the name of a schema that ends with the test.
func scratch(t *testing.T) (*DB, *pgx.Conn, *pgx.ConnConfig) {
	t.Helper()
	dsn := os.Getenv("ASSAY_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("needs a Postgres with pgvector: set ASSAY_TEST_POSTGRES to the DSN that `make postgres` prints")
	}
	ctx := context.Background()
	db, cfg, err := configure(dsn, Options{Schema: fmt.Sprintf("assay_test_m%d_%d", os.Getpid(), time.Now().UnixNano()), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := conn.Exec(ctx, `DROP SCHEMA IF EXISTS `+db.opt.Schema+` CASCADE`); err != nil {
			t.Error(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return db, conn, cfg.ConnConfig
}

// A migration that has been released is never changed: its fingerprint is.
func TestFingerprints(t *testing.T) {
	ctx := context.Background()
	db, conn, cfg := scratch(t)
	s, err := current()
	if err != nil {
		t.Fatal(err)
	}
	want := s.prints[s.latest]
	s.prints = nil
	if err := s.prepare(ctx, db, cfg); err != nil {
		t.Fatal(err)
	}
	f, err := inspect(ctx, conn, db.opt.Schema)
	if err != nil {
		t.Fatal(err)
	}
	if f.print == want {
		return
	}
	if !*update {
		t.Fatalf("schema %d has fingerprint %s, migrations/fingerprints says %q; run with -update only if the migration was never released", s.latest, f.print, want)
	}
	old, err := os.ReadFile("migrations/fingerprints")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(old)) {
		if !strings.HasPrefix(line, fmt.Sprint(s.latest, " ")) {
			b.WriteString(line)
		}
	}
	fmt.Fprintln(&b, s.latest, f.print)
	if err := os.WriteFile("migrations/fingerprints", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// line makes a schema of n migrations, for upgrades between them.
func line(t *testing.T, n int) schema {
	t.Helper()
	files := fstest.MapFS{}
	for i, step := range []string{
		"CREATE TABLE settings (name text PRIMARY KEY, value text NOT NULL);",
		"CREATE TABLE second (x integer);",
		"ALTER TABLE second ADD COLUMN y integer;\nCREATE INDEX second_y ON second (y);",
	}[:n] {
		files[fmt.Sprintf("%04d_step.sql", i+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + step + "\n")}
	}
	s, err := readSchema(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUpgrade(t *testing.T) {
	ctx := context.Background()
	db, conn, cfg := scratch(t)
	old, next := line(t, 1), line(t, 3)
	if err := old.prepare(ctx, db, cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, `INSERT INTO settings VALUES ('kept', 'yes')`); err != nil {
		t.Fatal(err)
	}
	// Two programs at once, and neither without leave.
	db.opt.Migrate = false
	if err := next.prepare(ctx, db, cfg); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "assay migrate up") {
		t.Fatalf("an older schema: %v", err)
	}
	db.opt.Migrate, db.opt.Version = true, "v0.3.0"
	errs := make(chan error)
	for range 4 {
		go func() { errs <- next.prepare(ctx, db, cfg) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	var kept string
	if err := conn.QueryRow(ctx, `SELECT value FROM settings WHERE name = 'kept'`).Scan(&kept); err != nil || kept != "yes" {
		t.Fatalf("after the upgrade: %q, %v", kept, err)
	}
	// An older program refuses, and says which one is needed.
	if err := old.prepare(ctx, db, cfg); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "assay v0.3.0") {
		t.Fatalf("an older program: %v", err)
	}
}

func TestAlteredByHand(t *testing.T) {
	ctx := context.Background()
	for _, change := range []string{
		`CREATE TABLE extra (x integer)`,
		`DROP INDEX items_feed`,
		`ALTER TABLE reviews ADD COLUMN mine text`,
		`ALTER TABLE reviews ALTER COLUMN note DROP NOT NULL`,
		`ALTER TABLE matches DROP CONSTRAINT matches_check`,
	} {
		db, conn, cfg := scratch(t)
		s, err := current()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.prepare(ctx, db, cfg); err != nil {
			t.Fatal(err)
		}
		if err := s.prepare(ctx, db, cfg); err != nil {
			t.Fatalf("unchanged: %v", err)
		}
		if _, err := conn.Exec(ctx, change); err != nil {
			t.Fatal(err)
		}
		if err := s.prepare(ctx, db, cfg); pipeline.ErrorCode(err) != pipeline.CodeCorrupt {
			t.Errorf("after %s: %v", change, err)
		}
	}
}

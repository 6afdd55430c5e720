package sqlite

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/assay-pipeline/assay/pipeline"
)

var update = flag.Bool("update", false, "rewrite the fingerprint of the newest schema")

// A migration that has been released is never changed: its fingerprint is.
func TestFingerprints(t *testing.T) {
	ctx := context.Background()
	s, err := current()
	if err != nil {
		t.Fatal(err)
	}
	want := s.prints[s.latest]
	s.prints = nil
	db, err := open(ctx, filepath.Join(t.TempDir(), "assay.db"), Options{}, s)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, db)
	f, err := inspect(ctx, db.pool)
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

// closed closes what a test opened.
func closed(t *testing.T, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// line makes a schema of n migrations, for upgrades between them.
func line(t *testing.T, n int) schema {
	t.Helper()
	steps := []string{
		"CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;\nCREATE TABLE leases (name TEXT, owner TEXT, until INTEGER) STRICT;",
		"CREATE TABLE second (x INTEGER) STRICT;",
		"ALTER TABLE second ADD COLUMN y INTEGER;\nCREATE INDEX second_y ON second (y);",
	}
	files := fstest.MapFS{}
	for i, step := range steps[:n] {
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
	path := filepath.Join(t.TempDir(), "assay.db")
	db, err := open(ctx, path, Options{Version: "v0.1.0"}, line(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.write.exec(ctx, `INSERT INTO settings VALUES ('kept', 'yes')`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, err = open(ctx, path, Options{Version: "v0.3.0"}, line(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	var kept string
	if err := db.pool.QueryRow(`SELECT value FROM settings WHERE name = 'kept'`).Scan(&kept); err != nil || kept != "yes" {
		t.Fatalf("after the upgrade: %q, %v", kept, err)
	}
	if _, err := db.write.exec(ctx, `INSERT INTO second (x, y) VALUES (1, 2)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	// The copy is a whole store of the old schema: the way back.
	back, err := open(ctx, path+".v1.backup", Options{}, line(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := back.pool.QueryRow(`SELECT value FROM settings WHERE name = 'kept'`).Scan(&kept); err != nil || kept != "yes" {
		t.Fatalf("in the backup: %q, %v", kept, err)
	}
	if err := back.Close(); err != nil {
		t.Fatal(err)
	}

	// An older program refuses, and says which one is needed.
	_, err = open(ctx, path, Options{}, line(t, 1))
	if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "assay v0.3.0") {
		t.Fatalf("an older program: %v", err)
	}
	// Opening again migrates nothing and copies nothing.
	db, err = open(ctx, path, Options{}, line(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, db)
	if copies, _ := filepath.Glob(path + "*.backup*"); len(copies) != 1 {
		t.Fatalf("copies: %v", copies)
	}
}

// A migration that fails leaves the store at the last version that held.
func TestFailedMigration(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "assay.db")
	db, err := open(ctx, path, Options{}, line(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	bad := line(t, 2)
	bad.files.(fstest.MapFS)["0003_bad.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE third (x INTEGER);\nINSERT INTO nowhere VALUES (1);\n")}
	bad.latest = 3
	if _, err := open(ctx, path, Options{}, bad); err == nil {
		t.Fatal("a broken migration was accepted")
	}
	db, err = open(ctx, path, Options{}, line(t, 2))
	if err != nil {
		t.Fatalf("after a failed migration: %v", err)
	}
	defer closed(t, db)
	f, err := inspect(ctx, db.pool)
	if err != nil || f.version != 2 || f.objects != 3 {
		t.Fatalf("%+v, %v", f, err)
	}
}

func TestAlteredByHand(t *testing.T) {
	ctx := context.Background()
	for _, change := range []string{
		`CREATE TABLE extra (x)`,
		`DROP INDEX items_feed`,
		`ALTER TABLE reviews ADD COLUMN mine TEXT`,
		`CREATE TRIGGER t AFTER INSERT ON leases BEGIN DELETE FROM leases; END`,
	} {
		path := filepath.Join(t.TempDir(), "assay.db")
		db, err := Open(ctx, path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := sql.Open("sqlite", dsn(path))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Exec(change); err != nil {
			t.Fatal(err)
		}
		if err := raw.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(ctx, path, Options{}); pipeline.ErrorCode(err) != pipeline.CodeCorrupt {
			t.Errorf("after %s: %v", change, err)
		}
	}
}

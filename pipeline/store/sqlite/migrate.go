package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/assay-pipeline/assay/pipeline"
)

//go:embed migrations/*.sql migrations/fingerprints
var embedded embed.FS

// appID marks the file as a store of this program (PRAGMA application_id):
// "Asay" in ASCII.
const appID = 0x41736179

// A schema is a line of migrations and the fingerprint that each of its
// versions has once it is applied.
type schema struct {
	files  fs.FS
	prints map[int64]string
	latest int64
}

// current is what this binary knows.
func current() (schema, error) {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return schema{}, err
	}
	return readSchema(sub)
}

// readSchema reads NNNN_name.sql files and the file fingerprints, which has a
// line "version fingerprint" for each of them.
func readSchema(files fs.FS) (schema, error) {
	s := schema{files: files, prints: map[int64]string{}}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return s, err
	}
	for _, name := range names {
		head, _, _ := strings.Cut(name, "_")
		v, err := strconv.ParseInt(head, 10, 64)
		if err != nil {
			return s, fmt.Errorf("migration %s has no number: %w", name, err)
		}
		s.latest = max(s.latest, v)
	}
	b, err := fs.ReadFile(files, "fingerprints")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	for line := range strings.Lines(string(b)) {
		var v int64
		var sum string
		if _, err := fmt.Sscan(line, &v, &sum); err == nil {
			s.prints[v] = sum
		}
	}
	return s, nil
}

// A found is what stands in a database file.
type found struct {
	version int64 // 0 where nothing was migrated yet
	print   string
	objects int // tables, indexes, views, triggers of the store itself
	app     int64
}

// inspect reads the version and the fingerprint. The fingerprint is a SHA-256
// over the definitions in sqlite_schema; what SQLite (sqlite_*) and the
// migration tool keep for themselves is left out.
func inspect(ctx context.Context, db *sql.DB) (f found, err error) {
	// One transaction: another program may be migrating right now.
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return f, err
	}
	defer tx.Rollback()
	if err := tx.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&f.app); err != nil {
		return f, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return f, err
	}
	defer rows.Close()
	var defs []string
	versioned := false
	for rows.Next() {
		var typ, name, def string
		if err := rows.Scan(&typ, &name, &def); err != nil {
			return f, err
		}
		if name == goose.DefaultTablename {
			versioned = true
			continue
		}
		defs = append(defs, typ+" "+name+" "+def)
	}
	if err := rows.Err(); err != nil {
		return f, err
	}
	sort.Strings(defs)
	sum := sha256.Sum256([]byte(strings.Join(defs, "\n")))
	f.print = hex.EncodeToString(sum[:16])
	f.objects = len(defs)
	if versioned {
		err = tx.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+goose.DefaultTablename+` WHERE is_applied`).Scan(&f.version)
	}
	return f, err
}

// verify compares what was found with what this binary knows. It reports
// whether migrations are to be applied.
func (s schema) verify(path string, f found, writtenBy string) (stale bool, err error) {
	switch {
	case f.app != appID && f.objects > 0:
		return false, pipeline.Errorf(pipeline.CodeInvalid, "store %s: the file is a SQLite database of another program", path).
			WithHint("name another file in ASSAY_STORE")
	case f.version > s.latest:
		need := "a newer assay"
		if writtenBy != "" {
			need = "assay " + writtenBy
		}
		return false, pipeline.Errorf(pipeline.CodeInvalid, "store %s: schema version %d is newer than version %d, the newest that this program knows", path, f.version, s.latest).
			WithHint("it needs %s or later; the copy made before the upgrade lies beside it, named %s.vN.backup", need, path)
	case f.version > 0:
		if want, ok := s.prints[f.version]; ok && want != f.print {
			return false, pipeline.Errorf(pipeline.CodeCorrupt, "store %s: the schema was altered by hand: version %d has fingerprint %s, found %s", path, f.version, want, f.print).
				WithHint("undo the change to tables or indexes, or restore a backup")
		}
	}
	return f.version < s.latest, nil
}

// migrate brings the file to the latest version. It holds the database in
// exclusive locking mode meanwhile, so two programs never migrate at once and
// nobody works on a half-migrated schema; an existing store is first copied to
// PATH.vN.backup.
func (s schema) migrate(ctx context.Context, path, writtenBy string) (err error) {
	// A page of 8 KiB holds three vectors of 512 dimensions; one of 4 KiB would
	// hold one and waste the rest. The size is fixed when the file is made.
	db, err := sql.Open("sqlite", dsn(path, "locking_mode(EXCLUSIVE)", "busy_timeout(200)", "foreign_keys(1)", "page_size(8192)"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, q := range []string{`BEGIN EXCLUSIVE`, `COMMIT`, `PRAGMA journal_mode = WAL`} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	f, err := inspect(ctx, db)
	if err != nil {
		return err
	}
	stale, err := s.verify(path, f, "")
	if err != nil || !stale {
		return err
	}
	if f.version > 0 {
		if err := backup(ctx, db, path, f.version); err != nil {
			return err
		}
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, s.files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if f.version == 0 {
		if _, err := db.ExecContext(ctx, `PRAGMA application_id = `+strconv.Itoa(appID)); err != nil {
			return err
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migration: %w", err)
	}
	_, err = db.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ('written_by', ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, writtenBy)
	return err
}

// backup copies the database to PATH.vN.backup, or PATH.vN.M.backup where an
// earlier try left one.
func backup(ctx context.Context, db *sql.DB, path string, version int64) error {
	name := fmt.Sprintf("%s.v%d.backup", path, version)
	for i := 2; ; i++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		name = fmt.Sprintf("%s.v%d.%d.backup", path, version, i)
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, name+".part"); err != nil {
		return errors.Join(fmt.Errorf("backup to %s: %w", name, err), os.Remove(name+".part"))
	}
	return os.Rename(name+".part", name)
}

// A Schema is what stands in a store, beside what this program knows.
type Schema struct {
	Store string // path of the file
	// Version is the schema's, 0 where there is none yet; Latest is the newest
	// one that this program knows.
	Version, Latest int64
	// WrittenBy is the version of the program that migrated last.
	WrittenBy string
	// Pending are the migrations that Open would apply.
	Pending []string
	// Problem says why this program refuses the schema as it is; nil where it
	// works with it, or would after the migrations.
	Problem error
}

// Inspect looks at the schema of the file and changes nothing; a file that is
// not there has version 0. Errors: as Open.
func Inspect(ctx context.Context, path string) (Schema, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Schema{}, err
	}
	s, err := current()
	if err != nil {
		return Schema{}, err
	}
	out := Schema{Store: abs, Latest: s.latest}
	var f found
	if _, err := os.Stat(abs); err == nil {
		db, err := sql.Open("sqlite", dsn(abs, "query_only(1)", "busy_timeout(5000)"))
		if err != nil {
			return Schema{}, err
		}
		defer db.Close() //nolint:errcheck // only reads
		wrap := (&DB{path: abs, wait: 5 * time.Second}).wrap
		if f, err = inspect(ctx, db); err != nil {
			return Schema{}, wrap(ctx, "inspect", err)
		}
		if f.version > 0 {
			// Only makes the answer better: a store that was cut off before its
			// first end has none.
			_ = db.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'written_by'`).Scan(&out.WrittenBy)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Schema{}, pipeline.Errorf(pipeline.CodeDenied, "store %s: %w", abs, err)
	}
	out.Version = f.version
	_, out.Problem = s.verify(abs, f, out.WrittenBy)
	out.Pending, err = s.after(f.version)
	return out, err
}

// after are the names of the migrations above version.
func (s schema) after(version int64) ([]string, error) {
	names, err := fs.Glob(s.files, "*.sql") // sorted
	var later []string
	for _, name := range names {
		head, _, _ := strings.Cut(name, "_")
		if v, err := strconv.ParseInt(head, 10, 64); err == nil && v > version {
			later = append(later, strings.TrimSuffix(name, ".sql"))
		}
	}
	return later, err
}

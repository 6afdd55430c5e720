package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Options of a store. The zero value is usable.
type Options struct {
	// Wait is how long a write waits for another writer, of this process or
	// another, before it fails with locked. Default 15 s.
	Wait time.Duration
	// Version of the program, kept in the store when it migrates, so that an
	// older program can name the one that is needed.
	Version string
	// Dead, where set, reports that the owner of a lease is known to be gone,
	// so that its lease need not be waited for: a killed run on this machine.
	Dead func(owner string) bool
}

// A DB is the store in one SQLite file. It is safe for concurrent use, by
// several processes too.
type DB struct {
	ports
	path  string
	wait  time.Duration
	dead  func(owner string) bool
	write *writer
	pool  *sql.DB
	stmts sync.Map // query → *sql.Stmt of pool
}

var _ flow.Store = (*DB)(nil)

// Open opens the store at path and creates it, with its folder, where there is
// none. Errors: invalid (not a store of this program, or one of a newer
// schema), denied (folder or file cannot be written), corrupt, locked.
func Open(ctx context.Context, path string, opt Options) (*DB, error) {
	s, err := current()
	if err != nil {
		return nil, err
	}
	return open(ctx, path, opt, s)
}

func open(ctx context.Context, path string, opt Options, s schema) (*DB, error) {
	if opt.Wait <= 0 {
		opt.Wait = 15 * time.Second
	}
	abs, err := prepare(path)
	if err != nil {
		return nil, err
	}
	db := &DB{path: abs, wait: opt.Wait, dead: opt.Dead}
	db.ports = ports{reading: db.read, writing: db.atomic}
	deadline := time.Now().Add(opt.Wait)
	for {
		stale, err := db.connect(ctx, s)
		if err == nil && !stale {
			return db, nil
		}
		if err == nil {
			_ = db.Close() // nothing was written
			err = s.migrate(ctx, abs, opt.Version)
			if err == nil {
				continue
			}
		}
		_ = db.Close()
		// Another program is migrating, or has the old schema open.
		if !busy(err) || time.Now().After(deadline) {
			return nil, db.wrap(ctx, "open", err)
		}
		select {
		case <-ctx.Done():
			return nil, db.wrap(ctx, "open", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// prepare makes the path absolute and its folder exist, and finds early, with
// a clear message, what SQLite would only call "unable to open".
func prepare(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "store %q: not the name of a file", path).
			WithHint("give a path such as sqlite:///srv/assay/assay.db")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	denied := func(err error) error {
		return pipeline.Errorf(pipeline.CodeDenied, "store %s: %w", abs, err).
			WithHint("the program needs to write the file and its folder (SQLite keeps its log beside it)")
	}
	dir := filepath.Dir(abs)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", denied(err)
	}
	if st, err := os.Stat(abs); err == nil && st.IsDir() {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "store %s is a folder", abs).WithHint("name a file in it")
	}
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", denied(err)
	}
	return abs, f.Close()
}

// dsn names the file for the driver, with pragmas for each connection.
func dsn(path string, pragmas ...string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/… on Windows
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: p, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// connect opens the writing connection and the reading pool.
func (db *DB) connect(ctx context.Context, s schema) (stale bool, err error) {
	timeout := "busy_timeout(" + strconv.FormatInt(db.wait.Milliseconds(), 10) + ")"
	db.pool, err = sql.Open("sqlite", dsn(db.path, timeout, "query_only(1)", "temp_store(MEMORY)"))
	if err != nil {
		return false, err
	}
	n := max(4, runtime.GOMAXPROCS(0))
	db.pool.SetMaxOpenConns(n)
	db.pool.SetMaxIdleConns(n)
	db.write, err = newWriter(ctx, dsn(db.path, timeout, "foreign_keys(1)", "synchronous(NORMAL)",
		"temp_store(MEMORY)", "cache_size(-32768)", "wal_autocheckpoint(2000)"))
	if err != nil {
		return false, err
	}
	f, err := inspect(ctx, db.pool)
	if err != nil {
		return false, err
	}
	var by string
	if f.version > s.latest {
		_ = db.pool.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'written_by'`).Scan(&by) // only makes the message better
	}
	return s.verify(db.path, f, by)
}

// Close ends all connections. A second Close does nothing.
func (db *DB) Close() error {
	var errs []error
	db.stmts.Range(func(k, v any) bool {
		db.stmts.Delete(k)
		errs = append(errs, v.(*sql.Stmt).Close())
		return true
	})
	if db.pool != nil {
		errs = append(errs, db.pool.Close())
	}
	if db.write != nil {
		errs = append(errs, db.write.close())
	}
	return errors.Join(errs...)
}

// Path is the absolute path of the file.
func (db *DB) Path() string { return db.path }

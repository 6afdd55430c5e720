package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/assay-pipeline/assay/pipeline"
)

// errDiscard makes database/sql drop a connection.
var errDiscard = driver.ErrBadConn

// closedPool is what database/sql says of a pool that was closed; it keeps the
// error to itself.
const closedPool = "sql: database is closed"

// primary is SQLite's primary result code of err, 0 where it has none.
func primary(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func busy(err error) bool {
	c := primary(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

// wrap turns an error of the driver into one that says what to do. Errors with
// a code of their own pass unchanged.
func (db *DB) wrap(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	var e *pipeline.Error
	if errors.As(err, &e) {
		return err
	}
	if cerr := ctx.Err(); cerr != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		code := pipeline.CodeCanceled
		if errors.Is(cerr, context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			code = pipeline.CodeUnavailable
		}
		return pipeline.Errorf(code, "store %s: %s: %w", db.path, op, err)
	}
	fail := func(code pipeline.Code, hint string) error {
		return pipeline.Errorf(code, "store %s: %s: %w", db.path, op, err).WithHint("%s", hint)
	}
	if errors.Is(err, sql.ErrConnDone) || err.Error() == closedPool {
		return fail(pipeline.CodeUnavailable, "the store was closed")
	}
	switch primary(err) {
	case 0:
		return err // a fault of the caller or of this package
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return pipeline.Errorf(pipeline.CodeLocked, "store %s: %s: locked by another process for more than %s%s", db.path, op, db.wait, db.holders(ctx)).
			WithHint("wait until it ends, or stop it; a lock ends with its process")
	case sqlite3.SQLITE_FULL:
		return fail(pipeline.CodeUnavailable, "the disk is full: free some space and try again; nothing was written")
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fail(pipeline.CodeDenied, "the program needs to write the file and its folder (SQLite keeps its log beside it)")
	case sqlite3.SQLITE_IOERR:
		return fail(pipeline.CodeUnavailable, "the disk or file system failed; SQLite needs a local one")
	case sqlite3.SQLITE_CORRUPT:
		return fail(pipeline.CodeCorrupt, "restore a backup of the file (without its -wal and -shm companions)")
	case sqlite3.SQLITE_NOTADB:
		return fail(pipeline.CodeCorrupt, "the file is not a SQLite database: name another, or restore a backup")
	}
	return fail(pipeline.CodeInternal, "this is a fault of the program")
}

// holders names who holds leases now: most likely one of them is writing.
// Reading works while another process writes.
func (db *DB) holders(ctx context.Context) string {
	if db.pool == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	rows, err := db.pool.QueryContext(ctx, `SELECT name || ' held by ' || owner FROM leases WHERE until > ? ORDER BY until DESC LIMIT 3`, time.Now().UnixMicro())
	if err != nil {
		return ""
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var n string
		if rows.Scan(&n) == nil {
			names = append(names, n)
		}
	}
	if rows.Err() != nil || len(names) == 0 {
		return ""
	}
	return " (leases: " + strings.Join(names, "; ") + ")"
}

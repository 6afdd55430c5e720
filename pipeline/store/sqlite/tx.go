package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A session runs statements: on the writer inside a transaction, or on the
// reading pool.
type session interface {
	exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// ports implements the store ports once, for both a DB (each call is its own
// transaction) and a Tx (all calls share one).
type ports struct {
	reading func(ctx context.Context, fn func(session) error) error
	writing func(ctx context.Context, fn func(session) error) error
}

// A writer is the one connection that writes. SQLite allows one writer per
// file, so a second connection of the same process would only wait in a worse
// place.
type writer struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	turn  chan struct{} // holds one token: whose turn it is to write
}

func newWriter(ctx context.Context, dsn string) (*writer, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &writer{db: db, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w, w.reset(ctx)
}

// reset takes a fresh connection.
func (w *writer) reset(ctx context.Context) error {
	if w.conn != nil {
		for _, s := range w.stmts {
			_ = s.Close() // goes with the connection
		}
		// The driver must not hand this connection out again.
		_ = w.conn.Raw(func(any) error { return errDiscard })
		_ = w.conn.Close()
		w.conn = nil
	}
	w.stmts = map[string]*sql.Stmt{}
	conn, err := w.db.Conn(ctx)
	w.conn = conn
	if err != nil {
		w.conn = nil
	}
	return err
}

func (w *writer) close() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	w.stmts = nil
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
		w.conn = nil
	}
	return errors.Join(append(errs, w.db.Close())...)
}

func (w *writer) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := w.stmts[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(ctx, query)
	if err == nil {
		w.stmts[query] = s
	}
	return s, err
}

func (w *writer) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := w.stmt(ctx, query) //nolint:sqlclosecheck // kept for the next call, closed by close
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (w *writer) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := w.stmt(ctx, query) //nolint:sqlclosecheck // kept for the next call, closed by close
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// read runs fn on the pool; each statement sees the last committed state.
func (db *DB) read(ctx context.Context, fn func(session) error) error {
	return db.wrap(ctx, "read", fn(reader{db}))
}

type reader struct{ db *DB }

func (r reader) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := r.db.stmts.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := r.db.pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if old, ok := r.db.stmts.LoadOrStore(query, s); ok {
		_ = s.Close() //nolint:sqlclosecheck // another goroutine was first
		return old.(*sql.Stmt), nil
	}
	return s, nil
}

func (r reader) exec(context.Context, string, ...any) (sql.Result, error) {
	return nil, errors.New("a reading session does not write")
}

func (r reader) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := r.stmt(ctx, query) //nolint:sqlclosecheck // kept for the next call, closed by Close
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// Atomic runs fn in one transaction that starts as a writing one (BEGIN
// IMMEDIATE), so what fn reads cannot change until it commits. It never runs
// fn twice. Calling a method of the DB itself inside fn would wait for its own
// transaction and fails with locked.
func (db *DB) Atomic(ctx context.Context, fn func(flow.Tx) error) error {
	return db.atomic(ctx, func(s session) error {
		t := &tx{session: s}
		t.ports = ports{reading: t.run, writing: t.run}
		if err := fn(t); err != nil {
			return err
		}
		return t.broken
	})
}

// A tx is the ports inside one transaction.
type tx struct {
	ports
	session session
	broken  error // the first failure of a statement, which fn may have ignored
}

// run gives fn the transaction's session. A failed statement may have left
// half of its method's writes, so it dooms the transaction; the answers
// not_found and conflict do not: their methods look before they write.
func (t *tx) run(_ context.Context, fn func(session) error) error {
	if t.broken != nil {
		return t.broken
	}
	err := fn(t.session)
	switch pipeline.ErrorCode(err) {
	case "", pipeline.CodeNotFound, pipeline.CodeConflict:
	default:
		t.broken = err
	}
	return err
}

// atomic runs fn in a writing transaction.
func (db *DB) atomic(ctx context.Context, fn func(session) error) (err error) {
	w := db.write
	if err := db.acquire(ctx, w); err != nil {
		return err
	}
	defer func() { w.turn <- struct{}{} }()
	if w.conn == nil {
		if err := w.reset(ctx); err != nil {
			return db.wrap(ctx, "connect", err)
		}
	}
	if _, err := w.exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		return db.wrap(ctx, "begin", err)
	}
	// Neither a cancelled context nor a panic may leave the transaction open.
	end := context.WithoutCancel(ctx)
	committed := false
	defer func() {
		if committed {
			return
		}
		// A statement that was interrupted, or met a full disk, may have ended
		// the transaction already; a fresh connection is safe in any case.
		if _, rerr := w.exec(end, `ROLLBACK`); rerr != nil {
			_ = w.reset(end) // the next transaction tries again and reports
		}
	}()
	if err := fn(w); err != nil {
		return db.wrap(ctx, "write", err)
	}
	if err := ctx.Err(); err != nil {
		return db.wrap(ctx, "commit", err)
	}
	if _, err := w.exec(end, `COMMIT`); err != nil {
		return db.wrap(ctx, "commit", err)
	}
	committed = true
	return nil
}

// acquire waits for this goroutine's turn to write.
func (db *DB) acquire(ctx context.Context, w *writer) error {
	select {
	case <-w.turn:
		return nil
	default:
	}
	t := time.NewTimer(db.wait)
	defer t.Stop()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
		return db.wrap(ctx, "begin", ctx.Err())
	case <-t.C:
		return pipeline.Errorf(pipeline.CodeLocked, "store %s: another transaction of this process has been writing for %s", db.path, db.wait).
			WithHint("inside Atomic use the Tx, not the store; else try again")
	}
}

// each runs scan for every row of a query.
func each(ctx context.Context, s session, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := s.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one scans the only row of a query into dest and reports whether there was
// one.
func one(ctx context.Context, s session, dest []any, query string, args ...any) (found bool, err error) {
	err = each(ctx, s, func(r *sql.Rows) error {
		found = true
		return r.Scan(dest...)
	}, query, args...)
	return found, err
}

// changed runs a statement and returns the number of rows that it changed.
func changed(ctx context.Context, s session, query string, args ...any) (int64, error) {
	res, err := s.exec(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("rows affected: %w", err)
	}
	return n, nil
}

package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A session runs statements: in a transaction, or each for itself on a
// connection of the pool.
type session interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// A runner gives fn a session.
type runner func(ctx context.Context, fn func(session) error) error

// ports implements the store ports once, for both a DB and a Tx.
type ports struct {
	reading runner // statements that only read
	single  runner // one statement that writes
	writing runner // statements that belong together
	// bulk is writing for statements that read no more than the rows they
	// write: there the snapshot already finds every conflict (an update of a
	// changed row, a key that is taken), and repeatable read spares the
	// bookkeeping of serializable.
	bulk runner
}

// A tx is the ports inside one transaction.
type tx struct {
	ports
	session session
	broken  error // the first failure of a statement, which fn may have ignored
	items   bool  // of the catalog were changed, which the search index takes in later
}

// run gives fn the transaction's session. A failed statement dooms the
// transaction; the answers not_found and conflict do not: their methods look
// before they write.
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

// Atomic runs fn in one serializable transaction, again when it could not be
// put in order with others.
func (db *DB) Atomic(ctx context.Context, fn func(flow.Tx) error) error {
	items := false
	err := db.serializable(ctx, func(s session) error {
		t := &tx{session: s}
		t.ports = ports{reading: t.run, single: t.run, writing: t.run, bulk: t.run}
		err := fn(t)
		items = t.items
		if err != nil {
			// fn may have made an error of its own of one that calls for another
			// try.
			if retryable(t.broken) {
				return t.broken
			}
			return err
		}
		return t.broken
	})
	if err == nil && items {
		db.catchUp(ctx)
	}
	return err
}

// plain runs fn on the pool: each statement is its own transaction.
func (db *DB) plain(ctx context.Context, fn func(session) error) error {
	return db.wrap(ctx, fn(db.pool))
}

func (db *DB) serializable(ctx context.Context, fn func(session) error) error {
	return db.atomic(ctx, pgx.Serializable, fn)
}

func (db *DB) repeatable(ctx context.Context, fn func(session) error) error {
	return db.atomic(ctx, pgx.RepeatableRead, fn)
}

// atomic runs fn in a transaction until it commits, fails for a reason of its
// own, or Options.Wait has passed.
func (db *DB) atomic(ctx context.Context, level pgx.TxIsoLevel, fn func(session) error) error {
	deadline := time.Now().Add(db.opt.Wait)
	pause := 500 * time.Microsecond
	for {
		err := db.once(ctx, level, fn)
		if !retryable(err) {
			return db.wrap(ctx, err)
		}
		if time.Now().After(deadline) {
			return pipeline.Errorf(pipeline.CodeLocked, "store %s: others kept changing the same rows for %s: %w", db.name, db.opt.Wait, err).
				WithHint("try again")
		}
		// A random pause lets one of those that met go first.
		select {
		case <-ctx.Done():
			return db.wrap(ctx, ctx.Err())
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, 50*time.Millisecond)
	}
}

func (db *DB) once(ctx context.Context, level pgx.TxIsoLevel, fn func(session) error) (err error) {
	t, err := db.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
	if err != nil {
		return err
	}
	// Neither a cancelled context nor a panic may leave the transaction open.
	// Ten seconds are for a server that does not answer.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	defer func() {
		if rerr := t.Rollback(end); rerr != nil && !errors.Is(rerr, pgx.ErrTxClosed) && err == nil {
			err = rerr
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.Commit(end)
}

// each runs scan for every row of a query.
func each(ctx context.Context, s session, scan func(pgx.Rows) error, query string, args ...any) error {
	rows, err := s.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
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
	err = each(ctx, s, func(r pgx.Rows) error {
		found = true
		return r.Scan(dest...)
	}, query, args...)
	return found, err
}

// A where collects the conditions of a query. $ in a condition stands for the
// next argument.
type where struct {
	conds []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) add(cond string, args ...any) {
	var b strings.Builder
	for _, a := range args {
		before, after, _ := strings.Cut(cond, "$")
		b.WriteString(before + w.arg(a))
		cond = after
	}
	w.conds = append(w.conds, b.String()+cond)
}

// String is the WHERE clause, or nothing.
func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

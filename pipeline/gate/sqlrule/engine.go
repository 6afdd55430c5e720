package sqlrule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// An Engine makes tables for batches. The zero value is usable. It implements
// gate.Database.
type Engine struct {
	// Tmp is the folder of the scratch databases; "" = os.TempDir.
	Tmp string
	// Limit is how long one query may take; 0 = 10 s.
	Limit time.Duration
	// Memory bounds what SQLite keeps of a table, in bytes; 0 = 8 MiB.
	Memory int64
}

var _ gate.Database = (*Engine)(nil)

func (e *Engine) limit() time.Duration {
	if e.Limit > 0 {
		return e.Limit
	}
	return 10 * time.Second
}

// A table is the scratch database of one batch.
type table struct {
	spec   gate.TableSpec
	dir    string
	db     *sql.DB
	conn   *sql.Conn
	tx     *sql.Tx
	insert *sql.Stmt
	width  int
	batch  []any // rows that wait to be inserted
	limit  time.Duration
	shut   bool // queries only from now on
}

// rowsAtOnce is how many rows one INSERT carries, at most.
const rowsAtOnce = 64

// Table makes the scratch database.
func (e *Engine) Table(ctx context.Context, spec gate.TableSpec) (gate.Table, error) {
	dir, err := os.MkdirTemp(e.Tmp, "assay-sql-")
	if err != nil {
		return nil, unavailable(err)
	}
	t := &table{spec: spec, dir: dir, width: len(spec.Columns), limit: e.limit()}
	memory := e.Memory
	if memory <= 0 {
		memory = 8 << 20
	}
	if err := t.open(ctx, spec, memory); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func unavailable(err error) error {
	return pipeline.Errorf(pipeline.CodeUnavailable, "the scratch database of the sql rules: %w", err).
		WithHint("ASSAY_TMP names the folder for it; it needs about the room of the batch")
}

func (t *table) open(ctx context.Context, spec gate.TableSpec, memory int64) error {
	path := filepath.ToSlash(filepath.Join(t.dir, "batch.db"))
	if runtime.GOOS == "windows" {
		path = "/" + path
	}
	var err error
	if t.db, err = sql.Open("sqlite", "file://"+(&url.URL{Path: path}).EscapedPath()); err != nil {
		return unavailable(err)
	}
	t.db.SetMaxOpenConns(1)
	if t.conn, err = t.db.Conn(ctx); err != nil {
		return unavailable(err)
	}
	for _, p := range []string{
		"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA temp_store = FILE",
		"PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON", fmt.Sprintf("PRAGMA cache_size = -%d", memory>>10),
	} {
		if _, err := t.conn.ExecContext(ctx, p); err != nil {
			return unavailable(err)
		}
	}
	for _, q := range create(spec) {
		if _, err := t.conn.ExecContext(ctx, q); err != nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "the columns of %s make no table for the sql rules: %s", spec.Name, plainError(err)).
				WithHint("names that differ only in upper and lower case are one name in SQL")
		}
	}
	if t.tx, err = t.conn.BeginTx(ctx, nil); err != nil {
		return unavailable(err)
	}
	t.insert, err = t.tx.PrepareContext(ctx, insertion(spec, t.rows()))
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// rows is how many rows one statement inserts: SQLite has a limit of 32,766
// variables.
func (t *table) rows() int { return max(1, min(rowsAtOnce, 32000/max(1, t.width))) }

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

var affinities = map[contract.Type]string{contract.Integer: "INTEGER", contract.Boolean: "INTEGER", contract.Decimal: "REAL"}

// create is the table, with the physical names of columns as generated columns
// and that of the table as a view.
func create(spec gate.TableSpec) []string {
	taken := map[string]bool{}
	for _, c := range spec.Columns {
		taken[strings.ToLower(c.Name)] = true
	}
	var cols []string
	for _, c := range spec.Columns {
		kind := affinities[c.Type]
		if kind == "" {
			kind = "TEXT"
		}
		cols = append(cols, quoted(c.Name)+" "+kind)
	}
	for _, c := range spec.Columns {
		if low := strings.ToLower(c.Alias); low != "" && !taken[low] {
			taken[low] = true
			cols = append(cols, quoted(c.Alias)+" AS ("+quoted(c.Name)+") VIRTUAL")
		}
	}
	out := []string{"CREATE TABLE " + quoted(spec.Name) + " (" + strings.Join(cols, ", ") + ")"}
	if spec.Alias != "" && !strings.EqualFold(spec.Alias, spec.Name) {
		out = append(out, "CREATE VIEW "+quoted(spec.Alias)+" AS SELECT * FROM "+quoted(spec.Name))
	}
	return out
}

func insertion(spec gate.TableSpec, rows int) string {
	names := make([]string, len(spec.Columns))
	for i, c := range spec.Columns {
		names[i] = quoted(c.Name)
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(names)), ",") + ")"
	return "INSERT INTO " + quoted(spec.Name) + " (" + strings.Join(names, ",") + ") VALUES " +
		strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
}

// Append adds a row.
func (t *table) Append(ctx context.Context, row []any) error {
	t.batch = append(t.batch, row...)
	if len(t.batch) < t.rows()*t.width {
		return nil
	}
	_, err := t.insert.ExecContext(ctx, t.batch...)
	t.batch = t.batch[:0]
	return full(ctx, err)
}

func full(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(err)
}

// finish inserts what waits and closes the table to writing.
func (t *table) finish(ctx context.Context) error {
	if t.shut {
		return nil
	}
	if len(t.batch) > 0 {
		if _, err := t.tx.ExecContext(ctx, insertion(t.spec, len(t.batch)/t.width), t.batch...); err != nil {
			return full(ctx, err)
		}
		t.batch = nil
	}
	if err := errors.Join(t.insert.Close(), t.tx.Commit()); err != nil {
		return full(ctx, err)
	}
	t.tx, t.insert = nil, nil
	if _, err := t.conn.ExecContext(ctx, "PRAGMA query_only = ON"); err != nil {
		return full(ctx, err)
	}
	for _, l := range limits {
		if _, err := sqlite.Limit(t.conn, l.id, l.to); err != nil {
			return unavailable(err)
		}
	}
	t.shut = true
	return nil
}

// limits of a query, by the numbers that SQLite gives them (sqlite3.h).
var limits = []struct{ id, to int }{
	{0, 64 << 20},  // bytes of a value
	{3, 200},       // depth of an expression
	{5, 100_000},   // instructions of a program
	{7, 0},         // attached databases
	{8, 1000},      // bytes of a LIKE pattern
	{10, 100},      // depth of triggers
	{11, 0},        // worker threads
	{4, 50},        // terms of a compound SELECT
	{1, 1_000_000}, // bytes of SQL
}

// Query runs one query of a rule.
func (t *table) Query(ctx context.Context, query string) (string, error) {
	if err := t.finish(ctx); err != nil {
		return "", err
	}
	if err := Single(query); err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	// As a subquery nothing but a SELECT is understood. The line break ends a
	// comment.
	rows, err := t.conn.QueryContext(limited, "SELECT * FROM (\n"+query+"\n) LIMIT 2")
	if err != nil {
		return "", t.queryError(ctx, limited, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return "", t.queryError(ctx, limited, err)
	}
	if len(cols) != 1 {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "the query gives %d columns, not one number", len(cols))
	}
	text, n := "", 0
	for rows.Next() {
		var v any
		if err := rows.Scan(&v); err != nil {
			return "", t.queryError(ctx, limited, err)
		}
		if n++; n > 1 {
			return "", pipeline.Errorf(pipeline.CodeInvalid, "the query gives several rows, not one number")
		}
		if text, err = number(v); err != nil {
			return "", err
		}
	}
	if err := rows.Err(); err != nil {
		return "", t.queryError(ctx, limited, err)
	}
	if n == 0 {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "the query gives no row")
	}
	return text, nil
}

// number is a value as decimal text, "" of null.
func number(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		if v-v != 0 {
			return "", pipeline.Errorf(pipeline.CodeInvalid, "the query gives no finite number")
		}
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", pipeline.Errorf(pipeline.CodeInvalid, "the query gives a text, not a number")
}

func (t *table) queryError(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return pipeline.Errorf(pipeline.CodeInvalid, "the query takes longer than %s and was stopped", t.limit)
	}
	e := pipeline.Errorf(pipeline.CodeInvalid, "the query does not run: %s", plainError(err))
	if strings.Contains(err.Error(), "no such column") {
		names := make([]string, len(t.spec.Columns))
		for i, c := range t.spec.Columns {
			names[i] = c.Name
		}
		return e.WithHint("the columns are %s", strings.Join(names, ", "))
	}
	return e
}

// plainError is SQLite's message without its wrapping and code.
func plainError(err error) string {
	s := strings.TrimPrefix(err.Error(), "SQL logic error: ")
	if i := strings.LastIndex(s, " ("); i > 0 && strings.HasSuffix(s, ")") {
		s = s[:i]
	}
	return s
}

// Close removes the scratch database.
func (t *table) Close() error {
	var err error
	if t.tx != nil {
		if rb := t.tx.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) {
			err = rb
		}
	}
	if t.conn != nil {
		err = errors.Join(err, t.conn.Close())
	}
	if t.db != nil {
		err = errors.Join(err, t.db.Close())
	}
	return errors.Join(err, os.RemoveAll(t.dir))
}

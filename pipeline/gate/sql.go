package gate

import (
	"context"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A Database runs the sql rules of contracts.
type Database interface {
	// Table makes an empty table for the rows of one batch. Errors:
	// unavailable (no room for it), invalid (names that the database cannot
	// hold).
	Table(ctx context.Context, t TableSpec) (Table, error)
}

// A Table holds the rows of one batch.
type Table interface {
	// Append adds a row: nil, int64, float64 or string per column. The slice is
	// the caller's again afterwards. Errors: unavailable.
	Append(ctx context.Context, row []any) error
	// Query runs one query and returns its one value as decimal text, "" for
	// null. It may not write, nor look beyond the table. Errors: invalid for a
	// query that does not run, gives no number, or takes too long.
	Query(ctx context.Context, query string) (string, error)
	Close() error
}

// A TableSpec names a table and its columns. Queries may use either name of
// each.
type TableSpec struct {
	Name, Alias string
	Columns     []TableColumn
}

// A TableColumn is one column; dates and times are ISO 8601 text in UTC.
type TableColumn struct {
	Name, Alias string
	Type        contract.Type
}

// SQLTable is the table that the sql rules of f see.
func SQLTable(f *contract.Feed) TableSpec {
	t := TableSpec{Name: f.Schema, Alias: f.Physical}
	for _, fd := range f.Fields {
		t.Columns = append(t.Columns, TableColumn{Name: fd.Name, Alias: fd.Column, Type: fd.Type})
	}
	return t
}

// sqlRun feeds the rows of a batch to a Database. A rule in SQL sees all rows
// that could be split, as the other thresholds do, rejected ones too; a value
// that is not of its type is null there.
type sqlRun struct {
	table   Table
	used    []bool
	row     []any
	answers map[int]answer // by rule
}

// An answer is what a query gave.
type answer struct {
	text string
	err  error
}

// startSQL makes the table, where the contract has sql rules and there is a
// database. Only the columns that a rule may name are filled.
func (r *run) startSQL(ctx context.Context) error {
	var queries []string
	for _, t := range r.g.checks {
		if t.spec.Kind == "sql" {
			queries = append(queries, t.spec.Query)
		}
	}
	if len(queries) == 0 || r.opt.SQL == nil {
		return nil
	}
	table, err := r.opt.SQL.Table(ctx, SQLTable(r.g.feed))
	if err != nil {
		return err
	}
	r.sql = &sqlRun{table: table, row: make([]any, len(r.g.fields)), used: make([]bool, len(r.g.fields)), answers: map[int]answer{}}
	for i, f := range r.g.fields {
		r.sql.used[i] = mentions(queries, f.spec.Name) || mentions(queries, f.spec.Column)
	}
	return nil
}

// mentions reports whether one of the queries may look at the column: its name
// occurs, or they take whole rows.
func mentions(queries []string, column string) bool {
	for _, q := range queries {
		q = strings.ToLower(q)
		bare := strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(q)
		if strings.Contains(q, strings.ToLower(strings.ReplaceAll(column, `"`, `""`))) || strings.Contains(q, "natural") ||
			strings.Contains(strings.ReplaceAll(bare, "count(*)", ""), "*") {
			return true
		}
	}
	return false
}

// add appends the good rows of a chunk.
func (q *sqlRun) add(ctx context.Context, s *sheet, fields []*field) error {
	for r := range s.chunk.Rows {
		for i, f := range fields {
			q.row[i] = nil
			if v := &s.vecs[f.index]; q.used[i] && v.state[r] == okCell {
				q.row[i] = f.scalar(s, v, r)
			}
		}
		if err := q.table.Append(ctx, q.row); err != nil {
			return err
		}
	}
	return nil
}

// scalar is a value as SQL sees it.
func (f *field) scalar(s *sheet, v *vector, r int) any {
	switch f.typ {
	case contract.Integer, contract.Boolean:
		return v.ints[r]
	case contract.Decimal:
		return f.float(s, v, r)
	case contract.Date:
		return time.Unix(v.ints[r]*86400, 0).UTC().Format(time.DateOnly)
	case contract.Timestamp:
		return time.UnixMicro(v.ints[r]).UTC().Format("2006-01-02 15:04:05.999999")
	case contract.Time:
		return time.UnixMicro(v.ints[r]).UTC().Format("15:04:05.999999")
	}
	return string(v.display(r))
}

// runSQL asks the rules' queries.
func (r *run) runSQL(ctx context.Context) error {
	if r.sql == nil {
		return nil
	}
	for _, t := range r.g.checks {
		if t.spec.Kind != "sql" {
			continue
		}
		text, err := r.sql.table.Query(ctx, t.spec.Query)
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			return err
		}
		r.sql.answers[t.rule] = answer{text, err}
	}
	return nil
}

// sqlRule judges what the query of a rule gave.
func (r *run) sqlRule(t *threshold, c *CheckResult) {
	c.Failed = 0
	if r.sql == nil {
		c.Result, c.Detail = ResultNotJudged, "there is no database to run SQL in"
		return
	}
	a := r.sql.answers[t.rule]
	if a.err != nil {
		c.Result, c.Detail = ResultError, pipeline.ErrorMessage(a.err)
		return
	}
	if a.text == "" {
		c.Result, c.Detail = ResultError, "the query gives no value (null)"
		return
	}
	x := ratOf([]byte(a.text))
	if t.spec.Percent {
		if rows := r.rows.Read - r.bad; rows > 0 {
			x = newRat(0).Quo(newRat(0).Mul(x, newRat(100)), newRat(rows))
		}
	}
	ok := t.holds(x)
	c.settle(!ok)
	c.Evaluated = 1
	c.Detail = measured(t, x)
	if !ok {
		c.Failed = 1
	}
}

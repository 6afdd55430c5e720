package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the peer

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

const contractText = `
apiVersion: v3.1.0
kind: DataContract
id: bench
version: 1.0.0
status: active
servers: [{server: local, type: local, path: x, format: %s}]
schema:
  - name: bench
    properties:
      - {name: id, logicalType: integer, required: true, unique: true}
      - {name: customer, logicalType: string, required: true, logicalTypeOptions: {minLength: 3, maxLength: 40}}
      - {name: email, logicalType: string, logicalTypeOptions: {format: email}}
      - name: status
        logicalType: string
        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [new, paid, shipped, returned, cancelled]}}]
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0, maximum: 100000}}
      - {name: quantity, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 999}}
      - {name: created, logicalType: timestamp, required: true, logicalTypeOptions: {minimum: "2020-01-01T00:00:00Z", maximum: "2030-01-01T00:00:00Z"}}
      - {name: due, logicalType: date, logicalTypeOptions: {minimum: "2020-01-01", maximum: "2031-01-01"}}
      - {name: active, logicalType: boolean}
      - {name: comment, logicalType: string, logicalTypeOptions: {maxLength: 200}}
`

// run runs one engine on one file.
func run(engine, file string) error {
	threads := int(engine[len(engine)-1] - '0')
	switch name := engine[:len(engine)-1]; name {
	case "assay":
		return assay(file, "csv", gate.Options{Workers: threads})
	case "rejects":
		return assayTo(file, gate.Options{Workers: threads, RejectsOnly: true})
	case "parquet":
		return assayTo(file, gate.Options{Workers: threads})
	case "jsonl":
		return assay(file, "jsonl", gate.Options{Workers: threads})
	case "inparquet":
		return assay(file, "parquet", gate.Options{Workers: threads})
	case "duckdb":
		return duck(threads, "SELECT "+castChecks+" FROM "+readCSV(file))
	case "duckjsonl":
		return duck(threads, "SELECT "+castChecks+" FROM "+readJSON(file))
	case "duckinparquet":
		return duck(threads, "SELECT "+checks+" FROM read_parquet('"+file+"')")
	case "duckparquet":
		out := filepath.Join(os.TempDir(), "assay-bench-duck.parquet")
		defer func() { _ = os.Remove(out) }()
		return duckExec(threads, "COPY (SELECT "+typedColumns+" FROM "+readCSV(file)+" WHERE "+castGood+") TO '"+out+"' (FORMAT parquet, COMPRESSION zstd)")
	}
	return fmt.Errorf("no engine %s", engine)
}

func assayTo(file string, opt gate.Options) error {
	dir, err := os.MkdirTemp("", "assay-bench-out")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	opt.Output = folder(dir)
	return assay(file, "csv", opt)
}

type folder string

func (f folder) Create(_ context.Context, name string) (io.WriteCloser, error) {
	return os.Create(filepath.Join(string(f), name))
}

func assay(file, format string, opt gate.Options) error {
	runtime.GOMAXPROCS(max(opt.Workers, 1))
	d, err := contract.Parse("bench.odcs.yaml", fmt.Appendf(nil, contractText, format))
	if err != nil {
		return err
	}
	f, err := d.Feed("")
	if err != nil {
		return err
	}
	g, err := gate.Compile(f)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	in := gate.Input{Name: file, Size: info.Size(), Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		h, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		if n < 0 {
			n = info.Size() - off
		}
		return struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(h, off, n), h}, nil
	}}
	rep, err := g.Judge(context.Background(), in, opt)
	if err != nil {
		return err
	}
	if rep.Problem != nil || rep.Rows.Read == 0 {
		return errors.New(rep.Line(0))
	}
	if clean := !strings.Contains(file, "dirty"); clean && rep.Rows.Rejected > 0 {
		return fmt.Errorf("a clean file has rejects: %s", rep.Line(0))
	}
	return nil
}

// What DuckDB runs. The reader of a contract's check may not take the file's
// word for a type: text columns are read as text and cast by TRY_CAST, so that
// a cell that is not of its type is counted and does not end the query, as in
// the gate. Parquet brings its types along, and nothing is cast.

const columns = `{'id': 'VARCHAR', 'customer': 'VARCHAR', 'email': 'VARCHAR', 'status': 'VARCHAR', 'amount': 'VARCHAR', 'quantity': 'VARCHAR', 'created': 'VARCHAR', 'due': 'VARCHAR', 'active': 'VARCHAR', 'comment': 'VARCHAR'}`

func readCSV(file string) string {
	return cast("read_csv('" + file + "', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = " + columns + ")")
}

func readJSON(file string) string {
	return cast("read_json('" + file + "', format = 'newline_delimited', columns = " + columns + ")")
}

// cast gives the text columns of source their types; x_text is what x was.
func cast(source string) string {
	return `(SELECT TRY_CAST(id AS BIGINT) AS id, id AS id_text, customer, email, status,
 TRY_CAST(amount AS DOUBLE) AS amount, amount AS amount_text, TRY_CAST(quantity AS BIGINT) AS quantity, quantity AS quantity_text,
 TRY_CAST(created AS TIMESTAMP) AS created, created AS created_text, TRY_CAST(due AS DATE) AS due, due AS due_text,
 TRY_CAST(active AS BOOLEAN) AS active, active AS active_text, comment FROM ` + source + `)`
}

const email = `'^[A-Za-z0-9.!#$%&*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$'`

// good is the row checks as one condition, over typed columns.
const good = `id IS NOT NULL AND customer IS NOT NULL AND length(customer) BETWEEN 3 AND 40
 AND (email IS NULL OR regexp_matches(email, ` + email + `))
 AND (status IS NULL OR status IN ('new', 'paid', 'shipped', 'returned', 'cancelled'))
 AND amount IS NOT NULL AND amount BETWEEN 0 AND 100000 AND (quantity IS NULL OR quantity BETWEEN 1 AND 999)
 AND created IS NOT NULL AND created BETWEEN TIMESTAMP '2020-01-01' AND TIMESTAMP '2030-01-01'
 AND (due IS NULL OR due BETWEEN DATE '2020-01-01' AND DATE '2031-01-01') AND (comment IS NULL OR length(comment) <= 200)`

// castGood is good of what cast gives: no value was lost by a cast.
const castGood = good + ` AND (quantity IS NOT NULL OR quantity_text IS NULL) AND (due IS NOT NULL OR due_text IS NULL)
 AND (active IS NOT NULL OR active_text IS NULL)`

const typedColumns = "id, customer, email, status, amount, quantity, created, due, active, comment"

// checks counts, per check of the contract, the values that fail it, with exact
// uniqueness, and gives the counts, bounds and lengths that the profile has of
// all rows. The distributions that the gate takes from a sample of the rows are
// not asked for.
const checks = `count(*), count(DISTINCT id), count(id), count(customer), count(email), count(status), count(amount),
 count(quantity), count(created), count(due), count(active), count(comment),
 count(*) FILTER (length(customer) < 3), count(*) FILTER (length(customer) > 40),
 count(*) FILTER (NOT regexp_matches(email, ` + email + `)),
 count(*) FILTER (status NOT IN ('new', 'paid', 'shipped', 'returned', 'cancelled')),
 count(*) FILTER (amount < 0), count(*) FILTER (amount > 100000),
 count(*) FILTER (quantity < 1), count(*) FILTER (quantity > 999),
 count(*) FILTER (created < TIMESTAMP '2020-01-01'), count(*) FILTER (created > TIMESTAMP '2030-01-01'),
 count(*) FILTER (due < DATE '2020-01-01'), count(*) FILTER (due > DATE '2031-01-01'),
 count(*) FILTER (length(comment) > 200),
 min(amount), max(amount), min(quantity), max(quantity), min(created), max(created), min(due), max(due), min(id), max(id),
 min(strlen(customer)), max(strlen(customer)), min(strlen(email)), max(strlen(email)), min(strlen(status)), max(strlen(status)),
 min(strlen(comment)), max(strlen(comment))`

// castChecks is checks and, per column that is cast, the values that are not
// of its type.
const castChecks = checks + `, count(*) FILTER (id IS NULL AND id_text IS NOT NULL),
 count(*) FILTER (amount IS NULL AND amount_text IS NOT NULL), count(*) FILTER (quantity IS NULL AND quantity_text IS NOT NULL),
 count(*) FILTER (created IS NULL AND created_text IS NOT NULL), count(*) FILTER (due IS NULL AND due_text IS NOT NULL),
 count(*) FILTER (active IS NULL AND active_text IS NOT NULL)`

func duckExec(threads int, query string) error {
	db, err := sql.Open("duckdb", fmt.Sprintf("?threads=%d", threads))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), query)
	return err
}

func duck(threads int, query string) error {
	db, err := sql.Open("duckdb", fmt.Sprintf("?threads=%d", threads))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
	}
	return rows.Err()
}

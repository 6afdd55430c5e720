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
		return duck(threads, "SELECT "+checks("created", "due")+" FROM "+readCSV(file))
	case "duckjsonl":
		return duck(threads, "SELECT "+checks("created", "due")+" FROM read_json('"+file+"', format = 'newline_delimited', columns = "+columns+")")
	case "duckinparquet":
		return duck(threads, "SELECT "+checks("created", "due")+" FROM read_parquet('"+file+"')")
	case "duckparquet":
		out := filepath.Join(os.TempDir(), "assay-bench-duck.parquet")
		defer func() { _ = os.Remove(out) }()
		return duckExec(threads, "COPY (SELECT * FROM "+readCSV(file)+" WHERE "+good+") TO '"+out+"' (FORMAT parquet, COMPRESSION zstd)")
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

const columns = `{'id': 'BIGINT', 'customer': 'VARCHAR', 'email': 'VARCHAR', 'status': 'VARCHAR', 'amount': 'DOUBLE', 'quantity': 'INTEGER', 'created': 'TIMESTAMP', 'due': 'DATE', 'active': 'BOOLEAN', 'comment': 'VARCHAR'}`

func readCSV(file string) string {
	return "read_csv('" + file + "', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = " + columns + ")"
}

// good is the row checks as one condition.
const good = `id IS NOT NULL AND customer IS NOT NULL AND length(customer) BETWEEN 3 AND 40
 AND (email IS NULL OR regexp_matches(email, '^[A-Za-z0-9.!#$%&*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$'))
 AND (status IS NULL OR status IN ('new', 'paid', 'shipped', 'returned', 'cancelled'))
 AND amount IS NOT NULL AND amount BETWEEN 0 AND 100000 AND (quantity IS NULL OR quantity BETWEEN 1 AND 999)
 AND created IS NOT NULL AND created BETWEEN TIMESTAMP '2020-01-01' AND TIMESTAMP '2030-01-01'
 AND (due IS NULL OR due BETWEEN DATE '2020-01-01' AND DATE '2031-01-01') AND (comment IS NULL OR length(comment) <= 200)`

// checks counts what the contract checks, with exact uniqueness and the bounds
// that the profile has.
func checks(created, due string) string {
	return `count(*), count(DISTINCT id), count(*) FILTER (id IS NULL), count(*) FILTER (customer IS NULL),
 count(*) FILTER (length(customer) NOT BETWEEN 3 AND 40),
 count(*) FILTER (NOT regexp_matches(email, '^[A-Za-z0-9.!#$%&*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$')),
 count(*) FILTER (status NOT IN ('new', 'paid', 'shipped', 'returned', 'cancelled')),
 count(*) FILTER (amount IS NULL), count(*) FILTER (amount NOT BETWEEN 0 AND 100000),
 count(*) FILTER (quantity NOT BETWEEN 1 AND 999), count(*) FILTER (` + created + ` IS NULL),
 count(*) FILTER (` + created + ` NOT BETWEEN TIMESTAMP '2020-01-01' AND TIMESTAMP '2030-01-01'),
 count(*) FILTER (` + due + ` NOT BETWEEN DATE '2020-01-01' AND DATE '2031-01-01'),
 count(*) FILTER (length(comment) > 200), count(active), min(amount), max(amount), min(quantity), max(quantity),
 min(` + created + `), max(` + created + `), min(` + due + `), max(` + due + `), min(id), max(id)`
}

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

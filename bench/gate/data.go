package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// files of one workload.
type files struct{ csv, dirty, gz, jsonl, parquet string }

func filesOf(dir string, rows int) files {
	at := func(name string) string { return filepath.Join(dir, fmt.Sprintf("%d-%s", rows, name)) }
	return files{at("clean.csv"), at("dirty.csv"), at("clean.csv.gz"), at("clean.jsonl"), at("clean.parquet")}
}

// makeData makes the workload once per number of rows: ten columns, about 172
// bytes per row, 3 % of the rows with a quoted line break.
func makeData(f files, rows int) error {
	if _, err := os.Stat(f.parquet); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.csv), 0o755); err != nil {
		return err
	}
	if err := writeText(f, rows); err != nil {
		return err
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), fmt.Sprintf("COPY (SELECT %s FROM %s) TO '%s' (FORMAT parquet, COMPRESSION zstd)", typedColumns, readCSV(f.csv), f.parquet))
	return err
}

type sinks struct {
	all []*bufio.Writer
	gz  *gzip.Writer
	fs  []*os.File
}

func writeText(f files, rows int) error {
	var s sinks
	open := func(name string) (*bufio.Writer, error) {
		file, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		s.fs = append(s.fs, file)
		w := bufio.NewWriterSize(file, 1<<20)
		s.all = append(s.all, w)
		return w, nil
	}
	var ws [4]*bufio.Writer
	for i, name := range []string{f.csv, f.dirty, f.gz, f.jsonl} {
		w, err := open(name)
		if err != nil {
			return err
		}
		ws[i] = w
	}
	s.gz = gzip.NewWriter(ws[2])
	header := "id,customer,email,status,amount,quantity,created,due,active,comment\n"
	_, _ = ws[0].WriteString(header) // a bufio.Writer keeps its first error for Flush
	_, _ = ws[1].WriteString(header)
	if _, err := s.gz.Write([]byte(header)); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("please deliver to the back door before noon and ring twice fragile handle with care thank you")
	status := strings.Fields("new paid shipped returned cancelled")
	for i := range rows {
		var c strings.Builder
		for range 7 + r.IntN(8) {
			c.WriteString(words[r.IntN(len(words))])
			c.WriteByte(' ')
		}
		comment, plain := c.String(), c.String()
		switch k := r.IntN(100); {
		case k < 3:
			plain = comment + "\nsecond line"
			comment = `"` + plain + `"`
		case k < 6:
			plain = comment + ", and more"
			comment = `"` + plain + `"`
		}
		id := 10_000_000 + i*3
		customer, email := fmt.Sprintf("Customer %d", r.IntN(1e6)), fmt.Sprintf("user%d@mail%d.example.com", r.IntN(1e6), r.IntN(50))
		st := status[r.IntN(5)]
		amount := fmt.Sprintf("%d.%02d", r.IntN(9999), r.IntN(100))
		quantity := 1 + r.IntN(999)
		created := fmt.Sprintf("2024-%02d-%02dT%02d:%02d:%02dZ", 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60))
		due := fmt.Sprintf("2025-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28))
		active := r.IntN(2) == 0
		row := func(amount string) string {
			return fmt.Sprintf("%d,%s,%s,%s,%s,%d,%s,%s,%v,%s\n", id, customer, email, st, amount, quantity, created, due, active, comment)
		}
		clean := row(amount)
		_, _ = ws[0].WriteString(clean)
		if _, err := s.gz.Write([]byte(clean)); err != nil {
			return err
		}
		if r.IntN(100) == 0 {
			_, _ = ws[1].WriteString(row([]string{"n/a", "-5.00", ""}[r.IntN(3)]))
		} else {
			_, _ = ws[1].WriteString(clean)
		}
		_, _ = fmt.Fprintf(ws[3], `{"id":%d,"customer":%q,"email":%q,"status":%q,"amount":%s,"quantity":%d,"created":%q,"due":%q,"active":%v,"comment":%q}`+"\n",
			id, customer, email, st, amount, quantity, created, due, active, plain)
	}
	if err := s.gz.Close(); err != nil {
		return err
	}
	for i, w := range s.all {
		if err := w.Flush(); err != nil {
			return err
		}
		if err := s.fs[i].Close(); err != nil {
			return err
		}
	}
	return nil
}

// Command reader lets DuckDB, which shares no code with the program, read a
// curated feed again and again while files are published into it, and checks
// that it always sees a whole one. It prints a line and a JSON object, and
// ends with 1 when a reader saw anything else.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

const contract = `apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
customProperties:
  - {property: assay.load, value: append}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: day, logicalType: integer, required: true}
`

func main() {
	binary := flag.String("assay", "../bin/assay", "the program")
	files := flag.Int("files", 40, "how many files are published")
	rows := flag.Int("rows", 5000, "rows in each file")
	flag.Parse()
	if err := run(*binary, *files, *rows); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(binary string, files, rows int) error {
	dir, err := os.MkdirTemp("", "assay-reader-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := project(dir, files, rows); err != nil {
		return err
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-C", dir, "run")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	manifest := filepath.Join(dir, "lake", "curated", "orders", "_symlink", "manifest")
	reads, seen, last := 0, map[int]bool{}, 0
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("assay run: %w\n%s", err, out.String())
			}
			running = false // and once more, after the last publish
		default:
		}
		days, err := read(ctx, db, manifest, rows)
		if err != nil {
			return fmt.Errorf("read %d, after %d days were seen: %w", reads, last, err)
		}
		if days < last {
			return fmt.Errorf("read %d saw %d days after %d were seen", reads, days, last)
		}
		last = days
		if days > 0 {
			seen[days] = true
			reads++
		}
	}
	if last != files {
		return fmt.Errorf("the last read saw %d of %d days", last, files)
	}
	fmt.Printf("DuckDB read the feed %d times while %d files were published: always whole, %d different states\n", reads, files, len(seen))
	return json.NewEncoder(os.Stdout).Encode(map[string]int{"reads": reads, "published": files, "states": len(seen), "torn": 0})
}

func project(dir string, files, rows int) error {
	write := func(name, text string) error {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, []byte(text), 0o644)
	}
	if err := write("contracts/feeds/orders.odcs.yaml", contract); err != nil {
		return err
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := range files {
		var b strings.Builder
		b.WriteString("id,day\n")
		for i := range rows {
			fmt.Fprintf(&b, "%d,%d\n", day*rows+i, day)
		}
		if err := write("lake/landing/orders/"+start.AddDate(0, 0, day).Format(time.DateOnly)+".csv", b.String()); err != nil {
			return err
		}
	}
	return nil
}

// read counts the days that the feed holds, each of which must be whole.
func read(ctx context.Context, db *sql.DB, manifest string, rows int) (int, error) {
	b, err := os.ReadFile(manifest)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // nothing is published yet
	}
	if err != nil {
		return 0, err
	}
	var list []string
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		list = append(list, "'"+strings.ReplaceAll(strings.TrimPrefix(line, "file://"), "'", "''")+"'")
	}
	var days, torn int
	err = db.QueryRowContext(ctx, fmt.Sprintf(`select count(*), count(*) filter (n <> %d) from
		(select day, count(distinct id) as n from read_parquet([%s]) group by day)`, rows, strings.Join(list, ","))).Scan(&days, &torn)
	if err != nil {
		return 0, err
	}
	if torn > 0 {
		return 0, fmt.Errorf("%d of %d days were not whole", torn, days)
	}
	return days, nil
}

package sqlrule

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

var orders = gate.TableSpec{Name: "orders", Alias: "public.ord", Columns: []gate.TableColumn{
	{Name: "id", Alias: "order_no", Type: contract.Integer}, {Name: "amount", Alias: "amount", Type: contract.Decimal},
	{Name: "when", Type: contract.Date}, {Name: "note", Alias: `a "b`, Type: contract.String},
}}

// filled is a table of n rows.
func filled(t *testing.T, e *Engine, n int) gate.Table {
	t.Helper()
	e.Tmp = t.TempDir()
	tab, err := e.Table(context.Background(), orders)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		row := []any{int64(i + 1), float64(i) / 2, "2024-01-31", any("x")}
		if i%10 == 0 {
			row[3] = nil
		}
		if err := tab.Append(context.Background(), row); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(e.Tmp, "*")); len(left) > 0 {
			t.Error("left behind:", left)
		}
	})
	return tab
}

func TestQueries(t *testing.T) {
	tab := filled(t, &Engine{}, 1000)
	for query, want := range map[string]string{
		"SELECT count(*) FROM orders":                                                    "1000",
		`select count(*) from "public.ord" where order_no > 10`:                          "990",
		`SELECT count("a ""b") FROM orders`:                                              "900",
		"SELECT sum(amount) FROM orders":                                                 "249750",
		"SELECT max(amount) FROM orders -- the largest":                                  "499.5",
		"SELECT 'a;b' = 'a;b' /* ; */":                                                   "1",
		"SELECT avg(amount) FROM orders WHERE id < 0":                                    "",
		"WITH big AS (SELECT * FROM orders WHERE amount > 400) SELECT COUNT(*) FROM big": "199",
		"SELECT julianday('2024-02-01') - julianday(max(\"when\")) FROM orders":          "1",
		"(SELECT 1)":                                          "1",
		"SELECT count(*) FROM orders GROUP BY":                "error: the query does not run: near \")\": syntax error",
		"SELECT nope FROM orders":                             "error: the query does not run: no such column: nope (the columns are id, amount, when, note)",
		"SELECT 1 FROM customers":                             "error: the query does not run: no such table: customers",
		"SELECT note FROM orders WHERE id = 2":                "error: the query gives a text, not a number",
		"SELECT id, amount FROM orders":                       "error: the query gives 2 columns, not one number",
		"SELECT id FROM orders":                               "error: the query gives several rows, not one number",
		"SELECT id FROM orders WHERE id < 0":                  "error: the query gives no row",
		"SELECT 9e999":                                        "error: the query gives no finite number",
		"SELECT 1; DROP TABLE orders":                         "error: a rule is one query; what follows the semicolon would be another",
		"SELECT 1) LIMIT 1; PRAGMA query_only=off; SELECT (1": "error: a parenthesis of the query is closed before it is opened",
		"DELETE FROM orders":                                  "error: the query does not run: near \"DELETE\": syntax error",
		"PRAGMA user_version = 7":                             "error: the query does not run: near \"=\": syntax error",
		"ATTACH '/etc/passwd' AS x":                           "error: the query does not run: near \"AS\": syntax error",
		"SELECT load_extension('x')":                          "error: the query does not run: not authorized",
		"SELECT length(zeroblob(200000000))":                  "error: the query does not run: string or blob too big",
		"SELECT 'open":                                        "error: the query ends within a text that starts with '",
		"SELECT (1":                                           "error: a parenthesis of the query is not closed",
		"SELECT 1 /* open":                                    "error: the query ends within a comment",
	} {
		got, err := tab.Query(context.Background(), query)
		if err != nil {
			if pipeline.ErrorCode(err) != pipeline.CodeInvalid {
				t.Errorf("%s: %v", query, err)
			}
			got = "error: " + pipeline.ErrorMessage(err)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

// A query without end is stopped, and the table can still be asked.
func TestTimeLimit(t *testing.T) {
	tab := filled(t, &Engine{Limit: 100 * time.Millisecond}, 10)
	start := time.Now()
	_, err := tab.Query(context.Background(), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n")
	if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(pipeline.ErrorMessage(err), "longer than 100ms") || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if got, err := tab.Query(context.Background(), "SELECT count(*) FROM orders"); got != "10" || err != nil {
		t.Error(got, err)
	}
}

func TestCanceled(t *testing.T) {
	tab := filled(t, &Engine{}, 10)
	if _, err := tab.Query(context.Background(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := tab.Query(ctx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n")
	if pipeline.ErrorCode(err) == pipeline.CodeInvalid || err == nil {
		t.Error("a canceled judgement is no answer:", err)
	}
}

func TestNoRoom(t *testing.T) {
	e := &Engine{Tmp: filepath.Join(t.TempDir(), "nothing")}
	if _, err := e.Table(context.Background(), orders); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Error(err)
	}
	twice := gate.TableSpec{Name: "t", Columns: []gate.TableColumn{{Name: "a"}, {Name: "A"}}}
	if _, err := (&Engine{Tmp: t.TempDir()}).Table(context.Background(), twice); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Error(err)
	}
	if _, err := os.Stat(e.Tmp); err == nil {
		t.Error("the folder was made")
	}
}

// FuzzSingle: what is let through is one query for SQLite too: as a subquery it
// leaves the table as it was.
func FuzzSingle(f *testing.F) {
	for _, q := range []string{"SELECT 1", "SELECT 1; SELECT 2", "SELECT ')' /* ( */ -- ;\n", "SELECT [a;b]", "SELECT 1) x; DELETE FROM orders; SELECT (1"} {
		f.Add(q)
	}
	e := &Engine{Limit: 50 * time.Millisecond, Tmp: f.TempDir()}
	tab, err := e.Table(context.Background(), orders)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		if err := tab.Append(context.Background(), []any{int64(i), 1.0, nil, nil}); err != nil {
			f.Fatal(err)
		}
	}
	f.Cleanup(func() { _ = tab.Close() })
	f.Fuzz(func(t *testing.T, q string) {
		_, _ = tab.Query(context.Background(), q)
		if n, err := tab.Query(context.Background(), "SELECT count(*) FROM orders"); n != "3" || err != nil {
			t.Fatalf("after %q: %s rows, %v", q, n, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	e := &Engine{Tmp: b.TempDir()}
	tab, err := e.Table(context.Background(), orders)
	if err != nil {
		b.Fatal(err)
	}
	defer tab.Close() //nolint:errcheck // the test is over
	for i := range b.N {
		if err := tab.Append(context.Background(), []any{int64(i), 1.5, "2024-01-01", fmt.Sprint(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

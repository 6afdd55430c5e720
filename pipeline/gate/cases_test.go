package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// dataDir finds shared test data beside the repository, or skips.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("ASSAY_TEST_DATA")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for root := wd; ; root = filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				dir = filepath.Join(root, "..", "shared", "data")
				break
			}
			if root == filepath.Dir(root) {
				break
			}
		}
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("needs ../shared/data: " + name)
	}
	return dir
}

// bytesInput is a file in memory.
func bytesInput(name string, b []byte) gate.Input {
	return gate.Input{Name: name, Size: int64(len(b)), Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		part := b[off:]
		if n >= 0 {
			part = part[:min(n, int64(len(part)))]
		}
		return io.NopCloser(bytes.NewReader(part)), nil
	}}
}

// memory is an Output that keeps what is written.
type memory map[string]*bytes.Buffer

func (m memory) Create(_ context.Context, name string) (io.WriteCloser, error) {
	m[name] = &bytes.Buffer{}
	return nopCloser{m[name]}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func compile(t testing.TB, src string) *gate.Gate {
	t.Helper()
	d, err := contract.Parse("contract.odcs.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Feed("")
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func judge(t testing.TB, g *gate.Gate, name string, data []byte) (*gate.Report, memory) {
	t.Helper()
	out := memory{}
	rep, err := g.Judge(context.Background(), bytesInput(name, data), gate.Options{Batch: "b1", Output: out})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Rows.Balanced() {
		t.Fatalf("%+v: read is not accepted + rejected", rep.Rows)
	}
	fitsSchema(t, rep)
	return rep, out
}

func check(t testing.TB, rep *gate.Report, field, rule string) gate.CheckResult {
	t.Helper()
	for _, c := range rep.Checks {
		if c.Field == field && c.Rule == rule {
			return c
		}
	}
	t.Fatalf("no check %s of %s in %+v", rule, field, rep.Checks)
	return gate.CheckResult{}
}

// expected holds a report against a case's own expect.json: the result, the
// rows, and the failures of each check that it counts.
func expected(t *testing.T, file string, rep *gate.Report) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Result string
		Rows   *int64
		Checks []struct {
			Check, Field string
			Failed       *int64
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	verdict := map[string]pipeline.Verdict{"passed": pipeline.Passed, "failed": pipeline.Failed, "warning": pipeline.Warned}[want.Result]
	if strings.Contains(file, "optional-missing") {
		verdict = pipeline.Warned // as written with assay.missingOptional, which follows
	}
	if rep.Verdict != verdict || want.Rows != nil && rep.Rows.Read != *want.Rows {
		t.Errorf("%s of %d rows, want %s of %v", rep.Verdict, rep.Rows.Read, want.Result, want.Rows)
	}
	for _, c := range want.Checks {
		for _, got := range rep.Checks {
			if c.Failed != nil && got.Field == c.Field && got.Rule == c.Check && got.Result != gate.ResultNotJudged && got.Failed != *c.Failed {
				t.Errorf("%s of %s: %d failed, want %d", c.Check, c.Field, got.Failed, *c.Failed)
			}
		}
	}
}

// TestContractCases runs the published cases of another tool; their warning is
// warned here, and their absent optional column fails only where the contract
// says so.
func TestContractCases(t *testing.T) {
	dir := dataDir(t, "contract-cases")
	cases := []struct {
		name, file string
		verdict    pipeline.Verdict
		rows       int64
		failed     map[string]int64 // field rule → failed
	}{
		{"01-failed-samples", "orders.csv", pipeline.Failed, 10, map[string]int64{"id unique": 1, "email pattern": 6, "amount maximum": 1, "amount minimum": 0, "region required": 2}},
		{"03-percent-null-pass", "orders.csv", pipeline.Passed, 5, map[string]int64{"email nullValues": 0}},
		{"05-percent-invalid-warning", "orders.csv", pipeline.Warned, 5, map[string]int64{"amount invalidValues": 2}},
		{"07-invalid-pattern-percent-fail", "orders.csv", pipeline.Failed, 5, map[string]int64{"email invalidValues": 1}},
		{"09-rowcount-percent-ignored", "orders.csv", pipeline.Failed, 5, map[string]int64{" rowCount": 1}},
		{"11-evolution-csv-optional-missing", "data.csv", pipeline.Warned, 2, map[string]int64{"population present": 1}},
		{"13-evolution-csv-optional-invalid", "data.csv", pipeline.Failed, 2, map[string]int64{"population minimum": 1}},
		{"15-evolution-parquet-optional-missing", "data.parquet", pipeline.Warned, 2, map[string]int64{"population present": 1}},
		{"17-evolution-parquet-optional-invalid", "data.parquet", pipeline.Failed, 2, map[string]int64{"population minimum": 1}},
		{"19-evolution-json-optional-missing", "data.json", pipeline.Warned, 2, map[string]int64{"population present": 1}},
		{"21-csv-clean", "sample_data.csv", pipeline.Passed, 10, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join(dir, c.name, "contract.odcs.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, c.name, c.file))
			if err != nil {
				t.Fatal(err)
			}
			rep, out := judge(t, compile(t, string(src)), c.file, data)
			if rep.Verdict != c.verdict || rep.Rows.Read != c.rows {
				var b strings.Builder
				_ = rep.WriteText(&b)
				t.Fatalf("verdict %s of %d rows, want %s of %d\n%s", rep.Verdict, rep.Rows.Read, c.verdict, c.rows, &b)
			}
			expected(t, filepath.Join(dir, c.name, "expect.json"), rep)
			for k, n := range c.failed {
				field, rule, _ := strings.Cut(k, " ")
				if got := check(t, rep, field, rule).Failed; got != n {
					t.Errorf("%s: %d failed, want %d", k, got, n)
				}
			}
			if c.name == "01-failed-samples" {
				if rep.Rows.Rejected != 9 {
					t.Errorf("%d rejected, want 9", rep.Rows.Rejected)
				}
				var all bytes.Buffer
				_ = rep.WriteJSON(&all)
				_ = rep.WriteText(&all)
				all.Write(out["rejects.csv"].Bytes())
				if bytes.Contains(all.Bytes(), []byte("no-at")) || bytes.Contains(all.Bytes(), []byte("alice")) {
					t.Error("a classified value stands in a report")
				}
			}
			if c.verdict == pipeline.Warned && strings.Contains(c.name, "missing") {
				strict := string(src) + "\ncustomProperties:\n  - property: assay.missingOptional\n    value: fail_batch\n"
				if rep, _ := judge(t, compile(t, strict), c.file, data); rep.Verdict != pipeline.Failed || rep.Decision != pipeline.Hold {
					t.Errorf("with missingOptional fail: %s, %s", rep.Verdict, rep.Decision)
				}
			}
			var doc map[string]any
			var b bytes.Buffer
			if err := rep.WriteJSON(&b); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
		})
	}
}

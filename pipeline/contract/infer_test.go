package contract_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

var shopColumns = []string{"order_no", "customer", "status", "ordered", "shipped_at", "quantity", "length_mm", "price", "country", "note"}

// shop draws a day of orders; from numbers the first one.
func shop(seed uint64, n, from int) [][]string {
	r := rand.New(rand.NewPCG(seed, 7))
	var out [][]string
	for i := range n {
		at := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(90*24*3600)) * time.Second)
		note := ""
		if r.IntN(10) > 0 {
			note = strings.Repeat("as agreed ", 1+r.IntN(4))
		}
		out = append(out, []string{
			fmt.Sprintf("SO-%07d", from+i), fmt.Sprintf("C%05d", r.IntN(3000)),
			[]string{"open", "paid", "shipped", "returned"}[min(r.IntN(5), 3)], at.Format("02.01.2006"), at.Add(30 * time.Hour).Format("2006-01-02 15:04:05"),
			strconv.Itoa(1 + r.IntN(40)), fmt.Sprintf("%.1f", 20+r.Float64()*180), fmt.Sprintf("%.2f", 5+r.ExpFloat64()*40),
			[]string{"DE", "FR", "AT", "NL", "PL"}[r.IntN(5)], strings.TrimSpace(note),
		})
	}
	return out
}

func csvOf(t *testing.T, header []string, rows [][]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(header); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func infer(t *testing.T, header []string, rows [][]string) []byte {
	t.Helper()
	in := contract.NewInferrer("shop orders", header)
	for _, r := range rows {
		in.Add(r, nil)
	}
	src, err := in.Contract()
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func bytesInput(data []byte) gate.Input {
	return gate.Input{Name: "sample.csv", Size: int64(len(data)), Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		rest := data[min(off, int64(len(data))):]
		if n >= 0 && n < int64(len(rest)) {
			rest = rest[:n]
		}
		return io.NopCloser(bytes.NewReader(rest)), nil
	}}
}

// failures are the checks of a report that did not pass.
func failures(rep *gate.Report) (out []string) {
	for _, c := range rep.Checks {
		if c.Failed > 0 || c.Result != "passed" {
			out = append(out, fmt.Sprintf("%s %s: %d of %d", c.ID, c.Result, c.Failed, c.Evaluated))
		}
	}
	if rep.Problem != nil {
		out = append(out, fmt.Sprintf("%+v", *rep.Problem))
	}
	return out
}

func judge(t *testing.T, src, data []byte) *gate.Report {
	t.Helper()
	d, err := contract.Parse("inferred.odcs.yaml", src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	f, err := d.Feed("")
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	g, err := gate.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := g.Judge(context.Background(), bytesInput(data), gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// A contract inferred from one file passes it, a second one and 20 more of the
// same source, and finds the ten kinds of fault.
func TestInferGeneralises(t *testing.T) {
	rows := shop(1, 2000, 1000)
	src := infer(t, shopColumns, rows)
	for _, f := range contract.LintSource("inferred.odcs.yaml", src) {
		if f.Level == contract.LevelError {
			t.Errorf("the inferred contract: %s", f)
		}
	}
	for seed := uint64(1); seed <= 22; seed++ {
		rep := judge(t, src, csvOf(t, shopColumns, shop(seed, 1500+int(seed)*50, 1000*int(seed))))
		contract.Figures.Count("infer_clean", rep.Verdict == pipeline.Passed)
		if rep.Verdict != pipeline.Passed {
			t.Errorf("clean sample %d: %s %+v", seed, rep.Verdict, failures(rep))
		}
	}
	change := func(f func(r []string)) func() ([]string, [][]string) {
		return func() ([]string, [][]string) {
			out := shop(99, 2000, 50000)
			for _, r := range out {
				f(r)
			}
			return shopColumns, out
		}
	}
	found := 0
	faults := []struct {
		name string
		make func() ([]string, [][]string)
	}{
		{"a column is removed", func() ([]string, [][]string) {
			out := shop(99, 2000, 50000)
			for i := range out {
				out[i] = append(out[i][:6:6], out[i][7:]...)
			}
			return append(shopColumns[:6:6], shopColumns[7:]...), out
		}},
		{"a column is renamed", func() ([]string, [][]string) {
			h := append([]string{}, shopColumns...)
			h[2] = "state"
			return h, shop(99, 2000, 50000)
		}},
		{"a column is retyped", change(func(r []string) { r[5] = r[5] + " pcs" })},
		{"nulls", change(func(r []string) {
			if strings.HasSuffix(r[1], "7") {
				r[1] = ""
			}
		})},
		{"values are shifted by a column", change(func(r []string) { copy(r[1:], append([]string{r[9]}, r[1:9]...)) })},
		{"a new category", change(func(r []string) {
			if r[2] == "paid" {
				r[2] = "refunded"
			}
		})},
		{"another unit", change(func(r []string) {
			f, _ := strconv.ParseFloat(r[6], 64)
			r[6] = fmt.Sprintf("%.1f", f/25.4)
		})},
		{"epoch dates", change(func(r []string) { r[3] = "01.01.1970" })},
		{"duplicates", func() ([]string, [][]string) {
			out := shop(99, 2000, 50000)
			return shopColumns, append(out, out[:40]...)
		}},
		{"truncated values", change(func(r []string) { r[0] = r[0][:6] })},
	}
	for _, f := range faults {
		header, data := f.make()
		rep := judge(t, src, csvOf(t, header, data))
		contract.Figures.Count("infer_faults", rep.Verdict != pipeline.Passed && rep.Verdict != pipeline.Warned)
		if rep.Verdict == pipeline.Passed || rep.Verdict == pipeline.Warned {
			t.Logf("%s is not found: %s", f.name, rep.Verdict)
			continue
		}
		found++
	}
	if found < len(faults) {
		t.Errorf("%d of %d kinds of fault are found", found, len(faults))
	}
	if testing.Verbose() {
		t.Logf("%s", src)
	}
}

func TestInferLittle(t *testing.T) {
	if _, err := contract.NewInferrer("x", nil).Contract(); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("no columns: %v", err)
	}
	if _, err := contract.NewInferrer("x", []string{"a"}).Contract(); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("no rows: %v", err)
	}
	// Three rows are evidence of types, and of nothing else.
	src := string(infer(t, []string{"id", "num", "zip", "day", "", "odd: name"}, [][]string{
		{"1", "2.5", "01234", "2024-01-02", "x", "true"}, {"2", "-3", "99999", "2024-01-03", "y", "false"}, {"3", "0", "00001", "2024-01-04", "z", "true"}}))
	for _, want := range []string{"name: id\n        logicalType: integer", "name: num\n        logicalType: number", "name: zip\n        logicalType: string",
		"name: day\n        logicalType: date", "name: column_5\n", "name: \"odd: name\"\n        logicalType: boolean"} {
		if !strings.Contains(src, want) {
			t.Errorf("%q is missing in\n%s", want, src)
		}
	}
	for _, no := range []string{"required", "minimum", "unique", "primaryKey", "invalidValues"} {
		if strings.Contains(src, no) {
			t.Errorf("%s from three rows:\n%s", no, src)
		}
	}
	if _, err := contract.Parse("x", []byte(src)); err != nil {
		t.Error(err)
	}
}

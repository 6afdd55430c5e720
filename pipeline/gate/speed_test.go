//go:build unix

package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/gate"
)

// speedContract has the ten columns and the checks of the benchmark.
const speedContract = `
apiVersion: v3.1.0
kind: DataContract
id: speed
version: 1.0.0
status: active
schema:
  - name: speed
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

// speedRows makes n rows of about 172 bytes, 3 % of them with a quoted line
// break, and a share of bad ones.
func speedRows(n int, bad float64) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("id,customer,email,status,amount,quantity,created,due,active,comment\n")
	words := []string{"please", "deliver", "to", "the", "back", "door", "before", "noon", "and", "ring", "twice", "fragile"}
	status := []string{"new", "paid", "shipped", "returned", "cancelled"}
	for i := range n {
		comment := ""
		for range 8 + r.IntN(8) {
			comment += words[r.IntN(len(words))] + " "
		}
		switch {
		case r.IntN(100) < 3:
			comment = `"` + comment + "\n" + `second line, with ""quotes"""`
		case r.IntN(100) < 3:
			comment = `"` + comment + `, and more"`
		}
		amount := fmt.Sprintf("%d.%02d", r.IntN(9999), r.IntN(100))
		if r.Float64() < bad {
			amount = []string{"n/a", "-5.00", "12,50"}[r.IntN(3)]
		}
		fmt.Fprintf(&b, "%d,Customer %d,user%d@mail%d.example.com,%s,%s,%d,2024-%02d-%02dT%02d:%02d:%02dZ,2025-%02d-%02d,%v,%s\n",
			10000000+i, r.IntN(1e6), r.IntN(1e6), r.IntN(50), status[r.IntN(5)], amount, 1+r.IntN(999),
			1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 1+r.IntN(12), 1+r.IntN(28), r.IntN(2) == 0, comment)
	}
	return b.Bytes()
}

// speedFile is n times 100,000 rows with keys of their own.
func speedFile(n int, bad float64) []byte {
	part := speedRows(100_000, bad)
	out := slices.Clone(part)
	_, body, _ := bytes.Cut(part, []byte{'\n'})
	for i := 1; i < n; i++ {
		at := len(out)
		out = append(out, body...)
		for id := 0; id < 100_000; id++ {
			copy(out[at:], strconv.Itoa(10000000+i*100_000+id))
			next := bytes.Index(out[at:], []byte("\n1"))
			at += next + 1
		}
	}
	return out
}

// cpu is the processor time of this process in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchmark(b *testing.B, data []byte, opt gate.Options) {
	g := compile(b, speedContract)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	before := cpu()
	defer func() {
		used := float64(cpu()-before) / float64(b.N) / 1e9
		b.ReportMetric(float64(len(data))/1e6/used, "MB/cpu-s")
	}()
	for b.Loop() {
		rep, err := g.Judge(context.Background(), bytesInput("speed.csv", data), opt)
		if err != nil || rep.Rows.Read == 0 {
			b.Fatal(err, rep)
		}
	}
}

// BenchmarkFile judges the file that ASSAY_BENCH_FILE names, of the same columns.
func BenchmarkFile(b *testing.B) {
	name := os.Getenv("ASSAY_BENCH_FILE")
	data, err := os.ReadFile(name)
	if err != nil {
		b.Skip("needs ASSAY_BENCH_FILE")
	}
	benchmark(b, data, gate.Options{Workers: 1})
}

func BenchmarkCSV(b *testing.B) { benchmark(b, speedFile(10, 0), gate.Options{Workers: 1}) }
func BenchmarkCSVDirty(b *testing.B) {
	benchmark(b, speedFile(10, 0.01), gate.Options{Workers: 1})
}
func BenchmarkCSVTwo(b *testing.B) {
	benchmark(b, speedFile(10, 0), gate.Options{Workers: min(2, runtime.NumCPU())})
}
func BenchmarkCSVToParquet(b *testing.B) {
	benchmark(b, speedFile(10, 0), gate.Options{Workers: 1, Output: memory{}})
}

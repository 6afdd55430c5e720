//go:build unix

package gate_test

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/gate"
)

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

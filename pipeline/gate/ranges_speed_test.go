//go:build unix

package gate_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/gate"
)

// folder is a shelf and an Output on disk.
type folder string

func (f folder) Create(_ context.Context, name string) (io.WriteCloser, error) {
	return os.Create(filepath.Join(string(f), name))
}

func (f folder) Open(_ context.Context, name string, off, n int64) (io.ReadCloser, error) {
	file, err := os.Open(filepath.Join(string(f), name))
	if err != nil {
		return nil, err
	}
	if n < 0 {
		n = 1 << 62
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, off, n), file}, nil
}

// BenchmarkRanges judges a file at once and in sixteen ranges, one after the
// other: what the ranges cost together, and their merge, as shares of the
// processor time of the one pass.
func BenchmarkRanges(b *testing.B) {
	data := speedFile(20, 0.01)
	// One row in a thousand has the id of one that came long before.
	n := 0
	for at := bytes.IndexByte(data, '\n') + 1; at < len(data); n++ {
		if n%1000 == 999 {
			copy(data[at:], strconv.Itoa(10000000+n/2))
		}
		next := bytes.Index(data[at:], []byte("\n1"))
		if next < 0 {
			break
		}
		at += next + 1
	}
	g := compile(b, speedContract)
	in := bytesInput("speed.csv", data)
	ctx := context.Background()
	var whole, parts, merge int64
	opt := gate.Options{Batch: "b", Workers: 1, Tmp: b.TempDir()}
	for b.Loop() {
		opt.Output = folder(b.TempDir())
		at := cpu()
		if _, err := g.Judge(ctx, in, opt); err != nil {
			b.Fatal(err)
		}
		whole += cpu() - at
		opt.Output = nil
		l, err := g.Lay(ctx, in, int64(len(data))/16)
		if err != nil || l.Whole != "" {
			b.Fatal(err, l.Whole)
		}
		shelf := folder(b.TempDir())
		at = cpu()
		for i := range l.Ranges {
			if _, err := g.JudgeRange(ctx, in, l, i, shelf, opt); err != nil {
				b.Fatal(err)
			}
		}
		parts += cpu() - at
		opt.Output = folder(b.TempDir())
		at = cpu()
		if _, err := g.Merge(ctx, in, l, shelf, opt); err != nil {
			b.Fatal(err)
		}
		merge += cpu() - at
	}
	b.ReportMetric(float64(whole)/1e9/float64(b.N), "whole-s")
	b.ReportMetric(float64(parts)/float64(whole), "ranges/whole")
	b.ReportMetric(float64(merge)/float64(whole), "merge/whole")
}

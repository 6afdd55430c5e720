package integration

import (
	"archive/zip"
	"compress/flate"
	"flag"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/localrt"
)

var (
	starts = flag.Int("starts", 3, "starts of TestInit; the figure is the median of 41")
	zips   = flag.Bool("zips", false, "build every function for arm64 and weigh its zip, as TestZip does")
)

// TestInit: what ingest does before it asks for its first event.
func TestInit(t *testing.T) {
	s := newDiskStore(t)
	w := newLake(t, s, "init")
	var took []time.Duration
	for range *starts + 2 { // the first two warm the page cache
		e := localrt.NewEnvironment(w.function("ingest"))
		d, err := e.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
		took = append(took, d)
	}
	took = took[2:]
	slices.Sort(took)
	ms := float64(took[len(took)/2].Microseconds()) / 1000
	t.Logf("%d starts: median %.1f ms, from %v to %v", len(took), ms, took[0], took[len(took)-1])
	figure(t, map[string]any{"init_ms": round(ms)})
}

// zipBound is how large the archive of a function may be, in MB of 10^6 bytes.
const zipBound = 12

// TestZip: what Lambda is given to unpack.
func TestZip(t *testing.T) {
	if !*zips {
		t.Skip("-zips asks for it")
	}
	mains, err := filepath.Glob(filepath.Join("..", "..", "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	largest, sizes := 0.0, map[string]float64{}
	for _, m := range mains {
		name := filepath.Base(filepath.Dir(m))
		file := filepath.Join(t.TempDir(), "bootstrap")
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", file, "./functions/"+name)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, b)
		}
		mb := round(float64(zipped(t, file)) / 1e6)
		sizes[name] = mb
		if mb > zipBound {
			t.Errorf("the archive of %s is %.2f MB, more than %d", name, mb, zipBound)
		}
		largest = max(largest, mb)
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		t.Logf("zip of %-8s %6.2f MB", name, sizes[name])
	}
	figure(t, map[string]any{"zip_mb": sizes["ingest"], "zip_mb_largest": largest})
}

type count int64

func (c *count) Write(b []byte) (int, error) { *c += count(len(b)); return len(b), nil }

// zipped is the size of a zip with the one file, as hard as deflate can.
func zipped(t testing.TB, file string) int64 {
	t.Helper()
	var n count
	z := zip.NewWriter(&n)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return int64(n)
}

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

// initBound is how long a function may take until it asks for its first event, at
// the median, where as many starts are measured as a figure takes; else one that
// a machine which does much else at the time keeps too. Who waits for ingest is a
// file, for the others a message, a person or the clock.
func initBound(name string) time.Duration {
	switch {
	case *starts < 41:
		return 500 * time.Millisecond
	case name == "ingest":
		return 15 * time.Millisecond
	}
	return 30 * time.Millisecond
}

// TestInit: what each function does before it asks for its first event.
func TestInit(t *testing.T) {
	s := newDiskStore(t)
	w := newLake(t, s, "init")
	medians := map[string]float64{}
	slowest := 0.0
	for _, name := range functions(t) {
		f := w.function(name)
		var took []time.Duration
		for range *starts + 2 { // the first two warm the page cache
			e := localrt.NewEnvironment(f)
			d, err := e.Start(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			e.Close()
			took = append(took, d)
		}
		took = took[2:]
		slices.Sort(took)
		median := took[len(took)/2]
		if median > initBound(name) {
			t.Errorf("%s asks for its first event after %v, later than %v", name, median, initBound(name))
		}
		medians[name] = round(float64(median.Microseconds()) / 1000)
		slowest = max(slowest, medians[name])
		t.Logf("init of %-8s %6.1f ms, the median of %d starts from %v to %v", name, medians[name], len(took), took[0], took[len(took)-1])
	}
	figure(t, map[string]any{"init_ms": medians["ingest"], "init_ms_slowest": slowest})
}

// functions are the names of those of the repository.
func functions(t testing.TB) []string {
	t.Helper()
	mains, err := filepath.Glob(filepath.Join("..", "..", "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	var names []string
	for _, m := range mains {
		names = append(names, filepath.Base(filepath.Dir(m)))
	}
	return names
}

// zipBound is how large the archive of a function may be, in MB of 10^6 bytes.
const zipBound = 12

// TestZip: what Lambda is given to unpack.
func TestZip(t *testing.T) {
	if !*zips {
		t.Skip("-zips asks for it")
	}
	largest, sizes := 0.0, map[string]float64{}
	for _, name := range functions(t) {
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

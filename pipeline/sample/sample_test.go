package sample_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/sample"
)

var update = flag.Bool("update", false, "write the committed excerpt anew")

func TestSameSeedSameBytes(t *testing.T) {
	a, b := sample.Generate(sample.Options{Seed: 7}), sample.Generate(sample.Options{Seed: 7})
	if len(a.Files) != len(b.Files) || len(a.Files) == 0 {
		t.Fatalf("%d and %d files", len(a.Files), len(b.Files))
	}
	for i := range a.Files {
		if !bytes.Equal(a.Files[i].Bytes, b.Files[i].Bytes) {
			t.Errorf("%s differs between two runs of one seed", a.Files[i].Landing())
		}
	}
	c := sample.Generate(sample.Options{Seed: 8})
	if bytes.Equal(a.Files[0].Bytes, c.Files[0].Bytes) {
		t.Error("seeds 7 and 8 give the same catalog")
	}
}

// Sizes at both ends are answered, not refused and not for ever.
func TestSizes(t *testing.T) {
	if n := len(sample.Generate(sample.Options{Seed: 2, Items: 1, Transactions: 1}).Truth.Items); n != 300 {
		t.Errorf("1 item asked for: %d", n)
	}
	if n := len(sample.Generate(sample.Options{Seed: 2, Items: 1 << 20, Transactions: 1}).Truth.Items); n < 10000 || n > 20000 {
		t.Errorf("a million items asked for: %d", n)
	}
}

// The excerpt is what a reader of the repository sees of the sample; it is the
// beginning of each plant's file of seed 1.
func TestExcerpt(t *testing.T) {
	s := sample.Generate(sample.Options{Seed: 1})
	var out strings.Builder
	for i, f := range s.Files[:3] {
		lines := strings.SplitAfter(string(f.Bytes), "\n")
		if i == 0 {
			out.WriteString(lines[0])
		}
		n := 67
		if i == 2 {
			n = 66
		}
		out.WriteString(strings.Join(lines[1:n+1], ""))
	}
	const file = "testdata/excerpt.csv"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != out.String() {
		t.Errorf("%s is not what seed 1 gives; run this test with -update", file)
	}
}

func TestSecondPerSeed(t *testing.T) {
	start := time.Now()
	const n = 3
	for seed := range uint64(n) {
		sample.Generate(sample.Options{Seed: seed})
	}
	if per := time.Since(start) / n; per > time.Second {
		t.Errorf("a sample takes %s, at most 1s is promised", per)
	}
}

func TestTruthIsWhole(t *testing.T) {
	for _, seed := range []uint64{0, 1, 1 << 32, math.MaxUint64} {
		s := sample.Generate(sample.Options{Seed: seed})
		tr := s.Truth
		if len(tr.Items) != 5000 {
			t.Errorf("seed %d: %d items", seed, len(tr.Items))
		}
		for _, p := range tr.Duplicates {
			if tr.Items[p[0]].Product != tr.Items[p[1]].Product || p[0] >= p[1] {
				t.Fatalf("seed %d: %v is no duplicate", seed, p)
			}
		}
		for _, n := range tr.NearTwins {
			a, b := tr.Items[n.A], tr.Items[n.B]
			if a.Product == b.Product || a.Category != b.Category {
				t.Fatalf("seed %d: %v is no near twin", seed, n)
			}
			x, _ := a.Fact(n.Attribute)
			y, _ := b.Fact(n.Attribute)
			if x.Value == y.Value {
				t.Errorf("seed %d: the near twins %q and %q agree in %s", seed, a.Text, b.Text, n.Attribute)
			}
		}
		// The texts of what is told: two products never read alike.
		texts := map[string]string{}
		for _, it := range tr.Items {
			if it.Thin || it.Text == "" {
				continue
			}
			key := it.Category + it.Text
			if p, ok := texts[key]; ok && p != it.Product && told(it) {
				t.Errorf("seed %d: %q means two products", seed, it.Text)
			}
			if told(it) {
				texts[key] = it.Product
			}
		}
	}
}

func told(it sample.Item) bool {
	for _, f := range it.Facts {
		if f.Critical && f.Source == sample.Unsaid {
			return false
		}
	}
	return true
}

// Rows and lines in the truth are where a reader finds them: clean files parse
// by encoding/csv once the faults are taken out.
func TestFaultsAreWhereTheTruthSays(t *testing.T) {
	s := sample.Generate(sample.Options{Seed: 3})
	for _, f := range s.Files {
		bad := map[int]sample.Fault{}
		for _, x := range s.Truth.Faults {
			if x.Feed == f.Feed && x.File == f.Name {
				bad[x.Line] = x
				if x.Twin == 0 || x.Twin == x.Row {
					t.Errorf("%s: %q has no twin", f.Name, x.Kind)
				}
			}
		}
		var clean []string
		for i, l := range strings.SplitAfter(string(f.Bytes), "\n") {
			if _, ok := bad[i+1]; !ok {
				clean = append(clean, l)
			}
		}
		r := csv.NewReader(strings.NewReader(strings.Join(clean, "")))
		rows, err := r.ReadAll()
		if err != nil {
			t.Errorf("%s without its faults: %v", f.Name, err)
			continue
		}
		keys := map[string]bool{}
		for _, row := range rows[1:] {
			if keys[row[0]] {
				t.Errorf("%s: the key %s stands twice", f.Name, row[0])
			}
			keys[row[0]] = true
		}
	}
	if n := len(s.Truth.Faults); n < 300 {
		t.Errorf("%d faults only", n)
	}
}

package contract

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedData is the folder of the evaluation data beside the repository.
func sharedData(t testing.TB, sub string) string {
	t.Helper()
	dir := os.Getenv("ASSAY_TEST_DATA")
	if dir == "" {
		at, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
				break
			}
			if filepath.Dir(at) == at {
				t.Fatal("no go.mod above the test")
			}
			at = filepath.Dir(at)
		}
		dir = filepath.Join(at, "..", "shared", "data")
		if _, err := os.Stat(dir); err != nil { // a worktree lies one deeper
			dir = filepath.Join(at, "..", "..", "shared", "data")
		}
	}
	dir = filepath.Join(dir, sub)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs ../shared/data: %s", sub)
	}
	return dir
}

func contractsUnder(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".odcs.yaml") {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The official examples load, lint without an error, and come back byte for
// byte; each of their objects compiles.
func TestOfficialExamples(t *testing.T) {
	examples := contractsUnder(t, sharedData(t, "odcs/examples"))
	if len(examples) != 18 {
		t.Errorf("%d examples, want 18", len(examples))
	}
	for name, src := range examples {
		t.Run(name, func(t *testing.T) {
			official(t, name, src)
			Figures.Count("odcs_roundtrip", !t.Failed())
		})
	}
}

// official checks one example: it comes back byte for byte, also where a value
// is changed, an entry added or one deleted.
func official(t *testing.T, name string, src []byte) {
	d, err := Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.Bytes(), src) {
		t.Errorf("%s: Bytes differ from the source", name)
	}
	for _, f := range d.Lint() {
		if f.Level == LevelError {
			t.Errorf("%s", f)
		}
	}
	for _, n := range d.Feeds() {
		if _, err := d.Feed(n); err != nil && !strings.Contains(err.Error(), "has no properties") {
			t.Errorf("%v", err)
		}
	}
}

func TestContractCases(t *testing.T) {
	for name, src := range contractsUnder(t, sharedData(t, "contract-cases")) {
		d, err := Parse(name, src)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		f, err := d.Feed("")
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		want := CSV
		switch {
		case strings.Contains(name, "parquet"):
			want = Parquet
		case strings.Contains(name, "json"):
			want = JSONL
		}
		if f.Format != want {
			t.Errorf("%s: format %s, want %s", name, f.Format, want)
		}
	}
}

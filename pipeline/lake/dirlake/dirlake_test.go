package dirlake

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/laketest"
)

func TestConformance(t *testing.T) {
	laketest.Run(t, func(t *testing.T, n int) []lake.Driver {
		root := t.TempDir()
		ds := make([]lake.Driver, n)
		for i := range ds {
			d, err := New(root)
			if err != nil {
				t.Fatal(err)
			}
			ds[i] = d
		}
		return ds
	})
}

func TestOwnFilesAreNoKeys(t *testing.T) {
	root := t.TempDir()
	d, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", ".", "..", "../x", "a/../b", "/a", "a//b", "a/", ".locks/00", ".locks", "data/.tmp-x", "a\x00b"} {
		if _, err := d.Put(t.Context(), key, strings.NewReader("x"), lake.Condition{}); err == nil {
			t.Errorf("Put(%q) succeeds", key)
		}
		if _, _, err := d.Get(t.Context(), key, 0, -1); err == nil {
			t.Errorf("Get(%q) succeeds", key)
		}
		if err := d.Delete(t.Context(), key); err == nil {
			t.Errorf("Delete(%q) succeeds", key)
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("refused keys left %v, %v", entries, err)
	}
}

func TestFoldersOfDeleted(t *testing.T) {
	root := t.TempDir()
	d, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"data/orders/b1/p", "landing/orders/x.csv"} {
		if _, err := d.Put(t.Context(), key, strings.NewReader("x"), lake.Condition{}); err != nil {
			t.Fatal(err)
		}
		if err := d.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "data/orders/b1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty folder of a batch is left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "landing/orders")); err != nil {
		t.Errorf("the folder that people drop files into is gone: %v", err)
	}
}

// TestCoarseClock: a clock that stands still or jumps back does not repeat tags.
func TestCoarseClock(t *testing.T) {
	root := t.TempDir()
	d, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	o, err := d.Put(t.Context(), "k", strings.NewReader("a"), lake.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(root, "k"), future, future); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{o.Tag: true}
	for range 5 {
		if o, err = d.Put(t.Context(), "k", strings.NewReader("b"), lake.Condition{}); err != nil {
			t.Fatal(err)
		}
		if seen[o.Tag] || !o.Modified.After(future) {
			t.Fatalf("tag %s, time %s", o.Tag, o.Modified)
		}
		seen[o.Tag], future = true, o.Modified
	}
}

func TestLinks(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	d, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "x.csv"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "landing", "items"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"orders": outside, "circle": filepath.Join(root, "landing"), "items/y.csv": filepath.Join(outside, "x.csv"), "items/dangling": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(root, "landing", name)); err != nil {
			t.Skipf("needs symbolic links: %v", err)
		}
	}
	var keys []string
	for o, err := range d.List(t.Context(), "landing/", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	if want := []string{"landing/items/y.csv", "landing/orders/x.csv"}; !slices.Equal(keys, want) {
		t.Errorf("listed %q, want %q", keys, want)
	}
}

package lake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/dirlake"
)

// clock is the time of the tests; files have the time of the machine.
var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) (*lake.Lake, string) {
	t.Helper()
	root := t.TempDir()
	d, err := dirlake.New(root)
	if err != nil {
		t.Fatal(err)
	}
	return lake.New(d, lake.Options{Now: func() time.Time { return clock }}), root
}

func wantCode(t *testing.T, err error, code pipeline.Code, mentions ...string) {
	t.Helper()
	if pipeline.ErrorCode(err) != code {
		t.Fatalf("error %v has the code %q, want %q", err, pipeline.ErrorCode(err), code)
	}
	for _, m := range mentions {
		if !strings.Contains(err.Error(), m) {
			t.Errorf("error %q does not mention %q", err, m)
		}
	}
}

// stage writes one data file of a batch.
func stage(t *testing.T, l *lake.Lake, feed, batch, content string) lake.File {
	t.Helper()
	w, err := l.Create(t.Context(), lake.DataKey(feed, batch, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	w.SetRows(int64(len(content)))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.File()
}

// publish appends one batch to feed.
func publish(t *testing.T, l *lake.Lake, feed, batch string) *lake.Manifest {
	t.Helper()
	m := lake.Manifest{Feed: feed, Batch: batch, Load: "append", ContractID: "c", ContractVersion: "1.0.0", Breaker: "closed"}
	cur, err := l.Current(t.Context(), feed)
	if err == nil {
		m.Previous, m.Files = cur.ID, cur.Files
	} else {
		wantCode(t, err, pipeline.CodeNotFound)
	}
	m.Files = append(m.Files, stage(t, l, feed, batch, "rows of "+batch))
	done, err := l.Publish(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	return done
}

func keysOf(t *testing.T, l *lake.Lake, prefix string) []string {
	t.Helper()
	keys := []string{}
	for o, err := range l.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func TestNames(t *testing.T) {
	for _, ok := range []string{"orders", "a", "A1", "erp.items-v2_b", "0b1c", strings.Repeat("x", lake.MaxName), "console", "com", "com10x"} {
		if err := lake.CheckName("feed", ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", ".", "..", ".hidden", "_x", "-x", "a/b", `a\b`, "a:b", "a b", "é", "a\x00", "raw", "RAW", "a.", "NUL", "nul.txt",
		"com1", "LPT9.csv", strings.Repeat("x", lake.MaxName+1), "a\n"} {
		if err := lake.CheckName("feed", bad); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%q passes: %v", bad, err)
		}
	}
}

func TestFeedOf(t *testing.T) {
	for key, want := range map[string]string{
		"landing/orders/1.csv":          "orders",
		"landing/orders/2026/03/1.csv":  "orders",
		"landing/1.csv":                 "",
		"landing/orders/":               "",
		"landing/my orders/1.csv":       "",
		"landing/../orders/1.csv":       "",
		"curated/orders/_manifest.json": "",
		"landingx/orders/1.csv":         "",
		"orders/1.csv":                  "",
	} {
		if feed, ok := lake.FeedOf(key); feed != want || ok != (want != "") {
			t.Errorf("FeedOf(%q) = %q, %v", key, feed, ok)
		}
	}
}

func TestLanded(t *testing.T) {
	l, root := open(t)
	for _, name := range []string{"orders/b.csv", "orders/a b.csv", "orders/sub/c.csv", "orders/.hidden", "orders/x.csv.part", "orders/y.PART",
		"orders/.tmp-1", "orders/.d/x.csv", "items/1.jsonl", "stray.csv"} {
		file := filepath.Join(root, "landing", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	landed := func(feed string) []string {
		var keys []string
		for o, err := range l.Landed(t.Context(), feed) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, o.Key)
		}
		return keys
	}
	orders := []string{"landing/orders/a b.csv", "landing/orders/b.csv", "landing/orders/sub/c.csv"}
	if diff := cmp.Diff(orders, landed("orders")); diff != "" {
		t.Error(diff)
	}
	all := slices.Concat([]string{"landing/items/1.jsonl"}, orders, []string{"landing/stray.csv"})
	if diff := cmp.Diff(all, landed("")); diff != "" {
		t.Error(diff)
	}
	if got := landed("nothing"); got != nil {
		t.Errorf("a feed without a folder has landed %q", got)
	}
	for _, err := range l.Landed(t.Context(), "../x") {
		wantCode(t, err, pipeline.CodeInvalid)
	}
}

func TestWhereCallersMayWrite(t *testing.T) {
	l, root := open(t)
	for _, key := range []string{"curated/orders/_manifest.json", "curated/orders/part.parquet", "other/x/y", "data/orders/x.parquet", "data/orders",
		"data/../curated/orders/x", "/etc/passwd", "../x/y/z", "data/orders/b:1/p", "data/orders/b/p:1", "", "data//b/p", "quarantine/raw/orders/b",
		"landing/x.csv", "reports/orders/b/report.json/", "data/orders/b/" + strings.Repeat("x", 1024), "data/orders/b/\xff"} {
		if err := l.WriteObject(t.Context(), key, nil); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("WriteObject(%q): %v", key, err)
		}
	}
	for _, key := range []string{lake.DataKey("orders", "b", 0), lake.QuarantineKey("orders", "b", "rejects.jsonl"), lake.RawKey("orders", "b", "x.csv"),
		lake.ReportKey("orders", "b", "json"), lake.LandingKey("orders", "10:30 x.csv"), lake.ArchiveKey("landing/orders/sub/x.csv")} {
		if err := l.WriteObject(t.Context(), key, []byte(key)); err != nil {
			t.Errorf("WriteObject(%q): %v", key, err)
		}
		if b, err := l.ReadObject(t.Context(), key); err != nil || string(b) != key {
			t.Errorf("ReadObject(%q) = %q, %v", key, b, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "curated")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a refused write made a folder")
	}
	wantCode(t, l.Delete(t.Context(), lake.DataKey("orders", "b", 0)), pipeline.CodeInvalid)
	if err := l.Delete(t.Context(), "landing/orders/10:30 x.csv"); err != nil {
		t.Error(err)
	}
}

func TestAbort(t *testing.T) {
	l, root := open(t)
	w, err := l.Create(t.Context(), lake.DataKey("orders", "b", 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil {
		t.Error("Close after Abort stored something")
	}
	if got := keysOf(t, l, ""); len(got) != 0 {
		t.Errorf("an aborted write left %q", got)
	}
	if tmp, err := filepath.Glob(filepath.Join(root, "data/orders/b/*")); err != nil || len(tmp) != 0 {
		t.Errorf("an aborted write left %q, %v", tmp, err)
	}
	// Giving up by the context alone, without Abort.
	ctx, cancel := context.WithCancel(t.Context())
	if w, err = l.Create(ctx, lake.DataKey("orders", "b", 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Close(); pipeline.ErrorCode(err) != pipeline.CodeCanceled {
		t.Errorf("Close after the context ended: %v", err)
	}
}

func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := dirlake.New(file); err == nil {
		t.Error("a file passes for a lake")
	}
	l, root := open(t)
	if err := os.WriteFile(filepath.Join(root, "data"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	err := l.WriteObject(t.Context(), lake.DataKey("orders", "b", 0), []byte("x"))
	wantCode(t, err, pipeline.CodeDenied, root)
	if os.Getuid() != 0 {
		if err := os.Chmod(root, 0o555); err != nil {
			t.Fatal(err)
		}
		err := l.WriteObject(t.Context(), lake.ReportKey("orders", "b", "json"), []byte("x"))
		wantCode(t, err, pipeline.CodeDenied, root)
	}
	_, err = l.ReadObject(t.Context(), lake.ReportKey("orders", "b", "json"))
	wantCode(t, err, pipeline.CodeNotFound, root)
}

// bare hides what dirlake can do beyond lake.Driver.
type bare struct{ lake.Driver }

func TestReaderAt(t *testing.T) {
	d, err := dirlake.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 11<<20+77)
	for i := range content {
		content[i] = byte(i*7 + i>>11)
	}
	for name, driver := range map[string]lake.Driver{"direct": d, "blocks": bare{d}} {
		t.Run(name, func(t *testing.T) {
			l := lake.New(driver, lake.Options{})
			key := lake.RawKey("orders", "b", name)
			if err := l.WriteObject(t.Context(), key, content); err != nil {
				t.Fatal(err)
			}
			r, o, err := l.ReaderAt(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if o.Size != int64(len(content)) {
				t.Fatalf("size %d", o.Size)
			}
			got, err := io.ReadAll(io.NewSectionReader(r, 0, o.Size))
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("read through: %d bytes, %v", len(got), err)
			}
			for _, c := range []struct{ off, n int }{{0, 1}, {1<<20 - 3, 10}, {10 << 20, 1 << 20}, {5, 9 << 20}, {0, 4}} {
				p := make([]byte, c.n)
				if n, err := r.ReadAt(p, int64(c.off)); n != c.n || !bytes.Equal(p, content[c.off:c.off+c.n]) {
					t.Errorf("ReadAt(%d, %d) = %d, %v", c.off, c.n, n, err)
				}
			}
			p := make([]byte, 100)
			if n, err := r.ReadAt(p, o.Size-10); n != 10 || !errors.Is(err, io.EOF) {
				t.Errorf("ReadAt over the end = %d, %v", n, err)
			}
			if n, err := r.ReadAt(p, o.Size+10); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("ReadAt behind the end = %d, %v", n, err)
			}
			if _, _, err := l.ReaderAt(t.Context(), key+"x"); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
				t.Errorf("ReaderAt of nothing: %v", err)
			}
		})
	}
	// An object that is replaced under its reader is noticed, not mixed.
	l := lake.New(bare{d}, lake.Options{})
	key := lake.RawKey("orders", "b", "replaced")
	if err := l.WriteObject(t.Context(), key, content); err != nil {
		t.Fatal(err)
	}
	r, _, err := l.ReaderAt(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WriteObject(t.Context(), key, make([]byte, len(content))); err != nil {
		t.Fatal(err)
	}
	_, err = r.ReadAt(make([]byte, 10), 0)
	wantCode(t, err, pipeline.CodeConflict)
}

func Example() {
	root, err := os.MkdirTemp("", "lake")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(root) }()
	d, err := dirlake.New(root)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	l := lake.New(d, lake.Options{})

	w, err := l.Create(ctx, lake.DataKey("orders", "b1", 0))
	if err != nil {
		panic(err)
	}
	fmt.Fprint(w, "parquet")
	if err := w.Close(); err != nil {
		panic(err)
	}
	m, err := l.Publish(ctx, lake.Manifest{Feed: "orders", Batch: "b1", Files: []lake.File{w.File()}})
	if err != nil {
		panic(err)
	}
	if err := l.Finish(ctx, m); err != nil {
		panic(err)
	}
	cur, err := l.Current(ctx, "orders")
	if err != nil {
		panic(err)
	}
	fmt.Println(cur.Seq, cur.Batches, cur.Files[0].Key, cur.Files[0].Size)
	// Output: 1 [b1] data/orders/b1/part-0000.parquet 7
}

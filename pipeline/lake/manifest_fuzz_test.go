package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

func FuzzManifest(f *testing.F) {
	m := Manifest{Schema: ManifestSchema, Feed: "orders", Seq: 1, Batch: "b1", Batches: []string{"b1"},
		Files: []File{{Key: "data/orders/b1/part-0000.parquet", Size: 3, SHA256: strings.Repeat("0", 64), Rows: 1, Batch: "b1"}},
		Rows:  1, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	if m.ID, err = m.identify(); err != nil {
		f.Fatal(err)
	}
	b, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"schema":2}`))
	f.Add([]byte(`{"schema":1,"files":[{}]}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest("k", b)
		if err != nil {
			if c := pipeline.ErrorCode(err); c != pipeline.CodeCorrupt && c != pipeline.CodeInvalid {
				t.Fatalf("code %s of %v", c, err)
			}
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		n, err := decodeManifest("k", again)
		if err != nil || n.ID != m.ID {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}

// FuzzNames: whatever passes as a name or key stays in its folder.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"orders", "..", "a/b", "landing/orders/1.csv", "data/orders/b1/p", "quarantine/raw/o/b/x", "é", "a\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckName("feed", s) == nil && (strings.ContainsAny(s, "/\\: \x00") || strings.HasPrefix(s, ".") || !fs.ValidPath(s)) {
			t.Errorf("name %q passes", s)
		}
		if checkWritable(s) == nil && (!fs.ValidPath(s) || strings.HasPrefix(s, Curated) || strings.Count(s, "/") < 2) {
			t.Errorf("key %q passes", s)
		}
		if feed, ok := FeedOf(s); ok && (!strings.HasPrefix(s, "landing/"+feed+"/") || CheckName("feed", feed) != nil) {
			t.Errorf("%q has the feed %q", s, feed)
		}
		if seq, id, ok := parseChainKey(s); ok && (seq < 1 || id == "") {
			t.Errorf("%q is entry %d %q", s, seq, id)
		}
	})
}

func TestChainKeys(t *testing.T) {
	last := ""
	for _, seq := range []int64{1, 9, 10, 99, 12345, 9_999_999_999} {
		key := chainKey("orders", seq, "abc-def")
		if key <= last {
			t.Errorf("%q does not sort after %q", key, last)
		}
		if n, id, ok := parseChainKey(key); !ok || n != seq || id != "abc-def" {
			t.Errorf("%q is entry %d %q, %v", key, n, id, ok)
		}
		last = key
	}
}

// TestErrors: what drivers return, as people see it.
func TestErrors(t *testing.T) {
	l := New(nil, Options{})
	for _, c := range []struct {
		err  error
		code pipeline.Code
		hint string
	}{
		{syscall.ENOSPC, pipeline.CodeLimit, "free space"},
		{&fs.PathError{Op: "write", Path: "p", Err: syscall.EDQUOT}, pipeline.CodeLimit, "quota"},
		{&fs.PathError{Op: "open", Path: "p", Err: syscall.EACCES}, pipeline.CodeDenied, "right to write"},
		{syscall.EROFS, pipeline.CodeDenied, "right to write"},
		{fs.ErrNotExist, pipeline.CodeNotFound, ""},
		{fmt.Errorf("tag: %w", ErrPrecondition), pipeline.CodeConflict, "run again"},
		{syscall.ENAMETOOLONG, pipeline.CodeInvalid, "too long"},
		{context.Canceled, pipeline.CodeCanceled, ""},
		{context.DeadlineExceeded, pipeline.CodeUnavailable, ""},
		{errors.New("connection reset"), pipeline.CodeUnavailable, "run again"},
	} {
		err := l.wrap("write", "data/orders/b/p", c.err)
		if pipeline.ErrorCode(err) != c.code || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.hint) ||
			!strings.Contains(err.Error(), "data/orders/b/p") {
			t.Errorf("%v became %q %v", c.err, pipeline.ErrorCode(err), err)
		}
		if again := l.wrap("close", "x", err); again != err { //nolint:errorlint // the very same
			t.Errorf("%v was wrapped twice: %v", c.err, again)
		}
	}
	if l.wrap("x", "y", nil) != nil {
		t.Error("no error became one")
	}
}

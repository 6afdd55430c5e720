package lake_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/dirlake"
)

// concat merges files whose rows are their bytes.
func concat(l *lake.Lake) func(context.Context, []lake.File, io.Writer) (int64, error) {
	return func(ctx context.Context, files []lake.File, w io.Writer) (rows int64, err error) {
		for _, f := range files {
			b, err := l.ReadObject(ctx, f.Key)
			if err != nil {
				return rows, err
			}
			if _, err := w.Write(b); err != nil {
				return rows, err
			}
			rows += int64(len(b))
		}
		return rows, nil
	}
}

func text(t *testing.T, l *lake.Lake, m *lake.Manifest) string {
	t.Helper()
	var b strings.Builder
	for _, f := range m.Files {
		c, err := l.ReadObject(t.Context(), f.Key)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(c)
	}
	return b.String()
}

func TestCompact(t *testing.T) {
	d, err := dirlake.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := clock
	l := lake.New(d, lake.Options{Now: func() time.Time { return now }})
	ctx := t.Context()
	opt := lake.CompactOptions{Target: 100, Merge: concat(l)}
	_, err = l.Compact(ctx, "orders", opt)
	wantCode(t, err, pipeline.CodeNotFound)
	var before *lake.Manifest
	for i := range 12 { // 10 or 11 bytes each
		before = publish(t, l, "orders", fmt.Sprintf("b%d", i))
	}
	want := text(t, l, before)
	now = clock.Add(24 * time.Hour)
	opt.Dry = true
	c, err := l.Compact(ctx, "orders", opt)
	if err != nil || c.Before != 12 || c.After != 2 || c.Manifest != nil {
		t.Fatalf("planned %+v, %v", c, err)
	}
	opt.Dry = false
	if c, err = l.Compact(ctx, "orders", opt); err != nil || c.Before != 12 || c.After != 2 || c.Bytes != 122 {
		t.Fatalf("did %+v, %v", c, err)
	}
	m, err := l.Current(ctx, "orders")
	if err != nil || m.ID != c.Manifest.ID || m.Seq != 13 || m.Load != "compact" || m.Rows != before.Rows {
		t.Fatalf("manifest %+v, %v", m, err)
	}
	if got := text(t, l, m); got != want {
		t.Errorf("rows %q, before %q", got, want)
	}
	if diff := cmp.Diff(before.Batches, m.Batches); diff != "" {
		t.Error(diff)
	}
	if s, err := l.Status(ctx, "orders"); err != nil || !s.DataAt.Equal(clock) || s.Manifest != m.ID {
		t.Errorf("compaction made the data younger: %+v, %v", s, err)
	}
	// The next batch keeps the names of the others; a second run has nothing to do
	// but for the files that came since.
	m = publish(t, l, "orders", "late")
	if diff := cmp.Diff(append(append([]string{}, before.Batches...), "late"), m.Batches); diff != "" {
		t.Error(diff)
	}
	if _, ok, err := l.HasBatch(ctx, "orders", "b3"); err != nil || !ok {
		t.Errorf("HasBatch(b3) = %v, %v", ok, err)
	}
	if ps, err := l.Verify(ctx, "orders"); err != nil || len(ps) != 0 {
		t.Errorf("Verify: %v, %v", ps, err)
	}
	if text(t, l, before) != want {
		t.Error("the files of the manifest before are gone")
	}
	opt.Target = 10
	if c, err := l.Compact(ctx, "orders", opt); err != nil || c.Manifest != nil || c.After != c.Before {
		t.Errorf("with nothing to do: %+v, %v", c, err)
	}
}

func TestCompactRefuses(t *testing.T) {
	l, _ := open(t)
	publish(t, l, "orders", "b1")
	before := publish(t, l, "orders", "b2")
	ctx := t.Context()
	// Another schema is another kind.
	c, err := l.Compact(ctx, "orders", lake.CompactOptions{Merge: concat(l), Kind: func(_ context.Context, f lake.File) (string, error) { return f.Batch, nil }})
	if err != nil || c.Manifest != nil || c.After != 2 {
		t.Errorf("files of two kinds: %+v, %v", c, err)
	}
	// Rows that do not add up.
	_, err = l.Compact(ctx, "orders", lake.CompactOptions{Merge: func(ctx context.Context, fs []lake.File, w io.Writer) (int64, error) {
		n, err := concat(l)(ctx, fs, w)
		return n - 1, err
	}})
	wantCode(t, err, pipeline.CodeCorrupt, "orders")
	// A batch that is published meanwhile.
	_, err = l.Compact(ctx, "orders", lake.CompactOptions{Merge: func(ctx context.Context, fs []lake.File, w io.Writer) (int64, error) {
		before = publish(t, l, "orders", "b3")
		return concat(l)(ctx, fs, w)
	}})
	wantCode(t, err, pipeline.CodeConflict)
	if cur, err := l.Current(ctx, "orders"); err != nil || cur.ID != before.ID {
		t.Errorf("refused compactions left %+v, %v", cur, err)
	}
	if ps, err := l.Verify(ctx, "orders"); err != nil || len(ps) != 0 {
		t.Errorf("Verify: %v, %v", ps, err)
	}
}

func TestMove(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	const key = "landing/orders/2026/1.csv"
	if err := l.WriteObject(ctx, key, []byte("v1")); err != nil {
		t.Fatal(err)
	}
	o, err := l.Stat(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Move(ctx, key, "other tag")
	wantCode(t, err, pipeline.CodeConflict)
	if got := keysOf(t, l, ""); len(got) != 1 {
		t.Errorf("a refused move left %q", got)
	}
	for range 2 { // the second finds it done
		to, err := l.Move(ctx, key, o.Tag)
		if err != nil || to != "archive/orders/2026/1.csv" {
			t.Fatalf("Move: %q, %v", to, err)
		}
		if diff := cmp.Diff([]string{to}, keysOf(t, l, "")); diff != "" {
			t.Error(diff)
		}
	}
	_, err = l.Move(ctx, "landing/orders/never.csv", "x")
	wantCode(t, err, pipeline.CodeNotFound)
	_, err = l.Move(ctx, "data/orders/b/p", "x")
	wantCode(t, err, pipeline.CodeInvalid)
}

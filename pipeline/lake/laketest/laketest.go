// Package laketest is the conformance suite of lake.Driver. A driver that
// passes it behaves as Lake needs; each driver's own tests add only what its
// storage alone can do wrong.
package laketest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/lake"
)

// Run tests the drivers that open returns. Each call opens an empty store; the
// drivers of one call that are more than one share it, as two processes do.
func Run(t *testing.T, open func(t *testing.T, n int) []lake.Driver) {
	one := func(f func(t *testing.T, d lake.Driver)) func(t *testing.T) {
		return func(t *testing.T) { f(t, open(t, 1)[0]) }
	}
	t.Run("RoundTrip", one(roundTrip))
	t.Run("Absent", one(absent))
	t.Run("Ranges", one(ranges))
	t.Run("Keys", one(keys))
	t.Run("ListOrder", one(listOrder))
	t.Run("ListMany", one(listMany))
	t.Run("Conditions", one(conditions))
	t.Run("TagChanges", one(tagChanges))
	t.Run("FailedRead", one(failedRead))
	t.Run("Cancelled", one(cancelled))
	t.Run("Streams", one(streams))
	t.Run("RaceAbsent", func(t *testing.T) { raceAbsent(t, open(t, 4)) })
	t.Run("RaceTag", func(t *testing.T) { raceTag(t, open(t, 4)) })
	t.Run("ReadersDuringPut", func(t *testing.T) { readersDuringPut(t, open(t, 2)) })
	t.Run("Publishes", func(t *testing.T) { publishes(t, open(t, 2)) })
}

func put(t *testing.T, d lake.Driver, key, content string) lake.Object {
	t.Helper()
	o, err := d.Put(t.Context(), key, strings.NewReader(content), lake.Condition{})
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	return o
}

func get(t *testing.T, d lake.Driver, key string, off, n int64) (string, lake.Object) {
	t.Helper()
	r, o, err := d.Get(t.Context(), key, off, n)
	if err != nil {
		t.Fatalf("Get(%q, %d, %d): %v", key, off, n, err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatalf("Get(%q, %d, %d): read: %v", key, off, n, err)
	}
	return string(b), o
}

func list(t *testing.T, d lake.Driver, prefix, after string) []string {
	t.Helper()
	keys := []string{}
	for o, err := range d.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("List(%q, %q): %v", prefix, after, err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func roundTrip(t *testing.T, d lake.Driver) {
	for _, content := range []string{"", "x", "second, longer", strings.Repeat("0123456789", 100_000)} {
		w := put(t, d, "data/f/b/o", content)
		got, o := get(t, d, "data/f/b/o", 0, -1)
		if got != content {
			t.Fatalf("%d bytes written, %d other ones read", len(content), len(got))
		}
		if o.Key != "data/f/b/o" || o.Size != int64(len(content)) || o.Tag == "" || o.Modified.IsZero() {
			t.Fatalf("Get describes the object as %+v", o)
		}
		if w.Key != o.Key || w.Size != o.Size || w.Tag != o.Tag {
			t.Fatalf("Put returned %+v, Get %+v", w, o)
		}
		for l, err := range d.List(t.Context(), "data/f/", "") {
			if err != nil {
				t.Fatal(err)
			}
			if l.Key != o.Key || l.Size != o.Size || l.Tag != o.Tag || l.Modified.IsZero() {
				t.Fatalf("List yields %+v, Get %+v", l, o)
			}
		}
	}
}

func absent(t *testing.T, d lake.Driver) {
	if got := list(t, d, "", ""); len(got) != 0 {
		t.Fatalf("an empty store lists %q", got)
	}
	if err := d.Delete(t.Context(), "data/f/b/never"); err != nil {
		t.Fatalf("Delete of an absent key in an empty store: %v", err)
	}
	put(t, d, "data/f/b/o", "x")
	for _, key := range []string{"data/f/b/never", "data/f/b", "data", "data/f/b/o/below", "other/zone"} {
		if _, _, err := d.Get(t.Context(), key, 0, -1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%q) of an absent key: %v", key, err)
		}
		if _, _, err := d.Get(t.Context(), key, 0, 0); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%q) of nothing of an absent key: %v", key, err)
		}
		if err := d.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q) of an absent key: %v", key, err)
		}
	}
	if got := list(t, d, "", ""); !slices.Equal(got, []string{"data/f/b/o"}) {
		t.Fatalf("deleting absent keys left %q", got)
	}
	for range 2 {
		if err := d.Delete(t.Context(), "data/f/b/o"); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, d, "", ""); len(got) != 0 {
		t.Fatalf("a deleted object is listed: %q", got)
	}
	put(t, d, "data/f/b/o", "again")
}

func ranges(t *testing.T, d lake.Driver) {
	const small = "0123456789"
	big := strings.Repeat("abcdefghijklmnop", 1<<16) // 1 MiB
	put(t, d, "data/small", small)
	put(t, d, "data/big", big)
	put(t, d, "data/empty", "")
	for _, c := range []struct {
		key, content string
		off, n       int64
	}{
		{"data/small", small, 0, 3}, {"data/small", small, 3, 4}, {"data/small", small, 7, -1},
		{"data/small", small, 8, 100}, {"data/small", small, 10, -1}, {"data/small", small, 10, 5},
		{"data/small", small, 99, -1}, {"data/small", small, 99, 3}, {"data/small", small, 0, 0},
		{"data/small", small, 5, 0},
		{"data/big", big, 1, 700_000}, {"data/big", big, 1 << 19, -1}, {"data/big", big, 1<<20 - 1, 1},
		{"data/empty", "", 0, -1}, {"data/empty", "", 0, 10}, {"data/empty", "", 5, -1},
	} {
		from := min(c.off, int64(len(c.content)))
		to := int64(len(c.content))
		if c.n >= 0 {
			to = min(from+c.n, to)
		}
		got, o := get(t, d, c.key, c.off, c.n)
		if got != c.content[from:to] {
			t.Errorf("Get(%q, %d, %d): %d bytes, want %d", c.key, c.off, c.n, len(got), to-from)
		}
		if o.Size != int64(len(c.content)) {
			t.Errorf("Get(%q, %d, %d): Size %d is not that of the whole object", c.key, c.off, c.n, o.Size)
		}
	}
}

func keys(t *testing.T, d lake.Driver) {
	want := []string{
		"landing/f/50% off.csv",
		"landing/f/a b.csv", "landing/f/a%20b.csv", "landing/f/a%2Fb.csv", "landing/f/a+b.csv",
		"landing/f/a&b=c;d.csv", "landing/f/#1.csv", "landing/f/it's (1).csv", "landing/f/~x,[y]@z!$.csv",
		"landing/f/Überprüfung – Größe.csv", "landing/f/データ/二.csv", "landing/f/emoji 🙂.csv",
		"landing/f/" + strings.Repeat("n", 200) + ".csv",
	}
	for i, key := range want {
		put(t, d, key, fmt.Sprint(i))
	}
	for i, key := range want {
		if got, o := get(t, d, key, 0, -1); got != fmt.Sprint(i) || o.Key != key {
			t.Errorf("Get(%q) = %q with the key %q", key, got, o.Key)
		}
	}
	slices.Sort(want)
	if got := list(t, d, "landing/f/", ""); !slices.Equal(got, want) {
		t.Errorf("List:\n got %q\nwant %q", got, want)
	}
	for i, key := range want {
		if got := list(t, d, "landing/f/", key); !slices.Equal(got, want[i+1:]) {
			t.Errorf("List after %q yields %q", key, got)
		}
	}
	for _, key := range want {
		if err := d.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
	if got := list(t, d, "", ""); len(got) != 0 {
		t.Errorf("after deleting all: %q", got)
	}
}

func listOrder(t *testing.T, d lake.Driver) {
	// '-' and '.' sort before '/', '0' after it: the order of names within a
	// folder is not the order of keys.
	all := []string{"z/a-b", "z/a.b", "z/a/1", "z/a/2/x", "z/a/2.x", "z/a/20", "z/a0", "z/ab/c", "z/B", "y", "zz/1", "z/a/é"}
	for _, key := range all {
		put(t, d, key, key)
	}
	slices.Sort(all)
	for _, prefix := range []string{"", "z", "z/", "z/a", "z/a/", "z/a/2", "z/a/2/", "z/ab/", "z/B", "nothing/", "z/a/1", "z/a/1/"} {
		for _, after := range append([]string{"", "a", "z/a/", "z/a/1/", "zzz", "z/a0\U0010FFFF", "z/a/\U0010FFFF"}, all...) {
			want := []string{}
			for _, key := range all {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			if got := list(t, d, prefix, after); !slices.Equal(got, want) {
				t.Errorf("List(%q, %q):\n got %q\nwant %q", prefix, after, got, want)
			}
		}
	}
	for _, err := range d.List(t.Context(), "", "") {
		if err != nil {
			t.Error(err)
		}
		break // a caller may stop at once
	}
}

// listMany goes beyond one page of the stores that have pages. A driver that
// lists in pages is opened with pages of at most 50 for this.
func listMany(t *testing.T, d lake.Driver) {
	const n = 230
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for g := range 8 {
		wg.Go(func() {
			for i := g; i < n; i += 8 {
				_, err := d.Put(t.Context(), fmt.Sprintf("many/%04d", i), strings.NewReader("x"), lake.Condition{})
				errs[g] = errors.Join(errs[g], err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got := list(t, d, "many/", "")
	if len(got) != n || !slices.IsSorted(got) {
		t.Fatalf("%d of %d objects listed, in order: %v", len(got), n, slices.IsSorted(got))
	}
	if rest := list(t, d, "many/", "many/0129"); len(rest) != 100 {
		t.Fatalf("%d objects after the 130th of %d", len(rest), n)
	}
}

func conditions(t *testing.T, d lake.Driver) {
	ctx := t.Context()
	try := func(content string, c lake.Condition) (lake.Object, error) {
		return d.Put(ctx, "curated/f/p", strings.NewReader(content), c)
	}
	if _, err := try("x", lake.Condition{IfTag: "no such tag"}); !errors.Is(err, lake.ErrPrecondition) {
		t.Fatalf("IfTag on an absent key: %v", err)
	}
	first, err := try("1", lake.Condition{IfAbsent: true})
	if err != nil {
		t.Fatalf("IfAbsent on an absent key: %v", err)
	}
	if _, err := try("2", lake.Condition{IfAbsent: true}); !errors.Is(err, lake.ErrPrecondition) {
		t.Fatalf("IfAbsent on a present key: %v", err)
	}
	second, err := try("2", lake.Condition{IfTag: first.Tag})
	if err != nil {
		t.Fatalf("IfTag with the present tag: %v", err)
	}
	if _, err := try("3", lake.Condition{IfTag: first.Tag}); !errors.Is(err, lake.ErrPrecondition) {
		t.Fatalf("IfTag with an old tag: %v", err)
	}
	if got, o := get(t, d, "curated/f/p", 0, -1); got != "2" || o.Tag != second.Tag {
		t.Fatalf("refused writes left %q, %+v", got, o)
	}
	if err := d.Delete(ctx, "curated/f/p"); err != nil {
		t.Fatal(err)
	}
	if _, err := try("4", lake.Condition{IfTag: second.Tag}); !errors.Is(err, lake.ErrPrecondition) {
		t.Fatalf("IfTag on a deleted key: %v", err)
	}
	if _, err := try("5", lake.Condition{IfAbsent: true}); err != nil {
		t.Fatalf("IfAbsent on a deleted key: %v", err)
	}
}

// tagChanges replaces an object by others of the same size as fast as it goes.
func tagChanges(t *testing.T, d lake.Driver) {
	seen := map[string]string{}
	for i := range 40 {
		content := fmt.Sprintf("%08d", i)
		o := put(t, d, "k", content)
		if was, ok := seen[o.Tag]; ok {
			t.Fatalf("%q and %q have the same tag %s", was, content, o.Tag)
		}
		seen[o.Tag] = content
	}
}

type broken struct{ r io.Reader }

var errBroken = errors.New("the source broke")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

func failedRead(t *testing.T, d lake.Driver) {
	put(t, d, "data/old", "whole")
	for _, size := range []int{0, 10, 6 << 20} {
		for _, key := range []string{"data/old", "data/new"} {
			_, err := d.Put(t.Context(), key, broken{bytes.NewReader(make([]byte, size))}, lake.Condition{})
			if !errors.Is(err, errBroken) {
				t.Errorf("Put of a source that breaks after %d bytes: %v", size, err)
			}
		}
	}
	if got, _ := get(t, d, "data/old", 0, -1); got != "whole" {
		t.Errorf("a failed Put changed the object to %d bytes", len(got))
	}
	if got := list(t, d, "", ""); !slices.Equal(got, []string{"data/old"}) {
		t.Errorf("failed Puts left %q", got)
	}
}

func cancelled(t *testing.T, d lake.Driver) {
	put(t, d, "data/old", "whole")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Put(ctx, "data/old", strings.NewReader("new"), lake.Condition{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if _, _, err := d.Get(ctx, "data/old", 0, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if err := d.Delete(ctx, "data/old"); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v", err)
	}
	var last error
	for _, err := range d.List(ctx, "", "") {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("List: %v", last)
	}
	if got, _ := get(t, d, "data/old", 0, -1); got != "whole" {
		t.Errorf("after cancelled calls the object is %q", got)
	}
}

// streams puts from a source of unknown length, larger than a part of a
// multipart upload, and reads it back with the same bytes.
func streams(t *testing.T, d lake.Driver) {
	const size = 20<<20 + 12345
	src := func() io.Reader { return io.LimitReader(&pattern{}, size) }
	o, err := d.Put(t.Context(), "data/big", struct{ io.Reader }{src()}, lake.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	if o.Size != size {
		t.Fatalf("Put of %d bytes returned size %d", size, o.Size)
	}
	r, _, err := d.Get(t.Context(), "data/big", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	same, err := equal(r, src())
	if err != nil || !same {
		t.Fatalf("read back other bytes (%v)", err)
	}
	if _, err := d.Put(t.Context(), "data/big", struct{ io.Reader }{src()}, lake.Condition{IfAbsent: true}); !errors.Is(err, lake.ErrPrecondition) {
		t.Fatalf("IfAbsent of a large object on a present key: %v", err)
	}
}

type pattern struct{ at uint32 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte((p.at * 2654435761) >> 24)
		p.at++
	}
	return len(b), nil
}

func equal(a, b io.Reader) (bool, error) {
	x, y := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, err := io.ReadFull(a, x)
		m, berr := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.Is(berr, err), nil
		}
		if err := errors.Join(err, berr); err != nil {
			return false, err
		}
	}
}

package lake_test

import (
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

// ages is a grace that makes every file old: the tests' clock stands still,
// before the time of the files.
const ages = -10 * 365 * 24 * time.Hour

func TestPublish(t *testing.T) {
	l, root := open(t)
	ctx := t.Context()
	_, err := l.Current(ctx, "orders")
	wantCode(t, err, pipeline.CodeNotFound, "orders")
	for m, err := range l.Manifests(ctx, "orders") {
		t.Errorf("a feed without a publish has the manifest %v, %v", m, err)
	}
	if _, ok, err := l.HasBatch(ctx, "orders", "b1"); ok || err != nil {
		t.Errorf("HasBatch before the first publish: %v, %v", ok, err)
	}
	m1 := publish(t, l, "orders", "b1")
	m2 := publish(t, l, "orders", "b2")
	if m1.Seq != 1 || m2.Seq != 2 || m2.Previous != m1.ID || m1.Previous != "" {
		t.Errorf("%d %q after %d %q", m2.Seq, m2.Previous, m1.Seq, m1.ID)
	}
	if diff := cmp.Diff([]string{"b1", "b2"}, m2.Batches); diff != "" {
		t.Error(diff)
	}
	if m2.Rows != 20 || m2.Files[0].Batch != "b1" || m2.Files[1].Batch != "b2" || !m2.At.Equal(clock) {
		t.Errorf("published %+v", m2)
	}
	cur, err := l.Current(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m2, cur); diff != "" {
		t.Errorf("stored manifest:\n%s", diff)
	}
	want := "file://" + filepath.Join(root, "data/orders/b1/part-0000.parquet") + "\nfile://" + filepath.Join(root, "data/orders/b2/part-0000.parquet") + "\n"
	if link, err := l.ReadObject(ctx, lake.SymlinkKey("orders")); err != nil || string(link) != want {
		t.Errorf("symlink manifest %q, %v", link, err)
	}
	for batch, want := range map[string]*lake.Manifest{"b1": m1, "b2": m2, "b3": nil} {
		m, ok, err := l.HasBatch(ctx, "orders", batch)
		if err != nil || ok != (want != nil) || ok && m.ID != want.ID {
			t.Errorf("HasBatch(%s) = %v, %v, %v", batch, m, ok, err)
		}
	}
}

// TestPublishSameBytes: the same publishes at the same time give the same lake.
func TestPublishSameBytes(t *testing.T) {
	var lakes [2]map[string]string
	for i := range lakes {
		l, root := open(t)
		publish(t, l, "orders", "b1")
		publish(t, l, "orders", "b2")
		lakes[i] = map[string]string{}
		for _, key := range keysOf(t, l, "") {
			b, err := l.ReadObject(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			lakes[i][key] = strings.ReplaceAll(string(b), root, "ROOT")
		}
	}
	if diff := cmp.Diff(lakes[0], lakes[1]); diff != "" {
		t.Error(diff)
	}
}

func TestPublishTwice(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	m1 := publish(t, l, "orders", "b1")
	publish(t, l, "orders", "b2")
	before := keysOf(t, l, "")
	// Recovery does not know what was current when it was b1's turn.
	for _, previous := range []string{"", m1.ID, "gone"} {
		again, err := l.Publish(ctx, lake.Manifest{Feed: "orders", Batch: "b1", Previous: previous, Files: m1.Files})
		if err != nil || again.ID != m1.ID {
			t.Errorf("publishing b1 again upon %q: %v, %v", previous, again, err)
		}
	}
	if diff := cmp.Diff(before, keysOf(t, l, "")); diff != "" {
		t.Errorf("publishing again changed the lake:\n%s", diff)
	}
	// The data files of what is published cannot be written again.
	_, err := l.Create(ctx, lake.DataKey("orders", "b1", 0))
	wantCode(t, err, pipeline.CodeConflict, "b1")
	// Those of an unfinished attempt can.
	stage(t, l, "orders", "b3", "first attempt")
	f := stage(t, l, "orders", "b3", "second attempt")
	if b, err := l.ReadObject(ctx, f.Key); err != nil || string(b) != "second attempt" {
		t.Errorf("second attempt left %q, %v", b, err)
	}
}

// TestZombie: a writer that lost its lease cannot overwrite what its successor
// staged under the same key.
func TestZombie(t *testing.T) {
	l, _ := open(t)
	zombie, err := l.Create(t.Context(), lake.DataKey("orders", "b1", 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zombie.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	publish(t, l, "orders", "b1")
	wantCode(t, zombie.Close(), pipeline.CodeConflict)
	if ps, err := l.Verify(t.Context(), "orders"); err != nil || len(ps) != 0 {
		t.Errorf("after the late writer: %v, %v", ps, err)
	}
}

func TestPublishRefuses(t *testing.T) {
	l, root := open(t)
	ctx := t.Context()
	m1 := publish(t, l, "orders", "b1")
	good := stage(t, l, "orders", "b2", "rows")
	with := func(f func(*lake.File)) lake.File { c := good; f(&c); return c }
	for _, c := range []struct {
		why   string
		m     lake.Manifest
		code  pipeline.Code
		names string
	}{
		{"built on nothing", lake.Manifest{Files: []lake.File{good}}, pipeline.CodeConflict, m1.ID},
		{"built on another", lake.Manifest{Previous: "x", Files: []lake.File{good}}, pipeline.CodeConflict, m1.ID},
		{"bad feed", lake.Manifest{Feed: "..", Previous: m1.ID}, pipeline.CodeInvalid, ".."},
		{"bad batch", lake.Manifest{Batch: "a/b", Previous: m1.ID}, pipeline.CodeInvalid, "a/b"},
		{"no checksum", lake.Manifest{Previous: m1.ID, Files: []lake.File{with(func(f *lake.File) { f.SHA256 = "" })}}, pipeline.CodeInvalid, good.Key},
		{"other feed", lake.Manifest{Previous: m1.ID, Files: []lake.File{with(func(f *lake.File) { f.Key = "data/items/b2/p" })}}, pipeline.CodeInvalid, "data/items/b2/p"},
		{"landing file", lake.Manifest{Previous: m1.ID, Files: []lake.File{with(func(f *lake.File) { f.Key = "landing/orders/p" })}}, pipeline.CodeInvalid, "landing/orders/p"},
		{"twice", lake.Manifest{Previous: m1.ID, Files: []lake.File{good, good}}, pipeline.CodeInvalid, good.Key},
		{"negative", lake.Manifest{Previous: m1.ID, Files: []lake.File{with(func(f *lake.File) { f.Rows = -1 })}}, pipeline.CodeInvalid, good.Key},
		{"absent", lake.Manifest{Previous: m1.ID, Files: []lake.File{with(func(f *lake.File) { f.Key = "data/orders/b2/other" })}}, pipeline.CodeCorrupt, filepath.Join(root, "data/orders/b2/other")},
		{"short", lake.Manifest{Previous: m1.ID, Files: []lake.File{with(func(f *lake.File) { f.Size++ })}}, pipeline.CodeCorrupt, filepath.Join(root, "data/orders/b2")},
	} {
		t.Run(c.why, func(t *testing.T) {
			if c.m.Feed == "" {
				c.m.Feed = "orders"
			}
			if c.m.Batch == "" {
				c.m.Batch = "b2"
			}
			_, err := l.Publish(ctx, c.m)
			wantCode(t, err, c.code, c.names)
			if cur, err := l.Current(ctx, "orders"); err != nil || cur.ID != m1.ID {
				t.Errorf("a refused publish left %v, %v", cur, err)
			}
		})
	}
}

// orphan leaves the chain entry of a publish that died before the swap.
func orphan(t *testing.T, l *lake.Lake, root, batch string) {
	t.Helper()
	pointer := filepath.Join(root, "curated/orders/_manifest.json")
	before, err := os.ReadFile(pointer)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, l, "orders", batch)
	if err := os.WriteFile(pointer, before, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestOrphansOfTheChain(t *testing.T) {
	l, root := open(t)
	ctx := t.Context()
	publish(t, l, "orders", "b1")
	orphan(t, l, root, "b2")
	if _, ok, err := l.HasBatch(ctx, "orders", "b2"); ok || err != nil {
		t.Fatalf("a batch whose publish died passes for published: %v, %v", ok, err)
	}
	orphan(t, l, root, "b3")
	publish(t, l, "orders", "b4")
	for batch, want := range map[string]bool{"b1": true, "b2": false, "b3": false, "b4": true} {
		if _, ok, err := l.HasBatch(ctx, "orders", batch); ok != want || err != nil {
			t.Errorf("HasBatch(%s) = %v, %v", batch, ok, err)
		}
	}
	publish(t, l, "orders", "b2")
	if m, ok, err := l.HasBatch(ctx, "orders", "b2"); !ok || err != nil || m.Seq != 3 {
		t.Errorf("HasBatch(b2) = %v, %v, %v", m, ok, err)
	}
	if ps, err := l.Verify(ctx, "orders"); err != nil || len(ps) != 0 {
		t.Errorf("Verify: %v, %v", ps, err)
	}
	gone, err := l.GC(ctx, ages, true)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range gone {
		keys = append(keys, strings.Split(o.Key, "/")[0])
	}
	// Two entries (b2's first and b3's) and b3's data file.
	if diff := cmp.Diff([]string{"data", "curated", "curated"}, keys); diff != "" {
		t.Errorf("GC: %v\n%s", gone, diff)
	}
}

func TestEditedManifest(t *testing.T) {
	l, root := open(t)
	ctx := t.Context()
	publish(t, l, "orders", "b1")
	pointer := filepath.Join(root, "curated/orders/_manifest.json")
	whole, err := os.ReadFile(pointer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, old, new string
		code          pipeline.Code
	}{
		{"a row count", `"rows": 10,`, `"rows": 11,`, pipeline.CodeCorrupt},
		{"a new key", `"schema": 1,`, `"schema": 1, "note": "x",`, pipeline.CodeCorrupt},
		{"cut off", string(whole[len(whole)/2:]), ``, pipeline.CodeCorrupt},
		{"empty", string(whole), ``, pipeline.CodeCorrupt},
		{"a newer version", `"schema": 1,`, `"schema": 2,`, pipeline.CodeInvalid},
	} {
		t.Run(c.why, func(t *testing.T) {
			edited := strings.Replace(string(whole), c.old, c.new, 1)
			if edited == string(whole) {
				t.Fatal("nothing was edited")
			}
			if err := os.WriteFile(pointer, []byte(edited), 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := l.Current(ctx, "orders")
			wantCode(t, err, c.code, pointer)
			_, err = l.Publish(ctx, lake.Manifest{Feed: "orders", Batch: "b2"})
			wantCode(t, err, c.code, pointer)
			_, err = l.GC(ctx, ages, false)
			wantCode(t, err, c.code, pointer)
			ps, err := l.Verify(ctx, "orders")
			if err != nil || len(ps) != 1 || ps[0].Kind != "manifest" {
				t.Errorf("Verify: %v, %v", ps, err)
			}
		})
	}
	// Only its form may change: a manifest is its content.
	if err := os.WriteFile(pointer, []byte(strings.ReplaceAll(string(whole), "\n", "\r\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Current(ctx, "orders"); err != nil {
		t.Error(err)
	}
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		kind   string
		damage func(t *testing.T, root string, m1, m2 *lake.Manifest)
	}{
		{"absent", func(t *testing.T, root string, m1, _ *lake.Manifest) { remove(t, root, m1.Files[0].Key) }},
		{"size", func(t *testing.T, root string, m1, _ *lake.Manifest) { write(t, root, m1.Files[0].Key, "x") }},
		{"checksum", func(t *testing.T, root string, m1, _ *lake.Manifest) { write(t, root, m1.Files[0].Key, "ROWS of b1") }},
		{"chain", func(t *testing.T, root string, m1, _ *lake.Manifest) {
			remove(t, root, "curated/orders/_manifests/0000000001-"+m1.ID+".json")
		}},
		{"chain", func(t *testing.T, root string, _, m2 *lake.Manifest) {
			remove(t, root, "curated/orders/_manifests/0000000002-"+m2.ID+".json")
		}},
		{"chain", func(t *testing.T, root string, m1, _ *lake.Manifest) {
			write(t, root, "curated/orders/_manifests/0000000001-"+m1.ID+".json", "{}")
		}},
		{"symlink", func(t *testing.T, root string, _, _ *lake.Manifest) { write(t, root, lake.SymlinkKey("orders"), "x\n") }},
		{"symlink", func(t *testing.T, root string, _, _ *lake.Manifest) { remove(t, root, lake.SymlinkKey("orders")) }},
		{"status", func(t *testing.T, root string, _, _ *lake.Manifest) { remove(t, root, "curated/orders/_status.json") }},
	} {
		t.Run(c.kind, func(t *testing.T) {
			l, root := open(t)
			m1, m2 := publish(t, l, "orders", "b1"), publish(t, l, "orders", "b2")
			if ps, err := l.Verify(t.Context(), "orders"); err != nil || len(ps) != 0 {
				t.Fatalf("a whole feed: %v, %v", ps, err)
			}
			c.damage(t, root, m1, m2)
			ps, err := l.Verify(t.Context(), "orders")
			if err != nil || len(ps) != 1 || ps[0].Kind != c.kind || ps[0].Message == "" {
				t.Errorf("Verify: %+v, %v", ps, err)
			}
			if c.kind == "symlink" || c.kind == "status" {
				if err := l.Finish(t.Context(), m1); err != nil {
					t.Fatal(err)
				}
				if ps, err := l.Verify(t.Context(), "orders"); err != nil || len(ps) != 0 {
					t.Errorf("after Finish: %v, %v", ps, err)
				}
			}
		})
	}
	l, _ := open(t)
	_, err := l.Verify(t.Context(), "orders")
	wantCode(t, err, pipeline.CodeNotFound)
}

func write(t *testing.T, root, key, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, key), []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, root, key string) {
	t.Helper()
	if err := os.Remove(filepath.Join(root, key)); err != nil {
		t.Fatal(err)
	}
}

func TestGC(t *testing.T) {
	root := t.TempDir()
	d, err := dirlake.New(root)
	if err != nil {
		t.Fatal(err)
	}
	l := lake.New(d, lake.Options{})
	ctx := t.Context()
	m1 := publish(t, l, "orders", "b1")
	// A snapshot: the file of b1 is no longer current, but b1's manifest is in
	// the chain and names it.
	f := stage(t, l, "orders", "b2", "all rows")
	if _, err := l.Publish(ctx, lake.Manifest{Feed: "orders", Batch: "b2", Load: "snapshot", Previous: m1.ID, Files: []lake.File{f}}); err != nil {
		t.Fatal(err)
	}
	whole := keysOf(t, l, "")
	young := stage(t, l, "orders", "b3", "staged and never published")
	stage(t, l, "items", "b9", "of a feed without a publish")
	write(t, root, "data/orders/b1/.tmp-abc", "torn")
	write(t, root, "data/orders/b1/.tmp-young", "in progress")
	hour := time.Now().Add(-2 * time.Hour)
	for _, old := range []string{"data/items/b9/part-0000.parquet", "data/orders/b1/.tmp-abc", m1.Files[0].Key, f.Key} {
		if err := os.Chtimes(filepath.Join(root, old), hour, hour); err != nil {
			t.Fatal(err)
		}
	}
	names := func(os []lake.Object) (keys []string) {
		for _, o := range os {
			keys = append(keys, o.Key)
		}
		slices.Sort(keys)
		return keys
	}
	want := []string{"data/items/b9/part-0000.parquet", "data/orders/b1/.tmp-abc"}
	for _, dry := range []bool{true, true, false} {
		gone, err := l.GC(ctx, time.Hour, dry)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, names(gone)); diff != "" {
			t.Errorf("GC, dry %v:\n%s", dry, diff)
		}
	}
	gone, err := l.GC(ctx, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"data/orders/b1/.tmp-young", young.Key}, names(gone)); diff != "" {
		t.Errorf("GC without grace:\n%s", diff)
	}
	if diff := cmp.Diff(whole, keysOf(t, l, "")); diff != "" {
		t.Errorf("after GC:\n%s", diff)
	}
	if gone, err := l.GC(ctx, 0, false); err != nil || len(gone) != 0 {
		t.Errorf("the second GC removed %v, %v", gone, err)
	}
}

func TestStatus(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	_, err := l.Status(ctx, "orders")
	wantCode(t, err, pipeline.CodeNotFound)
	since := clock.Add(90 * time.Minute)
	open := lake.Status{State: "open", Cause: "reject rate 8%", Since: since, Fallback: "last_good", At: since}
	if err := l.SetStatus(ctx, "orders", open); err != nil {
		t.Fatal(err)
	}
	s, err := l.Status(ctx, "orders")
	if err != nil || s.State != "open" || s.Manifest != "" || !s.DataAt.IsZero() {
		t.Fatalf("before the first publish: %+v, %v", s, err)
	}
	m1 := publish(t, l, "orders", "b1")
	open.At = since.Add(time.Hour)
	if err := l.SetStatus(ctx, "orders", open); err != nil {
		t.Fatal(err)
	}
	s, err = l.Status(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	want := lake.Status{Schema: 1, Feed: "orders", State: "open", Cause: "reject rate 8%", Since: since, Fallback: "last_good",
		Manifest: m1.ID, DataAt: clock, At: clock, AgeSeconds: 0}
	// What says the same already is not written again.
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("status:\n%s", diff)
	}
	if err := l.SetStatus(ctx, "orders", lake.Status{State: "half-open", Since: since, At: since.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if s, err = l.Status(ctx, "orders"); err != nil || s.AgeSeconds != 9000 || s.State != "half-open" {
		t.Errorf("status %+v, %v", s, err)
	}
	// A publish keeps the state; finishing an old manifest does not go back.
	m2 := publish(t, l, "orders", "b2")
	if err := l.Finish(ctx, m1); err != nil {
		t.Fatal(err)
	}
	if s, err = l.Status(ctx, "orders"); err != nil || s.Manifest != m2.ID || s.State != "half-open" {
		t.Errorf("after finishing the old manifest: %+v, %v", s, err)
	}
	link, err := l.ReadObject(ctx, lake.SymlinkKey("orders"))
	if err != nil || strings.Count(string(link), "\n") != 2 {
		t.Errorf("after finishing the old manifest the symlink manifest is %q, %v", link, err)
	}
}

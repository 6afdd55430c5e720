package laketest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// publishes runs a Lake over the drivers: two writers publish 50 batches in
// turn and in conflict, while readers open every file of what is current.
func publishes(t *testing.T, ds []lake.Driver) {
	ctx := t.Context()
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	reader := lake.New(ds[1], lake.Options{Now: now})
	var stop atomic.Bool
	var snapshots atomic.Int64
	var wg, readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			var last int64
			var seen map[string]bool
			for n := 0; !stop.Load(); n++ {
				if n%8 == 0 {
					seen = map[string]bool{} // every eighth snapshot is read in full
				}
				m, err := reader.Current(ctx, "orders")
				if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
					continue
				}
				if err != nil {
					t.Errorf("reader: %v", err)
					return
				}
				if m.Seq < last {
					t.Errorf("reader: number %d after %d", m.Seq, last)
				}
				last = m.Seq
				if int64(len(m.Files)) != m.Seq {
					t.Errorf("reader: manifest %d names %d files", m.Seq, len(m.Files))
				}
				for _, f := range m.Files {
					if seen[f.SHA256] {
						continue // an immutable file, read for a snapshot just before
					}
					seen[f.SHA256] = true
					r, _, err := reader.Open(ctx, f.Key, 0, -1)
					if err != nil {
						t.Errorf("reader: manifest %d: %v", m.Seq, err)
						return
					}
					h := sha256.New()
					if _, err := io.Copy(h, r); err != nil {
						t.Errorf("reader: %v", err)
					}
					_ = r.Close() // read to its end
					if hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
						t.Errorf("reader: %s has another checksum than manifest %d says", f.Key, m.Seq)
					}
				}
				snapshots.Add(1)
			}
		})
	}
	var conflicts atomic.Int64
	for w := range 2 {
		wg.Go(func() {
			l := lake.New(ds[w], lake.Options{Now: now})
			for i := range 25 {
				if err := publishOne(t, l, fmt.Sprintf("w%d-%02d", w, i), &conflicts); err != nil {
					t.Errorf("writer %d, batch %d: %v", w, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	readers.Wait()
	if t.Failed() {
		return
	}
	var n int64
	for m, err := range reader.Manifests(ctx, "orders") {
		if err != nil {
			t.Fatal(err)
		}
		if m.Seq != 50-n {
			t.Fatalf("the chain has number %d at place %d", m.Seq, n)
		}
		n++
	}
	if n != 50 {
		t.Fatalf("the chain has %d manifests", n)
	}
	if ps, err := reader.Verify(ctx, "orders"); err != nil || len(ps) != 0 {
		t.Fatalf("Verify: %v %v", ps, err)
	}
	for w := range 2 {
		for i := range 25 {
			batch := fmt.Sprintf("w%d-%02d", w, i)
			if m, ok, err := reader.HasBatch(ctx, "orders", batch); err != nil || !ok || m.Batch != batch {
				t.Fatalf("HasBatch(%s) = %v, %v, %v", batch, m, ok, err)
			}
		}
	}
	t.Logf("%d whole snapshots read, %d conflicts between the writers", snapshots.Load(), conflicts.Load())
}

func publishOne(t *testing.T, l *lake.Lake, batch string, conflicts *atomic.Int64) error {
	ctx := t.Context()
	w, err := l.Create(ctx, lake.DataKey("orders", batch, 0))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "rows of %s", batch); err != nil {
		return err
	}
	w.SetRows(1)
	if err := w.Close(); err != nil {
		return err
	}
	for {
		m := lake.Manifest{Feed: "orders", Batch: batch, Load: "append"}
		cur, err := l.Current(ctx, "orders")
		switch {
		case err == nil:
			m.Previous, m.Files = cur.ID, cur.Files
		case pipeline.ErrorCode(err) != pipeline.CodeNotFound:
			return err
		}
		m.Files = append(m.Files, w.File())
		done, err := l.Publish(ctx, m)
		if pipeline.ErrorCode(err) == pipeline.CodeConflict {
			conflicts.Add(1)
			continue
		}
		if err != nil {
			return err
		}
		return l.Finish(ctx, done)
	}
}

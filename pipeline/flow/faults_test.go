package flow_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/dirlake"
)

// A relay stands between the program and its database, and can be cut.
type relay struct {
	to    string
	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
}

func (r *relay) open(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r.l = l
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // it was cut
			}
			out, err := net.Dial("tcp", r.to)
			if err != nil {
				_ = in.Close() // the caller sees it
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, in, out)
			r.mu.Unlock()
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(way[0], way[1]) // ends with either side
					_ = way[0].Close()
				}()
			}
		}
	}()
	return l.Addr().String()
}

// cut ends every connection, and takes no new one.
func (r *relay) cut() {
	_ = r.l.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

// A database that goes away between the publish and the transaction costs
// nothing: the run says so, and the next one enters what was published.
func TestTheDatabaseGoesAwayInTheMiddle(t *testing.T) {
	u, err := url.Parse(postgresStore(t))
	if err != nil {
		t.Fatal(err)
	}
	between := &relay{to: u.Host}
	u.Host = between.open(t, "127.0.0.1:0")
	d := deliveriesOn(t, u.String(), 3, func(int) bool { return false })
	ctx := context.Background()
	done := 0
	d.run.Ingest.Trace = func(step string) {
		if step == flow.StepCommit {
			if done++; done == 2 {
				between.cut()
			}
		}
	}
	if _, err := d.run.Once(ctx, ""); pipeline.ErrorCode(err) != pipeline.CodeUnavailable || !strings.Contains(err.Error(), "store") {
		t.Fatalf("a run whose database went away: %v", err)
	}
	m, err := d.lk.Current(ctx, "parts")
	if err != nil || m.Seq != 2 {
		t.Fatalf("published before it went away: %+v, %v", m, err)
	}
	between.open(t, u.Host)
	defer between.cut()
	if _, err := d.run.Once(ctx, ""); err != nil {
		t.Fatal(err)
	}
	stages := map[flow.Stage]int{}
	for _, b := range d.batches() {
		stages[b.Stage]++
	}
	d.want("batches", stages, map[flow.Stage]int{flow.Done: 3})
	d.want("rows", len(d.curated()), 6)
	samples, _, err := d.db.BreakerHistory(ctx, flow.FeedBreaker("parts"))
	if err != nil || len(samples) != 3 {
		t.Errorf("%d samples of 3 batches, %v", len(samples), err)
	}
}

// A manifest that somebody edited stops the feed's publishes with a clear
// error, loses nothing, and is mended from the chain beside it.
func TestAManifestEditedByHand(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: append}")
	w.land("2026-03-01.csv", "a,washer,1")
	w.once()
	pointer := filepath.Join(w.dir, "lake", "curated", "parts", "_manifest.json")
	was, err := os.ReadFile(pointer)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pointer, bytes.Replace(was, []byte(`"rows": 1`), []byte(`"rows": 2`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	w.land("2026-03-02.csv", "b,nut,2")
	if _, err := w.run.Once(context.Background(), ""); pipeline.ErrorCode(err) != pipeline.CodeCorrupt || !strings.Contains(err.Error(), "was changed after it was written") {
		t.Fatalf("on an edited manifest: %v", err)
	}
	chain, err := filepath.Glob(filepath.Join(w.dir, "lake", "curated", "parts", "_manifests", "*.json"))
	if err != nil || len(chain) != 1 {
		t.Fatalf("the chain: %v, %v", chain, err)
	}
	good, err := os.ReadFile(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pointer, good, 0o644); err != nil {
		t.Fatal(err)
	}
	bs := w.once()
	if len(bs) != 1 || bs[0].Stage != flow.Done {
		t.Fatalf("after it was mended: %+v", bs)
	}
	w.want("rows", w.curated(), []string{"a=1", "b=2"})
}

// A clock that jumps back moves no breaker and loses no batch; an open breaker
// waits for the old time, or for a person.
func TestTheClockJumpsBack(t *testing.T) {
	w := newWorld(t, touchy)
	w.land("2026-03-01.csv", "a,washer,-1")
	w.once()
	w.want("position", w.position(), breaker.Open)
	w.now = w.now.Add(-48 * time.Hour)
	w.land("2026-03-02.csv", "b,washer,1")
	bs := w.once()
	w.want("a good batch two days earlier", bs[0].Stage, flow.Held)
	w.want("its place", bs[0].Seq, int64(2))
	if _, err := w.run.Ingest.Signal(context.Background(), "parts", breaker.Reset, "anna", "clock"); err != nil {
		t.Fatal(err)
	}
	out := w.release(flow.Release{Batches: []string{bs[0].ID}})
	w.want("after the reset", out[0].Stage, flow.Done)
	w.folds(policyOf())
}

// A denied is a lake in which one object may not be read.
type denied struct {
	lake.Driver
	key string
}

func (d denied) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, lake.Object, error) {
	if key == d.key {
		return nil, lake.Object{}, &fs.PathError{Op: "open", Path: key, Err: fs.ErrPermission}
	}
	return d.Driver.Get(ctx, key, off, n)
}

// A landed file that may not be read is marked, and does not keep the others
// waiting; it is taken when it may be.
func TestALandedFileThatMayNotBeRead(t *testing.T) {
	w := newWorld(t, "")
	w.land("2026-03-01.csv", "a,washer,1")
	w.land("2026-03-02.csv", "b,nut,2")
	dir, err := dirlake.New(filepath.Join(w.dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	free := w.run.Ingest.Lake
	w.run.Ingest.Lake = lake.New(denied{dir, "landing/parts/2026-03-01.csv"}, lake.Options{Now: func() time.Time { return w.now }})
	for range 2 {
		bs := w.once()
		if bs[0].Stage != flow.Unjudged || !strings.Contains(bs[0].Reason, "permission denied") {
			t.Errorf("the file that may not be read: %+v", bs[0])
		}
	}
	w.want("rows", w.curated(), []string{"b=2"})
	w.run.Ingest.Lake = free
	bs := w.once()
	if len(bs) != 1 || bs[0].Stage != flow.Done {
		t.Errorf("when it may be read: %+v", bs)
	}
	w.want("rows", w.curated(), []string{"a=1", "b=2"})
}

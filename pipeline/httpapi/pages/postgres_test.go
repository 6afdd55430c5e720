package pages_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// A wire leads to a server and can be cut.
type wire struct {
	mu    sync.Mutex
	to    string
	cut   bool
	conns []net.Conn
}

func (w *wire) run(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		gone := w.cut
		w.mu.Unlock()
		server, err := net.Dial("tcp", w.to)
		if gone || err != nil {
			_ = c.Close()
			if err == nil {
				_ = server.Close()
			}
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, c, server)
		w.mu.Unlock()
		go func() { _, _ = io.Copy(server, c); _ = server.Close() }()
		go func() { _, _ = io.Copy(c, server); _ = c.Close() }()
	}
}

func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.conns = nil
	}
}

// onPostgres is the project of the other tests with its store on Postgres, in a
// schema of its own, behind a wire.
func onPostgres(t *testing.T) (*app.App, *wire) {
	t.Helper()
	dsn := os.Getenv("ASSAY_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("needs a Postgres with pgvector: set ASSAY_TEST_POSTGRES to the DSN that `make postgres` prints")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{to: u.Host}
	go w.run(l)
	schema := fmt.Sprintf("assay_pages_%d_%d", os.Getpid(), time.Now().UnixNano())
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("pool_max_conns", "4")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
		_ = conn.Close(ctx)
	})
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join("..", "..", "..", "cmd", "assay", "scaffold", "contracts"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lake", "landing"), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.ReadConfig([]string{"ASSAY_STORE=" + u.String()}, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{Now: func() time.Time { return noon }, Owner: "test", Version: "test"})
	t.Cleanup(func() { _ = a.Close() })
	if err := a.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, w
}

// TestPostgresGone: Postgres goes in the middle of a review. Every page says so and
// names nothing of the network; what was typed is kept; once it is back, the same
// form is carried out, once.
func TestPostgresGone(t *testing.T) {
	a, w := onPostgres(t)
	opt := options(t, a, httpapi.Local{Subject: "ann"})
	b := browse(t, opt)
	if err := opt.Store.AddReviews(t.Context(), []review.Entry{{ID: "d1", Kind: review.Draft, Subject: "gasket", Reason: "a new category", Created: noon, Data: []byte(`{"name":"gasket"}`)}}); err != nil {
		t.Fatal(err)
	}
	b.get("/reviews/d1").want(t, "before", 200, "gasket")
	form := url.Values{"csrf": {b.csrf("/reviews/d1")}, "decision": {"reject"}, "step": {"0"}, "note": {"kept <note>"}}
	w.set(true)
	for _, to := range []string{"/", "/feeds/parts", "/feeds/parts/batches", "/batches/x", "/reviews", "/reviews/d1", "/items/parts/x", "/search?q=washer", "/clusters", "/catalog", "/evals", "/cost"} {
		r := b.get(to)
		r.want(t, to, 503, "Nothing was lost")
		if strings.Contains(r.body, "127.0.0.1") || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v %.2000s", to, r.header, r.body)
		}
	}
	b.send("POST", "/reviews/d1/decide", form.Encode()).want(t, "a decision", 503, "done only once", `value="kept &lt;note&gt;"`, "Send again")
	w.set(false)
	for range 2 {
		if r := b.send("POST", "/reviews/d1/decide", form.Encode()); r.status != 303 {
			t.Fatalf("once it is back: %d %.1000s", r.status, r.body)
		}
	}
	e, err := opt.Store.Review(t.Context(), "d1")
	if err != nil || e.State != review.Decided || e.Decider != "ann" || e.Note != "kept <note>" || len(e.History) != 1 {
		t.Errorf("%v (%s) %+v", err, pipeline.ErrorCode(err), e)
	}
}

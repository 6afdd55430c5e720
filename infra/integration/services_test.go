package integration

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// built are the binaries of this test run.
var built struct {
	sync.Mutex
	dir   string
	files map[string]string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// binary builds a package of the repository once: a function as for Lambda.
func binary(t testing.TB, pkg string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if f, ok := built.files[pkg]; ok {
		return f
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "assay-integration-*")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.files = dir, map[string]string{}
	}
	out := filepath.Join(built.dir, filepath.Base(pkg), "bootstrap")
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", out}
	if strings.HasPrefix(pkg, "functions/") {
		args = append(args, "-tags", "lambda.norpc")
	}
	cmd := exec.Command("go", append(args, "./"+pkg)...)
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", pkg, err, b)
	}
	built.files[pkg] = out
	return out
}

// missing ends a test that cannot run here: it fails where all has to run.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("ASSAY_TEST_INTEGRATION") == "required" {
		t.Fatal(what)
	}
	t.Skip("needs " + what)
}

// moto starts moto's server, which ends with the test.
func moto(t testing.TB) string {
	t.Helper()
	exe, err := exec.LookPath("moto_server")
	if err != nil {
		missing(t, "moto's server: pip install 'moto[server]'")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // by its own id
		_ = cmd.Wait()         // killed
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close() // it listens
			return "http://" + addr
		}
	}
	t.Fatal("moto_server did not listen within 30 s")
	return ""
}

// schema is the URL of a store in a schema of its own, which ends with the test.
func schema(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("ASSAY_TEST_POSTGRES")
	if dsn == "" {
		missing(t, "a Postgres with pgvector: set ASSAY_TEST_POSTGRES to the DSN that `make postgres` prints")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("assay_integration_%d_%d", os.Getpid(), time.Now().UnixNano())
	q := u.Query()
	q.Set("search_path", name)
	q.Set("pool_max_conns", "3")
	u.RawQuery = q.Encode()
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(ctx) //nolint:errcheck // the test is over
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	return u.String()
}

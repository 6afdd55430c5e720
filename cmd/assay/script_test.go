package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"assay": main, "assay-crash": crashMain})
}

// TestScripts runs the command line as its users do. Each script is a story
// that starts in an empty folder.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"sql": runSQL, "model": runModel, "fetch": runFetch},
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(cond string) (bool, error) {
			if cond == "postgres" {
				return os.Getenv("ASSAY_TEST_POSTGRES") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(e *testscript.Env) error {
			if err := postgresSchema(e); err != nil {
				return err
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("ADDR", l.Addr().String()) // free, for who serves
			if err := l.Close(); err != nil {
				return err
			}
			e.Setenv("HOME", e.WorkDir)
			repo, err := repository()
			if err != nil {
				return err
			}
			e.Setenv("REPO", repo)
			// Where go finds what it built and fetched before; HOME is another one.
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
				v, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return err
				}
				e.Setenv(name, strings.TrimSpace(string(v)))
			}
			e.Setenv("TMPDIR", e.WorkDir+"/.tmp")
			return os.MkdirAll(e.WorkDir+"/.tmp", 0o755)
		},
	})
}

// postgresSchema names a schema of the script alone, which ends with it: SCHEMA,
// and POSTGRES with the URL of a store in it. Nothing is made yet.
func postgresSchema(e *testscript.Env) error {
	dsn := os.Getenv("ASSAY_TEST_POSTGRES")
	if dsn == "" {
		return nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("assay_script_%d_%d", os.Getpid(), time.Now().UnixNano())
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	e.Setenv("POSTGRES", u.String())
	e.Defer(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			panic(err)
		}
		defer conn.Close(ctx) //nolint:errcheck // the test is over
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
			panic(err)
		}
	})
	return nil
}

// runFetch waits until an address answers 200 with a text: fetch URL TEXT.
func runFetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch URL TEXT")
	}
	last := ""
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		res, err := http.Get(args[0])
		if err != nil {
			last = err.Error()
			continue
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // read to its end
		if last = res.Status + " " + string(b); err == nil && res.StatusCode == http.StatusOK && strings.Contains(last, args[1]) {
			return
		}
	}
	ts.Fatalf("no %q: %s", args[1], last)
}

// runSQL changes the script's schema behind the program's back: sql STATEMENT.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sql STATEMENT")
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, ts.Getenv("POSTGRES"))
	ts.Check(err)
	defer conn.Close(ctx) //nolint:errcheck // the test is over
	_, err = conn.Exec(ctx, args[0])
	ts.Check(err)
}

// runModel starts a server that speaks the protocols of model providers and
// answers one question after the other with the lines of a file: model FILE.
// MODEL is its address, OPENAI_API_KEY a key that it takes.
func runModel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: model FILE")
	}
	replies := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	var mu sync.Mutex
	n := 0
	s := llmtest.New(func(llmtest.Asked) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return replies[min(n, len(replies))-1], false
	})
	ts.Defer(s.Close)
	ts.Setenv("MODEL", s.URL+"/v1")
	ts.Setenv("OPENAI_API_KEY", llmtest.Key)
}

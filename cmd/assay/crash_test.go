package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

var kills = flag.Int("kills", 12, "how many kills the crash test spreads over a run")

// killAt in the environment makes the program kill itself at the Nth trace
// point of a run; killAfter at a time.
const killAt = "ASSAY_TEST_KILL_AT"

// crashMain is the program with a hook that ends it without a farewell.
func crashMain() {
	n, _ := strconv.Atoi(os.Getenv(killAt))
	c := &cli{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	seen := 0
	c.trace = func(string) {
		seen++
		if seen == n {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Kill() // SIGKILL: no defer runs, no buffer is written
			}
			select {}
		}
	}
	os.Exit(c.run(context.Background(), os.Args[1:]))
}

// TestCrash kills runs with SIGKILL at every step of the commit and at other
// times, runs again, and compares what is left with an undisturbed run.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	want := t.TempDir()
	crashProject(t, want)
	points := countPoints(t, want)
	wantState := endState(t, want)
	if len(wantState.Batches) == 0 || len(wantState.Entries) == 0 || len(wantState.Events) == 0 {
		t.Fatalf("the undisturbed run did nothing to compare with: %+v", wantState)
	}
	ok := 0
	for i := range *kills {
		// Spread over all trace points, then past them: parse and match.
		at := 1 + i*points/(*kills)
		dir := filepath.Join(t.TempDir(), fmt.Sprintf("kill-%d", i))
		crashProject(t, dir)
		if !killedRun(t, dir, at) {
			t.Errorf("kill at point %d of %d: the run ended by itself", at, points)
			continue
		}
		out, err := crashCommand(dir, "run").CombinedOutput()
		var exit *exec.ExitError
		if held := errors.As(err, &exit) && exit.ExitCode() == 1; err != nil && !held {
			t.Errorf("the run after a kill at point %d: %v\n%s", at, err, out)
			continue
		}
		if d := cmp.Diff(wantState, endState(t, dir)); d != "" {
			t.Errorf("after a kill at point %d of %d (-undisturbed +killed):\n%s", at, points, d)
			continue
		}
		ok++
	}
	t.Logf("%d of %d", ok, *kills)
}

const crashNow = "2026-03-10T06:00:00Z"

func crashCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("assay-crash", append([]string{"-C", dir, "--now", crashNow}, args...)...)
	cmd.Env = append(os.Environ(), "ASSAY_WORKERS=1")
	return cmd
}

// crashProject makes a project with five files of items, one of them bad.
func crashProject(t *testing.T, dir string) {
	t.Helper()
	if _, err := writeScaffold(dir); err != nil {
		t.Fatal(err)
	}
	for day := 3; day <= 6; day++ {
		var b bytes.Buffer
		b.WriteString("part_id,description,manufacturer,plant,price,created\n")
		for i := range 60 {
			plant := "north"
			if day == 5 {
				plant = "nowhere" // a day on which nothing is right
			}
			fmt.Fprintf(&b, "P-%d,\"WASHER M%d DIN 125 A, STEEL\",,%s,0.%02d,2026-03-%02d\n", 2000+(day-3)*40+i, 4+2*(i%8), plant, i, day)
		}
		file := filepath.Join(dir, "lake", "landing", "parts", fmt.Sprintf("parts-2026-03-%02d.csv", day))
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// countPoints runs undisturbed and counts the trace points.
func countPoints(t *testing.T, dir string) int {
	t.Helper()
	points := 0
	c := &cli{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, environ: append(os.Environ(), "ASSAY_WORKERS=1")}
	c.trace = func(string) { points++ }
	if code := c.run(context.Background(), []string{"-C", dir, "--now", crashNow, "run"}); code > 1 {
		t.Fatalf("the undisturbed run ended with %d: %s", code, c.stderr)
	}
	if points < 20 {
		t.Fatalf("only %d trace points", points)
	}
	return points
}

// killedRun runs until the program kills itself at a trace point.
func killedRun(t *testing.T, dir string, at int) bool {
	t.Helper()
	cmd := crashCommand(dir, "run")
	cmd.Env = append(cmd.Env, killAt+"="+strconv.Itoa(at))
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	return exit.ExitCode() == -1 || runtime.GOOS == "windows" // ended by a signal
}

// A state is what a run leaves: the lake byte by byte, the store by its ports,
// and the events by their ids.
type state struct {
	Lake     map[string]string
	Batches  []flow.Batch
	Breakers []string
	Entries  []string
	Matches  []catalog.Match
	Clusters [][]string
	Events   []string
	Waiting  int
	Dead     int
}

func endState(t *testing.T, dir string) state {
	t.Helper()
	ctx := context.Background()
	s := state{Lake: lakeFiles(t, filepath.Join(dir, "lake"))}
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{Now: time.Now})
	defer a.Close()
	db, err := a.Store(ctx)
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Batches, err = db.Batches(ctx, flow.BatchFilter{})
	check(err)
	for i := range s.Batches {
		s.Batches[i].Tag = "" // times of files
	}
	states, err := db.Breakers(ctx)
	check(err)
	for _, st := range states {
		samples, transitions, err := db.BreakerHistory(ctx, st.Key)
		check(err)
		b, err := json.Marshal([]any{st, samples, transitions})
		check(err)
		s.Breakers = append(s.Breakers, string(b))
	}
	entries, err := flow.LiveEntries(ctx, db, catalog.Query{})
	check(err)
	for _, e := range entries {
		b, err := json.Marshal(e)
		check(err)
		s.Entries = append(s.Entries, string(b))
	}
	s.Matches, err = db.Matches(ctx, nil)
	check(err)
	clusters, err := db.Clusters(ctx, nil)
	check(err)
	for _, c := range clusters {
		s.Clusters = append(s.Clusters, append([]string{c.ID}, c.Items...))
	}
	for _, topic := range []string{flow.TopicParse, flow.TopicMatch} {
		waiting, dead, err := db.Depth(ctx, topic)
		check(err)
		s.Waiting += waiting
		s.Dead += dead
	}
	s.Events = eventIDs(t, filepath.Join(dir, ".assay", "events.jsonl"))
	return s
}

func lakeFiles(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		// What an interrupted write left behind is swept by lake gc.
		if strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		// The symlink manifest names absolute paths.
		b = bytes.ReplaceAll(b, []byte(filepath.ToSlash(root)), []byte("ROOT"))
		sum := sha256.Sum256(b)
		files[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:8])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// eventIDs are the distinct ids in the order in which they first appear per
// feed; repeats are what at-least-once allows.
func eventIDs(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var ids []string
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var e pipeline.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if !seen[e.ID] {
			seen[e.ID] = true
			ids = append(ids, e.Type+" "+e.ID)
		}
	}
	sort.Strings(ids)
	return ids
}

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
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

var kills = flag.Int("kills", 16, "how many kills the crash test spreads over a run")

// killAt in the environment makes the program kill itself at the Nth trace
// point of a run, and killAfter that many microseconds after it: inside the step
// that begins there. killLog names the file into which each step is written
// before it begins, so that its last line is the step in which the program died.
const (
	killAt    = "ASSAY_TEST_KILL_AT"
	killAfter = "ASSAY_TEST_KILL_AFTER"
	killLog   = "ASSAY_TEST_KILL_LOG"
)

// crashMain is the program with a hook that ends it without a farewell.
func crashMain() {
	n, _ := strconv.Atoi(os.Getenv(killAt))
	after, _ := strconv.Atoi(os.Getenv(killAfter))
	c := &cli{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	var log *os.File
	if name := os.Getenv(killLog); name != "" {
		var err error
		if log, err = os.Create(name); err != nil {
			panic(err)
		}
	}
	kill := func() {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill() // SIGKILL: no defer runs, no buffer is written
		}
		select {}
	}
	seen := 0
	c.trace = func(step string) {
		seen++
		if log != nil {
			_, _ = log.WriteString(step + "\n") // unbuffered: it is there when the program dies
		}
		if seen != n {
			return
		}
		if after == 0 {
			kill()
		}
		go func() {
			time.Sleep(time.Duration(after) * time.Microsecond)
			kill()
		}()
	}
	os.Exit(c.run(context.Background(), os.Args[1:]))
}

// commitSteps are the steps of the commit, each of which has to be died in.
var commitSteps = []string{flow.StepIntent, flow.StepJudge, flow.StepReport, flow.StepDecide, flow.StepPublish, flow.StepFinish, flow.StepCommit, flow.StepMark}

// TestCrash kills runs over 20 batches with SIGKILL, inside every step of the
// commit and in what follows it, runs again with the same clock, and compares
// lake, store and events with those of an undisturbed run.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	want := t.TempDir()
	crashProject(t, want)
	steps := crashSteps(t, want)
	collect(t, want)
	wantState := endState(t, want)
	if len(wantState.Batches) != crashBatches || len(wantState.Entries) == 0 || len(wantState.Events) == 0 || wantState.Waiting+wantState.Dead > 0 {
		t.Fatalf("the undisturbed run did nothing to compare with: %d batches, %d entries, %d events", len(wantState.Batches), len(wantState.Entries), len(wantState.Events))
	}
	var mu sync.Mutex
	ok, died := 0, map[string]int{}
	todo := make(chan int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range todo {
				at, after := crashPoint(steps, i)
				dir := filepath.Join(t.TempDir(), fmt.Sprintf("kill-%d", i))
				crashProject(t, dir)
				step, err := killedRun(dir, at, after)
				if err == nil {
					err = recovered(t, dir, wantState)
				}
				mu.Lock()
				if err != nil {
					t.Errorf("kill %d µs after point %d of %d (%s), in %q: %v", after, at, len(steps), steps[at-1].name, step, err)
				} else {
					ok++
				}
				died[step]++
				mu.Unlock()
				if err := os.RemoveAll(dir); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range *kills {
		todo <- i
	}
	close(todo)
	wg.Wait()
	per := min(10, *kills/20)
	for _, step := range commitSteps {
		if died[step] < per {
			t.Errorf("%d kills inside %s, want at least %d", died[step], step, per)
		}
	}
	t.Logf("died in: %v", died)
	t.Logf("%d of %d", ok, *kills)
}

// crashPoint is where the i-th kill falls: its trace point, from 1, and how long
// after it, in microseconds. The kills go round the steps of the commit and
// through the batches, half of them at the very beginning of a step and half
// inside it; every eighth falls anywhere: in the relay, in the parts that are
// parsed, in the match.
func crashPoint(steps []crashStep, i int) (at, after int) {
	dice := rand.New(rand.NewPCG(1, uint64(i)))
	inside := func(at int) int { return int(steps[at-1].took.Microseconds() * dice.Int64N(60) / 100) }
	if i%8 == 7 {
		at = 1 + dice.IntN(len(steps))
		return at, inside(at)
	}
	i -= i / 8
	step := commitSteps[i%len(commitSteps)]
	var places []int
	for n, s := range steps {
		if s.name == step {
			places = append(places, n+1)
		}
	}
	at = places[dice.IntN(len(places))]
	if i/len(commitSteps)%2 == 0 {
		return at, 0
	}
	return at, inside(at)
}

// recovered runs again after a kill and compares.
func recovered(t *testing.T, dir string, want state) error {
	out, err := crashCommand(dir, "run").CombinedOutput()
	var exit *exec.ExitError
	if held := errors.As(err, &exit) && exit.ExitCode() == 1; err != nil && !held {
		return fmt.Errorf("the run after it: %w\n%s", err, out)
	}
	collect(t, dir)
	if d := cmp.Diff(want, endState(t, dir)); d != "" {
		return fmt.Errorf("(-undisturbed +killed):\n%s", d)
	}
	return nil
}

// collect removes what nothing refers to, by the real clock.
func collect(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("assay", "-C", dir, "lake", "gc", "--grace", "0s").CombinedOutput(); err != nil {
		t.Errorf("gc: %v\n%s", err, out)
	}
}

const crashNow = "2026-03-10T06:00:00Z"

func crashCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("assay-crash", append([]string{"-C", dir, "--now", crashNow}, args...)...)
	cmd.Env = append(os.Environ(), "ASSAY_WORKERS=1")
	return cmd
}

// crashBatches are the files of the crash project.
const crashBatches = 20

// crashProject makes a project with 20 files of items. On three days everything
// is wrong, so that batches are held; the feed is loaded by key, so that files
// are rewritten.
func crashProject(t *testing.T, dir string) {
	t.Helper()
	if _, err := writeScaffold(dir); err != nil {
		t.Fatal(err)
	}
	landing := filepath.Join(dir, "lake", "landing", "parts")
	if err := os.RemoveAll(landing); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(landing, 0o755); err != nil {
		t.Fatal(err)
	}
	for n := range crashBatches {
		var b bytes.Buffer
		b.WriteString("part_id,description,manufacturer,plant,price,created\n")
		for i := range 8 {
			plant := "north"
			if n == 5 || n == 11 || n == 17 {
				plant = "nowhere"
			}
			fmt.Fprintf(&b, "P-%d,\"WASHER M%d DIN 125 A, STEEL\",,%s,0.%02d,2026-03-01\n", 2000+n*5+i, 4+2*(i%8), plant, i)
		}
		if err := os.WriteFile(filepath.Join(landing, fmt.Sprintf("parts-2026-02-%02d.csv", 1+n)), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A crashStep is one step of a run, and how long it took.
type crashStep struct {
	name string
	took time.Duration
}

// crashSteps runs undisturbed and returns the steps as they came.
func crashSteps(t *testing.T, dir string) (steps []crashStep) {
	t.Helper()
	c := &cli{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, environ: append(os.Environ(), "ASSAY_WORKERS=1")}
	var last time.Time
	c.trace = func(step string) {
		if n := len(steps); n > 0 {
			steps[n-1].took = time.Since(last)
		}
		last = time.Now()
		steps = append(steps, crashStep{name: step})
	}
	if code := c.run(context.Background(), []string{"-C", dir, "--now", crashNow, "run"}); code > 1 {
		t.Fatalf("the undisturbed run ended with %d: %s", code, c.stderr)
	}
	return steps
}

// killedRun runs until the program kills itself, and returns the step in which
// it died.
func killedRun(dir string, at, after int) (string, error) {
	cmd := crashCommand(dir, "run")
	log := filepath.Join(dir, "steps")
	cmd.Env = append(cmd.Env, killAt+"="+strconv.Itoa(at), killAfter+"="+strconv.Itoa(after), killLog+"="+log)
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 && runtime.GOOS != "windows" { // not ended by a signal
		return "", fmt.Errorf("the run was not killed: %w", err)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		return "", err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1], os.Remove(log)
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
	return ids
}

package dirlake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// The test binary is also the other processes of these tests.
func TestMain(m *testing.M) {
	if root := os.Getenv("DIRLAKE_TEST_ROOT"); root != "" {
		d, err := New(root)
		if err == nil {
			switch os.Getenv("DIRLAKE_TEST_JOB") {
			case "count":
				err = count(d, 50)
			case "publish":
				err = publishForever(d)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func process(t *testing.T, root, job string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "DIRLAKE_TEST_ROOT="+root, "DIRLAKE_TEST_JOB="+job)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// count adds n to the number in an object, one by one, each on the condition
// that it is the number that was read.
func count(d *Dir, n int) error {
	ctx := context.Background()
	for done := 0; done < n; {
		r, o, err := d.Get(ctx, "counter", 0, -1)
		cond, have := lake.Condition{IfTag: o.Tag}, 0
		switch {
		case errors.Is(err, fs.ErrNotExist):
			cond = lake.Condition{IfAbsent: true}
		case err != nil:
			return err
		default:
			b, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if have, err = strconv.Atoi(string(b)); err != nil {
				return err
			}
		}
		_, err = d.Put(ctx, "counter", strings.NewReader(strconv.Itoa(have+1)), cond)
		switch {
		case err == nil:
			done++
		case !errors.Is(err, lake.ErrPrecondition):
			return err
		}
	}
	return nil
}

// TestProcesses: conditions hold between processes, so no addition is lost.
func TestProcesses(t *testing.T) {
	root := t.TempDir()
	var cmds []*exec.Cmd
	for range 3 {
		cmds = append(cmds, process(t, root, "count"))
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(root, "counter")); err != nil || string(b) != "150" {
		t.Errorf("3 processes added 50 each: %s, %v", b, err)
	}
}

// publishForever publishes batch after batch until it is killed.
func publishForever(d *Dir) error {
	ctx := context.Background()
	l := lake.New(d, lake.Options{})
	for {
		m := lake.Manifest{Feed: "orders"}
		cur, err := l.Current(ctx, "orders")
		seq := int64(1)
		switch {
		case err == nil:
			m.Previous, m.Files, seq = cur.ID, cur.Files, cur.Seq+1
		case pipeline.ErrorCode(err) != pipeline.CodeNotFound:
			return err
		}
		m.Batch = fmt.Sprintf("b%d", seq)
		w, err := l.Create(ctx, lake.DataKey("orders", m.Batch, 0))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, strings.Repeat(m.Batch, 20_000)); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		m.Files = append(m.Files, w.File())
		done, err := l.Publish(ctx, m)
		if err != nil {
			return err
		}
		if err := l.Finish(ctx, done); err != nil {
			return err
		}
	}
}

// TestKill kills a publishing process at random points, many times over one
// lake. Each time what is current must be whole, and the next process must go
// on without waiting for the dead one's locks.
func TestKill(t *testing.T) {
	root := t.TempDir()
	d, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	l := lake.New(d, lake.Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	var last int64
	for round := range 30 {
		cmd := process(t, root, "publish")
		time.Sleep(30*time.Millisecond + time.Duration(rng.Int64N(int64(40*time.Millisecond))))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 1 {
			t.Fatalf("round %d: the process ended by itself: %v", round, err)
		}
		cur, err := l.Current(t.Context(), "orders")
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound && last == 0 {
			continue
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if cur.Seq < last || int64(len(cur.Files)) != cur.Seq {
			t.Fatalf("round %d: manifest %d with %d files after %d", round, cur.Seq, len(cur.Files), last)
		}
		last = cur.Seq
		if err := l.Finish(t.Context(), cur); err != nil {
			t.Fatal(err)
		}
		if ps, err := l.Verify(t.Context(), "orders"); err != nil || len(ps) != 0 {
			t.Fatalf("round %d: %v, %v", round, ps, err)
		}
	}
	if last == 0 {
		t.Fatal("no process came to publish anything")
	}
	gone, err := l.GC(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d publishes by 30 killed processes, which left %d objects for GC", last, len(gone))
	// What is left is what an undisturbed run would have left.
	files := 0
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.Contains(p, string(filepath.Separator)+locks) {
			files++
		}
		return err
	})
	if want := int(2*last) + 3; err != nil || files != want {
		t.Errorf("%d files after GC, want %d: a data file and an entry per publish, the pointer, the marker, the symlink manifest (%v)", files, want, err)
	}
}

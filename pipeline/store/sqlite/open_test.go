package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// A store that cannot be opened says which file, why, and what to do.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := filepath.Join(dir, "whole.db")
	if err := open(t, whole, sqlite.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE theirs (x)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cut := string(good[:len(good)/2])
	holes := []byte(string(good))
	for i := 8192; i < 3*8192; i++ {
		holes[i] = 0x55
	}
	for _, c := range []struct {
		name, path string
		code       pipeline.Code
		says       string
	}{
		{"no name", "", pipeline.CodeInvalid, "not the name of a file"},
		{"memory", ":memory:", pipeline.CodeInvalid, "not the name of a file"},
		{"a folder", dir, pipeline.CodeInvalid, "is a folder"},
		{"a folder that is a file", filepath.Join(file("plain", "x"), "assay.db"), pipeline.CodeDenied, "needs to write"},
		{"text", file("text.db", strings.Repeat("a,b,c\n", 1000)), pipeline.CodeCorrupt, "not a SQLite database"},
		{"another program's", foreign, pipeline.CodeInvalid, "another program"},
		{"cut off", file("cut.db", cut), pipeline.CodeCorrupt, "restore a backup"},
		{"overwritten", file("holes.db", string(holes)), pipeline.CodeCorrupt, "restore a backup"},
	} {
		_, err := sqlite.Open(context.Background(), c.path, sqlite.Options{Wait: time.Second})
		if pipeline.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: code %q, want %q: %v", c.name, pipeline.ErrorCode(err), c.code, err)
		}
	}
	// An empty file becomes a store: it is what a temporary file looks like.
	if err := open(t, file("empty.db", ""), sqlite.Options{}).Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "foreign.db-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another program's file was touched: %v", err)
	}
}

// Many that open a store which is not there yet all get the same one.
func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "er", "assay.db")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			db, err := sqlite.Open(context.Background(), path, sqlite.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			_, err = db.PutShard(context.Background(), "b", i, "k", time.Now())
			if err := errors.Join(err, db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n, err := open(t, path, sqlite.Options{}).ShardsDone(context.Background(), "b", "k")
	if err != nil || n != 8 {
		t.Errorf("%d writers, %v", n, err)
	}
	if left, _ := filepath.Glob(path + "*backup*"); len(left) > 0 {
		t.Errorf("copies of nothing: %v", left)
	}
}

// A second writer waits, then fails with locked and names who holds leases.
func TestLocked(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "assay.db")
	db, other := open(t, path, sqlite.Options{}), open(t, path, sqlite.Options{Wait: 50 * time.Millisecond})
	now := time.Now()
	if err := db.Acquire(ctx, "run:lake", "host/4711", now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	err := db.Atomic(ctx, func(tx flow.Tx) error {
		if _, err := tx.PutShard(ctx, "b", 1, "k", now); err != nil {
			return err
		}
		_, err := other.PutShard(ctx, "b", 2, "k", now)
		if pipeline.ErrorCode(err) != pipeline.CodeLocked || !strings.Contains(err.Error(), "host/4711") {
			t.Errorf("a second writer: %v", err)
		}
		// Reading goes on meanwhile.
		if n, err := other.ShardsDone(ctx, "b", "k"); err != nil || n != 0 {
			t.Errorf("a reader: %d, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := other.PutShard(ctx, "b", 2, "k", now); err != nil || !first {
		t.Errorf("after the lock: %v, %v", first, err)
	}
	// The store inside its own transaction would wait for itself.
	err = other.Atomic(ctx, func(flow.Tx) error {
		_, err := other.PutShard(ctx, "b", 3, "k", now)
		return err
	})
	if pipeline.ErrorCode(err) != pipeline.CodeLocked || !strings.Contains(err.Error(), "use the Tx") {
		t.Errorf("the store inside Atomic: %v", err)
	}
}

// A cancelled statement takes its transaction with it, not the connection.
func TestInterrupted(t *testing.T) {
	ctx := context.Background()
	db := open(t, filepath.Join(t.TempDir(), "assay.db"), sqlite.Options{})
	for i := range 20 {
		c, cancel := context.WithTimeout(ctx, time.Duration(i)*200*time.Microsecond)
		err := db.Atomic(c, func(tx flow.Tx) error {
			for n := range 1000 {
				if _, err := tx.PutShard(c, "cancelled", n, "k", time.Now()); err != nil {
					return err
				}
			}
			return nil
		})
		cancel()
		if n, rerr := db.ShardsDone(ctx, "cancelled", "k"); rerr != nil || n != 0 && err != nil {
			t.Fatalf("%d shards after %v, %v", n, err, rerr)
		}
		if err == nil {
			break // fast enough
		}
		if c := pipeline.ErrorCode(err); c != pipeline.CodeUnavailable {
			t.Fatalf("code %q: %v", c, err)
		}
		if _, err := db.PutShard(ctx, "next", i, "k", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	if _, err := db.Batch(context.Background(), "b"); err == nil || pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		t.Errorf("a closed store answered: %v", err)
	}
	if err := db.PutBatch(context.Background(), flow.Batch{ID: "b"}); err == nil {
		t.Error("a closed store wrote")
	}
}

// What may only be read says so at once, not at the first write.
func TestDenied(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("permissions do not bind root, and are others on Windows")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "assay.db")
	if err := open(t, path, sqlite.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	denied := func(what, path string) {
		t.Helper()
		_, err := sqlite.Open(context.Background(), path, sqlite.Options{})
		if pipeline.ErrorCode(err) != pipeline.CodeDenied || !strings.Contains(err.Error(), "needs to write") {
			t.Errorf("%s: %v", what, err)
		}
	}
	chmod(path, 0o444)
	denied("a file that may only be read", path)
	chmod(path, 0o644)
	chmod(dir, 0o555)
	t.Cleanup(func() { chmod(dir, 0o755) })
	denied("a folder that may only be read, with a file", path)
	denied("a folder that may only be read, without", filepath.Join(dir, "new.db"))
	denied("a folder in it", filepath.Join(dir, "new", "assay.db"))
}

package notify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

func event(t *testing.T, n int) pipeline.Event {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e, err := pipeline.NewEvent(pipeline.BatchHeld, "/feeds/orders", fmt.Sprint(n), "orders", at, map[string]any{"n": n, "text": "a\nb"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// lines reads the file back; every line has to be an event.
func lines(t *testing.T, b []byte) []pipeline.Event {
	t.Helper()
	if len(b) > 0 && b[len(b)-1] != '\n' {
		t.Fatalf("the last line is torn: %q", b[max(0, len(b)-60):])
	}
	var es []pipeline.Event
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		var e pipeline.Event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatalf("line %d: %v: %q", len(es)+1, err, sc.Text())
		}
		es = append(es, e)
	}
	return es
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWriter(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	if err := w.Publish(t.Context(), []pipeline.Event{event(t, 1), event(t, 2)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Publish(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if es := lines(t, b.Bytes()); len(es) != 2 || es[0].Subject != "1" || es[1].Subject != "2" {
		t.Fatalf("wrote %v", es)
	}
}

func TestFileAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "events.jsonl")
	for run := range 3 {
		f, err := OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Publish(t.Context(), []pipeline.Event{event(t, 2*run), event(t, 2*run+1)}); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range lines(t, read(t, path)) {
		if e.Subject != fmt.Sprint(i) {
			t.Fatalf("event %d is %s", i, e.Subject)
		}
	}
}

// TestTornAnywhere cuts the file after every byte of its last event, as a
// crash could, and publishes again.
func TestTornAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Publish(t.Context(), []pipeline.Event{event(t, 0), event(t, 1)}); err != nil {
		t.Fatal(err)
	}
	whole := read(t, path)
	first := bytes.IndexByte(whole, '\n') + 1
	for cut := first; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		if err := f.Publish(t.Context(), []pipeline.Event{event(t, 1)}); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); !bytes.Equal(got, whole) {
			t.Fatalf("cut after %d of %d bytes:\n%s", cut, len(whole), got)
		}
	}
	// A torn line longer than what is read at once, and one that is the file.
	for _, kept := range []string{"", string(whole)} {
		torn := kept + begin + `1.0","data":"` + strings.Repeat("x", 200_000)
		if err := os.WriteFile(path, []byte(torn), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(path); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); string(got) != kept {
			t.Fatalf("%d bytes are left of %d whole ones", len(got), len(kept))
		}
	}
}

func TestForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	const text = "do not touch\nthis last line has no newline"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(path); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), path) {
		t.Fatalf("OpenFile of a foreign file: %v", err)
	}
	if got := read(t, path); string(got) != text {
		t.Fatalf("the foreign file is now %q", got)
	}
	if _, err := OpenFile(filepath.Dir(path)); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Fatalf("OpenFile of a folder: %v", err)
	}
	if _, err := OpenFile(filepath.Join(path, "below")); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Fatalf("OpenFile below a file: %v", err)
	}
	if _, err := OpenFile(""); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Fatalf("OpenFile of no path: %v", err)
	}
}

func TestConcurrentAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			f, err := OpenFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 20 {
				n := g*1000 + i*2
				if err := f.Publish(t.Context(), []pipeline.Event{event(t, n), event(t, n+1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	es := lines(t, read(t, path))
	if len(es) != 160 {
		t.Fatalf("%d of 160 events", len(es))
	}
	last := map[string]int{}
	for i := 0; i < len(es); i += 2 {
		var a, b int
		if _, err := fmt.Sscan(es[i].Subject+" "+es[i+1].Subject, &a, &b); err != nil {
			t.Fatal(err)
		}
		g := fmt.Sprint(a / 1000)
		if b != a+1 {
			t.Fatalf("a batch was torn apart: %d, %d", a, b)
		}
		if was, ok := last[g]; ok && was >= a {
			t.Fatalf("writer %s: %d after %d", g, a, was)
		}
		last[g] = a
	}
}

func TestInvalidEvent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := event(t, 1)
	bad.Data = json.RawMessage(`{"n":`)
	if err := f.Publish(t.Context(), []pipeline.Event{event(t, 0), bad}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Fatalf("Publish: %v", err)
	}
	if b := read(t, path); len(b) != 0 {
		t.Fatalf("a batch with an invalid event left %q", b)
	}
}

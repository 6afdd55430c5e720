package laketest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/lake"
)

// raceAbsent: of many that create one key exactly one wins, and it is the
// winner's content that stays.
func raceAbsent(t *testing.T, ds []lake.Driver) {
	for round := range 10 {
		key := fmt.Sprintf("curated/f/%d", round)
		wins := race(t, ds, key, round, lake.Condition{IfAbsent: true})
		if got, _ := get(t, ds[0], key, 0, -1); len(wins) != 1 || got != wins[0] {
			t.Fatalf("round %d: winners %q, stored %q", round, wins, got)
		}
	}
}

// raceTag: of many that replace the same version exactly one wins. No content
// comes twice: an ETag may be a hash of it.
func raceTag(t *testing.T, ds []lake.Driver) {
	o := put(t, ds[0], "curated/f/p", "start")
	for round := range 10 {
		wins := race(t, ds, "curated/f/p", round, lake.Condition{IfTag: o.Tag})
		var got string
		if got, o = get(t, ds[0], "curated/f/p", 0, -1); len(wins) != 1 || got != wins[0] {
			t.Fatalf("round %d: winners %q, stored %q", round, wins, got)
		}
	}
}

func race(t *testing.T, ds []lake.Driver, key string, round int, c lake.Condition) (wins []string) {
	t.Helper()
	start := make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			content := fmt.Sprintf("writer %d of round %d", g, round)
			<-start
			_, err := ds[g%len(ds)].Put(t.Context(), key, strings.NewReader(content), c)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wins = append(wins, content)
			case !errors.Is(err, lake.ErrPrecondition):
				t.Errorf("the losing %s got: %v", content, err)
			}
		})
	}
	close(start)
	wg.Wait()
	return wins
}

// readersDuringPut: a reader sees one version whole, also across the chunks of
// one Get, and List never yields a key that cannot be read.
func readersDuringPut(t *testing.T, ds []lake.Driver) {
	version := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 300_000+i) }
	put(t, ds[0], "curated/f/p", version(0))
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				r, o, err := ds[1].Get(t.Context(), "curated/f/p", 0, -1)
				if err != nil {
					t.Errorf("Get during Put: %v", err)
					return
				}
				b, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil {
					t.Errorf("read during Put: %v", err)
					return
				}
				if i := len(b) - 300_000; i < 0 || string(b) != version(i) || o.Size != int64(len(b)) {
					t.Errorf("read during Put: %d bytes, size %d, of more than one version", len(b), o.Size)
					return
				}
				n := 0
				for l, err := range ds[1].List(t.Context(), "curated/", "") {
					if err != nil || l.Key != "curated/f/p" {
						t.Errorf("List during Put: %q, %v", l.Key, err)
					}
					n++
				}
				if n != 1 {
					t.Errorf("List during Put yields %d objects", n)
				}
			}
		})
	}
	for i := range 60 {
		put(t, ds[0], "curated/f/p", version(i))
	}
	stop.Store(true)
	wg.Wait()
}

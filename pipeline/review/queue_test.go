package review_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/review"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// A belief is what a bystander who saw every call thinks of an entry.
type belief struct {
	holder   string
	until    time.Time
	decision string
	decider  string
	steps    int // decisions, undos, releases
}

func (b belief) heldBy(now time.Time) string {
	if b.decision == "" && b.until.After(now) {
		return b.holder
	}
	return ""
}

// TestQueue lets people do anything in any order and compares every answer of
// the queue with what a bystander expects.
func TestQueue(t *testing.T) {
	ctx := context.Background()
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		db, err := sqlite.Open(ctx, filepath.Join(dir, fmt.Sprint(n, ".db")), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		now := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)
		q := review.Queue{Store: db, Now: func() time.Time { return now }}
		ids := []string{"r1", "r2", "r3"} // in the order of their priority
		known := map[string]belief{}
		for i, id := range ids {
			if err := db.AddReviews(ctx, []review.Entry{{ID: id, Kind: review.Pair, Priority: -float64(i), Created: now}}); err != nil {
				t.Fatal(err)
			}
			known[id] = belief{}
		}
		who := rapid.SampledFrom([]string{"ann", "bob"})
		entry := rapid.SampledFrom(ids)
		lease := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, 10).Draw(t, "minutes")) * time.Minute
		})
		expect := func(what string, err error, want pipeline.Code) bool {
			if got := pipeline.ErrorCode(err); got != want {
				t.Fatalf("%s: code %q, want %q: %v", what, got, want, err)
			}
			return want == ""
		}
		// free is the answer to a person who wants to change an undecided entry.
		free := func(b belief, who string) pipeline.Code {
			if h := b.heldBy(now); h != "" && h != who {
				return pipeline.CodeLocked
			}
			return ""
		}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) { now = now.Add(lease.Draw(t, "time")) },
			"claim": func(t *rapid.T) {
				w, l := who.Draw(t, "who"), lease.Draw(t, "lease")
				want := ""
				for _, id := range ids {
					if b := known[id]; b.decision == "" && b.heldBy(now) == "" {
						want = id
						break
					}
				}
				e, err := q.Claim(ctx, w, l, review.Filter{})
				if want == "" {
					expect("claim", err, pipeline.CodeNotFound)
					return
				}
				expect("claim", err, "")
				if e.ID != want {
					t.Fatalf("%s got %s, want %s", w, e.ID, want)
				}
				b := known[want]
				b.holder, b.until = w, now.Add(l)
				known[want] = b
			},
			"take": func(t *rapid.T) {
				w, l, id := who.Draw(t, "who"), lease.Draw(t, "lease"), entry.Draw(t, "entry")
				b := known[id]
				want := free(b, w)
				if b.decision != "" {
					want = pipeline.CodeConflict
				}
				_, err := q.Take(ctx, id, w, l)
				if expect("take", err, want) {
					b.holder, b.until = w, now.Add(l)
				}
				known[id] = b
			},
			"decide": func(t *rapid.T) {
				w, id, d := who.Draw(t, "who"), entry.Draw(t, "entry"), rapid.SampledFrom([]string{"same", "different"}).Draw(t, "decision")
				b := known[id]
				want := free(b, w)
				repeat := b.decision == d && b.decider == w
				if b.decision != "" && !repeat {
					want = pipeline.CodeConflict
				}
				_, err := q.Decide(ctx, id, w, d, "")
				if expect("decide", err, want) && !repeat {
					b = belief{decision: d, decider: w, steps: b.steps + 1}
				}
				known[id] = b
			},
			"undo": func(t *rapid.T) {
				id := entry.Draw(t, "entry")
				b := known[id]
				want := pipeline.Code("")
				if b.decision == "" {
					want = pipeline.CodeConflict
				}
				_, err := q.Undo(ctx, id, who.Draw(t, "who"), "")
				if expect("undo", err, want) {
					b = belief{steps: b.steps + 1}
				}
				known[id] = b
			},
			"release": func(t *rapid.T) {
				w, id := who.Draw(t, "who"), entry.Draw(t, "entry")
				b := known[id]
				want := free(b, w)
				if b.decision != "" {
					want = pipeline.CodeConflict
				}
				_, err := q.Release(ctx, id, w)
				if expect("release", err, want) && b.holder != "" {
					b = belief{steps: b.steps + 1}
				}
				known[id] = b
			},
			"": func(t *rapid.T) {
				for _, id := range ids {
					e, err := db.Review(ctx, id)
					if err != nil {
						t.Fatal(err)
					}
					b := known[id]
					if e.Decision != b.decision || e.Decider != b.decider || len(e.History) != b.steps || (e.State == review.Decided) != (b.decision != "") {
						t.Fatalf("%s is %+v, believed %+v", id, e, b)
					}
				}
			},
		})
	})
}

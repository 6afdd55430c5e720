package evals_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	. "github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
)

var figures = flag.Bool("figures", false, "measure what the last line of make bench-evals holds of this package")

// TestFigures measures: how many broken invariants are found in the run in which
// they break, and how long a suite of 1,000 cases takes at its slowest: answers
// that vary, a drop, so that both passes, the intervals of all figures and the
// joint test of both runs are made, and everything is stored.
func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("runs with -figures: some minutes")
	}
	found, of := invariantsFound(t, 17)
	fmt.Printf("invariants: %d of %d broken ones found in the run in which they broke\n", found, of)

	r, sp := bench(t)
	r.Subject.Deterministic, r.Subject.Workers = false, runtime.GOMAXPROCS(0)
	r.Now, r.Subject.Now = time.Now, time.Now
	set := thousand(LoadSet(t, FS, "parse"))
	rng := rand.New(rand.NewPCG(1, 1))
	worse := false
	sp.spoil = func(rec *pipeline.Record) error {
		if rng.IntN(50) == 0 || worse && len(rec.Source)%12 == 0 {
			rec.Attributes = nil
		}
		return nil
	}
	mustLock(t, r, set)
	worse = true
	start := time.Now()
	run := nightly(t, r, set)
	took := time.Since(start)
	if run.Judgement != Tripped || run.Passes != 2 || run.Cases != 1000 {
		t.Errorf("%s after %d passes over %d cases: %v", run.Judgement, run.Passes, run.Cases, run.Reasons)
	}
	fmt.Printf("a suite of %d cases: %.2f s with two passes, statistics and store, on %d cores\n", run.Cases, took.Seconds(), runtime.GOMAXPROCS(0))
	line, err := json.Marshal(map[string]float64{"invariants_found": float64(found) / float64(of), "suite_1000_s": took.Seconds()})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(line))
}

// thousand makes a suite of 1,000 cases of the ones that there are.
func thousand(set *Set) *Set {
	n := len(set.Cases)
	for i := 0; len(set.Cases) < 1000; i++ {
		c := set.Cases[i%n]
		c.ID = fmt.Sprintf("%s/%d", c.ID, 1+i/n)
		set.Cases = append(set.Cases, c)
	}
	set.Cases = set.Cases[:1000]
	return set
}

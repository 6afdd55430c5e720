package evals

import (
	"fmt"
	"testing"
)

// The sample of a suite is the same each time, a larger one holds the smaller, and
// wordings of one thing stay together.
func TestSample(t *testing.T) {
	set := &Set{Suite: &Suite{Name: "x", Tolerance: 0.02}}
	for i := range 600 {
		c := Case{ID: fmt.Sprint("c", i)}
		if i%3 == 0 {
			c.Cluster = fmt.Sprint("k", i/30)
		}
		if i%50 == 0 {
			c.Want.Category = []string{"bearing"}
		}
		set.Cases = append(set.Cases, c)
	}
	ids := func(s *Set) map[string]bool {
		out := map[string]bool{}
		for _, c := range s.Cases {
			out[c.ID] = true
		}
		return out
	}
	small, large := ids(set.Sample(nil, 1, SampleOptions{})), ids(set.Sample(nil, 1, SampleOptions{Least: 300}))
	if len(small) < LeastSample || len(small) > LeastSample+10 || len(large) < 300 || len(large) > 310 {
		t.Errorf("%d and %d cases", len(small), len(large))
	}
	for id := range small {
		if !large[id] {
			t.Errorf("%s leaves the sample when it grows", id)
		}
	}
	got := ids(set.Sample(nil, 1, SampleOptions{Category: "bearing", Cases: []string{"c7"}}))
	for _, c := range set.Cases {
		if (len(c.Want.Category) > 0 || c.ID == "c7") && !got[c.ID] {
			t.Errorf("%s was asked for", c.ID)
		}
	}
	clusters := map[string]int{}
	for _, c := range set.Cases {
		if c.Cluster != "" && small[c.ID] {
			clusters[c.Cluster]++
		}
	}
	for k, n := range clusters {
		if n != 10 {
			t.Errorf("%d of the 10 wordings of %s", n, k)
		}
	}
	if n := len(set.Sample(nil, 1, SampleOptions{Least: 5000}).Cases); n != 600 {
		t.Errorf("%d of all", n)
	}
	// What the baseline's noise asks for: a drop of 5 points needs more of noisy
	// cases than of quiet ones.
	noisy := &LockedRun{}
	for i, c := range set.Cases {
		noisy.Results = append(noisy.Results, Result{Case: c.ID, Scores: []float64{float64(i % 2), 1, 0, 1}})
	}
	if n := len(set.Sample(noisy, 1, SampleOptions{Drop: 0.05}).Cases); n <= LeastSample+10 {
		t.Errorf("%d noisy cases", n)
	}
}

package evals

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// LeastSample is the least that a sample of a suite holds, where there are as
// many cases: fewer find no drop of a size that matters.
const LeastSample = 100

// SampleOptions say what a sample has to be good for.
type SampleOptions struct {
	// Least cases; 0 is LeastSample.
	Least int
	// Drop that the sample has to be able to find; 0 is twice the tolerance.
	Drop float64
	// Category, where set, whose cases are all taken: what is asked is how they
	// are.
	Category string
	// Cases that are taken in any case, sorted: those that were lost when it
	// tripped.
	Cases []string
}

// Sample is a part of a set: the cases that somebody asked for, and of the others
// as many as it takes to find the drop, by the noise of the baseline. Which ones
// is decided by the hash of their clusters' ids, so the same suite has the same
// sample, a larger one holds the smaller, and wordings of one thing stay together.
func (s *Set) Sample(base *LockedRun, seed uint64, opt SampleOptions) *Set {
	least := cmp.Or(opt.Least, LeastSample)
	if base != nil {
		r := Runner{Seed: seed}
		pairs := pairsOf(base.Results, base.Results)
		plan := r.plan(s, pairs, &Run{Deterministic: base.Run.Deterministic})
		least = max(least, plan.Needed(max(opt.Drop, 2*s.Tolerance)))
	}
	lost := map[string]bool{}
	for _, id := range opt.Cases {
		lost[id] = true
	}
	order := func(c *Case) uint64 { return xxh3.HashString(cmp.Or(c.Cluster, c.ID)) }
	wanted := func(c *Case) bool {
		return lost[c.ID] || opt.Category != "" && (slices.Contains(c.Want.Category, opt.Category) || c.Category == opt.Category)
	}
	cases := slices.Clone(s.Cases)
	slices.SortStableFunc(cases, func(a, b Case) int {
		return cmp.Or(-cmp.Compare(bit(wanted(&a)), bit(wanted(&b))), cmp.Compare(order(&a), order(&b)), cmp.Compare(a.ID, b.ID))
	})
	n := 0
	for n < len(cases) && (n < least || wanted(&cases[n]) || cases[n].Cluster != "" && cases[n].Cluster == cases[n-1].Cluster) {
		n++
	}
	part := *s
	part.Cases = cases[:n]
	return &part
}

// Probe runs a suite on a sample that could find again what a run found, and keeps
// the run without telling anybody: who asked decides what it means. before is the
// run that tripped, nil where there is none.
func (r *Runner) Probe(ctx context.Context, set *Set, base *LockedRun, opt SampleOptions) (*Run, []Result, *Set, error) {
	part := set.Sample(base, r.Seed, opt)
	run, results, err := r.run(ctx, part, base, Tried)
	if err != nil {
		return run, results, part, err
	}
	run.Reasons = append(run.Reasons, fmt.Sprintf("%d of %d cases were asked", len(part.Cases), len(set.Cases)))
	// A loss of few cases drowns in a sample of many; it is over when most of
	// those are right again.
	if n := stillLost(base, results, opt.Cases); run.Judgement == Passed && 2*n > len(opt.Cases) {
		run.Judgement = Tripped
		run.Reasons = append([]string{fmt.Sprintf("of %d cases that were lost %d still are", len(opt.Cases), n)}, run.Reasons...)
	}
	if r.Store != nil {
		err = r.Store.PutRun(ctx, *run, results)
	}
	return run, results, part, err
}

func stillLost(base *LockedRun, results []Result, before []string) int {
	if base == nil || len(before) == 0 {
		return 0
	}
	n := 0
	for _, id := range Lost(base, results) {
		if _, was := slices.BinarySearch(before, id); was {
			n++
		}
	}
	return n
}

// Lost are the cases of a run that scored less than in the baseline.
func Lost(base *LockedRun, results []Result) []string {
	var out []string
	for _, p := range pairsOf(base.Results, results) {
		if p.Change() < 0 {
			out = append(out, p.ID)
		}
	}
	slices.Sort(out)
	return out
}

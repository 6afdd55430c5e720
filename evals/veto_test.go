package evals_test

import (
	"context"
	"slices"
	"testing"

	. "github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// A mad matcher calls one more pair a duplicate, and leaves the clusters to the
// sound one or puts the two into one.
type madMatcher struct {
	Matcher
	pair    [2]string
	cluster bool
}

func (m *madMatcher) Pairs(ctx context.Context, all []catalog.Entry, changed []string) ([]catalog.Match, error) {
	ms, err := m.Matcher.Pairs(ctx, all, changed)
	if m.cluster {
		return ms, err
	}
	ms = slices.DeleteFunc(ms, func(x catalog.Match) bool { return x.A == m.pair[0] && x.B == m.pair[1] })
	return append(ms, catalog.Match{A: m.pair[0], B: m.pair[1], Verdict: catalog.Duplicate, Score: 0.99}), err
}

func (m *madMatcher) Clusters(ctx context.Context, entries []catalog.Entry, matches []catalog.Match, previous []catalog.Cluster) ([]catalog.Cluster, []catalog.Change, error) {
	cs, changes, err := m.Matcher.Clusters(ctx, entries, matches, previous)
	if m.cluster {
		cs = append(cs, catalog.Cluster{ID: "mad", Items: m.pair[:]})
	}
	return cs, changes, err
}

// vetoesFound joins pairs that conflict in a critical attribute, and counts the
// runs that tripped on it.
func vetoesFound(t testing.TB, step int) (found, of int) {
	t.Helper()
	r, _ := bench(t)
	set := LoadSet(t, FS, "match")
	mustLock(t, r, set)
	sound := r.Subject.Matcher
	tried := 0
	for i := range set.Cases {
		c := &set.Cases[i]
		if c.Want.Verdict != "distinct" || c.Kind != Adversarial {
			continue
		}
		if tried++; tried%step != 0 {
			continue
		}
		a, b := c.Sides()
		x, y, err := r.Entries(t.Context(), *c)
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := r.Subject.Explainer.Explain(x, y); m.Veto == "" {
			continue // kept apart by something else than a veto
		}
		for _, cluster := range []bool{false, true} {
			r.Subject.Matcher = &madMatcher{sound, Ordered(a, b), cluster}
			run := nightly(t, r, set)
			r.Subject.Matcher = sound
			of++
			if run.Judgement == Tripped && slices.ContainsFunc(run.Breaches, func(b Breach) bool { return b.Invariant == NoVetoBroken }) {
				found++
			} else {
				t.Errorf("%s, cluster %t: %s, %v", c.ID, cluster, run.Judgement, run.Breaches)
			}
		}
	}
	return found, of
}

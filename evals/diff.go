package evals

import (
	"cmp"
	"slices"

	"github.com/assay-pipeline/assay/evals/stats"
)

// A Diff is the paired comparison of any two runs of a suite.
type Diff struct {
	SchemaVersion int       `json:"schema_version"`
	Before        Run       `json:"before"`
	After         Run       `json:"after"`
	Changed       []Changed `json:"changed"`
	// Difference of the cases that both could score.
	Difference stats.Difference `json:"difference"`
	// OnlyBefore and OnlyAfter count cases that one of the two alone could
	// score.
	OnlyBefore int        `json:"only_before"`
	OnlyAfter  int        `json:"only_after"`
	Cases      []CaseDiff `json:"cases"`
}

// A CaseDiff is a case whose score differs.
type CaseDiff struct {
	Example
	Change float64 `json:"change"`
}

// Compare sets two runs against each other, whatever their suites' versions:
// cases are the same where their ids are.
func Compare(a, b *LockedRun) *Diff {
	d := &Diff{SchemaVersion: SchemaVersion, Before: a.Run, After: b.Run, Changed: b.Run.Versions.Changes(a.Run.Versions), Cases: []CaseDiff{}}
	pairs := pairsOf(a.Results, b.Results)
	d.Difference = stats.Rule{Seed: 1}.Compare(pairs)
	scored := func(rs []Result) (n int) {
		for i := range rs {
			n += int(bit(len(rs[i].Scores) > 0))
		}
		return n
	}
	d.OnlyBefore, d.OnlyAfter = scored(a.Results)-len(pairs), scored(b.Results)-len(pairs)
	before := map[string]*Result{}
	for i := range a.Results {
		if len(a.Results[i].Scores) > 0 {
			before[a.Results[i].Case] = &a.Results[i]
		}
	}
	for i := range b.Results {
		r := &b.Results[i]
		was := before[r.Case]
		if was == nil || len(r.Scores) == 0 {
			continue
		}
		if c := r.Mean() - was.Mean(); c > 1e-9 || c < -1e-9 {
			d.Cases = append(d.Cases, CaseDiff{Example{Case: r.Case, Text: cmp.Or(r.Last.Text, was.Last.Text), Before: was.Mean(), After: r.Mean(), Was: missTexts(was.Last.Misses), Is: missTexts(r.Last.Misses)}, c})
		}
	}
	slices.SortStableFunc(d.Cases, func(x, y CaseDiff) int { return cmp.Or(cmp.Compare(x.Change, y.Change), cmp.Compare(x.Case, y.Case)) })
	return d
}

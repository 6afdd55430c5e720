package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
)

// A Query is a canary: a question whose answers are known, asked of the live
// index.
type Query struct {
	ID   string `json:"id"`
	Text string `json:"query"`
	// All answer it; precision counts how many of the first K are among them, up
	// to as many as there are.
	All []string `json:"all"`
}

// A CanaryRun is how a set of queries fared once.
type CanaryRun struct {
	ID  string    `json:"id"`
	Set string    `json:"set"`
	At  time.Time `json:"at"`
	K   int       `json:"k"`
	// Precision is the mean of precision@k, a metric beside LatencyMS (95th
	// percentile) and Errors (share of queries that failed).
	Precision float64 `json:"precision"`
	LatencyMS float64 `json:"latency_ms"`
	Errors    float64 `json:"errors"`
	// Scores are the precisions by query; one that failed has none.
	Scores map[string]float64 `json:"scores"`
	// Worst are queries that lost most against the baseline, where it tripped.
	Worst   []string `json:"worst,omitempty"`
	Tripped bool     `json:"tripped"`
	Reason  string   `json:"reason,omitempty"`
}

// A Finder asks the live index: ids, the best first.
type Finder func(ctx context.Context, query string, k int) ([]string, error)

// AskCanaries asks all queries. A query that fails is an error, not a miss; where
// all fail, the last error is returned.
func AskCanaries(ctx context.Context, set string, queries []Query, k int, find Finder, now func() time.Time) (CanaryRun, error) {
	r := CanaryRun{Set: set, At: now().UTC(), K: k, Scores: map[string]float64{}}
	if len(queries) == 0 {
		return r, pipeline.Errorf(pipeline.CodeInvalid, "there are no canary queries").WithHint("write some: a query and the ids that answer it")
	}
	var took []float64
	var last error
	failed := 0
	for _, q := range queries {
		start := now()
		ids, err := find(ctx, q.Text, k)
		if err != nil {
			if ctx.Err() != nil {
				return r, err
			}
			failed++
			last = err
			continue
		}
		took = append(took, float64(now().Sub(start).Microseconds())/1000)
		hits := 0
		for _, id := range ids[:min(k, len(ids))] {
			if slices.Contains(q.All, id) {
				hits++
			}
		}
		r.Scores[q.ID] = float64(hits) / float64(max(1, min(k, len(q.All))))
		r.Precision += r.Scores[q.ID]
	}
	if failed == len(queries) {
		return r, last
	}
	r.Precision /= float64(len(r.Scores))
	r.Errors = float64(failed) / float64(len(queries))
	slices.Sort(took)
	r.LatencyMS = took[min(len(took)-1, len(took)*95/100)]
	r.ID = pipeline.ContentID("canaries", set, r.At.Format(time.RFC3339Nano))
	return r, nil
}

// Lost adds queries that could not even be asked because what answers them is
// gone: nothing is found.
func (r *CanaryRun) Lost(ids []string) {
	if len(ids) == 0 {
		return
	}
	n := float64(len(r.Scores))
	r.Precision *= n / (n + float64(len(ids)))
	for _, id := range ids {
		r.Scores[id] = 0
	}
}

// Compared are the mean precisions of the queries that both the baseline and a
// run have scored, and how many those are.
func (b Baseline) Compared(r CanaryRun) (was, now float64, n int) {
	for id, score := range r.Scores {
		if before, ok := b.Queries[id]; ok {
			was, now, n = was+before, now+score, n+1
		}
	}
	if n > 0 {
		was, now = was/float64(n), now/float64(n)
	}
	return was, now, n
}

// CanaryTolerance is the drop of the precision that is accepted: the live index
// grows, and a new document may rightly come before an old one.
const CanaryTolerance = 0.05

// JudgeCanaries compares a run with the locked scores, query by query. An index
// answers the same question the same way, so a drop beyond the tolerance whose
// interval lies below zero is no noise; second is the same asked again.
func (r *CanaryRun) JudgeCanaries(b Baseline, second CanaryRun) stats.Verdict {
	pairs := func(x CanaryRun) []stats.Pair {
		var out []stats.Pair
		for id, score := range x.Scores {
			if was, ok := b.Queries[id]; ok {
				out = append(out, stats.Pair{ID: id, Base: []float64{was}, Now: score})
			}
		}
		slices.SortFunc(out, func(a, b stats.Pair) int { return cmp.Compare(a.ID, b.ID) })
		return out
	}
	first := pairs(*r)
	v := stats.Rule{Tolerance: CanaryTolerance, Deterministic: true}.Judge(first, pairs(second))
	r.Tripped = v.Tripped
	r.Reason = fmt.Sprintf("precision@%d went from %.2f to %.2f over %d queries; %s", r.K, v.First.Base, v.First.Now, v.First.Items, v.Reason)
	if r.Tripped {
		slices.SortStableFunc(first, func(a, b stats.Pair) int { return cmp.Compare(a.Change(), b.Change()) })
		for _, p := range first[:min(5, len(first))] {
			if p.Change() < 0 {
				r.Worst = append(r.Worst, p.ID)
			}
		}
	}
	return v
}

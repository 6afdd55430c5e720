package gate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// TestOverTime: rules of volume, drift and freshness judge a batch by those
// before it; without them they are not judged, and never passed.
func TestOverTime(t *testing.T) {
	g, err := gate.Compile(&contract.Feed{Name: "f", Format: contract.CSV, MaxRejectRate: 1, Fields: []contract.Field{
		{Name: "x", Column: "x", Type: contract.Decimal}, {Name: "c", Column: "c", Type: contract.String}, {Name: "at", Column: "at", Type: contract.Timestamp},
	}, Checks: []contract.Check{
		{ID: "volume", Kind: "custom", Metric: "volume", Tolerance: 0.5, Window: 3},
		{ID: "drift.x", Kind: "custom", Metric: "drift", Field: "x", Tolerance: 0.25, Window: 3},
		{ID: "drift.c", Kind: "custom", Metric: "drift", Field: "c", Tolerance: 0.25, Window: 3},
		{ID: "fresh", Kind: "custom", Metric: "freshness", Field: "at", MaxAge: time.Hour},
	}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	file := func(seed uint64, rows int, shift float64, words string, at time.Time) []byte {
		r := rand.New(rand.NewPCG(seed, 1))
		var b strings.Builder
		b.WriteString("x,c,at\n")
		for range rows {
			fmt.Fprintf(&b, "%.3f,%c,%s\n", r.NormFloat64()+shift, words[r.IntN(len(words))], at.Format(time.RFC3339))
		}
		return []byte(b.String())
	}
	var history []*gate.Profile
	run := func(data []byte) map[string]string {
		rep, err := g.Judge(context.Background(), bytesInput("x.csv", data), gate.Options{History: history, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		history = append(history, rep.Profile)
		out := map[string]string{}
		for _, c := range rep.Checks {
			out[c.ID] = c.Result
		}
		return out
	}
	want := func(what string, got map[string]string, volume, x, c, fresh string) {
		t.Helper()
		if got["volume"] != volume || got["drift.x"] != x || got["drift.c"] != c || got["fresh"] != fresh {
			t.Errorf("%s: %v", what, got)
		}
	}
	want("first", run(file(1, 1000, 0, "ab", now)), "not_judged", "not_judged", "not_judged", "passed")
	for i := range 3 {
		want("the same again", run(file(uint64(i)+2, 1000, 0, "ab", now.Add(-30*time.Minute))), "passed", "passed", "passed", "passed")
	}
	keep := history
	want("fewer", run(file(9, 300, 0, "ab", now)), "failed", "passed", "passed", "passed")
	history = keep
	want("shifted", run(file(9, 1000, 2, "ab", now)), "passed", "failed", "passed", "passed")
	history = keep
	want("a new category", run(file(9, 1000, 0, "abc", now)), "passed", "passed", "failed", "passed")
	history = keep
	want("stale", run(file(9, 1000, 0, "ab", now.Add(-2*time.Hour))), "passed", "passed", "passed", "failed")
}

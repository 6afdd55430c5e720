package gate_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// TestDrift: each way to compare distributions finds what it is for, in small
// batches too where it says so, and lets an unchanged batch pass.
func TestDrift(t *testing.T) {
	drift := func(field string, method contract.DriftMethod, limit float64) contract.Check {
		return contract.Check{ID: field + "." + string(method), Kind: "custom", Metric: "drift", Field: field, Method: method, Tolerance: limit, Window: 5}
	}
	g, err := gate.Compile(&contract.Feed{Name: "f", Format: contract.CSV, MaxRejectRate: 1, Fields: []contract.Field{
		{Name: "x", Column: "x", Type: contract.Decimal}, {Name: "c", Column: "c", Type: contract.String},
	}, Checks: []contract.Check{
		drift("x", contract.DriftJS, 0.1), drift("x", contract.DriftKS, 0.01), drift("c", contract.DriftJS, 0.1),
		drift("c", contract.DriftNew, 0), drift("c", contract.DriftVanished, 0),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var history []*gate.Profile
	judge := func(seed uint64, rows int, shift float64, words string) map[string]gate.CheckResult {
		t.Helper()
		r := rand.New(rand.NewPCG(seed, 1))
		var b strings.Builder
		b.WriteString("x,c\n")
		for i := range rows {
			fmt.Fprintf(&b, "%.3f,%c\n", r.NormFloat64()+shift, words[i%len(words)])
		}
		rep, err := g.Judge(t.Context(), bytesInput("x.csv", []byte(b.String())), gate.Options{History: history})
		if err != nil {
			t.Fatal(err)
		}
		fitsSchema(t, rep)
		history = append(history, rep.Profile)
		out := map[string]gate.CheckResult{}
		for _, c := range rep.Checks {
			out[c.ID] = c
		}
		return out
	}
	want := func(what string, got map[string]gate.CheckResult, results ...string) {
		t.Helper()
		for i, id := range []string{"x.js", "x.ks", "c.js", "c.new_categories", "c.vanished_categories"} {
			if got[id].Result != results[i] {
				t.Errorf("%s: %s is %s (%s), want %s", what, id, got[id].Result, got[id].Detail, results[i])
			}
		}
	}
	none := []string{"not_judged", "not_judged", "not_judged", "not_judged", "not_judged"}
	want("the first", judge(1, 30, 0, "ab"), none...)
	for i := range uint64(3) {
		want("small and unchanged", judge(2+i, 30, 0, "ab"), "not_judged", "passed", "not_judged", "passed", "passed")
	}
	keep := history
	want("small and shifted", judge(9, 30, 2, "ab"), "not_judged", "failed", "not_judged", "passed", "passed")
	history = keep
	got := judge(9, 30, 0, "ac")
	want("another category", got, "not_judged", "passed", "not_judged", "failed", "failed")
	if d := got["c.new_categories"].Detail; d != "1 new against 4 batches: c" {
		t.Errorf("%q", d)
	}
	history = nil
	for i := range uint64(3) {
		judge(2+i, 400, 0, "ab")
	}
	keep = history
	want("large and unchanged", judge(7, 400, 0, "ab"), "passed", "passed", "passed", "passed", "passed")
	history = keep
	want("large and shifted", judge(7, 400, 1, "aaaab"), "failed", "failed", "passed", "passed", "passed")
	history = keep
	want("large, a category for another", judge(7, 400, 0, "ac"), "passed", "passed", "failed", "failed", "failed")
}

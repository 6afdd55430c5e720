package evals

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestVariants: the same seed makes the same cases, another one others; each is a
// case that reads, says where it comes from, and knows no more than is still true.
func TestVariants(t *testing.T) {
	set := load1(t, FS, "redteam")
	a, b, c := Variants(set.Cases, 12, 1), Variants(set.Cases, 12, 1), Variants(set.Cases, 12, 2)
	texts := func(cs []Case) (out []string) {
		for _, c := range cs {
			out = append(out, c.ID+" "+c.Text)
		}
		return out
	}
	if !slices.Equal(texts(a), texts(b)) || slices.Equal(texts(a), texts(c)) {
		t.Error("a seed does not decide what is made")
	}
	if len(a) != 12*len(set.Cases) {
		t.Fatalf("%d variants", len(a))
	}
	seen := map[string]int{}
	for _, v := range a {
		seen[v.Slices["twist"]]++
		if v.Cluster == "" || v.By != Generated || v.Slices["attack"] == "" || !slices.Contains(v.Want.Category, "unknown") {
			t.Errorf("%+v", v)
		}
		if len(v.Want.Attributes) > 0 || v.Want.Review != nil {
			t.Errorf("%s asks for what is not known of it", v.ID)
		}
	}
	if len(seen) != len(twists) {
		t.Errorf("twists: %v", seen)
	}
	var file bytes.Buffer
	if err := WriteCases(&file, a); err != nil {
		t.Fatal(err)
	}
	read, ps := ReadCases("found.jsonl", file.Bytes(), Parse)
	if len(ps) > 0 || len(read) != len(a) {
		t.Errorf("%d of %d cases read: %v", len(read), len(a), ps)
	}
}

// TestAdopt: what failed is proposed with what was wrong; what a set has is not
// adopted again, by id or text; what does not read is refused.
func TestAdopt(t *testing.T) {
	set := load1(t, FS, "redteam")
	first, second := set.Cases[0].ID, set.Cases[1].ID
	failed := Failures(set, []Result{
		{Case: first, Scores: []float64{0.5}, Last: Scored{Breaches: []Breach{{Invariant: NoPIILeak, Detail: "the value of x"}}, Misses: []Miss{{What: "length", Want: "50", Got: "5000"}}}},
		{Case: second, Scores: []float64{1}},
		{Case: set.Cases[2].ID, Errors: 1},
	})
	if len(failed) != 1 || failed[0].ID != first || !strings.Contains(failed[0].Note, "no-pii-leak: the value of x; length: want 50, got 5000") {
		t.Fatalf("%+v", failed)
	}
	fresh := failed[0]
	fresh.ID, fresh.Text = "red-900", fresh.Text+" again"
	twin := fresh
	twin.ID = "red-901"
	var file bytes.Buffer
	if err := WriteCases(&file, []Case{failed[0], fresh, twin}); err != nil {
		t.Fatal(err)
	}
	got, known, err := Adopt(set, "found.jsonl", file.Bytes())
	if err != nil || known != 2 || len(got) != 1 || got[0].ID != "red-900" {
		t.Errorf("%d adopted, %d known, %v", len(got), known, err)
	}
	if _, _, err := Adopt(set, "found.jsonl", []byte(`{"id": "x"}`)); err == nil || !strings.Contains(err.Error(), "found.jsonl:1") {
		t.Errorf("a line that is none: %v", err)
	}
}

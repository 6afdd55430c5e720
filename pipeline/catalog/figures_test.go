package catalog

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
)

var figures = flag.Bool("figures", false, "measure on every data set, train, and print the figures")

// TestFigures measures on the public data sets beside the repository. Without
// -figures only what takes a second runs.
func TestFigures(t *testing.T) {
	out := map[string]float64{}
	matchingFigures(t, filepath.Join(evaluationData(t), "matching"), out)
	nearTwins(t, filepath.Join(evaluationData(t), "industrial", "kicad-symbols", "kicad_parts.csv"), out)
	thinPairs(t, out)
	if !*figures {
		return
	}
	cats, entries := synthetic(20000)
	m := &Matcher{known: syntheticCriteria(cats)}
	start := time.Now()
	ms, err := m.Pairs(context.Background(), entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Clusters(context.Background(), entries, ms, nil); err != nil {
		t.Fatal(err)
	}
	out["items_per_s"] = float64(len(entries)) / time.Since(start).Seconds()
	fmt.Printf("%-16s embedding, candidates, verdicts, clusters of 20,000 items: %.0f items/s\n", "whole catalog", out["items_per_s"])
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(b))
}

// TestThinPairsGoToReview needs no data.
func TestThinPairsGoToReview(t *testing.T) { thinPairs(t, map[string]float64{}) }

// matchingFigures: rules without labels, and the model trained on the train
// split, both judged on the valid split.
func matchingFigures(t *testing.T, dir string, out map[string]float64) {
	ctx := context.Background()
	sets := []struct {
		folder, key string
		rules       float64 // F1 of the rules that must hold on valid
	}{{"abt-buy", "abt_buy", 0.90}, {"amazon-google", "amazon_google", 0.70}, {"walmart-amazon", "walmart_amazon", 0.79}}
	if !*figures {
		sets = sets[:1]
	}
	for _, d := range sets {
		s, train, valid := loadSet(t, filepath.Join(dir, d.folder))
		rules, err := learn.Rules(ctx, s, valid, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := learn.Measure(rules, valid).F1; got < d.rules {
			t.Errorf("%s: rules reach an F1 of %.4f, want %.2f", d.folder, got, d.rules)
		}
		if !*figures {
			continue
		}
		start := time.Now()
		m, err := learn.Train(ctx, s, train)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		pairwise, err := m.Predict(ctx, s, valid, true)
		if err != nil {
			t.Fatal(err)
		}
		full, err := m.Predict(ctx, s, valid, false)
		if err != nil {
			t.Fatal(err)
		}
		recall, err := learn.CandidateRecall(s, slices.Concat(train, valid), 10)
		if err != nil {
			t.Fatal(err)
		}
		out[d.key+"_f1"] = learn.Measure(full, valid).F1
		out[d.key+"_f1_pairwise"] = learn.Measure(pairwise, valid).F1
		out[d.key+"_rules_f1"] = learn.Measure(rules, valid).F1
		if d.key == "walmart_amazon" {
			out["wa_recall10"] = recall
		}
		fmt.Printf("%-16s F1 on valid: learned %.4f, pairwise %.4f, rules %.4f | out of fold on train: logistic %.4f, trees %.4f, competition %.4f, mixed %.4f | candidate recall@10 %.4f | trained in %s\n",
			d.folder, out[d.key+"_f1"], out[d.key+"_f1_pairwise"], out[d.key+"_rules_f1"],
			m.Training.Logistic, m.Training.Trees, m.Training.Competition, m.Training.Mixed, recall, took.Round(100*time.Millisecond))
	}
}

func loadSet(t *testing.T, dir string) (*learn.Space, []learn.Label, []learn.Label) {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("needs ../shared/data: %v", err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	table := func(name string) *learn.Table {
		x, err := learn.ReadTable(name, open(name))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	labels := func(name string) []learn.Label {
		x, err := learn.ReadLabels(name, open(name))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	return learn.NewSpace(table("tableA.csv"), table("tableB.csv")), labels("train.csv"), labels("valid.csv")
}

// nearTwins makes 10,000 twins of real parts, each with one number of its
// description changed (or only its sign), and counts how many are called
// duplicate by the text alone.
func nearTwins(t *testing.T, file string, out map[string]float64) {
	f, err := os.Open(file)
	if err != nil {
		t.Skipf("needs ../shared/data: %v", err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 5))
	m := new(Matcher)
	made, merged := 0, 0
	for n := 0; made < 10000 && n < 200000; n++ {
		text := rows[1+r.IntN(len(rows)-1)][2]
		twin, ok := changeNumber(r, text)
		if !ok {
			continue
		}
		made++
		a := Entry{Item: pipeline.Item{ID: "a", Source: text}}
		b := Entry{Item: pipeline.Item{ID: "b", Source: twin}}
		if got := m.Judge(&a, &b); got.Verdict == Duplicate {
			if merged++; merged < 5 {
				t.Logf("merged %q and %q", text, twin)
			}
		}
	}
	if made < 10000 {
		t.Fatalf("only %d twins could be made", made)
	}
	out["near_twin_merges"] = float64(merged) / float64(made)
	if out["near_twin_merges"] > 0.001 {
		t.Errorf("%d of %d near twins merged", merged, made)
	}
	if *figures {
		fmt.Printf("%-16s %d of %d near twins merged\n", "kicad", merged, made)
	}
}

// changeNumber changes one number of s.
func changeNumber(r *rand.Rand, s string) (string, bool) {
	var at [][2]int
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		k := i
		for k < len(s) && isDigit(s[k]) {
			k++
		}
		if k-i < 7 {
			at = append(at, [2]int{i, k})
		}
		i = k
	}
	if len(at) == 0 {
		return "", false
	}
	x := at[r.IntN(len(at))]
	old := s[x[0]:x[1]]
	if r.IntN(5) == 0 && (x[0] == 0 || s[x[0]-1] == ' ') {
		return s[:x[0]] + "-" + s[x[0]:], true
	}
	n, err := strconv.Atoi(old)
	if err != nil {
		return "", false
	}
	return s[:x[0]] + strconv.Itoa(n+1+r.IntN(9)) + s[x[1]:], true
}

// thinPairs makes pairs of a maker and a noun with the same and a little more,
// or abbreviated, and counts how many go to review.
func thinPairs(t *testing.T, out map[string]float64) {
	makers := []string{"Bosch", "Siemens", "Festo", "Danfoss", "Grundfos", "Parker"}
	nouns := []string{"Pump", "Valve", "Sensor", "Cylinder", "Relay", "Coupling", "Filter", "Hose"}
	more := []string{"hydraulic", "1500w", "DN50", "spare", "blue"}
	m := new(Matcher)
	pairs, reviewed := 0, 0
	for _, mk := range makers {
		for _, noun := range nouns {
			for _, x := range more {
				for _, b := range []string{noun + ", " + mk + ", " + x, strings.ToUpper(mk) + " " + noun[:1] + dropVowels(noun[1:]) + " " + x} {
					pairs++
					a, c := Entry{Item: pipeline.Item{ID: "a", Source: mk + " " + noun}}, Entry{Item: pipeline.Item{ID: "b", Source: b}}
					if m.Judge(&a, &c).Verdict == Review {
						reviewed++
					}
				}
			}
		}
	}
	out["thin_to_review"] = float64(reviewed) / float64(pairs)
	if out["thin_to_review"] < 0.95 {
		t.Errorf("%d of %d pairs that say too little go to review", reviewed, pairs)
	}
	if *figures {
		fmt.Printf("%-16s %d of %d pairs that say too little go to review\n", "thin", reviewed, pairs)
	}
}

func dropVowels(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("aeiou", r) {
			return -1
		}
		return r
	}, s)
}

// evaluationData finds the evaluation data beside the repository.
func evaluationData(t testing.TB) string {
	t.Helper()
	if d := os.Getenv("ASSAY_TEST_DATA"); d != "" {
		return d
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("needs ../shared/data: no go.mod above")
		}
		dir = up
	}
	data := filepath.Join(filepath.Dir(dir), "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("needs ../shared/data: matching and industrial data sets")
	}
	return data
}

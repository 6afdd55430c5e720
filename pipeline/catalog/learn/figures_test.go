package learn

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var figures = flag.Bool("figures", false, "train on every data set and print the figures")

// TestFigures measures the public data sets: rules without labels, and the
// model trained on the train split, both judged on the valid split. Without
// -figures only the rules on the smallest set run.
func TestFigures(t *testing.T) {
	dir := filepath.Join(shared(t), "matching")
	ctx := context.Background()
	out := map[string]float64{}
	sets := []struct {
		folder, key string
		rules       float64 // F1 of the rules that must hold on valid
	}{{"abt-buy", "abt_buy", 0.90}, {"amazon-google", "amazon_google", 0.70}, {"walmart-amazon", "walmart_amazon", 0.79}}
	if !*figures {
		sets = sets[:1]
	}
	for _, d := range sets {
		s, train, valid := load(t, filepath.Join(dir, d.folder))
		rules, err := Rules(ctx, s, valid, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := Measure(rules, valid).F1; got < d.rules {
			t.Errorf("%s: rules reach an F1 of %.4f, want %.2f", d.folder, got, d.rules)
		}
		if !*figures {
			continue
		}
		start := time.Now()
		m, err := Train(ctx, s, train)
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
		recall, err := CandidateRecall(s, append(train, valid...), 10)
		if err != nil {
			t.Fatal(err)
		}
		out[d.key+"_f1"] = Measure(full, valid).F1
		out[d.key+"_f1_pairwise"] = Measure(pairwise, valid).F1
		out[d.key+"_rules_f1"] = Measure(rules, valid).F1
		if d.key == "walmart_amazon" {
			out["wa_recall10"] = recall
		}
		fmt.Printf("%-16s F1 on valid: learned %.4f, pairwise %.4f, rules %.4f | out of fold on train: logistic %.4f, trees %.4f, competition %.4f, mixed %.4f | candidate recall@10 %.4f | trained in %s\n",
			d.folder, out[d.key+"_f1"], out[d.key+"_f1_pairwise"], out[d.key+"_rules_f1"],
			m.Training.Logistic, m.Training.Trees, m.Training.Competition, m.Training.Mixed, recall, took.Round(100*time.Millisecond))
	}
	if *figures {
		b, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(string(b))
	}
}

func load(t *testing.T, dir string) (*Space, []Label, []Label) {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("needs ../shared/data: %v", err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	table := func(name string) *Table {
		x, err := ReadTable(name, open(name))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	labels := func(name string) []Label {
		x, err := ReadLabels(name, open(name))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	return NewSpace(table("tableA.csv"), table("tableB.csv")), labels("train.csv"), labels("valid.csv")
}

// Command match measures the matcher: F1 on the public data sets in
// ../shared/data (the model trained on the train split, judged on the valid
// split), near twins of real parts, pairs that say too little, whole catalogs,
// checks at the moment of entry, and search. Its last line is one JSON object.
//
//	go run ./match                      # everything, 200,000 items
//	go run ./match -only sharded -scale 1000000   # a million items, category by category
//	go run ./match -only postgres -postgres-items 1000000
//	go run ./match -only search,twins   # parts of it
//
// Speed is given per CPU second (user and system), which a busy machine does
// not change; with one core that is items a second.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

var (
	data    = flag.String("data", "../../shared/data", "the evaluation data")
	scale   = flag.Int("scale", 200_000, "items of the large catalog")
	small   = flag.Int("small", 20_000, "items of the small catalog")
	only    = flag.String("only", "", "only these of sets,twins,thin,whole,check,search,postgres,sharded, by commas")
	verbose = flag.Bool("v", false, "print the queries that miss something")
	memory  = flag.String("postgres-memory", "1GB", "maintenance_work_mem of the index build; a million items need 3GB to be quick")
	items   = flag.Int("postgres-items", 50_000, "items of the Postgres check, where ASSAY_TEST_POSTGRES names a server")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "match:", err)
		os.Exit(1)
	}
}

// A bench holds what the parts share.
type bench struct {
	pack   *knowledge.Pack
	parser *parse.Parser
	out    map[string]any
}

func run(ctx context.Context) error {
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		return err
	}
	pack, err := knowledge.Load(sub)
	if err != nil {
		return err
	}
	b := &bench{pack: pack, parser: parse.New(pack, parse.NewRules(pack), parse.Options{}), out: map[string]any{}}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"sets", b.sets}, {"twins", b.twins}, {"thin", b.thin}, {"whole", b.whole}, {"check", b.check}, {"search", b.search}, {"postgres", b.postgres}, {"sharded", b.sharded},
	} {
		if *only == "" && part.name == "sharded" { // takes long; by its name alone
			continue
		}
		if *only != "" && !slices.Contains(strings.Split(*only, ","), part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	line, err := json.Marshal(b.out)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

// sets measures the public data sets.
func (b *bench) sets(ctx context.Context) error {
	for _, d := range []struct{ folder, key string }{{"abt-buy", "abt_buy"}, {"amazon-google", "amazon_google"}, {"walmart-amazon", "walmart_amazon"}} {
		dir := filepath.Join(*data, "matching", d.folder)
		if _, err := os.Stat(dir); err != nil {
			fmt.Printf("%-16s needs %s\n", d.folder, dir)
			continue
		}
		tables := make([]*learn.Table, 2)
		for i, name := range []string{"tableA.csv", "tableB.csv"} {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			tables[i], err = learn.ReadTable(name, f)
			f.Close()
			if err != nil {
				return err
			}
		}
		labels := map[string][]learn.Label{}
		for _, name := range []string{"train.csv", "valid.csv"} {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			labels[name], err = learn.ReadLabels(name, f)
			f.Close()
			if err != nil {
				return err
			}
		}
		s := learn.NewSpace(tables[0], tables[1])
		train, valid := labels["train.csv"], labels["valid.csv"]
		began := cpu()
		m, err := learn.Train(ctx, s, train)
		if err != nil {
			return err
		}
		took := cpu() - began
		figure := map[string]float64{}
		for key, alone := range map[string]bool{"": false, "_pairwise": true} {
			ps, err := m.Predict(ctx, s, valid, alone)
			if err != nil {
				return err
			}
			figure[key] = learn.Measure(ps, valid).F1
		}
		ps, err := learn.Rules(ctx, s, valid, false)
		if err != nil {
			return err
		}
		rules := learn.Measure(ps, valid).F1
		recall, err := learn.CandidateRecall(s, slices.Concat(train, valid), 10)
		if err != nil {
			return err
		}
		b.out[d.key+"_f1"], b.out[d.key+"_f1_pairwise"], b.out[d.key+"_rules_f1"] = figure[""], figure["_pairwise"], rules
		if d.key == "walmart_amazon" {
			b.out["wa_recall10"] = recall
		}
		fmt.Printf("%-16s F1 on valid: learned %.4f, pairwise %.4f, rules %.4f | out of fold on train: logistic %.4f, trees %.4f, competition %.4f, mixed %.4f | candidate recall@10 %.4f | trained in %.1f CPU s\n",
			d.folder, figure[""], figure["_pairwise"], rules, m.Training.Logistic, m.Training.Trees, m.Training.Competition, m.Training.Mixed, recall, took.Seconds())
	}
	return nil
}

// cpu is what this process has spent, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

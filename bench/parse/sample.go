package main

import (
	"context"
	"fmt"
	"runtime"
	"sort"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

// sampleItems are the items of one seed, as the pipeline would hand them to the
// parser, without any column beside the text.
func sampleItems(seed uint64) (*sample.Sample, []pipeline.Item) {
	s := sample.Generate(sample.Options{Seed: seed})
	ids := make([]string, 0, len(s.Truth.Items))
	for id := range s.Truth.Items {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	items := make([]pipeline.Item, len(ids))
	for i, id := range ids {
		items[i] = pipeline.Item{ID: sample.Key(id), Source: s.Truth.Items[id].Text}
	}
	return s, items
}

// sampleFigures are the worst micro-F1 and the worst share of wrong critical
// values over the seeds, each over all groups of a seed.
func sampleFigures(ps *parse.Parser, seeds int, verbose bool, out map[string]float64) error {
	out["sample_f1"] = 1
	for seed := range seeds {
		s, items := sampleItems(uint64(seed + 1))
		records, err := ps.ParseAll(context.Background(), items)
		if err != nil {
			return err
		}
		groups, misses := sample.ScoreParse(&s.Truth, records, app.SampleVocabulary())
		var all sample.ParseFigures
		for _, g := range sample.Groups {
			f := groups[g]
			all.Stated, all.Found = all.Stated+f.Stated, all.Found+f.Found
			all.Right, all.Wrong, all.WrongCritical = all.Right+f.Right, all.Wrong+f.Wrong, all.WrongCritical+f.WrongCritical
			if verbose {
				fmt.Printf("sample %2d %-10s F1 %.4f, %d wrong critical of %d values\n", seed+1, g, f.F1(), f.WrongCritical, f.Right+f.Wrong)
			}
		}
		for _, m := range misses {
			if verbose && m.Critical && m.Got != "" {
				fmt.Printf("sample %2d wrong %s %s = %q, got %q in %q\n", seed+1, m.Category, m.Attribute, m.Want, m.Got, m.Text)
			}
		}
		out["sample_f1"] = min(out["sample_f1"], all.F1())
		out["sample_wrong_critical"] = max(out["sample_wrong_critical"], ratio(all.WrongCritical, all.Right+all.Wrong))
	}
	fmt.Printf("sample       worst of %d seeds: F1 %.4f, wrong critical values %.4f %%\n", seeds, out["sample_f1"], 100*out["sample_wrong_critical"])
	return nil
}

// speedFigure is items per second of processor time on one core, over three
// seconds of the sample's texts. The texts come again and again; a cache that
// would gain from that is warm in a real catalog, too.
func speedFigure(ps *parse.Parser) (float64, error) {
	_, items := sampleItems(1)
	ctx := context.Background()
	for _, it := range items[:min(len(items), 2000)] { // warm
		if _, err := ps.Parse(ctx, it); err != nil {
			return 0, err
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var best float64
	for range 3 {
		n, before := 0, processorTime()
		for started := time.Now(); time.Since(started) < 2*time.Second; {
			for range 500 {
				if _, err := ps.Parse(ctx, items[n%len(items)]); err != nil {
					return 0, err
				}
				n++
			}
		}
		best = max(best, float64(n)/(processorTime()-before).Seconds())
	}
	fmt.Printf("speed        %.0f items per second of processor time on one core, the best of three\n", best)
	return best, nil
}

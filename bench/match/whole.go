package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// whole matches whole catalogs: embedding, candidates, verdicts, clusters.
func (b *bench) whole(ctx context.Context) error {
	for _, n := range slices.Compact([]int{*small, *scale}) {
		made, parts := makeParts(n, 20, 11)
		entries, err := read(ctx, b.parser, made)
		if err != nil {
			return err
		}
		m := &catalog.Matcher{Pack: b.pack, Embedder: embed.NewHashing(nil)}
		began, wall := cpu(), time.Now()
		if err := embedAll(ctx, m.Embedder, entries); err != nil {
			return err
		}
		ms, err := m.Pairs(ctx, entries, nil)
		if err != nil {
			return err
		}
		cs, _, err := m.Clusters(ctx, entries, ms, nil)
		if err != nil {
			return err
		}
		took, passed := cpu()-began, time.Since(wall)
		perS := float64(n) / took.Seconds()
		key := "items_per_s"
		if n == *scale && n != *small {
			key = fmt.Sprintf("items_per_s_%dk", n/1000)
		}
		b.out[key] = perS
		dups, wrong := 0, 0
		truth := map[string]string{}
		for i, p := range parts {
			truth[made[i].ID] = p.thing()
		}
		for _, x := range ms {
			if x.Verdict == catalog.Duplicate {
				dups++
				if truth[x.A] != truth[x.B] {
					if wrong++; *verbose && wrong%1000 == 1 {
						fmt.Printf("  wrong: %q and %q: %v\n", truth[x.A], truth[x.B], x.Reasons)
					}
				}
			}
		}
		fmt.Printf("%-16s %d items: %.0f items per CPU second (%.0f s of wall clock), %d duplicate pairs, %d of them wrong, %d clusters\n", "whole catalog", n, perS, passed.Seconds(), dups, wrong, len(cs))
	}
	return nil
}

// check asks a catalog in memory about one item after the other, and compares
// the neighbours with a plain scan of everything.
func (b *bench) check(ctx context.Context) error {
	n := *scale
	made, _ := makeParts(n, 20, 13)
	entries, err := read(ctx, b.parser, made)
	if err != nil {
		return err
	}
	m := &catalog.Matcher{Pack: b.pack, Embedder: embed.NewHashing(nil)}
	if err := embedAll(ctx, m.Embedder, entries); err != nil {
		return err
	}
	live, err := catalog.NewLive(ctx, m, entries)
	if err != nil {
		return err
	}
	asked, _ := makeParts(1000, 20, 99)
	var times []time.Duration
	spent := cpu()
	for i := range asked {
		asked[i].ID = "new"
		began := time.Now()
		// At the moment of entry the text is read, too.
		rs, err := b.parser.ParseAll(ctx, asked[i:i+1])
		if err != nil {
			return err
		}
		if _, err := live.Check(ctx, catalog.Entry{Item: asked[i], Record: rs[0]}); err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	spent = cpu() - spent
	slices.Sort(times)
	found, total := 0, 0
	for i := range 50 {
		v, err := m.Embedder.Embed(ctx, []string{asked[i*20].Source})
		if err != nil {
			return err
		}
		var all []float32
		for j := range entries {
			all = append(all, embed.Dot(v[0], entries[j].Vector))
		}
		slices.Sort(all)
		least := all[len(all)-10]
		for _, h := range live.Nearest(v[0], "", 10) {
			if h.Similarity >= least-1e-6 {
				found++
			}
		}
		total += 10
	}
	p50, p99 := times[len(times)/2], times[len(times)*99/100]
	b.out["check_p99_ms"] = float64(p99.Microseconds()) / 1000
	b.out["check_cpu_ms"] = float64(spent.Microseconds()) / 1000 / float64(len(asked))
	b.out["check_recall10"] = float64(found) / float64(total)
	fmt.Printf("%-16s %d items in memory: %.2f CPU ms each, p50 %.2f ms, p99 %.2f ms, recall@10 of the exact scan %.4f\n", "items:check", n, b.out["check_cpu_ms"], float64(p50.Microseconds())/1000, float64(p99.Microseconds())/1000, float64(found)/float64(total))
	return b.handler(ctx, entries, asked)
}

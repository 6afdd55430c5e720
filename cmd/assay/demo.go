package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

func (c *cli) demoCommand() *cobra.Command {
	var seed uint64
	var seeds, items int
	var keep string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole pipeline on generated data and print its figures",
		Long: `Generate an ERP extract and a feed of orders whose truth is known, take them
through the whole pipeline, and print how much of the truth was found. The same
seed gives the same data; any seed works.

The demo's lake and store stay in the folder named by --keep, to be looked at
with the other commands: assay -C assay-demo report.

Exit code: 0 when the figures hold, 1 when one does not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("items") && (items < 300 || items > 20000) {
				return pipeline.Errorf(pipeline.CodeInvalid, "--items %d is out of range", items).WithHint("use 300 to 20000")
			}
			if seeds > 0 {
				return c.demoSeeds(cmd.Context(), seed, seeds, items)
			}
			return c.demo(cmd.Context(), seed, items, keep)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "which sample to generate")
	cmd.Flags().IntVar(&items, "items", 0, "items in the catalog, 300 to 20000 (default 5000)")
	cmd.Flags().StringVar(&keep, "keep", "assay-demo", "folder for the demo's lake and store; replaced by the next demo")
	cmd.Flags().IntVar(&seeds, "seeds", 0, "run that many seeds, one after another, and print the worst")
	return cmd
}

func (c *cli) demo(ctx context.Context, seed uint64, items int, keep string) error {
	dir := keep
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(c.dir, dir)
	}
	if err := app.DemoFolder(dir); err != nil {
		return err
	}
	started := time.Now()
	res, err := app.Demo(ctx, app.DemoOptions{Seed: seed, Items: items, Dir: dir, Stage: func(format string, args ...any) {
		c.say("%5.1f s  "+format, append([]any{time.Since(started).Seconds()}, args...)...)
	}, Batch: func(b flow.Batch) {
		c.say("%5.1f s  %s: %s, %s", time.Since(started).Seconds(), baseName(b.Key), b.Verdict, b.Decision)
	}})
	if err != nil {
		return err
	}
	c.say("%5.1f s  done, of which the pipeline %.1f s", time.Since(started).Seconds(), res.Pipeline.Seconds())
	holds := res.Figures.Holds()
	if c.json() {
		problems := []string{}
		if holds != nil {
			problems = strings.Split(holds.Error(), "\n")
		}
		if err := c.printJSON(map[string]any{
			"schema_version": 1, "figures": res.Figures, "batches": res.Batches, "items": res.Items,
			"duplicates": res.Duplicates, "reviews": res.Reviews, "clusters": res.Clusters, "problems": problems,
			"generate_s": res.Generate.Seconds(), "pipeline_s": res.Pipeline.Seconds(),
		}); err != nil {
			return err
		}
	} else {
		if err := c.printDemo(res, keep); err != nil {
			return err
		}
	}
	if holds != nil {
		if !c.json() {
			fmt.Fprintf(c.stdout, "\nnot all figures hold:\n  %s\n", strings.ReplaceAll(holds.Error(), "\n", "\n  "))
		}
		return exitError{1}
	}
	return nil
}

// say tells what happens, on stderr: stdout carries results alone.
func (c *cli) say(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintf(c.stderr, format+"\n", args...)
	}
}

func (c *cli) printDemo(res *app.DemoResult, keep string) error {
	if err := c.printBatches(res.Batches); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout)
	for _, t := range res.Transitions {
		fmt.Fprintf(c.stdout, "breaker %s: %s → %s: %s\n", t.Key.Scope, t.From, t.To, t.Cause)
	}
	fmt.Fprintf(c.stdout, "\n%d items read and matched: %d duplicate pairs in %d clusters, %d pairs for review\n\n", res.Items, res.Duplicates, res.Clusters, res.Reviews)
	fmt.Fprint(c.stdout, res.Figures.Text())
	fmt.Fprintln(c.stdout, "\nlook further:")
	bad := res.Batches[0]
	for _, b := range res.Batches {
		if b.Rows.Rejected > 0 {
			bad = b
			break
		}
	}
	fmt.Fprintf(c.stdout, "  assay -C %s report %s\n", keep, pipeline.ShortID(bad.ID))
	fmt.Fprintf(c.stdout, "  assay -C %s search \"Rillenkugellager bore=25mm\"\n", keep)
	fmt.Fprintf(c.stdout, "  open %s\n", filepath.ToSlash(filepath.Join(keep, "lake", lake.ReportKey(bad.Feed, bad.ID, "html"))))
	return nil
}

// demoSeeds runs several seeds and prints a row each, the worst figures, and
// those as one JSON object on the last line.
func (c *cli) demoSeeds(ctx context.Context, first uint64, n, items int) error {
	worst := map[string]float64{}
	note := func(key string, v float64, larger bool) {
		old, ok := worst[key]
		if !ok || (larger && v < old) || (!larger && v > old) {
			worst[key] = v
		}
	}
	failed := 0
	fmt.Fprintf(c.stdout, "%-6s %-8s", "seed", "faults")
	for _, g := range sample.Groups {
		fmt.Fprintf(c.stdout, " | %-10s %5s %5s %5s", g, "F1", "prec", "rec")
	}
	fmt.Fprintln(c.stdout, " | pipeline")
	for i := range n {
		seed := first + uint64(i)
		res, err := c.demoOnce(ctx, seed, items)
		if err != nil {
			return err
		}
		f := res.Figures
		fmt.Fprintf(c.stdout, "%-6d %4d/%-3d", seed, f.Rows.Right, f.Rows.Faults)
		for _, g := range sample.Groups {
			s := f.Score[g]
			fmt.Fprintf(c.stdout, " | %-10s %5.3f %5.3f %5.3f", "", s.ParseF1, s.PairPrecision, s.PairRecall)
			note(g+"_parse_f1", s.ParseF1, true)
			note(g+"_pair_precision", s.PairPrecision, true)
			note(g+"_pair_recall", s.PairRecall, true)
			p := f.Pairs[g]
			note("twins_merged", float64(p.TwinsCalled+p.TwinsClustered), false)
			note(g+"_wrong_critical", float64(f.Parse[g].WrongCritical), false)
		}
		note("faults_missed", float64(f.Rows.Faults-f.Rows.Right), false)
		note("clean_rejected", float64(f.Rows.CleanRejected), false)
		note("pipeline_s", res.Pipeline.Seconds(), false)
		fmt.Fprintf(c.stdout, " | %.1f s\n", res.Pipeline.Seconds())
		if err := f.Holds(); err != nil {
			failed++
			fmt.Fprintf(c.stdout, "       %s\n", strings.ReplaceAll(err.Error(), "\n", "\n       "))
		}
	}
	worst["seeds"], worst["seeds_failed"] = float64(n), float64(failed)
	b, err := json.Marshal(worst)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, string(b))
	if failed > 0 {
		return exitError{1}
	}
	return nil
}

func (c *cli) demoOnce(ctx context.Context, seed uint64, items int) (*app.DemoResult, error) {
	dir, err := os.MkdirTemp("", "assay-demo-")
	if err != nil {
		return nil, fileError("temporary folder", err)
	}
	defer os.RemoveAll(dir)
	return app.Demo(ctx, app.DemoOptions{Seed: seed, Items: items, Dir: dir})
}

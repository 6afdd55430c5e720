package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) matchCommand() *cobra.Command {
	var flags itemFlags
	var out matchOut
	var adviser bool
	var k int
	cmd := &cobra.Command{
		Use:   "match FILE [FILE2]",
		Short: "Find the duplicates in a catalog, or between two",
		Long: `Read the items of one or two files, judge every pair that could be one thing,
and print what was found: duplicate, review (cannot be told), with the reasons,
and the clusters that the duplicates form. Nothing is stored.

Where two files use the same ids, each id is preceded by its file's name; an id
that one file has twice is an error. Items without a text match nothing, and are
named.`,
		Example: `  assay match items.csv
  assay match plant-a.csv plant-b.csv --id matnr --text kurztext --output json
  assay match items.csv --pairs pairs.parquet --clusters clusters.parquet`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			if k < 0 || k > app.MaxCandidates {
				return pipeline.Errorf(pipeline.CodeInvalid, "--candidates %d is out of range", k).WithHint("use 1 to %d", app.MaxCandidates)
			}
			if k > 0 {
				a.Config.Candidates = k
			}
			return c.match(cmd.Context(), a, args, &flags, &out, adviser)
		},
	}
	cmd.AddCommand(c.matchTrainCommand(), c.matchEvalCommand())
	flags.add(cmd)
	cmd.Flags().StringVar(&out.verdict, "verdict", "", "only pairs of this verdict: duplicate, review or distinct")
	cmd.Flags().StringVar(&out.pairs, "pairs", "", "also write the pairs to this file: CSV, or Parquet where it ends in .parquet")
	cmd.Flags().StringVar(&out.pairs, "csv", "", "the same as --pairs")
	cmd.Flags().StringVar(&out.clusters, "clusters", "", "also write the clusters, one line for each item, to this file: CSV or Parquet")
	cmd.Flags().IntVar(&k, "candidates", 0, "how many nearest items each is compared with, in its category and over all (default: ASSAY_CANDIDATES)")
	cmd.Flags().BoolVar(&adviser, "adviser", false, "ask the model of ASSAY_LLM about the pairs for review; it decides nothing")
	_ = cmd.RegisterFlagCompletionFunc("verdict", cobra.FixedCompletions([]string{"duplicate", "review", "distinct"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// matchOut says what of a match is kept, and where.
type matchOut struct {
	verdict         string // empty: every one
	pairs, clusters string // files
}

func (c *cli) match(ctx context.Context, a *app.App, files []string, flags *itemFlags, out *matchOut, adviser bool) error {
	switch catalog.Verdict(out.verdict) {
	case "", catalog.Duplicate, catalog.Review, catalog.Distinct:
	default:
		return pipeline.Errorf(pipeline.CodeInvalid, "--verdict %q is not known", out.verdict).WithHint("use duplicate, review or distinct")
	}
	o, err := a.Offline(ctx)
	if err != nil {
		return err
	}
	if adviser || a.Config.Adviser {
		if o.Adviser, err = a.Adviser(ctx); err != nil {
			return err
		}
	}
	items, err := c.catalogs(ctx, files, flags)
	if err != nil {
		return err
	}
	p := c.startProgress("items", int64(len(items)))
	defer p.Done()
	o.Step = p.Stage
	pairs, clusters, err := o.Match(ctx, items)
	if err != nil {
		return err
	}
	if out.verdict != "" {
		kept := pairs[:0]
		for _, p := range pairs {
			if p.Verdict == catalog.Verdict(out.verdict) {
				kept = append(kept, p)
			}
		}
		pairs = kept
	}
	if out.pairs != "" {
		if err := writeTable(out.pairs, pairsTable(pairs)); err != nil {
			return err
		}
	}
	if out.clusters != "" {
		if err := writeTable(out.clusters, clustersTable(clusters)); err != nil {
			return err
		}
	}
	if c.json() {
		if pairs == nil {
			pairs = []catalog.Match{}
		}
		if clusters == nil {
			clusters = []catalog.Cluster{}
		}
		return c.printJSON(map[string]any{"schema_version": 1, "items": len(items), "pairs": pairs, "clusters": clusters, "without_text": withoutText(items)})
	}
	if err := c.printPairs(items, pairs, clusters); err != nil {
		return err
	}
	if lack := withoutText(items); len(lack) > 0 {
		fmt.Fprintf(c.stdout, "%s without a text, which cannot be judged: %s\n", count(len(lack), "item"), few(lack))
	}
	return nil
}

// withoutText are the ids of the items that say nothing.
func withoutText(items []pipeline.Item) []string {
	ids := []string{}
	for _, it := range items {
		if !flow.HasText(it.Source) {
			ids = append(ids, it.ID)
		}
	}
	return ids
}

// few names the first of ids.
func few(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return strings.Join(ids[:most], ", ") + ", …"
}

// catalogs reads the items of all files under ids that are unique. Error:
// invalid for an id that one file has twice.
func (c *cli) catalogs(ctx context.Context, files []string, flags *itemFlags) ([]pipeline.Item, error) {
	var items []pipeline.Item
	var from []int
	type place struct{ file, row int }
	ids := map[string]place{}
	clash := false
	for i, name := range files {
		row := 0
		err := c.eachItem(ctx, name, flags, func(it pipeline.Item) error {
			row++
			switch other, ok := ids[it.ID]; {
			case ok && other.file == i:
				return pipeline.Errorf(pipeline.CodeInvalid, "%s: items %d and %d have the same id %q", name, other.row, row, it.ID).WithHint("name a column that identifies an item with --id")
			case ok:
				clash = true
			}
			ids[it.ID] = place{i, row}
			items = append(items, it)
			from = append(from, i)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if clash {
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = strings.TrimSuffix(filepath.Base(f), filepath.Ext(f))
		}
		if len(names) == 2 && names[0] == names[1] {
			names[0], names[1] = "1", "2"
		}
		for i := range items {
			items[i].ID = names[from[i]] + "/" + items[i].ID
		}
	}
	return items, nil
}

func (c *cli) printPairs(items []pipeline.Item, pairs []catalog.Match, clusters []catalog.Cluster) error {
	text := make(map[string]string, len(items))
	for _, it := range items {
		text[it.ID] = it.Source
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	shown := 0
	for _, p := range pairs {
		if p.Verdict == catalog.Distinct {
			continue
		}
		if shown == 0 {
			fmt.Fprintln(w, "VERDICT\tSCORE\tA\tB\tWHY")
		}
		shown++
		fmt.Fprintf(w, "%s\t%.2f\t%s\t%s\t%s\n", p.Verdict, p.Score, p.A, p.B, strings.Join(p.Reasons, "; "))
		fmt.Fprintf(w, "\t\t%s\t%s\t\n", clip(text[p.A]), clip(text[p.B]))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	dups, reviews := 0, 0
	for _, p := range pairs {
		switch p.Verdict {
		case catalog.Duplicate:
			dups++
		case catalog.Review:
			reviews++
		}
	}
	fmt.Fprintf(c.stdout, "%s: %s, %s for review, %s\n", count(len(items), "item"), count(dups, "duplicate pair"), count(reviews, "pair"), count(len(clusters), "cluster"))
	return nil
}

func clip(s string) string {
	const most = 48
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

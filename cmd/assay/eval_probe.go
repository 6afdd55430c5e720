package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
)

func (c *cli) evalProbeCommand() *cobra.Command {
	var f evalFlags
	var cases int
	cmd := &cobra.Command{
		Use:   "probe [SUITE]",
		Short: "Try half-open breakers of answers with a suite on a sample",
		Long: `Where a breaker of the answers (stage:parse, a category, a model) is half-open,
because its cooldown is over or somebody said retry, run the suite (parse) on a
sample of its cases: one that passes closes the breaker, one that trips opens it
again, for longer. Where none is half-open, nothing is run.

Exit code: as assay eval run; 0 where there was nothing to try.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"parse"}
			}
			return c.evalProbe(cmd.Context(), args, cases, &f)
		},
	}
	f.addModel(cmd)
	f.outputs.add(cmd)
	cmd.Flags().IntVar(&cases, "cases", 100, "how many cases are run")
	return cmd
}

func (c *cli) evalProbe(ctx context.Context, names []string, cases int, f *evalFlags) error {
	a, sets, err := c.evalSets(names, f.config)
	if err != nil {
		return err
	}
	defer a.Close()
	w, err := a.Wire(ctx)
	if err != nil {
		return err
	}
	moved, err := w.Moved(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(moved, func(s breaker.State) bool { return s.Position == breaker.HalfOpen }) {
		if c.json() {
			return c.printJSON(map[string]any{"schema_version": evals.SchemaVersion, "runs": []any{}})
		}
		fmt.Fprintln(c.stdout, "no breaker of answers is half-open")
		return nil
	}
	r, done, err := c.newRunner(ctx, a, app.EvalOptions{Model: f.llm})
	if err != nil {
		return err
	}
	defer done()
	var reports []*evals.Report
	for _, set := range sets {
		part := *set
		part.Cases = slices.Clone(set.Cases)
		slices.SortFunc(part.Cases, func(x, y evals.Case) int { return cmp.Compare(xxh3.HashString(x.ID), xxh3.HashString(y.ID)) })
		part.Cases = part.Cases[:min(cases, len(part.Cases))]
		base, err := c.evalBaseline(ctx, r, set.Name, f)
		if err != nil {
			return err
		}
		run, results, err := r.Run(ctx, &part, base)
		if err != nil {
			return err
		}
		reports = append(reports, &evals.Report{Run: run, Results: results, Set: &part})
	}
	done()
	return c.printEvals(a, reports, f.outputs)
}

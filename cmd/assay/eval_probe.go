package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline/app"
)

func (c *cli) evalProbeCommand() *cobra.Command {
	var f evalFlags
	var cases int
	cmd := &cobra.Command{
		Use:   "probe [SUITE]",
		Short: "Try half-open breakers of answers with a suite on a sample",
		Long: `Where a breaker of the answers (a stage, a category, a model) is half-open,
because its cooldown is over or somebody said retry, run a suite on a
sample of its cases: one that passes closes the breaker, one that trips opens it
again, for longer. Which suite is the one that tripped it, else that of its stage.
The sample is the same each time: the cases that were lost, all of the category in
question, and as many others as it takes to find such a drop again, at least
--cases. What canary queries opened, they close. Where none is half-open, nothing
is run.

Exit code: as assay eval run; 0 where there was nothing to try.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.evalProbe(cmd.Context(), args, cases, &f)
		},
	}
	f.outputs.add(cmd)
	cmd.Flags().IntVar(&cases, "cases", evals.LeastSample, "how many cases are run at least")
	return cmd
}

func (c *cli) evalProbe(ctx context.Context, names []string, cases int, f *evalFlags) error {
	a, _, err := c.evalSets(names, f.config)
	if err != nil {
		return err
	}
	defer a.Close()
	r, done, err := c.newRunner(ctx, a, app.EvalOptions{})
	if err != nil {
		return err
	}
	defer done()
	probed, err := a.Probe(ctx, r, cases, names...)
	if err != nil {
		return err
	}
	done()
	if len(probed) == 0 && !c.json() {
		fmt.Fprintln(c.stdout, "no breaker of answers is half-open")
		return nil
	}
	reports := []*evals.Report{}
	tripped := false
	for _, p := range probed {
		if p.Report != nil {
			reports = append(reports, p.Report)
		}
		for _, o := range p.Canaries {
			tripped = tripped || o.Tripped
		}
		if !c.json() {
			fmt.Fprintf(c.stdout, "%s is %s: %s\n", p.Scope, p.After.Position, p.After.Cause)
		}
	}
	if len(reports) > 0 || c.json() {
		err = c.printEvals(a, reports, f.outputs)
	}
	if err == nil && tripped {
		return exitError{1}
	}
	return err
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// guarded are the tasks whose suites move the breaker of the parse stage.
var guarded = []evals.Task{evals.Parse, evals.Category, evals.Retrieve}

// wireEvals leads from runs to the breakers: a suite of the parse stage that
// tripped opens one, one that passed closes what is half-open.
func (c *cli) wireEvals(ctx context.Context, a *app.App, reports []*evals.Report) error {
	w, err := a.Wire(ctx)
	if err != nil {
		return err
	}
	for _, rep := range reports {
		run := rep.Run
		if !slices.Contains(guarded, run.Task) {
			continue
		}
		switch run.Judgement {
		case evals.Tripped:
			if _, err := w.Trip(ctx, tripOf(run)); err != nil {
				return err
			}
		case evals.Passed:
			moved, err := w.Moved(ctx)
			if err != nil {
				return err
			}
			for _, s := range moved {
				if s.Position != breaker.HalfOpen {
					continue
				}
				if _, err := w.Passed(ctx, s.Key.Scope, run.Suite, run.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func tripOf(run *evals.Run) flow.Trip {
	t := flow.Trip{Scope: flow.ParseStage, Source: run.Suite, ID: run.ID, Reason: cmp.Or(strings.Join(run.Reasons, "; "), "the suite tripped"), Evidence: map[string]float64{"score": run.Score}}
	if d := run.Difference; d != nil {
		t.Was, t.Is = d.Base, d.Now
		t.Evidence["drop"] = -d.Mean
	}
	if m := run.Moved; m != nil {
		t.Slice, t.Is = m.Key+"="+m.Value, m.Score
		if m.Change != nil {
			t.Was = m.Score - *m.Change
		}
	}
	for _, e := range run.Examples[:min(5, len(run.Examples))] {
		t.Examples = append(t.Examples, observe.Example{Item: e.Case, Before: true, Score: e.Before}, observe.Example{Item: e.Case, Score: e.After})
	}
	return t
}

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
	r, done, err := c.newRunner(ctx, a, false)
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
	if err := c.wireEvals(ctx, a, reports); err != nil {
		return err
	}
	return c.printEvals(a, reports, f.outputs)
}

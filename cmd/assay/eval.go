package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

func (c *cli) evalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Notice when answers become worse: suites, baselines, runs",
		Long: `Ask the configured pipeline the cases of golden sets, score the answers, and
compare them with a locked baseline, case by case.

  assay eval lock            the scores of now become the baseline
  assay eval run             are the answers still as good? for every night
  assay eval history         how they were`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.evalListCommand(), c.evalShowCommand(), c.evalLintCommand(), c.evalLockCommand(), c.evalRunCommand(), c.evalProbeCommand(), c.evalMatrixCommand(), c.evalAdoptCommand(), c.evalReportCommand(), c.evalDiffCommand(), c.evalHistoryCommand())
	return cmd
}

// suiteNames completes the names of suites.
func (c *cli) suiteNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	a, err := c.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer a.Close()
	folder, err := a.EvalFolder()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := evals.Names(folder)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// A suiteView is one line of the list.
type suiteView struct {
	Name      string             `json:"name"`
	Title     string             `json:"title"`
	Task      evals.Task         `json:"task"`
	Cases     int                `json:"cases"`
	Kinds     map[evals.Kind]int `json:"kinds"`
	ByHand    int                `json:"by_hand"`
	Tolerance float64            `json:"tolerance"`
	Hash      string             `json:"hash"`
}

func viewOf(s *evals.Set) suiteView {
	v := suiteView{Name: s.Name, Title: s.Title, Task: s.Task, Cases: len(s.Cases), Kinds: map[evals.Kind]int{}, Tolerance: s.Tolerance, Hash: s.Hash}
	for _, cs := range s.Cases {
		v.Kinds[cs.Kind]++
		if cs.By == evals.ByHand {
			v.ByHand++
		}
	}
	return v
}

func (c *cli) evalListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "The suites there are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, sets, err := c.evalSets(nil)
			if err != nil {
				return err
			}
			defer a.Close()
			views := make([]suiteView, len(sets))
			for i, s := range sets {
				views[i] = viewOf(s)
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": evals.SchemaVersion, "suites": views})
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "SUITE\tTASK\tCASES\tBY HAND\tTOLERANCE\tKINDS")
			for _, v := range views {
				var kinds []string
				for _, k := range evals.Kinds {
					if v.Kinds[k] > 0 {
						kinds = append(kinds, fmt.Sprintf("%d %s", v.Kinds[k], k))
					}
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%g\t%s\n", v.Name, v.Task, v.Cases, v.ByHand, v.Tolerance, strings.Join(kinds, ", "))
			}
			return w.Flush()
		},
	}
}

// evalSets opens the project and reads suites, all where none is named.
func (c *cli) evalSets(names []string, change ...func(*app.Config)) (*app.App, []*evals.Set, error) {
	a, err := c.open(change...)
	if err != nil {
		return nil, nil, err
	}
	folder, err := a.EvalFolder()
	if err == nil {
		var sets []*evals.Set
		if sets, err = evals.LoadAll(folder, names); err == nil {
			return a, sets, nil
		}
	}
	a.Close()
	return nil, nil, err
}

func (c *cli) evalShowCommand() *cobra.Command {
	var only string
	cmd := &cobra.Command{
		Use:               "show SUITE",
		Short:             "A suite: what it scores, and its cases",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, sets, err := c.evalSets(args)
			if err != nil {
				return err
			}
			defer a.Close()
			s := sets[0]
			if only != "" {
				s.Cases = slices.DeleteFunc(s.Cases, func(cs evals.Case) bool { return cs.ID != only && string(cs.Kind) != only })
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": evals.SchemaVersion, "suite": s.Suite, "hash": s.Hash, "cases": s.Cases})
			}
			return c.printSuite(s)
		},
	}
	cmd.Flags().StringVar(&only, "only", "", "only the case of this id, or the cases of this kind")
	return cmd
}

func (c *cli) printSuite(s *evals.Set) error {
	fmt.Fprintf(c.stdout, "%s: %s\ntask %s, tolerance %g, hash %s\n", s.Name, s.Title, s.Task, s.Tolerance, pipeline.ShortID(s.Hash))
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SCORER\tWEIGHT\tTHRESHOLD")
	for _, sc := range s.Scorers {
		limit := ""
		if sc.Threshold != nil {
			limit = fmt.Sprintf("%g", *sc.Threshold)
		}
		fmt.Fprintf(w, "%s\t%g\t%s\n", sc.Name(), sc.Weight, limit)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, inv := range s.Invariants {
		fmt.Fprintf(c.stdout, "invariant %s\n", inv)
	}
	fmt.Fprintln(c.stdout)
	w = tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CASE\tKIND\tBY\tASKED\tNOTE")
	for _, cs := range s.Cases {
		asked := cs.Text
		switch {
		case cs.A != nil:
			asked = cs.A.Text + " | " + cs.B.Text
		case cs.Query != "":
			asked = cs.Query
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cs.ID, cs.Kind, cs.By, asked, cs.Note)
	}
	return w.Flush()
}

func (c *cli) evalLintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [SUITE…]",
		Short: "Check suites and golden sets; every mistake with file and line",
		Long: `Read suites and golden sets, and hold their gold against the knowledge that
answers them: categories, attributes and values that no schema has, passages that
do not exist.

Exit code: 0 without mistakes, 2 with one.`,
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			return c.evalLint(cmd.Context(), a, args)
		},
	}
}

func (c *cli) evalLint(ctx context.Context, a *app.App, names []string) error {
	folder, err := a.EvalFolder()
	if err != nil {
		return err
	}
	pack, err := a.Knowledge()
	if err != nil {
		return err
	}
	e, err := a.Embedder()
	if err != nil {
		return err
	}
	index, err := retrieve.New(ctx, pack, e, nil)
	if err != nil {
		return err
	}
	sets, problems, err := evals.Lint(ctx, folder, names, pack, index)
	if err != nil {
		return err
	}
	if c.json() {
		if err := c.printJSON(map[string]any{"schema_version": evals.SchemaVersion, "suites": len(sets), "mistakes": append(evals.Problems{}, problems...)}); err != nil {
			return err
		}
	} else {
		cases := 0
		for _, s := range sets {
			cases += len(s.Cases)
		}
		for _, p := range problems {
			fmt.Fprintln(c.stdout, p)
		}
		fmt.Fprintf(c.stdout, "%d suites, %d cases, %d mistakes\n", len(sets), cases, len(problems))
	}
	if len(problems) > 0 {
		return exitError{2}
	}
	return nil
}

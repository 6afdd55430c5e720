package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) canaryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "canary",
		Short: "Let a share of the items see a new model, prompt or knowledge",
		Long: `A canary lets a share of the items, chosen by hash, see a new model, prompt or
knowledge, and compares their answers with those of a control group of the same
size: live scores, what people said of reviewed answers, latency, cost. What is
worse is rolled back by itself; what is shown to lose no more than the tolerance
waits to be promoted, or is (--auto).

  assay canary start --model openai:gpt-4o-mini
  assay canary status`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.canaryStartCommand(), c.canaryStatusCommand(), c.canaryListCommand(),
		c.canaryEndCommand("promote", "Let every item see what is new", observe.Promoted,
			`From now on the new model, prompt or knowledge reads every item. It lasts until the
configuration changes: make it say the same, and the canary rests.`),
		c.canaryEndCommand("rollback", "Let no item see what is new any more", observe.RolledBack,
			`From now on every item is read as configured; also after a promotion. Items that
were read by the canary stay as they are until they come again.`))
	return cmd
}

// trials opens the project and its canaries.
func (c *cli) trials(ctx context.Context) (*app.App, *flow.Trials, error) {
	a, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	ts, err := a.Trials(ctx)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, ts, nil
}

func (c *cli) canaryStartCommand() *cobra.Command {
	t := observe.Trial{Limits: observe.DefaultLimits}
	var by string
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Begin a canary",
		Long: `Begin a canary: --percent of the items see the new model, prompt or knowledge, as
many others are its control group. One runs at a time.

Both groups are compared after every 20 answers, by statistics that may be looked
at as often as one likes. It is rolled back where the live score is shown to have
lost more than the tolerance, where people find it wrong more often, where it is
shown to take more than --slower times as long or --dearer times as much, and at
once where it breaks an invariant that the control group keeps.

Exit code: 0 when it began, 2 for wrong use, 3 where one is running.`,
		Example: `  assay canary start --model openai:gpt-4o-mini --percent 5
  assay canary start --prompt drafts/v2 --auto --note "shorter examples"
  assay canary start --knowledge drafts/catalog`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, ts, err := c.trials(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			if t.By, err = c.who(by); err != nil {
				return err
			}
			begun, err := ts.Start(cmd.Context(), t)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "canary": begun})
			}
			fmt.Fprintf(c.stdout, "canary %s began: %g %% of the items see %s, as many are the control group\n", pipeline.ShortID(begun.ID), begun.Percent, begun.Change)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.Change.Model, "model", "", "new model, PROVIDER:MODEL")
	f.StringVar(&t.Change.Prompt, "prompt", "", "folder with new prompts: prompts/extract.tmpl, prompts/classify.tmpl")
	f.StringVar(&t.Change.Knowledge, "knowledge", "", "folder with a new knowledge pack")
	f.Float64Var(&t.Percent, "percent", 5, "share of the items, in percent, at most 50")
	f.BoolVar(&t.Auto, "auto", false, "promote it where it is shown to lose no more than the tolerance")
	f.Float64Var(&t.Tolerance, "tolerance", t.Tolerance, "loss of the mean live score that is accepted, 0 to 1")
	f.Float64Var(&t.Slower, "slower", t.Slower, "how many times as long it may take")
	f.Float64Var(&t.Dearer, "dearer", t.Dearer, "how many times as much it may cost")
	f.IntVar(&t.Least, "least", t.Least, "pairs of answers before which nothing is promoted")
	f.StringVar(&t.Note, "note", "", "why")
	f.StringVar(&by, "as", "", "who (default: the user)")
	return cmd
}

func (c *cli) canaryStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "The latest canary beside its control group",
		Long: `Compare the answers of the latest canary with those of its control group, and
change nothing.

Exit code: 0, or 1 where it was rolled back or is about to be.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, ts, err := c.trials(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			t, rep, err := ts.Latest(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.printCanary(ts, &t, &rep); err != nil {
				return err
			}
			if t.State == observe.RolledBack || t.State == observe.Running && rep.Verdict == observe.RolledBack {
				return exitError{1}
			}
			return nil
		},
	}
}

func (c *cli) printCanary(ts *flow.Trials, t *observe.Trial, rep *observe.TrialReport) error {
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": 1, "canary": t, "acts": ts.Acts(t), "report": rep})
	}
	fmt.Fprintf(c.stdout, "canary %s (%s) is %s; %g %% of the items since %s, by %s\n", pipeline.ShortID(t.ID), t.Change, t.State, t.Percent, shortTime(t.Started), t.By)
	switch {
	case t.State != observe.Running:
		fmt.Fprintf(c.stdout, "%s by %s: %s\n", shortTime(t.Ended), t.EndedBy, t.Reason)
	case rep.Verdict == observe.Promoted && !t.Auto:
		fmt.Fprintf(c.stdout, "it may be promoted (assay canary promote): %s\n", rep.Reason)
	default:
		fmt.Fprintln(c.stdout, rep.Reason)
	}
	if t.State != observe.RolledBack && !ts.Acts(t) {
		fmt.Fprintln(c.stdout, "it does not act: the configuration is another one than when it began")
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SIGNAL\tCONTROL\tNEW\tN\tCHANCE\tLEVEL\tBEYOND")
	for _, x := range rep.Comparisons {
		beyond := "no"
		if x.Beyond {
			beyond = "YES"
		}
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%d\t%.4f\t%.4f\t%s\n", x.Signal, x.Control, x.New, x.N, x.Chance, x.Level, beyond)
	}
	return w.Flush()
}

func (c *cli) canaryListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Canaries so far, the latest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Look(cmd.Context())
			if err != nil {
				return err
			}
			all, err := s.Trials(cmd.Context(), 50)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "canaries": append([]observe.Trial{}, all...)})
			}
			if len(all) == 0 {
				fmt.Fprintln(c.stdout, "no canary yet; assay canary start begins one")
				return nil
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "CANARY\tSTATE\tCHANGE\tPERCENT\tSTARTED\tBY\tENDED BY\tREASON")
			for i := range all {
				t := &all[i]
				fmt.Fprintf(w, "%s\t%s\t%s\t%g\t%s\t%s\t%s\t%s\n", pipeline.ShortID(t.ID), t.State, t.Change, t.Percent, shortTime(t.Started), t.By, t.EndedBy, t.Reason)
			}
			return w.Flush()
		},
	}
}

func (c *cli) canaryEndCommand(verb, short string, state observe.TrialState, long string) *cobra.Command {
	var reason, by string
	cmd := &cobra.Command{
		Use:   verb + " --reason TEXT",
		Short: short,
		Long:  long,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, ts, err := c.trials(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			who, err := c.who(by)
			if err != nil {
				return err
			}
			t, err := ts.End(cmd.Context(), state, who, reason)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "canary": t})
			}
			fmt.Fprintf(c.stdout, "canary %s (%s) is %s\n", pipeline.ShortID(t.ID), t.Change, t.State)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	cmd.Flags().StringVar(&by, "as", "", "who (default: the user)")
	return cmd
}

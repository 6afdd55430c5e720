package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) observeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "observe",
		Short: "Show whether live answers have drifted from their baseline",
		Long: `Compare the latest sampled answers of the parse stage with the live baseline:
groundedness, agreement with the rules, abstention, confidence, categories,
attributes, decision traces, the input itself, and what people said of reviewed
answers. A signal has drifted where its effect exceeds the threshold and a
permutation test says that it is no chance. What the answers are like is compared
within texts of one language and kind; that other texts come in is told and opens
no breaker. Nothing is changed; what trips, trips when the window is complete.

Exit code: 0 where nothing drifted, 1 where something did.`,
		Args: cobra.NoArgs,
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
			o, err := a.Observer(cmd.Context())
			if err != nil {
				return err
			}
			v, err := o.Look(cmd.Context(), s)
			if err != nil {
				return err
			}
			return c.printObservation(v)
		},
	}
	cmd.AddCommand(c.observeLockCommand(), c.observeCanariesCommand())
	return cmd
}

func (c *cli) printObservation(v flow.Observation) error {
	drifted := v.Report != nil && v.Report.Drifted
	if c.json() {
		if v.Baseline != nil {
			b := *v.Baseline
			b.Answers = nil // they are many; the numbers stand in the report
			v.Baseline = &b
		}
		if err := c.printJSON(struct {
			Schema int `json:"schema_version"`
			flow.Observation
		}{1, v}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.stdout, "version %s: model %s, knowledge %s; %g %% of the items are sampled\n", v.ID, v.Version.Model, shortHash(v.Version.Knowledge), 100*v.Settings.SampleRate)
		switch {
		case v.Settings.SampleRate == 0:
			fmt.Fprintln(c.stdout, "live answers are not watched; ASSAY_OBSERVE says how they would be")
		case v.Baseline == nil:
			fmt.Fprintf(c.stdout, "%s so far; %d more lock the live baseline\n", count(v.Answers, "answer"), v.Needed)
		default:
			who := "by itself"
			if v.Baseline.By != "" {
				who = "by " + v.Baseline.By + ": " + v.Baseline.Reason
			}
			fmt.Fprintf(c.stdout, "baseline %d locked %s %s; %s since\n", v.Baseline.Generation, shortTime(v.Baseline.Locked), who, count(v.Since, "answer"))
		}
		if v.Report != nil {
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "SIGNAL\tEFFECT\tLIMIT\tCHANCE\tALLOWED\tDRIFTED\tWHAT")
			for _, f := range v.Report.Findings {
				yes := "no"
				if f.Drifted {
					yes = "YES"
				}
				fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.4f\t%.4f\t%s\t%s\n", f.Signal, f.Effect, f.Limit, f.Chance, f.Allowed, yes, f.Detail)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if v.Report.InputAlone() {
				fmt.Fprintln(c.stdout, "other texts come in, and are answered as such texts were: told, and nothing is stopped")
			}
			if m := v.Report.Moved; m != nil {
				fmt.Fprintf(c.stdout, "moved most: %s, %.2f to %.2f; items:", m, m.Was, m.Is)
				for _, e := range v.Report.Examples {
					if !e.Before {
						fmt.Fprintf(c.stdout, " %s", e.Item)
					}
				}
				fmt.Fprintln(c.stdout)
			}
		}
		if v.Before != nil && v.Before.Drifted {
			fmt.Fprintln(c.stdout, "since the version before: "+v.Before.Reason())
		}
	}
	if drifted {
		return exitError{1}
	}
	return nil
}

func shortHash(h string) string { return h[:min(12, len(h))] }

func (c *cli) observeLockCommand() *cobra.Command {
	var reason, actor string
	cmd := &cobra.Command{
		Use:   "lock --reason TEXT",
		Short: "Lock the latest answers as the next generation of the live baseline",
		Long: `The live baseline locks itself with the first answers of a version of knowledge,
model and prompts. Where the world has changed and the answers are right as they
are now, lock the latest ones. The baseline before stays in the store.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			o, err := a.Observer(cmd.Context())
			if err != nil {
				return err
			}
			b, err := o.Relock(cmd.Context(), actor, reason)
			if err != nil {
				return err
			}
			if c.json() {
				n := len(b.Answers)
				b.Answers = nil
				return c.printJSON(map[string]any{"schema_version": 1, "baseline": b, "answers": n})
			}
			fmt.Fprintf(c.stdout, "baseline %d of version %s locked with %s\n", b.Generation, b.Version, count(len(b.Answers), "answer"))
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	cmd.Flags().StringVar(&actor, "by", whoami(), "who")
	return cmd
}

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline/flow"
)

// canarySets completes the sets of canary queries.
var canarySets = []string{flow.ItemCanaries, flow.SearchCanaries, flow.KnowledgeCanaries}

func (c *cli) observeCanariesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "canaries [items|search|knowledge]...",
		Short: "Ask live indexes queries whose answers are known",
		Long: `Ask the check at the moment of entry (items), the search and the passages of the
knowledge for what they must find: items by their own text or part number,
passages by their first words, and the queries of canaries.jsonl beside the
suites, one JSON object per line:

  {"set": "items", "id": "hose", "query": "hydraulic hose 12 mm", "all": ["parts/4711"]}

The first whole run locks the baseline. A precision that fell by more than 5
points, query by query and twice in a row, opens the breaker of stage:match,
stage:search or stage:retrieve. No model is asked.

Exit code: 0 where nothing tripped, 1 where something did, 3 where nothing could be
asked.`,
		ValidArgs: canarySets,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.canaries(cmd, func(x *flow.Canaries) ([]flow.CanaryOutcome, error) { return x.Run(cmd.Context(), args...) })
		},
	}
	cmd.AddCommand(c.canariesLockCommand())
	return cmd
}

func (c *cli) canariesLockCommand() *cobra.Command {
	var reason, actor string
	cmd := &cobra.Command{
		Use:       "lock [items|search|knowledge]... --reason TEXT",
		Short:     "Make new canary queries and lock what is found now",
		Long:      "Make new queries of what the indexes hold now, and lock what is found as the next\ngeneration of the baseline. The one before stays in the store.",
		ValidArgs: canarySets,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.canaries(cmd, func(x *flow.Canaries) ([]flow.CanaryOutcome, error) {
				return x.Lock(cmd.Context(), actor, reason, args...)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	cmd.Flags().StringVar(&actor, "by", whoami(), "who")
	return cmd
}

func (c *cli) canaries(cmd *cobra.Command, run func(*flow.Canaries) ([]flow.CanaryOutcome, error)) error {
	a, err := c.open()
	if err != nil {
		return err
	}
	defer a.Close()
	x, err := a.Canaries(cmd.Context())
	if err != nil {
		return err
	}
	outcomes, err := run(x)
	if err != nil {
		return err
	}
	tripped := false
	for _, o := range outcomes {
		tripped = tripped || o.Tripped
	}
	if c.json() {
		err = c.printJSON(map[string]any{"schema_version": 1, "sets": outcomes})
	} else {
		w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "SET\tQUERIES\tPRECISION\tBASELINE\tP95\tFAILED\tWHAT")
		for _, o := range outcomes {
			what := o.Reason
			if o.Tripped {
				what = "TRIPPED: " + what
			}
			fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t%.1f ms\t%.0f %%\t%s\n", o.Set, o.Queries, o.Precision, o.Baseline, o.LatencyMS, 100*o.Errors, what)
		}
		err = w.Flush()
		if len(outcomes) == 0 {
			fmt.Fprintln(c.stdout, "there is nothing to ask for yet")
		}
	}
	if err == nil && tripped {
		return exitError{1}
	}
	return err
}

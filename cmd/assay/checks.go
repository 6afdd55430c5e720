package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) checksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checks",
		Short: "Look at what the checks of a feed found",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.checksHistoryCommand())
	return cmd
}

func (c *cli) checksHistoryCommand() *cobra.Command {
	var feed, since, check, page string
	cmd := &cobra.Command{
		Use:   "history --feed FEED",
		Short: "Print what the checks of a feed found over time",
		Long: `Print for each batch how many rows passed and failed each check and how many were
dropped for it, with the breaker's transitions between. --html writes a page with
trends that needs nothing but itself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if feed == "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "no feed is named").WithHint("say --feed FEED; assay feeds lists them")
			}
			back, err := contract.ParseDuration(since)
			if err != nil || back <= 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--since: %q is not a duration", since).WithHint("write it like 24h or 7d")
			}
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			o, err := a.Overview(cmd.Context())
			if err != nil {
				return err
			}
			h, err := o.History(cmd.Context(), feed, o.Now().Add(-back), check)
			if err != nil {
				return err
			}
			if page != "" {
				return writeFile(page, h.WriteHTML)
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "history": h})
			}
			return c.printHistory(h)
		},
	}
	cmd.Flags().StringVar(&feed, "feed", "", "the feed (required)")
	cmd.Flags().StringVar(&since, "since", "24h", "how far back")
	cmd.Flags().StringVar(&check, "check", "", "only this check")
	cmd.Flags().StringVar(&page, "html", "", "write a self-contained page to this file")
	return cmd
}

func (c *cli) printHistory(h *flow.History) error {
	if len(h.Batches) == 0 && len(h.Transitions) == 0 {
		fmt.Fprintf(c.stdout, "%s: no batch since %s\n", h.Feed, shortTime(h.Since))
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tBATCH\tCHECK\tRESULT\tPASSED\tFAILED\tDROPPED")
	moves := h.Transitions
	until := func(t time.Time) {
		for len(moves) > 0 && moves[0].At.Before(t) {
			move(w, moves[0])
			moves = moves[1:]
		}
	}
	for _, b := range h.Batches {
		until(b.At)
		if b.NoReport {
			fmt.Fprintf(w, "%s\t%s\t–\tno report (%s)\t\t\t\n", shortTime(b.At), pipeline.ShortID(b.Batch), b.Stage)
			continue
		}
		for _, k := range h.Checks {
			for _, p := range k.Points {
				if p.Batch == b.Batch {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\n", shortTime(p.At), pipeline.ShortID(p.Batch), k.ID, p.Result, p.Passed, p.Failed, p.Dropped)
				}
			}
		}
	}
	for _, t := range moves {
		move(w, t)
	}
	return w.Flush()
}

func move(w *tabwriter.Writer, t breaker.Transition) {
	fmt.Fprintf(w, "%s\t\tbreaker\t%s → %s: %s\t\t\t\n", shortTime(t.At), t.From, t.To, t.Cause)
}

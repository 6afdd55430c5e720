package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) statusCommand() *cobra.Command {
	var feed string
	var limit int
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List what waits for a person",
		Long: `List the batches that wait for an approval, the oldest first, and count what else
waits for somebody. Exit code: 0, also when something waits.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			o, err := a.Overview(ctx)
			if err != nil {
				return err
			}
			waiting, total, err := o.Waiting(ctx, feed, limit)
			if err != nil {
				return err
			}
			held, err := o.Store.CountBatches(ctx, flow.BatchFilter{Feed: feed, Stage: flow.Held})
			if err != nil {
				return err
			}
			dead, err := o.Store.Notices(ctx, flow.NoticeFilter{Feed: feed, State: flow.NoticeDead, Limit: 1 << 20})
			if err != nil {
				return err
			}
			if c.json() {
				if waiting == nil {
					waiting = []flow.WaitingBatch{}
				}
				return c.printJSON(map[string]any{"schema_version": 1, "waiting": total, "batches": waiting, "held": held, "dead_notices": len(dead)})
			}
			if total == 0 {
				fmt.Fprintln(c.stdout, "nothing waits for an approval")
			} else {
				w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "BATCH\tFEED\tFILE\tSINCE\tEXPIRES\tREAD\tREJECTED\tWHY")
				for _, x := range waiting {
					why := x.Reason
					if x.Decided != "" {
						why = x.Decided + ", to be carried out"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", pipeline.ShortID(x.Batch.ID), x.Batch.Feed, baseName(x.Batch.Key),
						shortTime(x.Batch.Updated), shortTime(x.Expires), x.Batch.Rows.Read, x.Batch.Rows.Rejected, why)
				}
				if err := w.Flush(); err != nil {
					return err
				}
				if total > len(waiting) {
					fmt.Fprintf(c.stdout, "and %d more; --limit shows them\n", total-len(waiting))
				}
				fmt.Fprintf(c.stdout, "%s for an approval: assay approve BATCH --reason \"…\", or assay reject\n", countWaits(total))
			}
			if held > 0 {
				fmt.Fprintf(c.stdout, "%s held: assay replay judges them again\n", count(held, "batch"))
			}
			if len(dead) > 0 {
				fmt.Fprintf(c.stdout, "%s could not be delivered: assay notify list --dead\n", count(len(dead), "notice"))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&feed, "feed", "", "only this feed")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many to list")
	return cmd
}

func countWaits(n int) string {
	if n == 1 {
		return "1 batch waits"
	}
	return fmt.Sprintf("%d batches wait", n)
}

func (c *cli) feedsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "feeds",
		Short: "Show how every feed is, on one screen",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			o, err := a.Overview(cmd.Context())
			if err != nil {
				return err
			}
			feeds, err := o.List(cmd.Context())
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "feeds": feeds})
			}
			if len(feeds) == 0 {
				fmt.Fprintln(c.stdout, "no feeds: a feed is a contract in the folder of contracts")
				return nil
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "FEED\tBREAKER\tLAST BATCH\tVERDICT\tDATA AGE\tREJECTED\tHELD\tWAITING\tNEXT DUE\tAMISS")
			for _, f := range feeds {
				age := "–"
				if f.Age >= 0 {
					age = contract.Span(time.Duration(f.Age) * time.Second)
				}
				verdict, rejected := "–", "–"
				if f.Batch != "" {
					verdict, rejected = string(f.Verdict), fmt.Sprintf("%.3g %%", 100*f.RejectRate)
				}
				amiss := f.Problem
				for _, l := range f.Open {
					if amiss != "" {
						amiss += "; "
					}
					amiss += l.Expected + ": " + l.Detail
				}
				if f.Cause != "" && f.Breaker != "closed" && amiss == "" {
					amiss = f.Cause
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", f.Feed, f.Breaker, shortTime(f.BatchAt), verdict, age, rejected, f.Held, f.Waiting, shortTime(f.Due), amiss)
			}
			return w.Flush()
		},
	}
}

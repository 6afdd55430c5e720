package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
)

func (c *cli) sweepCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sweep",
		Short: "Notice what did not come, and move on what time moves",
		Long: `Judge every feed by the schedule and the service levels of its contract, where
nothing came too; move cooldowns on; end approvals and leases whose time is over;
apply lifetimes (ASSAY_KEEP); send what the outbox still holds, and tell people.

Run it by the clock, every few minutes. It may run twice or late: what was due
since the last sweep is judged once.

Exit code: 0 when nothing new is amiss, 1 when a promise was not kept.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Sweep(cmd.Context())
			if err != nil {
				return err
			}
			res, err := s.Once(cmd.Context())
			if err != nil {
				return err
			}
			if c.json() {
				if err := c.printJSON(map[string]any{"schema_version": 1, "sweep": res}); err != nil {
					return err
				}
			} else {
				for _, l := range res.Lapses {
					fmt.Fprintf(c.stdout, "%s: %s expected (due %s): %s\n", l.Feed, l.Expected, shortTime(l.Due), l.Detail)
				}
				for _, t := range res.Breakers {
					fmt.Fprintf(c.stdout, "breaker %s: %s → %s: %s\n", t.Key.Scope, t.From, t.To, t.Cause)
				}
				for _, b := range res.Approvals {
					fmt.Fprintf(c.stdout, "batch %s of %s: %s\n", pipeline.ShortID(b.ID), b.Feed, b.Reason)
				}
				for zone, n := range res.Removed {
					fmt.Fprintf(c.stdout, "%s: %d removed, their time is over\n", zone, n)
				}
				for _, p := range res.Problems {
					fmt.Fprintf(c.stderr, "assay: %s\n", p)
				}
				fmt.Fprintf(c.stdout, "%s judged, %s amiss, %d sent, %d told, %d given up\n", count(res.Feeds, "feed"), count(len(res.Lapses), "promise"), res.Sent, res.Told, res.Dead)
			}
			if len(res.Lapses) > 0 {
				return exitError{1}
			}
			return nil
		},
	}
}

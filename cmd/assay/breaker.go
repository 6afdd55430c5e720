package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline/breaker"
)

func (c *cli) breakerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "breaker",
		Short: "Look at circuit breakers, and move them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.breakerListCommand(), c.breakerSignalCommand(breaker.Trip), c.breakerSignalCommand(breaker.Reset), c.breakerSignalCommand(breaker.Retry),
		c.breakerSuggestCommand(), c.breakerSimulateCommand())
	return cmd
}

func (c *cli) breakerListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Print every breaker, its position and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := c.look(cmd.Context(), a)
			if err != nil {
				return err
			}
			var states []breaker.State
			if s != nil {
				states, err = s.Breakers(cmd.Context())
			}
			if err != nil {
				return err
			}
			for i := range states {
				if states[i].Position == "" {
					states[i].Position = breaker.Closed
				}
			}
			if c.json() {
				if states == nil {
					states = []breaker.State{}
				}
				return c.printJSON(map[string]any{"schema_version": 1, "breakers": states})
			}
			if len(states) == 0 {
				fmt.Fprintln(c.stdout, "no breakers yet: each feed gets one with its first batch")
				return nil
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "BREAKER\tSIGNAL\tPOSITION\tSINCE\tUNTIL\tCAUSE")
			for _, s := range states {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Key.Scope, s.Key.Signal, s.Position, shortTime(s.Since), shortTime(s.Until), s.Cause)
			}
			return w.Flush()
		},
	}
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

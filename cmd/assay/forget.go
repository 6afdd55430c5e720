package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

func (c *cli) forgetCommand() *cobra.Command {
	var feed, reason, actor string
	var key []string
	cmd := &cobra.Command{
		Use:   "forget --feed FEED --key KEY",
		Short: "Erase a subject of a feed everywhere",
		Long: `Erase the row of a feed with that primary key, and everything that came of it:
curated data and every older version of it, quarantine with the raw records,
reports, landed and archived files, held batches, the catalog with vectors,
matches and reviews, notices, the local log of events. What is left is a
tombstone with a hash of the key. It cannot be undone.

A key of several fields is given by one --key for each, in their order. Copies
outside this deployment (backups, versions of a bucket, consumers' own) are not
reached; the event assay.subject.erased tells of the erasure.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			f, err := a.Forget(cmd.Context())
			if err != nil {
				return err
			}
			t, err := f.Erase(cmd.Context(), feed, key, actor, reason)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "tombstone": t})
			}
			for _, place := range slices.Sorted(maps.Keys(t.Removed)) {
				fmt.Fprintf(c.stdout, "%-10s  %d removed\n", place, t.Removed[place])
			}
			fmt.Fprintf(c.stdout, "tombstone %s\n", t.ID)
			return nil
		},
	}
	cmd.Flags().StringVar(&feed, "feed", "", "the feed (required)")
	cmd.Flags().StringArrayVar(&key, "key", nil, "a part of the primary key (required)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the tombstone; not who it was")
	cmd.Flags().StringVar(&actor, "by", whoami(), "who erases")
	return cmd
}

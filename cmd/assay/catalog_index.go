package main

import (
	"context"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline/flow"
)

// indexer is a store that keeps an index over vectors.
type indexer interface {
	IndexSpace(ctx context.Context, space string) error
}

func (c *cli) catalogIndexCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "index",
		Short: "Complete the indexes of a large catalog",
		Long: `Take the items that still wait into the index by which a large catalog is
searched: those from before there was one. It is safe beside others that write.

Build the index by which a large catalog in Postgres is checked at the moment of
entry (HNSW, half precision), while others go on writing. Fill the catalog first:
that is many times faster without an index. One that is there is left alone, and
keeps itself up to date from then on.

A build is quick while it fits the memory that the server gives it: about 2 GB a
million items, as ASSAY_STORE='postgres://…?maintenance_work_mem=3GB'.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Store(cmd.Context())
			if err != nil {
				return err
			}
			items, err := flow.IndexWaiting(cmd.Context(), s, math.MaxInt)
			if err != nil {
				return err
			}
			e, err := a.Embedder()
			if err != nil {
				return err
			}
			built := false
			if db, ok := s.(indexer); ok {
				if err := db.IndexSpace(cmd.Context(), e.Space()); err != nil {
					return err
				}
				built = true
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "space": e.Space(), "index": built, "items": items})
			}
			if items > 0 {
				fmt.Fprintf(c.stdout, "%s taken into the search index.\n", count(items, "item"))
			}
			if !built {
				fmt.Fprintln(c.stdout, "This store needs no index over vectors: the catalog is held in memory to be looked through.")
				return nil
			}
			fmt.Fprintf(c.stdout, "The vectors of %s are indexed.\n", e.Space())
			return nil
		},
	}
}

package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) replayCommand() *cobra.Command {
	var r flow.Release
	var ids []string
	var all bool
	cmd := &cobra.Command{
		Use:   "replay [--feed FEED] [--batch ID] [--all]",
		Short: "Judge held batches again, and release those that are good now",
		Long: `Judge held batches again by the contract of now, in the order of their data, and
publish those that may be: after a contract was mended, or after the breaker of
the feed closed. A batch that is no better stays held, and does not count for the
breaker a second time. A breaker that batches opened is tried again with the first
batch that is good now; one that a person opened has to be reset first.

A released row never replaces one of a newer batch (load mode upsert), and a
snapshot that is older than the published one is dropped.

Without --feed, --batch or --all the held batches are listed.

Exit code: 0 when all of them are released, 1 when one stays held.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			run, err := a.Run(cmd.Context())
			if err != nil {
				return err
			}
			for _, id := range ids {
				b, err := findBatch(cmd.Context(), run.Store, id)
				if err != nil {
					return err
				}
				r.Batches = append(r.Batches, b.ID)
			}
			if r.Feed == "" && len(ids) == 0 && !all && !r.Dry {
				return c.listHeld(cmd.Context(), run)
			}
			return c.replay(cmd.Context(), a, run, r)
		},
	}
	cmd.Flags().StringVar(&r.Feed, "feed", "", "those of this feed")
	cmd.Flags().StringArrayVar(&ids, "batch", nil, "this batch, by its id or the first characters of it (again for more)")
	cmd.Flags().BoolVar(&all, "all", false, "those of every feed")
	cmd.Flags().BoolVar(&r.Dry, "dry-run", false, "say what would become of each, and do nothing")
	cmd.MarkFlagsMutuallyExclusive("all", "feed")
	cmd.MarkFlagsMutuallyExclusive("all", "batch")
	return cmd
}

func (c *cli) listHeld(ctx context.Context, run *flow.Run) error {
	held, err := run.Ingest.Held(ctx, "")
	if err != nil {
		return err
	}
	if c.json() {
		if held == nil {
			held = []flow.Batch{}
		}
		return c.printJSON(map[string]any{"schema_version": 1, "held": held})
	}
	if len(held) == 0 {
		fmt.Fprintln(c.stdout, "nothing is held")
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BATCH\tFEED\tFILE\tHELD SINCE\tREASON")
	for _, b := range held {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", pipeline.ShortID(b.ID), b.Feed, baseName(b.Key), shortTime(b.Updated), b.Reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, "assay replay --all judges them again; --feed and --batch choose, --dry-run only tells")
	return nil
}

func (c *cli) replay(ctx context.Context, a *app.App, run *flow.Run, r flow.Release) error {
	p := c.startProgress("judging", -1)
	run.Ingest.Progress, run.Step = p.Set, p.Stage
	res, err := run.Replay(ctx, r)
	p.Done()
	if err != nil {
		return err
	}
	left := 0
	for _, o := range res.Replayed {
		if !o.Released() && o.Stage != flow.Replaced {
			left++
		}
	}
	if err := c.printReplayed(res, r.Dry); err != nil {
		return err
	}
	if res.Dead > 0 {
		return runExit(res)
	}
	if left > 0 {
		return exitError{1}
	}
	return nil
}

func (c *cli) printReplayed(res flow.Result, dry bool) error {
	if c.json() {
		type line struct {
			flow.Batch
			Released bool   `json:"released"`
			Error    string `json:"error,omitempty"`
		}
		lines := []line{}
		for _, o := range res.Replayed {
			l := line{Batch: o.Batch, Released: o.Released()}
			if o.Err != nil {
				l.Error = pipeline.ErrorMessage(o.Err)
			}
			lines = append(lines, l)
		}
		return c.printJSON(map[string]any{"schema_version": 1, "dry_run": dry, "batches": lines, "shards": res.Shards, "matched": res.Matched})
	}
	if len(res.Replayed) == 0 {
		fmt.Fprintln(c.stdout, "nothing is held")
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BATCH\tFEED\tFILE\tNOW\tREAD\tACCEPTED\tREJECTED\tREASON")
	for _, o := range res.Replayed {
		now, reason := "stays held", o.Reason
		switch {
		case o.Err != nil:
			reason = pipeline.ErrorMessage(o.Err)
		case o.Stage == flow.Replaced:
			now = "dropped"
		case o.Released() && dry:
			now = "would be released"
		case o.Released():
			now = "released"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", pipeline.ShortID(o.ID), o.Feed, baseName(o.Key), now,
			o.Rows.Read, o.Rows.Accepted, o.Rows.Rejected, reason)
	}
	return w.Flush()
}

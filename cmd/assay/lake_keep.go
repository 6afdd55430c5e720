package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

func (c *cli) lakeGCCommand() *cobra.Command {
	var grace string
	var dry bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove files that nothing refers to",
		Long: `Remove data files and manifests that no publish ever used, and what interrupted
writes left behind, once they are older than the grace period. A batch that is
being judged looks like that too: the grace period has to be longer than the
longest run, and may be 0 only while nothing runs.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			wait, err := contract.ParseDuration(grace)
			if err != nil || wait < 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--grace: %q is not a duration", grace).WithHint("write it like 24h or 7d")
			}
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			l, err := a.Lake()
			if err != nil {
				return err
			}
			gone, err := l.GC(cmd.Context(), wait, dry)
			if err != nil {
				return err
			}
			var bytes int64
			for _, o := range gone {
				bytes += o.Size
			}
			if c.json() {
				keys := make([]string, 0, len(gone))
				for _, o := range gone {
					keys = append(keys, o.Key)
				}
				return c.printJSON(map[string]any{"schema_version": 1, "dry_run": dry, "keys": keys, "bytes": bytes})
			}
			for _, o := range gone {
				fmt.Fprintln(c.stdout, l.Location(o.Key))
			}
			verb := "removed"
			if dry {
				verb = "would be removed"
			}
			fmt.Fprintf(c.stdout, "%s, %d bytes %s\n", count(len(gone), "file"), bytes, verb)
			return nil
		},
	}
	cmd.Flags().StringVar(&grace, "grace", "24h", "how old a file must be")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	return cmd
}

func (c *cli) lakeCompactCommand() *cobra.Command {
	var target int64
	var dry bool
	cmd := &cobra.Command{
		Use:   "compact [FEED]",
		Short: "Merge small files of a feed into larger ones",
		Long: `Merge neighbouring small Parquet files of a feed, or of every feed, towards the
target size, and publish the result: the same rows of the same batches in the
same order. Readers of the previous files are not disturbed; those files stay.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if target < 1 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--target: %d MiB", target).WithHint("the target is at least 1 MiB")
			}
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			in, err := a.Ingest(cmd.Context())
			if err != nil {
				return err
			}
			feeds := args
			if len(feeds) == 0 {
				if feeds, err = in.Lake.Feeds(cmd.Context()); err != nil {
					return err
				}
			}
			type line struct {
				Feed string `json:"feed"`
				lake.Compaction
			}
			lines := []line{}
			for _, feed := range feeds {
				done, err := in.Compact(cmd.Context(), feed, target<<20, dry)
				if pipeline.ErrorCode(err) == pipeline.CodeNotFound && len(args) == 0 {
					continue // a feed of which nothing was published
				}
				if err != nil {
					return err
				}
				lines = append(lines, line{feed, done})
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "dry_run": dry, "feeds": lines})
			}
			for _, d := range lines {
				fmt.Fprintf(c.stdout, "%s: %s, now %d (%d bytes merged)\n", d.Feed, count(d.Before, "file"), d.After, d.Bytes)
			}
			if len(lines) == 0 {
				fmt.Fprintln(c.stdout, "nothing is published yet")
			}
			return nil
		},
	}
	cmd.Flags().Int64Var(&target, "target", lake.CompactTarget>>20, "size of the files to make, in MiB")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be merged")
	return cmd
}

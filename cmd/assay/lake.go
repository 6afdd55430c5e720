package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

func (c *cli) lakeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lake",
		Short: "Look at the files of published feeds",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.lakeFilesCommand(), c.lakeVerifyCommand(), c.lakeGCCommand(), c.lakeCompactCommand())
	return cmd
}

func (c *cli) lakeFilesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "files FEED",
		Short: "Print the files that are a feed now, one a line",
		Long: `Print the Parquet files of the feed's current manifest, one a line: what a
query engine should read. The set is whole: a publish replaces it at once.`,
		Example: `  duckdb -c "select count(*) from read_parquet([$(assay lake files orders | sed "s/.*/'&'/" | paste -sd,)])"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			l, err := a.Lake()
			if err != nil {
				return err
			}
			m, err := l.Current(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(m)
			}
			for _, f := range m.Files {
				fmt.Fprintln(c.stdout, l.Location(f.Key))
			}
			return nil
		},
	}
}

func (c *cli) lakeVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [FEED]",
		Short: "Check every published file against its manifest",
		Long: `Read every file of each feed's manifests and compare size and checksum.

Exit code: 0 when all is as it was written, 1 when something is not.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			l, err := a.Lake()
			if err != nil {
				return err
			}
			feeds := args
			if len(feeds) == 0 {
				if feeds, err = l.Feeds(cmd.Context()); err != nil {
					return err
				}
			}
			problems := []lake.Problem{}
			for _, feed := range feeds {
				if _, err := l.Current(cmd.Context(), feed); err != nil && pipeline.ErrorCode(err) == pipeline.CodeNotFound {
					return err
				}
				found, err := l.Verify(cmd.Context(), feed)
				if err != nil {
					return err
				}
				problems = append(problems, found...)
			}
			if c.json() {
				if err := c.printJSON(map[string]any{"schema_version": 1, "feeds": feeds, "problems": problems}); err != nil {
					return err
				}
			} else {
				for _, p := range problems {
					fmt.Fprintln(c.stdout, p)
				}
				fmt.Fprintf(c.stdout, "%s, %s\n", count(len(feeds), "feed"), count(len(problems), "problem"))
			}
			if len(problems) > 0 {
				return exitError{1}
			}
			return nil
		},
	}
}

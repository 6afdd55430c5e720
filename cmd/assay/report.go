package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// baseName is the name of a landed file as a line of a table can hold it.
func baseName(key string) string {
	name := path.Base(key)
	if strings.ContainsFunc(name, unicode.IsControl) {
		return strconv.Quote(name)
	}
	return name
}

func (c *cli) reportCommand() *cobra.Command {
	var feed, htmlFile string
	cmd := &cobra.Command{
		Use:   "report [BATCH]",
		Short: "Print the report of a batch, or list the latest batches",
		Long: `Print what the gate found in a batch, by its id or the first characters of it.
Without a batch, list the latest ones.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			if len(args) == 0 {
				return c.listBatches(cmd.Context(), a, feed)
			}
			return c.report(cmd.Context(), a, args[0], htmlFile)
		},
	}
	cmd.Flags().StringVar(&feed, "feed", "", "only this feed")
	cmd.Flags().StringVar(&htmlFile, "html", "", "write the report as a self-contained page to this file")
	return cmd
}

// look opens the store for a verb that only reads, and makes none: nil where
// there is a lake, on which nothing was run yet. Error: not_found, where there is
// no lake either.
func (c *cli) look(ctx context.Context, a *app.App) (app.Store, error) {
	s, err := a.Look(ctx)
	if pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return s, err
	}
	_, err = a.Lake()
	return nil, err
}

func (c *cli) listBatches(ctx context.Context, a *app.App, feed string) error {
	s, err := c.look(ctx, a)
	if err != nil {
		return err
	}
	var bs []flow.Batch
	if s != nil {
		bs, err = s.Batches(ctx, flow.BatchFilter{Feed: feed, Latest: true, Limit: 50})
	}
	if err != nil {
		return err
	}
	if c.json() {
		if bs == nil {
			bs = []flow.Batch{}
		}
		return c.printJSON(map[string]any{"schema_version": 1, "batches": bs})
	}
	if len(bs) == 0 {
		fmt.Fprintln(c.stdout, "no batches yet")
		return nil
	}
	return c.printBatches(bs)
}

// findBatch finds the one batch whose id starts with prefix.
func findBatch(ctx context.Context, s flow.Ledger, prefix string) (flow.Batch, error) {
	bs, err := s.Batches(ctx, flow.BatchFilter{Prefix: prefix, Limit: 2})
	if err != nil {
		return flow.Batch{}, err
	}
	switch len(bs) {
	case 0:
		return flow.Batch{}, pipeline.Errorf(pipeline.CodeNotFound, "no batch %q", prefix).WithHint("assay report lists the latest batches")
	case 1:
		return bs[0], nil
	}
	return flow.Batch{}, pipeline.Errorf(pipeline.CodeInvalid, "%q is the beginning of several batches", prefix).WithHint("type more of the id")
}

func (c *cli) report(ctx context.Context, a *app.App, prefix, htmlFile string) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	b, err := findBatch(ctx, s, prefix)
	if err != nil {
		return err
	}
	if b.Report == "" {
		return pipeline.Errorf(pipeline.CodeNotFound, "batch %s has no report: it is %s (%s)", pipeline.ShortID(b.ID), b.Stage, b.Reason)
	}
	l, err := a.Lake()
	if err != nil {
		return err
	}
	r, err := flow.ReadReport(ctx, l, b.Report)
	if err != nil {
		return err
	}
	// The gate proposed; the ledger knows what the breaker made of it.
	r.Decision = b.Decision
	if b.Reason != "" {
		r.Reason = b.Reason
	}
	if htmlFile != "" {
		return writeFile(htmlFile, r.WriteHTML)
	}
	if c.json() {
		return gate.WriteJSON(c.stdout, r)
	}
	if err := r.WriteText(c.stdout); err != nil {
		return err
	}
	return c.printRejectPlaces(l, b, c.stdout)
}

// printRejectPlaces says where the rejects of a batch are kept.
func (c *cli) printRejectPlaces(l *lake.Lake, b flow.Batch, w io.Writer) error {
	if b.Rows.Rejected == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "rejects: %s\n", l.Location(lake.QuarantineKey(b.Feed, b.ID, "rejects.csv")))
	return err
}

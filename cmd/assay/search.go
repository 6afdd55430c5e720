package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) searchCommand() *cobra.Command {
	var k int
	cmd := &cobra.Command{
		Use:   "search QUERY",
		Short: "Search the catalog by text and typed filters",
		Long: `Search the items of the catalog. Words rank; filters such as bore=25mm or
"voltage>=400V" must hold, in whatever unit the item was written.`,
		Example: `  assay search "deep groove bearing" bore=25mm
  assay search "motor power>=1.5kW"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if k < 1 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--limit must be at least 1")
			}
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			return c.search(cmd.Context(), a, strings.Join(args, " "), k)
		},
	}
	cmd.Flags().IntVarP(&k, "limit", "n", 10, "the most results")
	return cmd
}

func (c *cli) search(ctx context.Context, a *app.App, query string, k int) error {
	empty := pipeline.Errorf(pipeline.CodeNotFound, "the catalog is empty").WithHint("assay run takes the landing zone into it")
	s, err := c.look(ctx, a)
	if err != nil {
		return err
	}
	if s == nil {
		return empty
	}
	some, err := s.Entries(ctx, catalog.Query{Live: true, Limit: 1})
	if err != nil {
		return err
	}
	if len(some) == 0 {
		return empty
	}
	if _, err := flow.IndexWaiting(ctx, s, math.MaxInt); err != nil {
		return err
	}
	items, _, err := s.IndexSize(ctx)
	if err != nil {
		return err
	}
	use, err := a.Search(ctx)
	if err != nil {
		return err
	}
	res, err := use.Query(ctx, query, k)
	if err != nil {
		return err
	}
	found := res.Found
	if c.json() {
		type result struct {
			catalog.Found
			Record pipeline.Record `json:"record"`
		}
		results := []result{}
		for _, f := range found {
			results = append(results, result{f, f.Entry.Record})
		}
		return c.printJSON(map[string]any{"schema_version": 1, "query": query, "total": res.Total, "total_at_least": res.AtLeast, "results": results, "facets": res.Facets, "degraded": res.Degraded})
	}
	if res.Degraded != "" {
		fmt.Fprintln(c.stderr, res.Degraded)
	}
	if len(found) == 0 {
		fmt.Fprintf(c.stdout, "nothing in %s fits\n", count(items, "item"))
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SCORE\tITEM\tCATEGORY\tTEXT\tATTRIBUTES")
	for _, f := range found {
		fmt.Fprintf(w, "%.2f\t%s\t%s\t%s\t%s\n", f.Score, f.ID, f.Entry.Record.Category, f.Entry.Item.Source, summary(f.Entry.Record))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if res.Total > len(found) {
		more := ""
		if res.AtLeast {
			more = "more than "
		}
		fmt.Fprintf(c.stdout, "%d of %s%s", len(found), more, count(res.Total, "item"))
		for i, f := range res.Facets {
			if i == 3 {
				break
			}
			fmt.Fprintf(c.stdout, "; %s:", f.Attribute)
			for _, v := range f.Values[:min(3, len(f.Values))] {
				fmt.Fprintf(c.stdout, " %s (%d)", v.Value, v.Count)
			}
		}
		fmt.Fprintln(c.stdout)
	}
	return nil
}

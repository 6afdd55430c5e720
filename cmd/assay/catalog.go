package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) catalogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Look at the catalog: how complete it is, clusters, questions",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.catalogReportCommand(), c.catalogClusterCommand(), c.catalogQuestionsCommand(), c.catalogAnswerCommand(), c.catalogCheckCommand(), c.catalogIndexCommand())
	return cmd
}

func (c *cli) catalogReportCommand() *cobra.Command {
	var by, html string
	var last int
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Print what is missing, doubtful and superfluous, and the trend",
		Long: `Per category, plant and source: the share of items that leave out each critical
attribute, the share of records of low confidence, and the share of items that
another one makes superfluous. The trend compares with what stood after earlier
batches. --html writes a page with the trend as a line; it opens offline.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error { return c.catalogReport(cmd.Context(), p, by, last, html) })
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "only category, plant or source")
	cmd.Flags().IntVar(&last, "trend", 10, "how many earlier batches the trend looks back")
	cmd.Flags().StringVar(&html, "html", "", "also write the report as a self-contained page")
	return cmd
}

func (c *cli) catalogReport(ctx context.Context, p *flow.People, by string, last int, html string) error {
	r, err := p.Report(ctx, by, last)
	if err != nil {
		return err
	}
	if r.Items == 0 {
		return pipeline.Errorf(pipeline.CodeNotFound, "the catalog is empty").WithHint("assay run takes the landing zone into it")
	}
	if html != "" {
		if err := writeFile(html, func(w io.Writer) error { return r.WriteHTML(w, p.Now()) }); err != nil {
			return err
		}
	}
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": 1, "items": r.Items, "groups": r.Groups})
	}
	var first time.Time
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BY\tNAME\tITEMS\tINCOMPLETE\tLOW CONFIDENCE\tDUPLICATES\tMOST MISSING")
	for _, g := range r.Groups {
		var missing []string
		for _, m := range g.Missing[:min(3, len(g.Missing))] {
			missing = append(missing, fmt.Sprintf("%s %s", m.Attribute, share(m.Share)))
		}
		inc, low, dup := share(g.Incomplete), share(g.LowConfidence), share(g.Duplicates)
		if len(g.Trend) > 0 {
			t := g.Trend[0]
			if first.IsZero() || t.At.Before(first) {
				first = t.At
			}
			inc += change(g.Incomplete - t.Incomplete)
			low += change(g.LowConfidence - t.LowConfidence)
			dup += change(g.Duplicates - t.Duplicates)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", g.By, g.Name, g.Items, inc, low, dup, strings.Join(missing, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !first.IsZero() {
		fmt.Fprintf(c.stdout, "%s; in brackets the change since %s\n", count(r.Items, "item"), shortTime(first))
	}
	return nil
}

func share(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

func change(x float64) string {
	if x > -0.0005 && x < 0.0005 {
		return ""
	}
	return fmt.Sprintf(" (%+.1f)", 100*x)
}

func (c *cli) catalogClusterCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cluster ID|ITEM",
		Short: "Print the golden record of a cluster, with the source of each value, and its history",
		Long: `A cluster is named by its id or by an item in it. Its golden record is followed
by its history, the newest change first: what came, what went, by which batch or
which person. Of a cluster that is gone, and of an item that is in none any more,
the history is printed, and the exit code is that of what is not found.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error {
				ctx := cmd.Context()
				all, err := p.Store.Clusters(ctx, []string{args[0]})
				if err != nil {
					return err
				}
				if len(all) == 0 {
					if all, err = p.Store.ClusterPage(ctx, catalog.ClusterQuery{ID: args[0]}); err != nil {
						return err
					}
				}
				if len(all) == 0 {
					return c.clusterGone(ctx, p.Store, args[0])
				}
				past, err := p.Store.ClusterEvents(ctx, catalog.HistoryQuery{Cluster: all[0].ID, Limit: historyShown})
				if err != nil {
					return err
				}
				entries, err := p.Store.Entries(ctx, catalog.Query{IDs: all[0].Items, Live: true})
				if err != nil {
					return err
				}
				g := p.Match.Matcher.Golden(all[0], entries)
				if c.json() {
					return c.printJSON(map[string]any{"schema_version": 1, "golden": g, "history": orNone(past)})
				}
				fmt.Fprintf(c.stdout, "cluster %s, %s\n%s (%s)\n", g.Cluster, count(len(g.Items), "item"), g.Text, g.TextFrom)
				w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ATTRIBUTE\tVALUE\tFROM\tAGREE\tDIFFER")
				for _, v := range g.Values {
					val := v.Value.String()
					if v.Unit != "" && v.Unit != "1" {
						val += " " + v.Unit
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", v.Name, val, v.From, len(v.Agree), strings.Join(v.Differ, ", "))
				}
				for _, m := range g.Meta {
					fmt.Fprintf(w, "(%s)\t%s\t%s\t\t\n", m.Field, m.Value, m.From)
				}
				if err := w.Flush(); err != nil {
					return err
				}
				if len(past) > 0 {
					fmt.Fprintln(c.stdout)
				}
				return c.printClusterEvents(past)
			})
		},
	}
}

func (c *cli) catalogQuestionsCommand() *cobra.Command {
	var q catalog.Query
	var file string
	var ask bool
	var limit int
	cmd := &cobra.Command{
		Use:   "questions",
		Short: "List the critical attributes that items leave out",
		Long: `What an item leaves out keeps it from being told from others. The list can be
written as a CSV for those who know the things (a supplier, a plant), whose
answers assay catalog answer takes back; with --ask the questions join the
review queue, and an event tells it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error {
				qs, err := p.Questions(cmd.Context(), q)
				if err != nil {
					return err
				}
				if file != "" {
					if err := writeFile(file, func(w io.Writer) error { return flow.WriteQuestions(w, qs) }); err != nil {
						return err
					}
				}
				asked := 0
				if ask {
					if asked, err = p.Ask(cmd.Context(), qs); err != nil {
						return err
					}
				}
				if c.json() {
					return c.printJSON(map[string]any{"schema_version": 1, "questions": qs, "asked": asked})
				}
				w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
				if len(qs) > 0 && file == "" {
					fmt.Fprintln(w, "ITEM\tWANTED\tUNIT\tTEXT")
					for _, x := range qs[:min(limit, len(qs))] {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", x.Item, x.Attribute, x.Unit, clip(x.Text))
					}
				}
				if err := w.Flush(); err != nil {
					return err
				}
				fmt.Fprintf(c.stdout, "%s", count(len(qs), "question"))
				if ask {
					fmt.Fprintf(c.stdout, ", %d new in the review queue", asked)
				}
				fmt.Fprintln(c.stdout)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Feed, "feed", "", "only items of this feed")
	f.StringVar(&q.Category, "category", "", "only items of this category")
	f.StringVar(&file, "csv", "", "write the questions to this CSV file, with an empty column answer")
	f.BoolVar(&ask, "ask", false, "put them into the review queue")
	f.IntVarP(&limit, "limit", "n", 50, "the most lines printed")
	return cmd
}

func (c *cli) catalogAnswerCommand() *cobra.Command {
	var as, source string
	cmd := &cobra.Command{
		Use:   "answer FILE",
		Short: "Take answers to questions back",
		Long: `Read a CSV with the columns item, attribute and answer, as assay catalog
questions --csv writes it; lines without an answer are left out. Each value is
checked against its attribute, goes into the record with the provenance
enriched:SOURCE, and the items are judged again. A mistake is told with its
line, and nothing is stored then.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := c.who(as)
			if err != nil {
				return err
			}
			f, _, err := openFile(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			rs, err := flow.ReadReplies(args[0], f)
			if err != nil {
				return err
			}
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error {
				n, err := p.Replies(cmd.Context(), args[0], rs, name, source)
				if err != nil {
					return err
				}
				if c.json() {
					return c.printJSON(map[string]any{"schema_version": 1, "answers": n})
				}
				fmt.Fprintf(c.stdout, "%s taken in\n", count(n, "answer"))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "who answers (default: the user of this machine)")
	cmd.Flags().StringVar(&source, "source", "", "where the answers come from, for their provenance (default: who answers)")
	return cmd
}

func (c *cli) catalogCheckCommand() *cobra.Command {
	var it pipeline.Item
	cmd := &cobra.Command{
		Use:   "check TEXT",
		Short: "Look for duplicates of an item before it is created",
		Example: `  assay catalog check "Rillenkugellager 6205-2RS1 C3 SKF"
  assay catalog check "Pump, Bosch, 1500w" --part-number 0444-11`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			u, err := a.CheckItem(cmd.Context())
			if err != nil {
				return err
			}
			it.Source = args[0]
			answers, err := u.Items(cmd.Context(), []pipeline.Item{it})
			if err != nil {
				return err
			}
			x := answers[0]
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "answer": x})
			}
			word := map[catalog.Verdict]string{
				catalog.Duplicate: "the catalog has it already", catalog.Review: "the catalog may have it", catalog.Distinct: "the catalog does not have it",
			}
			if x.Reasons != nil {
				word[catalog.Review] = strings.Join(x.Reasons, "; ")
			}
			fmt.Fprintln(c.stdout, word[x.Verdict])
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			for _, m := range x.Matches {
				fmt.Fprintf(w, "%s\t%.2f\t%s\t%s\t%s\n", m.Verdict, m.Score, m.Item, clip(m.Text), strings.Join(m.Reasons[:min(2, len(m.Reasons))], "; "))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			for _, m := range x.Missing {
				fmt.Fprintf(c.stdout, "missing: %s\n", m.Title)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&it.ID, "id", "", "the id that the item is to have")
	f.StringVar(&it.Meta.Manufacturer, "manufacturer", "", "its manufacturer")
	f.StringVar(&it.Meta.PartNumber, "part-number", "", "its part number")
	f.StringVar(&it.Meta.Category, "category", "", "its category")
	return cmd
}

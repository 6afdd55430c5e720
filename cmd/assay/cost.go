package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/model"
)

func (c *cli) costCommand() *cobra.Command {
	var by string
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Show what models were asked and what that cost",
		Long: `Sum the calls of models, failed attempts included: tokens in, out and cached,
and money by the price table (ASSAY_LLM_PRICES). A model without a price is said
to have none; nothing is guessed. Below it stand what was not asked, since its
answer was kept or the rules had left nothing open, and what is left of today's
budget.`,
		Example: `  assay cost --by model --since 168h
  assay cost --by item --output json
  assay cost log --item parts/4711`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			return c.cost(cmd.Context(), a, by, since)
		},
	}
	cmd.Flags().StringVar(&by, "by", "model", "model, feed, batch, item, purpose or day")
	cmd.Flags().DurationVar(&since, "since", 0, "only calls of the last time, such as 24h (default: all that the log keeps)")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"model", "feed", "batch", "item", "purpose", "day"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(c.costLogCommand(), c.costEstimateCommand())
	return cmd
}

func (c *cli) cost(ctx context.Context, a *app.App, by string, since time.Duration) error {
	s, err := a.Store(ctx)
	if err != nil {
		return err
	}
	now, err := c.clock()
	if err != nil {
		return err
	}
	var from time.Time
	if since > 0 {
		from = now().Add(-since)
	}
	sums, err := s.SumCalls(ctx, by, from)
	if err != nil {
		return err
	}
	day := "" // all days
	if !from.IsZero() {
		day = from.In(a.Config.TZ.Location).Format(time.DateOnly)
	}
	saved, err := model.SavedSince(ctx, s, day)
	if err != nil {
		return err
	}
	today, err := model.Today(ctx, s, now(), a.Config.TZ.Location)
	if err != nil {
		return err
	}
	if c.json() {
		if sums == nil {
			sums = []model.Sum{}
		}
		return c.printJSON(struct {
			Schema int         `json:"schema_version"`
			By     string      `json:"by"`
			Sums   []model.Sum `json:"sums"`
			Saved  model.Saved `json:"saved"`
			Today  model.Day   `json:"today"`
			Budget any         `json:"budget"`
		}{1, by, sums, saved, today, map[string]int64{"micros": int64(a.Config.LLMBudget), "tokens": a.Config.LLMTokens}})
	}
	if len(sums) == 0 {
		fmt.Fprintln(c.stdout, "no calls of models in the log")
	} else {
		w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(w, "%s\tCALLS\tFAILED\tTOKENS IN\tCACHED\tOUT\tCOST\t\n", strings.ToUpper(by))
		for _, x := range sums {
			cost := model.Money(x.Micros)
			if x.Unpriced == x.Calls {
				cost = "no price"
			} else if x.Unpriced > 0 {
				cost += fmt.Sprintf(" + %d without a price", x.Unpriced)
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t\n", x.Group, x.Calls, x.Failed, x.Usage.In, x.Usage.Cached, x.Usage.Out, cost)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if saved.Any() {
		fmt.Fprintf(c.stdout, "not asked: %s kept, worth %d tokens and %s; %s by the rules alone\n", count(int(saved.Answers), "answer"), saved.Tokens, model.Money(saved.Micros), count(int(saved.Items), "item"))
	}
	fmt.Fprintf(c.stdout, "today (%s): %s of %s, %d of %s tokens\n", today.Day, model.Money(today.Micros), bound(int64(a.Config.LLMBudget), model.Money),
		today.Tokens, bound(a.Config.LLMTokens, func(n int64) string { return fmt.Sprint(n) }))
	return nil
}

func bound(n int64, show func(int64) string) string {
	if n < 0 {
		return "any"
	}
	return show(n)
}

func (c *cli) costLogCommand() *cobra.Command {
	var f model.CallFilter
	cmd := &cobra.Command{
		Use:   "log",
		Short: "List calls of models, the newest first",
		Long: `List the call log: what was asked for which item, by which model, with how many
attempts, and what became of it. Prompts and replies are kept scrubbed of personal
data and deleted after a while; --output json shows them.`,
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
			calls, err := s.Calls(cmd.Context(), f)
			if err != nil {
				return err
			}
			if c.json() {
				if calls == nil {
					calls = []model.Call{}
				}
				return c.printJSON(calls)
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "CALL\tAT\tMODEL\tFOR\tITEM\tATTEMPTS\tTOKENS\tCOST\tERROR")
			for _, x := range calls {
				cost := model.Money(x.Micros)
				if !x.Priced {
					cost = "no price"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", pipeline.ShortID(x.ID), x.At.UTC().Format(time.DateTime), x.Model, x.Purpose,
					x.Item, len(x.Attempts), x.Usage.Total(), cost, strings.Join(strings.Fields(x.Error), " "))
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&f.Item, "item", "", "only those about an item")
	cmd.Flags().StringVar(&f.Batch, "batch", "", "only those of a batch")
	cmd.Flags().StringVar(&f.Model, "model", "", "only those of a model")
	cmd.Flags().IntVarP(&f.Limit, "limit", "n", 50, "the most lines")
	return cmd
}

// replayCall asks the question of a logged call again and shows both answers.
func (c *cli) replayCall(ctx context.Context, a *app.App, id string) error {
	s, err := a.Store(ctx)
	if err != nil {
		return err
	}
	call, err := model.FindCall(ctx, s, id)
	if err != nil {
		return err
	}
	client, err := a.Model(ctx, call.Model)
	if err != nil {
		return err
	}
	ans, err := client.Ask(ctx, model.Question{
		Purpose: "replay", Request: call.Request, Item: call.Item, Batch: call.Batch, Prompt: call.Prompt, Schema: call.Schema,
		Knowledge: call.Knowledge, Retrieved: call.Retrieved, Fresh: true,
	})
	if err != nil {
		return err
	}
	same := ans.Reply.Text == call.Reply.Text
	if c.json() {
		return c.printJSON(struct {
			Schema int         `json:"schema_version"`
			Call   string      `json:"call"`
			Before model.Reply `json:"before"`
			After  model.Reply `json:"after"`
			Same   bool        `json:"same"`
			Micros int64       `json:"micros"`
		}{1, ans.Call, call.Reply, ans.Reply, same, ans.Micros})
	}
	for _, m := range call.Request.Messages {
		fmt.Fprintf(c.stdout, "%s: %s\n", m.Role, m.Text)
	}
	fmt.Fprintf(c.stdout, "before: %s\n", call.Reply.Text)
	if same {
		fmt.Fprintln(c.stdout, "now:    the same answer")
	} else {
		fmt.Fprintf(c.stdout, "now:    %s\n", ans.Reply.Text)
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

func (c *cli) reviewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Decide what cannot be told: pairs, records, questions",
		Long: `The queue of what people decide: pairs of items that may be one thing, records
in doubt, questions about what an item leaves out, drafts, held batches. An
entry is claimed for a while, decided, and can be undone; two people never get
the same one. Decisions about pairs train the matcher (assay match train).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.reviewListCommand(), c.reviewClaimCommand(), c.reviewDecideCommand(), c.reviewUndoCommand())
	return cmd
}

// reviewFilter are the flags that select entries.
type reviewFilter struct{ kind, feed, category string }

func (f *reviewFilter) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.kind, "kind", "", "only this kind: pair, record, question, draft or batch")
	fl.StringVar(&f.feed, "feed", "", "only of this feed")
	fl.StringVar(&f.category, "category", "", "only of this category")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{"pair", "record", "question", "draft", "batch"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *reviewFilter) filter() (review.Filter, error) {
	switch review.Kind(f.kind) {
	case "", review.Pair, review.Record, review.Question, review.Draft, review.Batch:
	default:
		return review.Filter{}, pipeline.Errorf(pipeline.CodeInvalid, "--kind %q is not known", f.kind).WithHint("use pair, record, question, draft or batch")
	}
	return review.Filter{Kind: review.Kind(f.kind), Feed: f.feed, Category: f.category}, nil
}

// people opens the use case and runs fn.
func (c *cli) people(ctx context.Context, fn func(p *flow.People, a *app.App) error) error {
	a, err := c.open()
	if err != nil {
		return err
	}
	defer a.Close()
	p, err := a.People(ctx)
	if err != nil {
		return err
	}
	return fn(p, a)
}

func (c *cli) reviewListCommand() *cobra.Command {
	var f reviewFilter
	var state string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print what waits for a decision, the most pressing first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.filter()
			if err != nil {
				return err
			}
			if limit < 1 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--limit must be at least 1")
			}
			switch state {
			case "waiting":
			case "all":
				q.State = ""
			case review.Open, review.Leased, review.Decided:
				q.State = state
			default:
				return pipeline.Errorf(pipeline.CodeInvalid, "--state %q is not known", state).WithHint("use waiting, open, leased, decided or all")
			}
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error {
				var entries []review.Entry
				for _, s := range statesOf(state, q.State) {
					q.State, q.Limit = s, limit
					part, err := p.Store.Reviews(cmd.Context(), q)
					if err != nil {
						return err
					}
					entries = append(entries, part...)
				}
				return c.printReviews(entries[:min(limit, len(entries))])
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&state, "state", "waiting", "waiting (open or leased), open, leased, decided or all")
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, "the most entries")
	return cmd
}

func statesOf(word, state string) []string {
	if word == "waiting" {
		return []string{review.Open, review.Leased}
	}
	return []string{state}
}

func (c *cli) printReviews(entries []review.Entry) error {
	if c.json() {
		if entries == nil {
			entries = []review.Entry{}
		}
		return c.printJSON(map[string]any{"schema_version": 1, "reviews": entries})
	}
	if len(entries) == 0 {
		fmt.Fprintln(c.stdout, "nothing is waiting")
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "REVIEW\tKIND\tPRIORITY\tSTATE\tABOUT\tWHY")
	for _, e := range entries {
		state := e.State
		switch e.State {
		case review.Leased:
			state = e.Holder + " until " + shortTime(e.Until)
		case review.Decided:
			state = e.Decision + ", " + e.Decider
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\t%s\t%s\n", pipeline.ShortID(e.ID), e.Kind, e.Priority, state, e.Subject, e.Reason)
	}
	return w.Flush()
}

// texts are the descriptions of the items of a pair. They only help: an entry
// prints without them.
func texts(ctx context.Context, s catalog.Store, e review.Entry) map[string]string {
	out := map[string]string{}
	m, err := flow.PairOf(e)
	if err != nil || e.Kind != review.Pair {
		return out
	}
	entries, err := s.Entries(ctx, catalog.Query{IDs: []string{m.A, m.B}})
	if err != nil {
		return out
	}
	for _, x := range entries {
		out[x.Item.ID] = x.Item.Source
	}
	return out
}

// who is the person of a flag, or the user of the machine.
func (c *cli) who(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	for _, kv := range c.environ {
		for _, name := range []string{"USER=", "USERNAME=", "LOGNAME="} {
			if v, ok := strings.CutPrefix(kv, name); ok && v != "" {
				return v, nil
			}
		}
	}
	return "", pipeline.Errorf(pipeline.CodeInvalid, "nobody is named").WithHint("say who decides: --as NAME")
}

func (c *cli) reviewClaimCommand() *cobra.Command {
	var f reviewFilter
	var as string
	var lease time.Duration
	cmd := &cobra.Command{
		Use:   "claim [REVIEW]",
		Short: "Take the most pressing entry, or a certain one, for a while",
		Long: `Lease the most pressing entry that nobody holds, or the one named, and print what
it is about. Until the lease ends nobody else gets it; claiming it again extends
the lease.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.filter()
			if err != nil {
				return err
			}
			name, err := c.who(as)
			if err != nil {
				return err
			}
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error {
				var e review.Entry
				if len(args) == 1 {
					id, err := findReview(cmd.Context(), p.Store, args[0])
					if err != nil {
						return err
					}
					e, err = review.Queue{Store: p.Store, Now: p.Now}.Take(cmd.Context(), id, name, lease)
					if err != nil {
						return err
					}
				} else if e, err = p.Claim(cmd.Context(), name, lease, q); err != nil {
					return err
				}
				return c.printReview(e, texts(cmd.Context(), p.Store, e))
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&as, "as", "", "who takes it (default: the user of this machine)")
	cmd.Flags().DurationVar(&lease, "lease", 15*time.Minute, "for how long")
	return cmd
}

// printReview prints one entry with what it is about.
func (c *cli) printReview(e review.Entry, text map[string]string) error {
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": 1, "review": e})
	}
	fmt.Fprintf(c.stdout, "%s %s: %s\n", e.Kind, e.ID, e.Reason)
	if e.State == review.Leased {
		fmt.Fprintf(c.stdout, "held by %s until %s\n", e.Holder, shortTime(e.Until))
	}
	if e.Kind == review.Pair {
		m, err := flow.PairOf(e)
		if err != nil {
			return err
		}
		for _, id := range []string{m.A, m.B} {
			fmt.Fprintf(c.stdout, "  %s  %s\n", id, text[id])
		}
		for _, r := range m.Reasons {
			fmt.Fprintf(c.stdout, "  - %s\n", r)
		}
		fmt.Fprintf(c.stdout, "decide it: assay review decide %s same|different\n", pipeline.ShortID(e.ID))
		return nil
	}
	var about struct {
		Text   string   `json:"text"`
		Values []string `json:"values"`
	}
	_ = json.Unmarshal(e.Data, &about) // drafts of other rooms have other data
	fmt.Fprintf(c.stdout, "  %s\n", e.Subject)
	if about.Text != "" {
		fmt.Fprintf(c.stdout, "  %s\n", about.Text)
	}
	if len(about.Values) > 0 {
		fmt.Fprintf(c.stdout, "  one of: %s\n", strings.Join(about.Values, ", "))
	}
	return nil
}

func (c *cli) reviewDecideCommand() *cobra.Command {
	var as, note, source string
	var set []string
	cmd := &cobra.Command{
		Use:   "decide REVIEW [DECISION]",
		Short: "Decide an entry; it takes effect at once",
		Long: `Decide an entry of the queue:
  pair      same | different
  record    right | wrong, or the right values: --set ATTRIBUTE=VALUE …
  question  the value, with its unit, or unknown
  draft     accept | reject
Batches are decided by assay approve and assay reject.

A pair is merged or kept apart at once. A value goes into the record with the
provenance enriched:SOURCE, and the item is judged again. A corrected record is
proposed as a golden item, and its words as dictionary entries.`,
		Example: `  assay review decide 3f2a90c1d7aa same --note "both drawings say so"
  assay review decide 81c0aa73be02 "25 mm"
  assay review decide 17aa0c21bb53 --set seal=2RS --set clearance=C3`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := c.who(as)
			if err != nil {
				return err
			}
			v := flow.Verdict{Who: name, Note: note, Source: source, Set: map[string]string{}}
			if len(args) == 2 {
				v.Decision = args[1]
			}
			for _, s := range set {
				k, val, ok := strings.Cut(s, "=")
				if !ok || k == "" {
					return pipeline.Errorf(pipeline.CodeInvalid, "--set %q is not ATTRIBUTE=VALUE", s)
				}
				v.Set[k] = val
			}
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error {
				id, err := findReview(cmd.Context(), p.Store, args[0])
				if err != nil {
					return err
				}
				e, err := p.Decide(cmd.Context(), id, v)
				if err != nil {
					return err
				}
				if c.json() {
					return c.printReview(e, nil)
				}
				fmt.Fprintf(c.stdout, "%s %s: %s by %s\n", e.Kind, e.Subject, e.Decision, e.Decider)
				return nil
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&as, "as", "", "who decides (default: the user of this machine)")
	fl.StringVar(&note, "note", "", "why")
	fl.StringVar(&source, "source", "", "where a value comes from (default: who decides)")
	fl.StringArrayVar(&set, "set", nil, "a right value of a record, ATTRIBUTE=VALUE; may be repeated")
	return cmd
}

func (c *cli) reviewUndoCommand() *cobra.Command {
	var as, note string
	cmd := &cobra.Command{
		Use:   "undo REVIEW",
		Short: "Take a decision back, and what it did",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := c.who(as)
			if err != nil {
				return err
			}
			return c.people(cmd.Context(), func(p *flow.People, _ *app.App) error {
				id, err := findReview(cmd.Context(), p.Store, args[0])
				if err != nil {
					return err
				}
				e, err := p.Undo(cmd.Context(), id, name, note)
				if err != nil {
					return err
				}
				if c.json() {
					return c.printReview(e, nil)
				}
				fmt.Fprintf(c.stdout, "%s %s: open again\n", e.Kind, e.Subject)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "who undoes it (default: the user of this machine)")
	cmd.Flags().StringVar(&note, "note", "", "why")
	return cmd
}

// findReview finds an entry by its id or the beginning of it.
func findReview(ctx context.Context, s review.Store, prefix string) (string, error) {
	if _, err := s.Review(ctx, prefix); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return prefix, err
	}
	if len(prefix) < 4 {
		return "", pipeline.Errorf(pipeline.CodeNotFound, "no review %q", prefix).WithHint("assay review list prints their ids")
	}
	var found []string
	f := review.Filter{Limit: 1000}
	for {
		page, err := s.Reviews(ctx, f)
		if err != nil {
			return "", err
		}
		for _, e := range page {
			if strings.HasPrefix(e.ID, prefix) {
				found = append(found, e.ID)
			}
		}
		if len(page) < f.Limit {
			break
		}
		f.After = page[len(page)-1].ID
	}
	switch len(found) {
	case 0:
		return "", pipeline.Errorf(pipeline.CodeNotFound, "no review %q", prefix).WithHint("assay review list prints their ids")
	case 1:
		return found[0], nil
	}
	return "", pipeline.Errorf(pipeline.CodeInvalid, "%q is the beginning of %d reviews", prefix, len(found)).WithHint("give more of the id")
}

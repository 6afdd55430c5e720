package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// breakerSignalCommand is trip, reset or retry.
func (c *cli) breakerSignalCommand(command string) *cobra.Command {
	short := map[string]string{
		breaker.Trip:  "Open the breaker of a feed: its batches are held, or degraded",
		breaker.Reset: "Close the breaker of a feed",
		breaker.Retry: "Make the open breaker of a feed half-open before its cooldown is over",
	}[command]
	var reason, actor string
	cmd := &cobra.Command{
		Use:   command + " FEED|SCOPE --reason TEXT",
		Short: short,
		Long:  short + ".\nInstead of a feed, stage:parse, stage:retrieve, stage:match, stage:search, category:NAME\nor model:NAME is a breaker of the answers.\n\nName and reason are kept in the history of the breaker and leave with its event.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := moveBreaker(cmd.Context(), a, args[0], command, actor, reason)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "breaker": s})
			}
			fmt.Fprintf(c.stdout, "%s %s: %s\n", s.Key.Scope, s.Position, s.Cause)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	cmd.Flags().StringVar(&actor, "by", whoami(), "who")
	return cmd
}

// moveBreaker moves that of a feed, or of the answers: a stage, category:x,
// model:x.
func moveBreaker(ctx context.Context, a *app.App, name, command, actor, reason string) (breaker.State, error) {
	if strings.Contains(name, ":") {
		w, err := a.Wire(ctx)
		if err != nil {
			return breaker.State{}, err
		}
		return w.Signal(ctx, name, command, actor, reason)
	}
	in, err := a.Ingest(ctx)
	if err != nil {
		return breaker.State{}, err
	}
	return in.Signal(ctx, name, command, actor, reason)
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "operator"
}

func (c *cli) breakerSuggestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "suggest FEED",
		Short: "Propose thresholds from what a feed has been like",
		Long: `Propose thresholds for a feed from its stored samples: limits that its good
batches would have kept with room to spare, as assay.breaker settings, each
with its reason.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			set, err := a.Contracts()
			if err != nil {
				return err
			}
			f, err := set.Feed(args[0])
			if err != nil {
				return err
			}
			base, err := flow.BreakerPolicy(f)
			if err != nil {
				return err
			}
			s, err := a.Look(cmd.Context())
			if err != nil {
				return err
			}
			history, _, err := s.BreakerHistory(cmd.Context(), flow.FeedBreaker(args[0]))
			if err != nil {
				return err
			}
			p, why := breaker.Suggest(base, history)
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "policy": p, "reasons": why})
			}
			for _, w := range why {
				fmt.Fprintln(c.stdout, "#", w)
			}
			fmt.Fprintf(c.stdout, "- property: assay.breaker\n  value: {mode: %s, window: %d, minRows: %d, probes: %d, fallback: %s", p.Mode, p.Window, p.MinRows, p.Probes, p.Fallback)
			for _, t := range p.Thresholds {
				switch t.Metric {
				case breaker.NullRate:
					fmt.Fprintf(c.stdout, ", maxNullRate: %g", t.Limit)
				case breaker.RejectRate:
					fmt.Fprintf(c.stdout, ", maxRejectRate: %g", t.Limit)
				case breaker.Freshness:
					fmt.Fprintf(c.stdout, ", freshness: %gs", t.Limit)
				}
			}
			fmt.Fprintln(c.stdout, "}")
			return nil
		},
	}
}

func (c *cli) breakerSimulateCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "simulate -c CONTRACT [HISTORY.jsonl]",
		Short: "Show what a contract's breaker would have done with a history",
		Long: `Run a history of samples, one JSON object a line, through the breaker of a
contract, and print what would have happened to each batch. Without a file, or
with -, the history is read from standard input. Nothing is stored.`,
		Example: `  {"batch":"b1","at":"2026-03-01T06:00:00Z","rows":1000,"published":true,"metrics":{"reject_rate":0.08}}`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			feed, err := readFeed(file, "")
			if err != nil {
				return err
			}
			p, err := flow.BreakerPolicy(feed)
			if err != nil {
				return err
			}
			in, name := c.stdin, "standard input"
			if len(args) == 1 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fileError(args[0], err)
				}
				defer f.Close()
				in, name = f, args[0]
			}
			history, err := readHistory(in, name)
			if err != nil {
				return err
			}
			outcomes, sum := p.Simulate(flow.FeedBreaker(feed.Name), history)
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "policy": p, "outcomes": outcomes, "summary": sum})
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "AT\tBATCH\tROWS\tPOSITION\tBATCH IS\tCAUSE")
			for _, o := range outcomes {
				cause := ""
				if n := len(o.Transitions); n > 0 {
					cause = o.Transitions[n-1].Cause
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", shortTime(o.Sample.At), pipeline.ShortID(o.Sample.Batch), o.Sample.Rows, o.State.Position, o.Admission, cause)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "%s: %d published (%d degraded), %d held by the breaker, %d held anyway; opened %s, for %s\n",
				count(sum.Batches, "batch"), sum.Published, sum.Flagged, sum.Held, sum.HeldAnyway, count(sum.Trips, "time"), sum.Open)
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "contract", "c", "", "the contract (required)")
	return cmd
}

// readHistory reads samples, one JSON object a line.
func readHistory(r io.Reader, name string) ([]breaker.Sample, error) {
	var history []breaker.Sample
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		var s breaker.Sample
		dec := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&s); err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: not a sample: %w", name, n, err).WithHint("assay breaker simulate --help shows one")
		}
		if s.At.IsZero() {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: the sample has no time", name, n).WithHint("add at, RFC 3339")
		}
		history = append(history, s)
	}
	if err := sc.Err(); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", name, err)
	}
	return history, nil
}

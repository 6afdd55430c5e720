package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) approveCommand() *cobra.Command { return c.decideCommand("approve", flow.Approved) }

func (c *cli) rejectCommand() *cobra.Command { return c.decideCommand("reject", flow.Refused) }

// decideCommand is approve or reject.
func (c *cli) decideCommand(verb, decision string) *cobra.Command {
	short := map[string]string{
		flow.Approved: "Publish batches that wait for a person",
		flow.Refused:  "Put batches that wait for a person into quarantine",
	}[decision]
	var feed, reason, actor string
	var all bool
	cmd := &cobra.Command{
		Use:   verb + " [BATCH…] --reason TEXT",
		Short: short,
		Long: short + `, by id or the first characters of it, or all that wait
(of one feed, with --feed). The first decision on a batch holds; name and reason
are kept, and leave with its event. A batch that nobody decides in time (24 h,
or as the contract says) is rejected.

Exit code: 0 when every batch was decided as asked, 1 when one was not.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !all {
				return pipeline.Errorf(pipeline.CodeInvalid, "no batch is named").WithHint("name batches, or say --all; assay status lists what waits")
			}
			if len(args) > 0 && (all || feed != "") {
				return pipeline.Errorf(pipeline.CodeInvalid, "batches are named, and --all or --feed too").WithHint("use one of them")
			}
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			return c.decide(cmd.Context(), a, args, feed, decision, actor, reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	cmd.Flags().StringVar(&actor, "by", whoami(), "who")
	cmd.Flags().StringVar(&feed, "feed", "", "with --all: only of this feed")
	cmd.Flags().BoolVar(&all, "all", false, "every batch that waits")
	return cmd
}

func (c *cli) decide(ctx context.Context, a *app.App, ids []string, feed, decision, actor, reason string) error {
	in, err := a.Ingest(ctx)
	if err != nil {
		return err
	}
	var batches []flow.Batch
	for _, id := range ids {
		b, err := findBatch(ctx, in.Store, id)
		if err != nil {
			return err
		}
		batches = append(batches, b)
	}
	if len(ids) == 0 {
		if batches, err = in.Store.Batches(ctx, flow.BatchFilter{Feed: feed, Stage: flow.Waiting, Limit: 1 << 20}); err != nil {
			return err
		}
	}
	type line struct {
		Batch string     `json:"batch"`
		Feed  string     `json:"feed"`
		Stage flow.Stage `json:"stage"`
		Error string     `json:"error,omitempty"`
	}
	lines := []line{}
	var failed []error
	for _, b := range batches {
		done, err := in.Decide(ctx, b.ID, decision, actor, reason)
		l := line{Batch: b.ID, Feed: b.Feed, Stage: done.Stage}
		if err != nil {
			if code := pipeline.ErrorCode(err); code == pipeline.CodeUnavailable || code == pipeline.CodeCanceled || len(batches) == 1 {
				return err
			}
			l.Error = err.Error()
			failed = append(failed, err)
		}
		lines = append(lines, l)
	}
	if c.json() {
		if err := c.printJSON(map[string]any{"schema_version": 1, "decision": decision, "batches": lines}); err != nil {
			return err
		}
	} else {
		for _, l := range lines {
			switch {
			case l.Error != "":
				fmt.Fprintf(c.stdout, "%s %s: %s\n", pipeline.ShortID(l.Batch), l.Feed, l.Error)
			case l.Stage == flow.Waiting:
				fmt.Fprintf(c.stdout, "%s %s: %s; the run that works on the feed carries it out\n", pipeline.ShortID(l.Batch), l.Feed, decision)
			default:
				fmt.Fprintf(c.stdout, "%s %s: %s\n", pipeline.ShortID(l.Batch), l.Feed, decision)
			}
		}
		if len(lines) == 0 {
			fmt.Fprintln(c.stdout, "nothing waits for an approval")
		}
	}
	if len(failed) > 0 {
		return exitError{1}
	}
	return nil
}

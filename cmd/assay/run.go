package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) runCommand() *cobra.Command {
	var feed string
	var watch bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Take everything new in the landing zone through the pipeline",
		Long: `Judge what landed, publish what is good, keep and explain what is not, read the
items of what was published, and match them. What was decided before is left
alone, so running again does nothing; an interrupted run goes on where it stopped.

Exit code: 0 when every batch was decided and published, 1 when one is held or
could not be judged, 3 when another run holds the lake or a backend is out of reach.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			if watch {
				return c.watch(cmd.Context(), a, feed)
			}
			res, err := c.runOnce(cmd.Context(), a, feed)
			if err != nil {
				if len(res.Batches) > 0 { // what was decided before is said
					if perr := c.printRun(res); perr != nil {
						return perr
					}
				}
				return err
			}
			if err := c.printRun(res); err != nil {
				return err
			}
			if err := c.sayHeld(cmd.Context(), a, feed); err != nil {
				return err
			}
			return runExit(res)
		},
	}
	cmd.Flags().StringVar(&feed, "feed", "", "only this feed")
	cmd.Flags().BoolVar(&watch, "watch", false, "stay and take files as they land (a file is taken when it stood still for 2 s)")
	return cmd
}

// runOnce does one run under the lake's lease: one run per lake.
func (c *cli) runOnce(ctx context.Context, a *app.App, feed string) (flow.Result, error) {
	r, err := a.Run(ctx)
	if err != nil {
		return flow.Result{}, err
	}
	p := c.startProgress("judging", -1)
	defer p.Done()
	r.Ingest.Progress = p.Set
	r.Ingest.Stray = c.sayStray()
	r.Step = p.Stage
	return r.Once(ctx, feed)
}

// sayStray tells once of a landed file that no feed will ever take.
func (c *cli) sayStray() func(key string) {
	said := map[string]bool{}
	return func(key string) {
		if said[key] {
			return
		}
		said[key] = true
		fmt.Fprintf(c.stderr, "assay: %q lies in no feed's folder and is left alone\n  move it to landing/FEED/\n", key)
	}
}

// sayHeld reminds of what waits for somebody, also when nothing new came.
func (c *cli) sayHeld(ctx context.Context, a *app.App, feed string) error {
	if c.json() {
		return nil
	}
	s, err := a.Store(ctx)
	if err != nil {
		return err
	}
	held, err := s.Batches(ctx, flow.BatchFilter{Feed: feed, Stage: flow.Held})
	if err != nil {
		return err
	}
	if len(held) > 0 {
		fmt.Fprintf(c.stdout, "held: %s; assay report explains each, assay replay judges them again\n", count(len(held), "batch"))
	}
	return nil
}

func runExit(res flow.Result) error {
	if res.Dead > 0 {
		return pipeline.Errorf(pipeline.CodeInternal, "%s given up: %s", count(res.Dead, "message"), res.DeadReason)
	}
	for _, b := range res.Batches {
		if b.Stage == flow.Held || b.Stage == flow.Waiting || b.Stage == flow.Unjudged {
			return exitError{1}
		}
	}
	return nil
}

func (c *cli) printRun(res flow.Result) error {
	if c.json() {
		if res.Batches == nil {
			res.Batches = []flow.Batch{}
		}
		return c.printJSON(map[string]any{"schema_version": 1, "batches": res.Batches, "replayed": released(res), "shards": res.Shards, "matched": res.Matched})
	}
	if len(res.Batches) == 0 {
		fmt.Fprintln(c.stdout, "nothing new in the landing zone")
		return nil
	}
	if err := c.printBatches(res.Batches); err != nil {
		return err
	}
	for _, b := range res.Batches {
		if b.Reason != "" {
			fmt.Fprintf(c.stdout, "%s %s: %s\n", pipeline.ShortID(b.ID), b.Stage, b.Reason)
		}
	}
	if back := released(res); len(back) > 0 {
		fmt.Fprintf(c.stdout, "the breaker closed, and %s that was held came back:\n", count(len(back), "batch"))
		return c.printBatches(back)
	}
	return nil
}

// released are the batches that were held until this run.
func released(res flow.Result) []flow.Batch {
	out := []flow.Batch{}
	for _, o := range res.Replayed {
		if o.Released() {
			out = append(out, o.Batch)
		}
	}
	return out
}

func (c *cli) printBatches(bs []flow.Batch) error {
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BATCH\tFEED\tFILE\tVERDICT\tDECISION\tREAD\tACCEPTED\tREJECTED")
	for _, b := range bs {
		verdict, decision := string(b.Verdict), string(b.Decision)
		if b.Stage == flow.Duplicate {
			verdict, decision = "–", "duplicate"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", pipeline.ShortID(b.ID), b.Feed, baseName(b.Key), verdict, decision,
			b.Rows.Read, b.Rows.Accepted, b.Rows.Rejected)
	}
	return w.Flush()
}

// watch runs again and again until it is interrupted.
func (c *cli) watch(ctx context.Context, a *app.App, feed string) error {
	r, err := a.Run(ctx)
	if err != nil {
		return err
	}
	r.Ingest.Still = flow.StandStill
	r.Ingest.Stray = c.sayStray()
	r.Batch = func(b flow.Batch) {
		if c.json() {
			_ = c.printLine(b)
			return
		}
		fmt.Fprintf(c.stdout, "%s  %s  %s  %s  %s  %d read, %d accepted, %d rejected  %s\n", pipeline.ShortID(b.ID), b.Feed, baseName(b.Key), b.Verdict, b.Decision,
			b.Rows.Read, b.Rows.Accepted, b.Rows.Rejected, b.Reason)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	said := ""
	for {
		_, err := r.Once(ctx, feed)
		if ctx.Err() != nil {
			return nil // Ctrl-C is how watching ends
		}
		// Whatever is wrong may be mended while the watch goes on; it is said
		// once, and again when something else is.
		switch {
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			fmt.Fprintf(c.stderr, "assay: %v; trying again\n", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

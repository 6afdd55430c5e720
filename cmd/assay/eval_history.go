package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// evalRunOf finds a run by the beginning of its id, by a suite's name (its
// latest run), or by a file that lock wrote.
func evalRunOf(ctx context.Context, s evals.Store, name string) (*evals.LockedRun, error) {
	if strings.HasSuffix(name, ".jsonl") {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, fileError(name, err)
		}
		return evals.ReadBaseline(name, src)
	}
	runs, err := s.Runs(ctx, evals.RunFilter{Prefix: name, Limit: 2})
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		if runs, err = s.Runs(ctx, evals.RunFilter{Suite: name, Limit: 1}); err != nil {
			return nil, err
		}
	}
	switch len(runs) {
	case 0:
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no eval run %q", name).WithHint("assay eval history lists them")
	case 1:
		results, err := s.Results(ctx, runs[0].ID)
		return &evals.LockedRun{Run: runs[0], Results: results}, err
	}
	return nil, pipeline.Errorf(pipeline.CodeInvalid, "%q is the beginning of several runs", name).WithHint("type more of the id")
}

func (c *cli) evalReportCommand() *cobra.Command {
	var o evalOutputs
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "A run that was kept: its figures, slices and worst cases",
		Long: `Show a run that was kept. RUN is the beginning of its id, or the name of a suite
for its latest.

Exit code: that of the run.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Look(cmd.Context())
			if err != nil {
				return err
			}
			found, err := evalRunOf(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			rep := &evals.Report{Run: &found.Run, Results: found.Results}
			if rep.History, err = s.Runs(cmd.Context(), evals.RunFilter{Suite: found.Run.Suite}); err != nil {
				return err
			}
			rep.Set = sameSet(a, &found.Run)
			return c.printEvals(a, []*evals.Report{rep}, o)
		},
	}
	o.add(cmd)
	return cmd
}

// sameSet is the suite of a run where it is still what it was: then the report
// says where its cases stand.
func sameSet(a *app.App, run *evals.Run) *evals.Set {
	folder, err := a.EvalFolder()
	if err != nil {
		return nil
	}
	set, err := evals.Load(folder, run.Suite)
	if err != nil || set.Hash != run.Versions.Suite {
		return nil
	}
	return set
}

func (c *cli) evalDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff RUN RUN",
		Short: "Compare two runs case by case",
		Long: `Compare two runs of a suite case by case: the paired difference with its interval,
what changed in versions, and every case whose score differs with what was wrong
before and after. RUN is the beginning of an id, the name of a suite for its
latest run, or a file that lock --to wrote.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			var s evals.Store
			if !strings.HasSuffix(args[0], ".jsonl") || !strings.HasSuffix(args[1], ".jsonl") {
				if s, err = a.Look(cmd.Context()); err != nil {
					return err
				}
			}
			var runs [2]*evals.LockedRun
			for i, name := range args {
				if runs[i], err = evalRunOf(cmd.Context(), s, name); err != nil {
					return err
				}
			}
			if x, y := runs[0].Run.Suite, runs[1].Run.Suite; x != y {
				return pipeline.Errorf(pipeline.CodeInvalid, "the first run is of the suite %s, the second of %s", x, y)
			}
			d := evals.Compare(runs[0], runs[1])
			if c.json() {
				return c.printJSON(d)
			}
			return d.WriteText(c.stdout)
		},
	}
}

func (c *cli) evalHistoryCommand() *cobra.Command {
	var since, html string
	var limit int
	cmd := &cobra.Command{
		Use:               "history [SUITE]",
		Short:             "Runs and baselines so far",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			f := evals.RunFilter{Limit: limit}
			if len(args) > 0 {
				f.Suite = args[0]
			}
			if since != "" {
				age, err := contract.ParseDuration(since)
				if err != nil {
					return pipeline.Errorf(pipeline.CodeInvalid, "--since %q is no time", since).WithHint("write 30d or 12h")
				}
				now, err := c.clock()
				if err != nil {
					return err
				}
				f.Since = now().Add(-age)
			}
			return c.evalHistory(cmd.Context(), a, f, html)
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "only runs of the last time, such as 30d")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many")
	cmd.Flags().StringVar(&html, "html", "", "also write the latest run of each suite, with the trend, as a self-contained page")
	return cmd
}

// A pastRun is one line of the history.
type pastRun struct {
	ID        string          `json:"id"`
	Suite     string          `json:"suite"`
	Kind      evals.RunKind   `json:"kind"`
	At        time.Time       `json:"at"`
	Judgement evals.Judgement `json:"judgement"`
	Score     float64         `json:"score"`
	Change    *float64        `json:"change,omitempty"`
	Cases     int             `json:"cases"`
	Errors    int             `json:"errors"`
	Model     string          `json:"model"`
	// InForce: later runs are compared with this one.
	InForce bool `json:"in_force,omitempty"`
}

func (c *cli) evalHistory(ctx context.Context, a *app.App, f evals.RunFilter, html string) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	runs, err := s.Runs(ctx, f)
	if err != nil {
		return err
	}
	inForce := map[string]string{}
	past := []pastRun{}
	var reports []*evals.Report
	for i := range runs {
		r := &runs[i]
		if _, known := inForce[r.Suite]; !known {
			bs, err := s.Baselines(ctx, r.Suite)
			if err != nil {
				return err
			}
			inForce[r.Suite] = ""
			if len(bs) > 0 {
				inForce[r.Suite] = bs[0].Run
			}
			if html != "" {
				rep := &evals.Report{Run: r}
				if rep.Results, err = s.Results(ctx, r.ID); err != nil {
					return err
				}
				if rep.History, err = s.Runs(ctx, evals.RunFilter{Suite: r.Suite}); err != nil {
					return err
				}
				reports = append(reports, rep)
			}
		}
		p := pastRun{ID: r.ID, Suite: r.Suite, Kind: r.Kind, At: r.At, Judgement: r.Judgement, Score: r.Score, Cases: r.Cases, Errors: r.Errors, Model: r.Versions.Model, InForce: inForce[r.Suite] == r.ID}
		if r.Difference != nil {
			p.Change = &r.Difference.Mean
		}
		past = append(past, p)
	}
	if html != "" {
		if err := writeFile(html, func(w io.Writer) error { return evals.WriteHTML(w, reports) }); err != nil {
			return err
		}
	}
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": evals.SchemaVersion, "runs": past})
	}
	if len(past) == 0 {
		fmt.Fprintln(c.stdout, "no run yet; assay eval lock and assay eval run make them")
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSUITE\tAT\tJUDGEMENT\tSCORE\tCHANGE\tCASES\tERRORS\tMODEL")
	for _, p := range past {
		moved, judged := "", string(p.Judgement)
		if p.Change != nil {
			moved = fmt.Sprintf("%+.2f", 100**p.Change)
		}
		if p.InForce {
			judged += ", in force"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.4f\t%s\t%d\t%d\t%s\n", pipeline.ShortID(p.ID), p.Suite, p.At.Format("2006-01-02 15:04"), judged, p.Score, moved, p.Cases, p.Errors, p.Model)
	}
	return w.Flush()
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

func (c *cli) chaosCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Break data, or what answers depend on, and see who notices",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.chaosDataCommand(), c.chaosBehaviourCommand(), c.chaosDrillCommand(), c.chaosHistoryCommand())
	return cmd
}

// chaosFlags are the flags of one attack.
type chaosFlags struct {
	feed, contract, schema string
	files                  []string
	faults                 string
	only                   []string
	seed                   uint64
	clean                  int
	junit, html            string
}

func (c *cli) chaosDataCommand() *cobra.Command {
	var f chaosFlags
	cmd := &cobra.Command{
		Use:   "data --feed F",
		Short: "Prove that a feed's contract catches what it says",
		Long: `Put faults into copies of the feed's last good batches, deliver them to a scratch
lake and store, and see whether the detector that was named before notices:
columns added, removed, renamed, retyped or reordered, nulls, shifted or scaled
numbers, another unit, another mix, words that become numbers, dates that become
epoch milliseconds, a new status, rows or files that come twice, files that are
cut, half uploaded, in another encoding, too small or too late. Each comes in
three strengths; the strongest has to be found.

Beside them, batches with natural variation must trip nothing. For a fault that
the named detector misses, the clause that the contract lacks is printed as a
patch, and tried in a second run.

The live lake, store and breakers are read, never written. With --contract and
--file, neither is needed.

Exit code: 0 when every strongest fault was found by its named detector and no
clean batch tripped, 1 when not, 2 for wrong use or a feed without a good batch.`,
		Example: `  assay chaos data --feed orders
  assay chaos data --contract orders.odcs.yaml --file orders-2026-03-01.csv --output json
  assay chaos data --feed orders --only nulls,new-status --faults our-faults.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			rep, err := c.attack(cmd.Context(), a, f)
			if err != nil {
				return err
			}
			return c.printChaos(rep, f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.feed, "feed", "", "the feed whose contract is attacked")
	fl.StringVarP(&f.contract, "contract", "c", "", "a contract file instead of the project's; needs --file")
	fl.StringVar(&f.schema, "schema", "", "the schema object of that contract, where it has several")
	fl.StringArrayVar(&f.files, "file", nil, "a good file instead of the last published batches, the newest first")
	fl.StringVar(&f.faults, "faults", "", "a YAML file with faults of your own")
	fl.StringSliceVar(&f.only, "only", nil, "only the faults of these names")
	fl.Uint64Var(&f.seed, "seed", 1, "of all randomness: the same seed gives the same report")
	fl.IntVar(&f.clean, "clean", 200, "batches of the clean twin")
	fl.StringVar(&f.junit, "junit", "", "also write the report as JUnit XML")
	fl.StringVar(&f.html, "html", "", "also write the report as a self-contained page")
	return cmd
}

// attack runs the experiments of one feed.
func (c *cli) attack(ctx context.Context, a *app.App, f chaosFlags) (*chaos.Report, error) {
	opt := chaos.Options{Tmp: a.Config.Tmp, Memory: int64(a.Config.Memory), Seed: f.seed, Clean: f.clean, Only: f.only, Open: a.Scratch, Now: time.Now}
	if f.clean < 1 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "--clean %d: at least one clean batch has to pass", f.clean)
	}
	if err := c.chaosTarget(ctx, a, f, &opt); err != nil {
		return nil, err
	}
	if f.faults != "" {
		src, err := os.ReadFile(f.faults)
		if err != nil {
			return nil, fileError(f.faults, err)
		}
		if opt.Own, err = chaos.ReadFaults(f.faults, src); err != nil {
			return nil, err
		}
	}
	p := c.startProgress("experiments", -1)
	defer p.Done()
	opt.Step = func(done, all int) { p.Stage("experiments", done, all) }
	return chaos.Run(ctx, opt)
}

// chaosTarget finds the contract and the good batches.
func (c *cli) chaosTarget(ctx context.Context, a *app.App, f chaosFlags, opt *chaos.Options) error {
	var err error
	switch {
	case f.contract != "":
		if len(f.files) == 0 {
			return pipeline.Errorf(pipeline.CodeInvalid, "--contract without a good file").WithHint("name one with --file")
		}
		src, rerr := os.ReadFile(f.contract)
		if rerr != nil {
			return fileError(f.contract, rerr)
		}
		if opt.Document, err = contract.Parse(f.contract, src); err != nil {
			return err
		}
		name := f.schema
		if name == "" {
			name = f.feed
		}
		if opt.Feed, err = opt.Document.Feed(name); err != nil {
			return err
		}
	case f.feed != "":
		if opt.Document, opt.Feed, err = a.ContractOf(f.feed); err != nil {
			return err
		}
	default:
		return pipeline.Errorf(pipeline.CodeInvalid, "which feed?").WithHint("name it with --feed, or a contract with --contract")
	}
	if len(f.files) == 0 {
		opt.Batches, err = a.GoodBatches(ctx, opt.Feed.Name, app.DrillBatches)
		return err
	}
	for _, name := range f.files {
		if name == "-" {
			return pipeline.Errorf(pipeline.CodeInvalid, "a good file is read more than once: standard input cannot be")
		}
		in, done, err := c.fileInput(name)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, done)
		at := time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC)
		if st, err := os.Stat(name); err == nil {
			at = flow.EventTime(lake.Object{Key: lake.LandingKey(opt.Feed.Name, filepath.Base(name)), Modified: st.ModTime()})
		}
		opt.Batches = append(opt.Batches, chaos.Batch{Input: in, EventTime: at})
	}
	return nil
}

func (c *cli) printChaos(rep *chaos.Report, f chaosFlags) error {
	for name, write := range map[string]func(io.Writer) error{f.junit: rep.WriteJUnit, f.html: rep.WriteHTML} {
		if name == "" {
			continue
		}
		if err := writeFile(name, write); err != nil {
			return err
		}
	}
	write := rep.WriteText
	if c.json() {
		write = rep.WriteJSON
	}
	if err := write(c.stdout); err != nil {
		return err
	}
	if !rep.Passed() {
		return exitError{1}
	}
	return nil
}

func (c *cli) chaosDrillCommand() *cobra.Command {
	var f chaosFlags
	var every string
	cmd := &cobra.Command{
		Use:   "drill [--feed F]",
		Short: "Attack the contracts whose last drill is too long ago, and keep the scores",
		Long: `Run assay chaos data for one feed, or for every feed with a good batch, if its
last drill is older than --every, and keep the report in the lake. For a schedule
of the system: run it every night, and each feed is attacked once a month.

Exit code: 0 when every drill passed or none was due, 1 when one did not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			return c.drill(cmd.Context(), a, f, every)
		},
	}
	cmd.Flags().StringVar(&f.feed, "feed", "", "only this feed")
	cmd.Flags().StringVar(&every, "every", "30d", "how long a drill counts; 0s runs it now")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "of all randomness")
	cmd.Flags().IntVar(&f.clean, "clean", 200, "batches of the clean twin")
	return cmd
}

func (c *cli) drill(ctx context.Context, a *app.App, f chaosFlags, every string) error {
	age, err := contract.ParseDuration(every)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "--every %q is no time", every).WithHint("write 30d or 12h")
	}
	now, err := c.clock()
	if err != nil {
		return err
	}
	failed := false
	reports, err := a.Drill(ctx, app.Drill{
		Feed: f.feed, Every: age, Now: now,
		Attack: func(ctx context.Context, feed string) (*chaos.Report, error) {
			one := f
			one.feed = feed
			return c.attack(ctx, a, one)
		},
		Skipped: func(err error) { fmt.Fprintf(c.stderr, "assay: not drilled: %s\n", pipeline.ErrorMessage(err)) },
		Done: func(rep *chaos.Report) {
			failed = failed || !rep.Passed()
			if !c.json() {
				fmt.Fprintln(c.stdout, rep.Line())
			}
		},
	})
	if err != nil {
		return err
	}
	if c.json() {
		if err := c.printJSON(map[string]any{"schema_version": chaos.SchemaVersion, "drills": append([]*chaos.Report{}, reports...)}); err != nil {
			return err
		}
	} else if len(reports) == 0 {
		fmt.Fprintln(c.stdout, "no drill was due")
	}
	if failed {
		return exitError{1}
	}
	return nil
}

func (c *cli) chaosHistoryCommand() *cobra.Command {
	var feed string
	cmd := &cobra.Command{
		Use:   "history [--feed F]",
		Short: "The scores of the drills so far",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			return c.drillHistory(cmd.Context(), a, feed)
		},
	}
	cmd.Flags().StringVar(&feed, "feed", "", "only this feed")
	return cmd
}

// A drillScore is one line of the history.
type drillScore struct {
	Feed     string    `json:"feed"`
	At       time.Time `json:"at"`
	Version  string    `json:"contract_version"`
	Score    float64   `json:"mutation_score"`
	Found    int       `json:"strongest_found"`
	Of       int       `json:"strongest"`
	Trips    int       `json:"clean_trips"`
	Proposed int       `json:"proposals"`
}

func (c *cli) drillHistory(ctx context.Context, a *app.App, feed string) error {
	l, err := a.Lake()
	if err != nil {
		return err
	}
	set, err := a.Contracts()
	if err != nil {
		return err
	}
	feeds := set.Feeds()
	if feed != "" {
		if _, err := set.Feed(feed); err != nil {
			return err
		}
		feeds = []string{feed}
	}
	scores := []drillScore{}
	for _, name := range feeds {
		past, err := app.Drills(ctx, l, name)
		if err != nil {
			return err
		}
		for _, r := range past {
			scores = append(scores, drillScore{name, r.At, r.Contract.Version, r.MutationScore, r.StrongestFound, r.Strongest, r.CleanTrips, len(r.Proposals)})
		}
	}
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": chaos.SchemaVersion, "drills": scores})
	}
	if len(scores) == 0 {
		fmt.Fprintln(c.stdout, "no drill yet; assay chaos drill makes one")
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "FEED\tAT\tCONTRACT\tSCORE\tSTRONGEST\tCLEAN TRIPS\tPROPOSALS")
	for _, s := range scores {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%d of %d\t%d\t%d\n", s.Feed, s.At.Format("2006-01-02 15:04"), s.Version, s.Score, s.Found, s.Of, s.Trips, s.Proposed)
	}
	return w.Flush()
}

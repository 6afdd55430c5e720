package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// evalFlags are those of a run or a lock.
type evalFlags struct {
	llm, llmURL string
	scratch     string // folder of the call log of simulated models
	baseline    string // folder of committed baselines
	measure     bool
	variants    int
	seed        uint64
	failures    string // file of proposed cases
	outputs     evalOutputs
	to          string
	note, by    string
	replace     bool
	detect      float64
}

// evalOutputs are the files that a report is written to.
type evalOutputs struct {
	junit, html string
	github      bool
}

func (o *evalOutputs) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.junit, "junit", "", "also write JUnit XML to this file")
	cmd.Flags().StringVar(&o.html, "html", "", "also write a self-contained page to this file")
	cmd.Flags().BoolVar(&o.github, "github", false, "print annotations for GitHub Actions instead of tables")
}

func (f *evalFlags) addModel(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.llm, "llm", "", "model under test, PROVIDER:MODEL, rules: or simulated:able (default: ASSAY_LLM)")
	cmd.Flags().StringVar(&f.llmURL, "llm-url", "", "address of its API, for servers of one's own (default: ASSAY_LLM_URL)")
	_ = cmd.RegisterFlagCompletionFunc("llm", cobra.FixedCompletions([]string{"openai:", "anthropic:", "ollama:", "bedrock:", "rules:", "simulated:"}, cobra.ShellCompDirectiveNoSpace))
}

func (f *evalFlags) config(cfg *app.Config) {
	if f.llmURL != "" {
		cfg.LLMURL = f.llmURL
	}
	if strings.HasPrefix(f.llm, app.Simulated) {
		alone(cfg, f.scratch)
	}
}

// detach keeps the calls of a simulated model out of the project's store.
func (f *evalFlags) detach() (remove func(), err error) {
	f.scratch, remove, err = scratchFor(f.llm)
	return remove, err
}

func (c *cli) evalRunCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "run [SUITE…]",
		Short: "Run suites and compare them with their baselines",
		Long: `Ask the configured pipeline every case of the suites (all, where none is named),
and compare the scores with the locked baseline case by case. A run trips where
the interval of the paired difference lies below zero, and the drop exceeds the
suite's tolerance, and an immediate second run says the same; or where an
invariant breaks or a threshold is missed.

Runs are kept in the store. With --baseline they are not: baselines come from
files that were committed, which is how a change of prompts, knowledge or matcher
is judged before it lands.

Exit code: 0 when nothing tripped, 1 when a suite did, 2 when one could not be
compared (no baseline, or one of another version of the suite), 3 when one could
not be finished, because a model or a store could not be reached.`,
		Example: `  assay eval run
  assay eval run parse match --html evals.html --junit evals.xml
  assay eval run --baseline evals/baselines
  assay eval run parse --llm openai:gpt-4o-mini`,
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.variants < 0 || f.variants > 1000 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--variants %d lies from 0 to 1000", f.variants)
			}
			if f.baseline != "" && f.measure {
				return pipeline.Errorf(pipeline.CodeInvalid, "--baseline and --measure exclude each other")
			}
			return c.evalRun(cmd.Context(), args, &f)
		},
	}
	f.addModel(cmd)
	f.outputs.add(cmd)
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "folder of committed baselines; nothing is kept in the store")
	cmd.Flags().IntVar(&f.variants, "variants", 0, "also ask so many hostile variants of each case of parse suites")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "of the variants")
	cmd.Flags().StringVar(&f.failures, "save-failures", "", "write the cases that failed to this file, as proposals for assay eval adopt")
	cmd.Flags().BoolVar(&f.measure, "measure", false, "only measure: compare with no baseline, exit 0 unless an invariant breaks or a threshold is missed")
	return cmd
}

// newRunner builds the runner of a command, with a bar.
func (c *cli) newRunner(ctx context.Context, a *app.App, opt app.EvalOptions) (*evals.Runner, func(), error) {
	r, err := a.Evals(ctx, opt)
	if err != nil {
		return nil, nil, err
	}
	p := c.startProgress("cases", -1)
	var mu sync.Mutex
	r.Step = func(suite string, pass, passes, done, cases int) {
		mu.Lock()
		defer mu.Unlock()
		what := suite
		if passes > 1 {
			what = fmt.Sprintf("%s, pass %d of %d", suite, pass, passes)
		}
		p.Stage(what, done, cases)
	}
	return r, p.Done, nil
}

func (c *cli) evalRun(ctx context.Context, names []string, f *evalFlags) error {
	if f.baseline != "" {
		remove, err := f.detach()
		if err != nil {
			return err
		}
		defer remove()
	}
	a, sets, err := c.evalSets(names, f.config)
	if err != nil {
		return err
	}
	defer a.Close()
	r, done, err := c.newRunner(ctx, a, app.EvalOptions{Model: f.llm, Detached: f.baseline != ""})
	if err != nil {
		return err
	}
	defer done()
	pack, err := a.Knowledge()
	if err != nil {
		return err
	}
	var reports []*evals.Report
	var failed []evals.Case
	for _, set := range sets {
		c.foreign(pack, set)
		base, err := c.evalBaseline(ctx, r, set.Name, f)
		if err != nil {
			return err
		}
		if f.variants > 0 && set.Task == evals.Parse {
			set = set.With(evals.Variants(set.Cases, f.variants, f.seed))
		}
		run, results, err := r.Run(ctx, set, base)
		if err != nil {
			return err
		}
		failed = append(failed, evals.Failures(set, results)...)
		if f.measure && run.Judgement == evals.Uncompared {
			run.Judgement, run.Reasons = evals.Passed, nil
			for _, fig := range run.Figures {
				if fig.Broken {
					run.Judgement = evals.Tripped
				}
			}
		}
		rep := &evals.Report{Run: run, Results: results, Set: set}
		if r.Store != nil {
			if rep.History, err = r.Store.Runs(ctx, evals.RunFilter{Suite: set.Name}); err != nil {
				return err
			}
		}
		reports = append(reports, rep)
	}
	done()
	if f.failures != "" {
		if err := writeFile(f.failures, func(w io.Writer) error { return evals.WriteCases(w, failed) }); err != nil {
			return err
		}
	}
	return c.printEvals(a, reports, f.outputs)
}

// evalBaseline finds what a suite is compared with; nil where there is nothing,
// which the run says.
func (c *cli) evalBaseline(ctx context.Context, r *evals.Runner, suite string, f *evalFlags) (*evals.LockedRun, error) {
	var base *evals.LockedRun
	var err error
	switch {
	case f.measure:
		return nil, nil
	case f.baseline != "":
		base, err = evals.BaselineFile(os.DirFS(f.baseline), ".", suite)
	default:
		base, err = evals.Latest(ctx, r.Store, suite)
	}
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, nil
	}
	return base, err
}

// printEvals writes reports and makes the exit code of them.
func (c *cli) printEvals(a *app.App, reports []*evals.Report, o evalOutputs) error {
	if o.junit != "" {
		if err := writeFile(o.junit, func(w io.Writer) error { return evals.WriteJUnit(w, reports) }); err != nil {
			return err
		}
	}
	if o.html != "" {
		if err := writeFile(o.html, func(w io.Writer) error { return evals.WriteHTML(w, reports) }); err != nil {
			return err
		}
	}
	if err := c.printEvalRuns(a, reports, o); err != nil {
		return err
	}
	// What tripped is worse than what could not be told.
	seen := map[int][]*evals.Run{}
	for _, rep := range reports {
		code := rep.Run.Judgement.ExitCode()
		seen[code] = append(seen[code], rep.Run)
	}
	for _, code := range []int{1, 3, 2} {
		if len(seen[code]) == 0 {
			continue
		}
		c.sayWhy(code, seen[code])
		return exitError{code}
	}
	return nil
}

// sayWhy says below all tables why a command ends with another code than 0.
func (c *cli) sayWhy(code int, runs []*evals.Run) {
	unknown := 0
	for _, run := range runs {
		why := ""
		if len(run.Reasons) > 0 {
			why = ": " + run.Reasons[0]
		}
		if run.Judgement == evals.Uncompared && run.Baseline == "" {
			unknown++
		}
		fmt.Fprintf(c.stderr, "assay: %s is %s%s\n", run.Suite, run.Judgement, why)
	}
	if code == 2 && unknown > 0 {
		fmt.Fprintln(c.stderr, "  --measure asks for no baseline; --baseline FOLDER compares with committed ones")
	}
}

// foreign says which categories a suite asks about that the knowledge does not
// have: the suites that ship are for the knowledge that ships.
func (c *cli) foreign(pack *knowledge.Pack, set *evals.Set) {
	have := pack.Categories()
	var missing []string
	for _, k := range set.Cases {
		for _, name := range k.Want.Category {
			if name != pipeline.Unknown && !slices.Contains(have, name) && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
	}
	if len(missing) == 0 {
		return
	}
	slices.Sort(missing)
	c.say("%s asks about categories that the knowledge does not have: %s; a folder evals/ in the project, or ASSAY_EVALS, holds suites of your own", set.Name, strings.Join(missing, ", "))
}

func (c *cli) printEvalRuns(a *app.App, reports []*evals.Report, o evalOutputs) error {
	switch {
	case c.json():
		runs := []*evals.Run{}
		for _, rep := range reports {
			runs = append(runs, rep.Run)
		}
		return c.printJSON(map[string]any{"schema_version": evals.SchemaVersion, "runs": runs})
	case o.github:
		for _, rep := range reports {
			if err := rep.WriteGitHub(c.stdout, a.EvalPlace()); err != nil {
				return err
			}
		}
		return nil
	}
	for i, rep := range reports {
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		// Of several suites, those that passed are told without their tables.
		write := rep.WriteText
		if j := rep.Run.Judgement; j == evals.Locked || j == evals.Passed && len(reports) > 1 {
			write = rep.WriteBrief
		}
		if err := write(c.stdout); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) evalLockCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "lock [SUITE…]",
		Short: "Make the scores of now the baseline",
		Long: `Run suites ten times (once where everything is deterministic) and keep the score
of every case, with the versions of contract, knowledge, prompt, model, embedder
and matcher, as the baseline that later runs are compared with.

A suite that has a baseline is locked anew only with --replace; the old one stays
in the history. A run that did not finish, or that broke an invariant, becomes no
baseline.

Exit code: 0 when every suite was locked, 1 when an invariant broke, 2 for wrong
use, a suite that has a baseline, or too few cases for --detect, 3 when a run
could not be finished.`,
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.detect < 0 || f.detect > 1 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--detect %g is no share of the score from 0 to 1", f.detect)
			}
			return c.evalLock(cmd.Context(), args, &f)
		},
	}
	f.addModel(cmd)
	f.outputs.add(cmd)
	cmd.Flags().StringVar(&f.to, "to", "", "write the baseline to SUITE.jsonl in this folder, to be committed, instead of keeping it in the store")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "lock a suite that has a baseline anew")
	cmd.Flags().StringVar(&f.note, "note", "", "why, for the history")
	cmd.Flags().StringVar(&f.by, "as", "", "who locks, for the history (default: the user)")
	cmd.Flags().Float64Var(&f.detect, "detect", 0, "refuse where one run cannot find a true drop of this size, such as 0.05")
	return cmd
}

func (c *cli) evalLock(ctx context.Context, names []string, f *evalFlags) error {
	if f.to != "" {
		remove, err := f.detach()
		if err != nil {
			return err
		}
		defer remove()
	}
	a, sets, err := c.evalSets(names, f.config)
	if err != nil {
		return err
	}
	defer a.Close()
	r, done, err := c.newRunner(ctx, a, app.EvalOptions{Model: f.llm, Detached: f.to != ""})
	if err != nil {
		return err
	}
	defer done()
	// A baseline over gold that fits no schema would compare nothing with nothing.
	pack, err := a.Knowledge()
	if err != nil {
		return err
	}
	for _, set := range sets {
		if err := set.Against(pack, nil); err != nil {
			return err
		}
	}
	by, _ := c.who(f.by) // nobody is no reason not to lock
	opt := evals.LockOptions{By: by, Note: f.note, Replace: f.replace, Detect: f.detect}
	var reports []*evals.Report
	for _, set := range sets {
		if f.to != "" && !f.replace {
			if _, err := os.Stat(filepath.Join(f.to, set.Name+".jsonl")); err == nil {
				return pipeline.Errorf(pipeline.CodeInvalid, "the suite %s has a baseline in %s", set.Name, f.to).WithHint("--replace writes it anew")
			}
		}
		run, results, err := r.Lock(ctx, set, opt)
		if err != nil {
			return err
		}
		if f.to != "" && run.Judgement == evals.Locked {
			if err := writeBaseline(f.to, run, results); err != nil {
				return err
			}
		}
		reports = append(reports, &evals.Report{Run: run, Results: results, Set: set})
	}
	done()
	return c.printEvals(a, reports, f.outputs)
}

// writeBaseline writes the file of a baseline. Its time is a day: what was
// locked twice in one day has the same bytes.
func writeBaseline(dir string, run *evals.Run, results []evals.Result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fileError(dir, err)
	}
	day := *run
	day.At = run.At.Truncate(24 * time.Hour)
	day.ID = pipeline.ContentID("evals", day.Suite, day.At.Format(time.DateOnly), day.Versions.Suite, day.Versions.Knowledge, day.Versions.Model, day.Versions.Matcher)
	return writeFile(filepath.Join(dir, run.Suite+".jsonl"), func(w io.Writer) error { return evals.WriteBaseline(w, day, results) })
}

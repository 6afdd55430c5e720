package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// cli is one run of the command line. Stdout carries results and nothing else;
// progress, hints and errors go to stderr.
type cli struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	environ []string

	dir    string
	output string
	now    string
	quiet  bool

	// trace is told of the steps of a run; only the crash test sets it.
	trace func(step string)
}

// exitError ends the program with a code after its result was printed.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// run executes one command line and returns the exit code.
func (c *cli) run(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, context.Canceled) || ctx.Err() != nil:
		fmt.Fprintln(c.stderr, "assay: interrupted; run it again to go on where it stopped")
		return 130
	}
	return c.fail(err)
}

// fail prints an error, as a line or as JSON, and returns its exit code.
func (c *cli) fail(err error) int {
	code := pipeline.ErrorCode(err)
	var known *pipeline.Error
	if !errors.As(err, &known) {
		// cobra's own errors are all about wrong use.
		if isUsage(err) {
			code = pipeline.CodeInvalid
			err = pipeline.Errorf(code, "%w", err).WithHint("assay --help lists the commands")
			errors.As(err, &known)
		}
	}
	if c.output == "json" {
		body := map[string]string{"code": string(code), "message": err.Error()}
		if known != nil {
			body["message"], body["hint"] = known.Message, known.Hint
		}
		enc := json.NewEncoder(c.stderr)
		_ = enc.Encode(map[string]any{"error": body})
		return code.ExitCode()
	}
	if known != nil && known.Hint != "" {
		fmt.Fprintf(c.stderr, "assay: %s\n  %s\n", known.Message, known.Hint)
	} else {
		fmt.Fprintf(c.stderr, "assay: %v\n", err)
	}
	return code.ExitCode()
}

func isUsage(err error) bool {
	s := err.Error()
	for _, p := range []string{"unknown command", "unknown flag", "unknown shorthand", "flag needs", "invalid argument", "accepts ", "requires ", "required flag", "bad flag"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "assay",
		Short: "Judge data files by contract, read item descriptions, find duplicates",
		Long: `Assay judges files against data contracts (ODCS), publishes what is good,
explains what is not, stops bad batches with a circuit breaker, reads item
descriptions into typed records, and names duplicates.

Start with:
  assay demo            the whole pipeline on generated data
  assay init mydata     a folder with a feed, its contract and a landing zone
  assay check -c contract.odcs.yaml file.csv
                        judge a file, nothing stored`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if c.output != "table" && c.output != "json" {
				bad := c.output
				c.output = "table"
				return pipeline.Errorf(pipeline.CodeInvalid, "--output %q is not known", bad).WithHint("use table or json")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	pf := root.PersistentFlags()
	pf.StringVarP(&c.dir, "dir", "C", ".", "project folder: where relative paths of the configuration start")
	pf.StringVarP(&c.output, "output", "o", "table", "table or json")
	pf.StringVar(&c.now, "now", "", "the time to work with, RFC 3339 (default: the clock); the same input and time give the same result")
	pf.BoolVarP(&c.quiet, "quiet", "q", false, "no progress on stderr")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return pipeline.Errorf(pipeline.CodeInvalid, "%w", err).WithHint("%s --help shows its flags", cmd.CommandPath())
	})
	for _, sub := range []func() *cobra.Command{
		c.demoCommand, c.initCommand, c.runCommand, c.replayCommand, c.checkCommand, c.chaosCommand, c.evalCommand, c.contractCommand,
		c.parseCommand, c.costCommand, c.knowledgeCommand, c.matchCommand, c.searchCommand, c.reviewCommand, c.catalogCommand, c.breakerCommand, c.reportCommand,
		c.feedsCommand, c.statusCommand, c.approveCommand, c.rejectCommand, c.sweepCommand, c.checksCommand, c.observeCommand, c.canaryCommand, c.watchCommand, c.notifyCommand,
		c.serveCommand, c.lakeCommand, c.forgetCommand, c.migrateCommand, c.invokeCommand, c.devCommand, c.versionCommand,
	} {
		root.AddCommand(sub())
	}
	return root
}

// open reads the configuration and opens the application on it.
func (c *cli) open(change ...func(*app.Config)) (*app.App, error) {
	cfg, err := app.ReadConfig(c.environ, c.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range change {
		f(&cfg)
	}
	return c.openWith(cfg)
}

// openWith opens the application on a configuration made by a command.
func (c *cli) openWith(cfg app.Config) (*app.App, error) {
	clock, err := c.clock()
	if err != nil {
		return nil, err
	}
	var a *app.App
	a = app.Open(cfg, app.Options{
		Now: clock, Log: c.logger(cfg), Stdout: c.stdout, Stderr: c.stderr, Version: version, Trace: c.trace,
		Chat: func(name string) (model.Chat, bool, error) { return simulated(a, name) },
	})
	return a, nil
}

// clock is the program's only look at the time.
func (c *cli) clock() (func() time.Time, error) {
	if c.now == "" {
		return time.Now, nil
	}
	t, err := time.Parse(time.RFC3339, c.now)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "--now %q is not a time", c.now).WithHint("write it like 2026-03-01T06:00:00Z")
	}
	return func() time.Time { return t }, nil
}

func (c *cli) logger(cfg app.Config) *slog.Logger {
	if cfg.Log == "off" || cfg.Log == "" {
		return slog.New(slog.DiscardHandler)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log)); err != nil {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: level}))
}

func (c *cli) json() bool { return c.output == "json" }

// printJSON writes v as the command's one JSON document.
func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// terminal reports whether f is a person's screen.
func terminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// printLine writes v as one JSON line.
func (c *cli) printLine(v any) error {
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

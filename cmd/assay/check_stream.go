package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// streamFlags are the flags of check that only a stream has.
type streamFlags struct {
	on     bool
	window string
	feed   string
	events bool
}

func (f *streamFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "stream", false, "judge events from standard input, one JSON object per line, in windows")
	cmd.Flags().StringVar(&f.window, "window", "1000", "with --stream: events (1000) or time (30s) of one window")
	cmd.Flags().StringVar(&f.feed, "feed", "", "with --stream: a feed of the project, whose breaker the windows move")
	cmd.Flags().BoolVar(&f.events, "events", false, "with --stream: also print each rejected event with its reasons")
}

// unused reports a flag of streams without --stream.
func (f *streamFlags) unused() error {
	if f.feed != "" || f.events || f.window != "1000" {
		return pipeline.Errorf(pipeline.CodeInvalid, "--window, --feed and --events are for --stream")
	}
	return nil
}

// limits reads --window.
func (f *streamFlags) limits() (count int, every time.Duration, err error) {
	if n, nerr := strconv.Atoi(f.window); nerr == nil && n > 0 {
		return n, 0, nil
	}
	every, derr := contract.ParseDuration(f.window)
	if derr != nil || every < 10*time.Millisecond {
		return 0, 0, pipeline.Errorf(pipeline.CodeInvalid, "--window %q is neither a count nor a time", f.window).WithHint("write 1000 for events, or 30s")
	}
	return 0, every, nil
}

// checkStream judges standard input in windows.
func (c *cli) checkStream(ctx context.Context, contractFile, schema string, flags streamFlags, args []string) error {
	if len(args) > 1 || len(args) == 1 && args[0] != "-" {
		return pipeline.Errorf(pipeline.CodeInvalid, "--stream reads standard input, not files").WithHint("assay check --stream … < %s", args[0])
	}
	count, every, err := flags.limits()
	if err != nil {
		return err
	}
	if (contractFile == "") == (flags.feed == "") {
		return pipeline.Errorf(pipeline.CodeInvalid, "name either a contract (--contract) or a feed of the project (--feed)")
	}
	a, err := c.open()
	if err != nil {
		return err
	}
	defer a.Close()
	f, in, err := c.streamFeed(ctx, a, contractFile, schema, flags.feed)
	if err != nil {
		return err
	}
	g, err := gate.Compile(f)
	if err != nil {
		return err
	}
	now, err := c.clock()
	if err != nil {
		return err
	}
	worst, windows := 0, 0
	opt := gate.Options{Memory: int64(a.Config.Memory), Tmp: a.Config.Tmp, Workers: 1, Now: now}
	s := &gate.Stream{Gate: g, Count: count, Every: every, Now: now, Options: opt}
	err = s.Judge(ctx, "stdin", c.stdin, func(w gate.Window) error {
		windows++
		var d *flow.WindowDecision
		if in != nil {
			got, err := in.Window(context.WithoutCancel(ctx), f, w.Content, w.Report)
			if err != nil {
				return err
			}
			d = &got
		}
		switch w.Report.Verdict {
		case pipeline.Failed:
			worst = max(worst, 1)
		case pipeline.VerdictError:
			worst = max(worst, 2)
		}
		return c.printWindow(w, d, flags.events)
	})
	if err != nil {
		return err
	}
	if windows == 0 && !c.json() {
		fmt.Fprintln(c.stdout, "no events came")
	}
	if worst != 0 {
		return exitError{worst}
	}
	return nil
}

// streamFeed finds the contract, and for a feed of the project the use case
// that moves its breaker.
func (c *cli) streamFeed(ctx context.Context, a *app.App, contractFile, schema, feed string) (*contract.Feed, *flow.Ingest, error) {
	if contractFile != "" {
		f, err := readFeed(contractFile, schema)
		return f, nil, err
	}
	set, err := a.Contracts()
	if err != nil {
		return nil, nil, err
	}
	f, err := set.Feed(feed)
	if err != nil {
		return nil, nil, err
	}
	in, err := a.Ingest(ctx)
	return f, in, err
}

// printWindow is one line per window, or one JSON document per line.
func (c *cli) printWindow(w gate.Window, d *flow.WindowDecision, events bool) error {
	var rejected []gate.Event
	for _, e := range w.Events {
		if !e.Accepted {
			rejected = append(rejected, e)
		}
	}
	if c.json() {
		doc := map[string]any{"schema_version": gate.SchemaVersion, "window": w.Number, "first_event": w.First, "from": w.From.UTC(), "to": w.To.UTC(), "report": w.Report}
		if events {
			doc["rejected"] = append([]gate.Event{}, rejected...)
		}
		if d != nil {
			doc["breaker"] = d
		}
		return c.printLine(doc)
	}
	r := w.Report
	var failed []string
	for _, k := range r.Checks {
		if k.Result == gate.ResultFailed || k.Result == gate.ResultWarned {
			failed = append(failed, fmt.Sprintf("%s %d", k.ID, k.Failed))
		}
	}
	decision := r.Decision
	if d != nil {
		decision = d.Decision
	}
	line := fmt.Sprintf("window %d: %s, %s: events %d to %d, %d accepted, %d rejected", w.Number, r.Verdict, decision, w.First, w.First+r.Rows.Read-1, r.Rows.Accepted, r.Rows.Rejected)
	if len(failed) > 0 {
		line += "; failed: " + strings.Join(failed, ", ")
	}
	if d != nil {
		line += "; breaker " + string(d.Breaker)
		if d.Reason != "" {
			line += ": " + d.Reason
		}
	}
	fmt.Fprintln(c.stdout, line)
	if !events {
		return nil
	}
	for _, e := range rejected {
		var why []string
		for _, x := range e.Reasons {
			what := strings.TrimSpace(x.Column + " " + x.Code)
			if x.Value != "" {
				what += " " + strconv.Quote(x.Value)
			}
			why = append(why, what)
		}
		fmt.Fprintf(c.stdout, "  event %d: %s\n", e.Number, strings.Join(why, "; "))
	}
	return nil
}

// gateInput is a file as the gate reads it; for a feed of files, also a folder.
func (c *cli) gateInput(g *gate.Gate, name string) (gate.Input, func(), error) {
	st, err := os.Stat(name)
	if name == "-" || err != nil || !st.IsDir() || g.Feed().Format != contract.Files {
		return c.fileInput(name)
	}
	return gate.Input{Name: name, Size: -1, Objects: func(context.Context) ([]codec.Object, error) { return folder(name) }}, func() {}, nil
}

// folder lists the files below dir. Dotfiles, *.part and the mark of a complete
// folder are none.
func folder(dir string) ([]codec.Object, error) {
	var out []codec.Object
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return fileError(file, err)
		}
		base := d.Name()
		if strings.HasPrefix(base, ".") && file != dir {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || base == flow.FolderMark || strings.HasSuffix(base, ".part") {
			return nil
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return fileError(file, err)
		}
		out = append(out, codec.Object{Name: filepath.ToSlash(rel), Open: func(context.Context) (io.ReadCloser, error) {
			f, err := os.Open(file)
			if err != nil {
				return nil, fileError(file, err)
			}
			return f, nil
		}})
		return nil
	})
	return out, err
}

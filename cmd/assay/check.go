package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

func (c *cli) checkCommand() *cobra.Command {
	var contractFile, schema, htmlFile string
	var stream streamFlags
	cmd := &cobra.Command{
		Use:   "check -c CONTRACT FILE…",
		Short: "Judge files against a contract; nothing is stored",
		Long: `Judge each file against one schema object of a contract and print the report.
Nothing is stored and no breaker is asked. "-" reads standard input. A feed of
files (assay.format: files) is judged from a ZIP archive or a folder.

With --stream, events are read from standard input, one JSON object per line,
and judged one by one and in windows, each reported as it closes. With --feed
instead of a contract file, the contract is the project's, and each window
moves the breaker of the feed as a batch does.

Exit code: 0 when every file passed or only warned, 1 when one failed,
2 when one cannot be judged, 3 when one cannot be reached.`,
		Example: `  assay check -c contracts/feeds/orders.odcs.yaml orders-2026-03-01.csv
  assay check -c orders.odcs.yaml --output json *.csv | jq .batches[].verdict
  tail -f events.jsonl | assay check --stream --window 30s -c clicks.odcs.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if stream.on {
				return c.checkStream(cmd.Context(), contractFile, schema, stream, args)
			}
			if err := stream.unused(); err != nil {
				return err
			}
			if contractFile == "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "which contract?").WithHint("name it with --contract")
			}
			if len(args) == 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "which file?").WithHint(`name the files to judge, or "-" for standard input`)
			}
			return c.check(cmd.Context(), contractFile, schema, htmlFile, args)
		},
	}
	cmd.Flags().StringVarP(&contractFile, "contract", "c", "", "the contract, an ODCS document")
	cmd.Flags().StringVar(&schema, "schema", "", "the schema object of the contract, where it has several")
	cmd.Flags().StringVar(&htmlFile, "html", "", "also write the report of the (only) file as a self-contained page")
	stream.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("contract", cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt))
	return cmd
}

func (c *cli) check(ctx context.Context, contractFile, schema, htmlFile string, files []string) error {
	cfg, err := app.ReadConfig(c.environ, c.dir)
	if err != nil {
		return err
	}
	f, err := readFeed(contractFile, schema)
	if err != nil {
		return err
	}
	g, err := gate.Compile(f)
	if err != nil {
		return err
	}
	if htmlFile != "" && len(files) != 1 {
		return pipeline.Errorf(pipeline.CodeInvalid, "--html writes the report of one file, %d were given", len(files))
	}
	a, err := c.openWith(cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	around, err := c.surroundings(ctx, a, f)
	if err != nil {
		return err
	}
	var reports []*gate.Report
	worst, unreached := 0, error(nil)
	for _, name := range files {
		r, err := c.checkFile(ctx, cfg, g, around, name)
		if err != nil {
			code := pipeline.ErrorCode(err)
			if ctx.Err() != nil || code == pipeline.CodeInternal {
				return err
			}
			// One file that cannot be judged does not hide the others.
			r = g.Unjudged(name, err)
			worst = max(worst, code.ExitCode())
			unreached = err
		}
		if r.Verdict == pipeline.Failed {
			worst = max(worst, 1)
		}
		if r.Verdict == pipeline.VerdictError {
			worst = max(worst, 2)
		}
		reports = append(reports, r)
	}
	if unreached != nil && len(files) == 1 && !c.json() {
		return unreached
	}
	if err := c.printReports(reports); err != nil {
		return err
	}
	if htmlFile != "" {
		if err := writeFile(htmlFile, reports[0].WriteHTML); err != nil {
			return err
		}
	}
	if worst != 0 {
		return exitError{worst}
	}
	return nil
}

func (c *cli) checkFile(ctx context.Context, cfg app.Config, g *gate.Gate, around *surrounding, name string) (*gate.Report, error) {
	in, done, err := c.gateInput(g, name)
	if err != nil {
		return nil, err
	}
	defer done()
	p := c.startProgress(name, in.Size)
	defer p.Done()
	opt, err := around.options(ctx, name, gate.Options{Memory: int64(cfg.Memory), Tmp: cfg.Tmp, Progress: p.Set})
	if err != nil {
		return nil, err
	}
	return g.Judge(ctx, in, opt)
}

// printReports writes reports as tables or as one JSON document.
func (c *cli) printReports(reports []*gate.Report) error {
	if c.json() {
		return gate.WriteJSON(c.stdout, reports...)
	}
	for _, r := range reports {
		if err := r.WriteText(c.stdout); err != nil {
			return err
		}
	}
	return nil
}

// fileInput is a local file, or standard input for "-", as the gate reads it.
func (c *cli) fileInput(name string) (gate.Input, func(), error) {
	if name == "-" {
		return gate.Input{Name: "stdin", Size: -1, Open: func(_ context.Context, off, _ int64) (io.ReadCloser, error) {
			if off != 0 {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "standard input can be read only once, from its start")
			}
			return io.NopCloser(c.stdin), nil
		}}, func() {}, nil
	}
	f, size, err := openFile(name)
	if err != nil {
		return gate.Input{}, nil, err
	}
	return gate.Input{Name: name, Size: size, Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		if n < 0 {
			n = size - off
		}
		return io.NopCloser(io.NewSectionReader(f, off, n)), nil
	}}, func() { f.Close() }, nil
}

// openFile opens a regular file for reading, with errors that say what to do.
func openFile(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fileError(name, err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fileError(name, err)
	}
	if st.IsDir() {
		f.Close()
		return nil, 0, pipeline.Errorf(pipeline.CodeInvalid, "%s is a folder", name).WithHint("name the files in it")
	}
	return f, st.Size(), nil
}

func fileError(name string, err error) error {
	switch {
	case os.IsNotExist(err):
		return pipeline.Errorf(pipeline.CodeNotFound, "%s: no such file", name)
	case os.IsPermission(err):
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: permission denied", name)
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", name, err)
}

// writeFile writes a result file whole or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".assay-*")
	if err != nil {
		return fileError(name, err)
	}
	defer os.Remove(tmp.Name())
	if err := write(tmp); err != nil {
		tmp.Close()
		return fileError(name, err)
	}
	if err := tmp.Close(); err != nil {
		return fileError(name, err)
	}
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return fileError(name, err)
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return fileError(name, err)
	}
	return nil
}

// readFeed reads the schema object of a contract file.
func readFeed(file, schema string) (*contract.Feed, error) {
	src, err := readContract(file)
	if err != nil {
		return nil, err
	}
	doc, err := contract.Parse(file, src)
	if err != nil {
		return nil, err
	}
	return doc.Feed(schema)
}

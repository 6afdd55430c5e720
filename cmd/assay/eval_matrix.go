package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// presentPrompt names the prompts of the configured knowledge.
const presentPrompt = "present"

func (c *cli) evalMatrixCommand() *cobra.Command {
	var models, prompts []string
	var csv string
	f := evalFlags{}
	cmd := &cobra.Command{
		Use:   "matrix [SUITE…]",
		Short: "Choose a model: quality, cost and p95 per model and prompt",
		Long: `Run suites (model, where none is named) once with each model and each prompt, and
put quality with its interval, dollars per thousand cases and the 95th percentile
of the latency side by side. "pareto" marks what no other beats in all three. A
model that is down is an error, not a zero; one without a price has none.

A prompt is a folder with prompts/extract.tmpl and prompts/classify.tmpl, as in a
knowledge pack; "present" is the configured one. simulated:able, simulated:brief
and simulated:hasty answer without a network, from what golden sets record;
simulated:down never does. rules: is nobody.

Nothing is kept as a run, and nothing is stopped; questions count against the
budget of the day and stand in the call log.

Exit code: 0 when everything was measured, 2 for wrong use, 3 when a cell is an
error.`,
		Example: `  assay eval matrix --model openai:gpt-4o-mini,ollama:llama3.2
  assay eval matrix --model simulated:able,simulated:brief --prompt present,drafts/v2 parse`,
		ValidArgsFunction: c.suiteNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"model"}
			}
			return c.evalMatrix(cmd.Context(), args, models, prompts, csv, &f)
		},
	}
	cmd.Flags().StringSliceVar(&models, "model", nil, "models, PROVIDER:MODEL, simulated:able or rules: (default: ASSAY_LLM)")
	cmd.Flags().StringSliceVar(&prompts, "prompt", []string{presentPrompt}, "prompts: present, or folders")
	cmd.Flags().StringVar(&f.llmURL, "llm-url", "", "address of the models' API, for servers of one's own (default: ASSAY_LLM_URL)")
	cmd.Flags().StringVar(&csv, "csv", "", "also write the cells to this file, a line each")
	_ = cmd.RegisterFlagCompletionFunc("model", cobra.FixedCompletions([]string{"openai:", "anthropic:", "ollama:", "bedrock:", "rules:", "simulated:"}, cobra.ShellCompDirectiveNoSpace))
	return cmd
}

func (c *cli) evalMatrix(ctx context.Context, suites, models, prompts []string, csv string, f *evalFlags) error {
	scratch, remove, err := scratchFor(models...)
	if err != nil {
		return err
	}
	defer remove()
	a, sets, err := c.evalSets(suites, f.config, func(cfg *app.Config) {
		if scratch != "" && len(models) > 0 {
			alone(cfg, scratch)
		}
	})
	if err != nil {
		return err
	}
	defer a.Close()
	if len(models) == 0 {
		models = []string{a.Config.LLM}
	}
	texts := map[string]knowledge.Prompts{}
	for _, p := range prompts {
		if texts[p], err = promptsOf(a, p); err != nil {
			return err
		}
	}
	prices, err := a.Prices()
	if err != nil {
		return err
	}
	var m evals.Matrix
	for _, set := range sets {
		for _, name := range models {
			for _, p := range prompts {
				if name == "rules:" && p != prompts[0] {
					continue // they read no prompt
				}
				r, done, err := c.newRunner(ctx, a, app.EvalOptions{Model: name, Prompts: texts[p], Detached: true})
				if err != nil {
					if code := pipeline.ErrorCode(err); code == pipeline.CodeInvalid || code == pipeline.CodeNotFound {
						return err // wrong use, and no model that is down
					}
					m.Fail(set.Name, name, p, err)
					continue
				}
				run, results, err := r.Run(ctx, set, nil)
				done()
				if err != nil {
					return err
				}
				_, priced := prices.Of(name)
				m.Add(run, results, filepath.Base(p), priced || name == "rules:")
			}
		}
	}
	m.Mark()
	if csv != "" {
		if err := writeFile(csv, func(w io.Writer) error { return m.WriteCSV(w) }); err != nil {
			return err
		}
	}
	if c.json() {
		err = c.printJSON(m)
	} else {
		err = m.WriteText(c.stdout)
	}
	if err == nil && m.Failed() {
		return exitError{3}
	}
	return err
}

// promptsOf are the prompts of a folder, or the configured ones.
func promptsOf(a *app.App, name string) (knowledge.Prompts, error) {
	if name == presentPrompt {
		return a.Prompts()
	}
	dir := name
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(a.Config.Dir, name)
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the prompt %q is no folder", name).
			WithHint("name a folder with prompts/extract.tmpl and prompts/classify.tmpl, or %s", presentPrompt)
	}
	p, err := knowledge.LoadPrompts(os.DirFS(dir), "extract", "classify")
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s", strings.TrimPrefix(pipeline.ErrorMessage(err), "the knowledge pack has")).
			WithHint("the folder %s needs prompts/extract.tmpl and prompts/classify.tmpl", name)
	}
	return p, err
}

package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/llm"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
)

func (c *cli) chaosBehaviourCommand() *cobra.Command {
	opt := chaos.BehaviourOptions{}
	strict := false
	cmd := &cobra.Command{
		Use:     "behaviour",
		Aliases: []string{"behavior"},
		Short:   "Break what answers depend on, and see who notices",
		Long: `Seven faults of a stage that answers: stale embeddings, 30 % of the index gone,
context cut to 40 %, 800 ms between stages, a document that contradicts two
others, a weaker model, a prompt that lost an instruction. Each is scored before,
under the fault and after recovery, item by item, and has its detector and its
exit criterion before it runs. Stable means within 5 % (--strict: 3 %) of the
baseline, with the whole interval.

It runs offline, in scratch space: a simulated model behind the protocol of a
provider, with the knowledge and the prompts of the project. The items are screws
with house codes for their finish; where the project's knowledge has none, that
which ships reads them.

Exit code: 0 when every experiment met its criterion, else 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opt.Stable = 0.05
			if strict {
				opt.Stable = 0.03
			}
			return c.chaosBehaviour(cmd.Context(), opt)
		},
	}
	cmd.Flags().IntVar(&opt.Outputs, "outputs", 500, "outputs that are compared, at least 50")
	cmd.Flags().StringSliceVar(&opt.Only, "only", nil, "only these experiments")
	cmd.Flags().BoolVar(&strict, "strict", false, "stable means within 3 %")
	cmd.Flags().Uint64Var(&opt.Seed, "seed", 1, "of all randomness")
	return cmd
}

func (c *cli) chaosBehaviour(ctx context.Context, opt chaos.BehaviourOptions) error {
	a, err := c.open()
	if err != nil {
		return err
	}
	defer a.Close()
	if opt.Pack, err = a.Knowledge(); err != nil {
		return err
	}
	if opt.Prompts, err = a.Prompts(); err != nil {
		return err
	}
	if why := chaos.Unreadable(opt.Pack); why != "" {
		c.say("%s: the knowledge that ships with assay reads instead", why)
		ships, err := c.open(func(cfg *app.Config) { cfg.Knowledge = "embed:" })
		if err != nil {
			return err
		}
		defer ships.Close()
		if opt.Pack, err = ships.Knowledge(); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(a.Config.Tmp, "assay-chaos-")
	if err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "scratch: %w", err)
	}
	defer os.RemoveAll(dir)
	scratch, err := a.Scratch(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = scratch.Close() }()
	opt.Embedder, opt.Store = embed.NewHashing(nil), scratch.Store
	opt.Serve = func(m chaos.Mind) (model.Chat, func(), error) {
		s := llmtest.New(func(q llmtest.Asked) (string, bool) { return m(q.System, q.User()), false })
		chat, err := llm.Open("openai:simulated", llm.Options{URL: s.URL, Key: llmtest.Key})
		return chat, s.Close, err
	}
	p := c.startProgress("experiments", -1)
	defer p.Done()
	opt.Step = func(done, all int) { p.Stage("experiments", done, all) }
	rep, err := chaos.RunBehaviour(ctx, opt)
	if err != nil {
		return err
	}
	p.Done()
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

package app

import (
	"context"
	"os"
	"path/filepath"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// Trials builds what lets a share of the items see something new.
func (a *App) Trials(ctx context.Context) (*flow.Trials, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	present, err := a.answering()
	if err != nil {
		return nil, err
	}
	return &flow.Trials{Store: s, Present: present, Build: a.changed, Calls: s, Now: a.now, Log: a.log}, nil
}

// changed is the parser of this configuration with something else in it.
func (a *App) changed(ctx context.Context, c observe.Change) (*parse.Parser, observe.Version, error) {
	if a.Config.LLMCanary != "" {
		return nil, observe.Version{}, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_LLM_CANARY lets a share of the items see %s already", a.Config.LLMCanary).
			WithHint("unset it: two canaries at once cannot be told apart")
	}
	store, err := a.Store(ctx)
	if err != nil {
		return nil, observe.Version{}, err
	}
	sub := Open(a.Config, Options{Now: a.now, Log: a.log, Owner: a.owner, Version: a.version, Chat: a.chat})
	sub.store, sub.metrics, sub.tracer = store, a.metrics, a.tracer
	folder := func(what, dir string) (string, error) {
		dir = a.Config.Abs(filepath.FromSlash(dir))
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			return "", pipeline.Errorf(pipeline.CodeInvalid, "the %s %s is no folder", what, dir).WithHint("it has to be where items are read, too")
		}
		return dir, nil
	}
	if c.Model != "" {
		sub.Config.LLM = c.Model
	}
	if c.Knowledge != "" {
		dir, err := folder("knowledge", c.Knowledge)
		if err != nil {
			return nil, observe.Version{}, err
		}
		sub.Config.Knowledge = "dir:" + dir
	}
	if c.Prompt != "" {
		dir, err := folder("prompt", c.Prompt)
		if err != nil {
			return nil, observe.Version{}, err
		}
		if sub.Config.LLM == "rules:" {
			return nil, observe.Version{}, pipeline.Errorf(pipeline.CodeInvalid, "the rules read no prompt").WithHint("name a --model beside it, or set ASSAY_LLM")
		}
		sub.promptDir = dir
	}
	version, err := sub.answering()
	if err != nil {
		return nil, version, err
	}
	ps, err := sub.Parser(ctx)
	return ps, version, err
}

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/llm"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// simulated opens simulated:NAME: a server on loopback that speaks the protocol
// of a provider, and behind it a model that knows the golden sets. It lives as
// long as the program.
func simulated(a *app.App, name string) (model.Chat, bool, error) {
	kind, ok := strings.CutPrefix(name, app.Simulated)
	if !ok {
		return nil, false, nil
	}
	folder, err := a.EvalFolder()
	if err != nil {
		return nil, true, err
	}
	sets, err := evals.LoadAll(folder, nil)
	if err != nil {
		return nil, true, err
	}
	m, err := evals.Simulate(kind, sets)
	if err != nil {
		return nil, true, err
	}
	s := llmtest.New(func(q llmtest.Asked) (string, bool) {
		return m.Answer(q.System, q.User()), m.Fault(q.User()) == evals.Declines
	})
	s.Trouble = func(q llmtest.Asked) llmtest.Fault {
		if m.Fault(q.User()) == evals.Down {
			return llmtest.Fault{Status: http.StatusServiceUnavailable}
		}
		return llmtest.Fault{}
	}
	chat, err := llm.Open("openai:simulated", llm.Options{URL: s.URL, Key: llmtest.Key})
	return chat, true, err
}

// alone makes runs against simulated models repeat to the byte: one question at
// a time, none twice, and a log that nobody else reads.
func alone(cfg *app.Config, scratch string) {
	cfg.LLMConcurrency, cfg.Workers, cfg.LLMTries, cfg.LLMTokens = 1, 1, 1, -1
	if scratch != "" {
		cfg.Store = "sqlite:///" + strings.TrimPrefix(filepath.ToSlash(filepath.Join(scratch, "calls.db")), "/")
	}
}

// scratchFor is a folder that is removed afterwards, for the call log of models
// that are all simulated; none where one is not.
func scratchFor(models ...string) (dir string, remove func(), err error) {
	remove = func() {}
	for _, m := range models {
		if m != "rules:" && !strings.HasPrefix(m, app.Simulated) {
			return "", remove, nil
		}
	}
	if dir, err = os.MkdirTemp("", "assay-evals-"); err != nil {
		return "", remove, fileError(os.TempDir(), err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

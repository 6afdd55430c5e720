package app

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// EvalFolder is the configured folder of suites and golden sets.
func (a *App) EvalFolder() (fs.FS, error) {
	dir, ok := a.folder(a.Config.Evals)
	if !ok {
		return evals.FS, nil
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_EVALS: %s is no folder", dir).WithHint("name a folder with suites and golden, or embed:")
	}
	return os.DirFS(dir), nil
}

// EvalPlace is that folder as a path within the project, for annotations; empty
// where it is embedded.
func (a *App) EvalPlace() string {
	if place, ok := strings.CutPrefix(a.Config.Evals, "dir:"); ok {
		return place
	}
	return ""
}

// Simulated begins the names of models that are simulated: what they answer
// follows from the question alone.
const Simulated = "simulated:"

// EvalOptions of a runner of evals.
type EvalOptions struct {
	// Model instead of the configured one, and Prompts instead of those of the
	// pack; empty and nil keep them.
	Model   string
	Prompts knowledge.Prompts
	// Detached: runs are not kept, and only the knowledge pack is searched: a
	// store is opened for the calls of a model alone.
	Detached bool
}

// Evals builds what runs suites against the configured pipeline. A model is
// asked even where its answers are kept, and one alone: no share of the items
// sees a canary.
func (a *App) Evals(ctx context.Context, opt EvalOptions) (*evals.Runner, error) {
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	m, err := a.Matcher()
	if err != nil {
		return nil, err
	}
	s := &evals.Subject{
		Pack: pack, Matcher: m, Explainer: m, Embedder: m.Embedder, Workers: a.Config.Workers, Now: a.now,
		Versions: evals.Versions{
			Program: a.version, Contract: a.contractVersion(), Knowledge: pack.Hash(), Model: "rules:", Embedder: m.Embedder.Space(), Matcher: matcherVersion(m),
		},
	}
	r := &evals.Runner{Subject: s, Now: a.now, Seed: 1}
	name := opt.Model
	if name == "" {
		name = a.Config.LLM
	}
	s.Deterministic = (name == "rules:" || strings.HasPrefix(name, Simulated)) && strings.HasPrefix(a.Config.Embed, "hash:")
	if opt.Detached {
		s.Retriever, err = retrieve.New(ctx, pack, m.Embedder, nil)
	} else {
		s.Retriever, err = a.Retriever(ctx)
	}
	if err != nil {
		return nil, err
	}
	second, err := a.evalModel(ctx, pack, name, opt.Prompts, s)
	if err != nil {
		return nil, err
	}
	p := parse.New(pack, parse.NewRules(pack), parse.Options{Second: second})
	s.Reader, s.Auditor = p, p
	if opt.Detached {
		return r, nil
	}
	if r.Store, err = a.Store(ctx); err != nil {
		return nil, err
	}
	if opt.Model == "" && opt.Prompts == nil { // what is tried out stops nothing
		w, err := a.Wire(ctx)
		if err != nil {
			return nil, err
		}
		r.Told = tellWire(w)
	}
	return r, nil
}

// evalModel is the model under test; nil is none.
func (a *App) evalModel(ctx context.Context, pack *knowledge.Pack, name string, prompts knowledge.Prompts, s *evals.Subject) (parse.Second, error) {
	if name == "rules:" {
		return nil, nil
	}
	if prompts == nil {
		var err error
		if prompts, err = a.Prompts(); err != nil {
			return nil, err
		}
	}
	xs, err := a.llms(ctx, pack, prompts, []string{name}, true)
	if err != nil {
		return nil, err
	}
	store, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	s.Calls, s.Canaries = store, []string{xs[0].Canary()}
	s.Versions.Model = name
	s.Versions.Prompt = prompts["extract"].Version + " " + prompts["classify"].Version
	s.Workers = max(s.Workers, a.Config.LLMConcurrency)
	return xs[0], nil
}

// contractVersion names the contents of all contracts. Suites ask no contract;
// one that does not read stops no evals.
func (a *App) contractVersion() string {
	set, err := a.Contracts()
	if err != nil {
		return ""
	}
	parts := []string{"contracts"}
	for _, d := range set.Documents() {
		parts = append(parts, d.ID(), string(d.Bytes()))
	}
	return pipeline.ContentID(parts...)
}

// matcherVersion names the settings of a matcher, and what it learned.
func matcherVersion(m *catalog.Matcher) string {
	parts := []string{"matcher", fmt.Sprintf("%+v", m.Weights), strconv.Itoa(m.K)}
	if m.Learned != nil {
		var b strings.Builder
		if err := m.Learned.Write(&b); err == nil {
			parts = append(parts, b.String())
		}
	}
	return pipeline.ContentID(parts...)
}

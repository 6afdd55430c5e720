package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// Observe is how live answers are watched, written like
// {sample_rate: 0.05, baseline_size: 50, drift_threshold: 0.15}; off watches
// none.
type Observe struct {
	observe.Settings
	set bool
}

// UnmarshalText reads settings; what is left out is the default.
func (o *Observe) UnmarshalText(text []byte) error {
	o.Settings, o.set = observe.Default(), true
	s := strings.TrimSpace(string(text))
	if s == "off" {
		o.SampleRate = 0
		return nil
	}
	for _, pair := range strings.Split(strings.Trim(s, "{}"), ",") {
		key, value, ok := strings.Cut(pair, ":")
		if !ok {
			key, value, ok = strings.Cut(pair, "=")
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if !ok || err != nil {
			return fmt.Errorf("%q is no setting; write {sample_rate: 0.05, baseline_size: 50, drift_threshold: 0.15} or off", strings.TrimSpace(pair))
		}
		switch strings.TrimSpace(key) {
		case "sample_rate":
			o.SampleRate = f
		case "baseline_size":
			o.BaselineSize = int(f)
		case "drift_threshold":
			o.DriftThreshold = f
		default:
			return fmt.Errorf("%q is none of sample_rate, baseline_size, drift_threshold", strings.TrimSpace(key))
		}
	}
	return o.Check()
}

// Wire builds what leads from evaluations to breakers.
func (a *App) Wire(ctx context.Context) (*flow.Wire, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	return a.wire(s), nil
}

// stage builds what knows how the breaker of a stage stands.
func (a *App) stage(ctx context.Context, scope string) (*flow.StageBreaker, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	return a.StageBreaker(s, scope), nil
}

// StageBreaker is what knows how the breaker of a stage stands, by a store that
// is open already.
func (a *App) StageBreaker(s flow.Store, scope string) *flow.StageBreaker {
	return &flow.StageBreaker{Wire: a.wire(s), Scope: scope}
}

func (a *App) wire(s flow.Store) *flow.Wire {
	return &flow.Wire{Store: s, Policy: flow.EvalPolicy(breaker.Fallback(a.Config.EvalsFallback)), Now: a.now, Log: a.log}
}

// rulesParser reads without a model.
func rulesParser(pack *knowledge.Pack) *parse.Parser {
	return parse.New(pack, parse.NewRules(pack), parse.Options{})
}

// fallback builds who reads while a breaker of the answers is not closed.
func (a *App) fallback(ctx context.Context, pack *knowledge.Pack, w *flow.Wire) (*flow.Fallback, error) {
	fb := &flow.Fallback{Wire: w, Rules: rulesParser(pack)}
	names := a.Config.modelNames()
	if len(names) > 0 {
		fb.Model = func(it pipeline.Item) string { return a.modelOf(ctx, it) }
	}
	if a.Config.LLMPrevious == "" {
		return fb, nil
	}
	sub := Open(a.Config, Options{Now: a.now, Log: a.log, Owner: a.owner, Version: a.version})
	sub.Config.LLM, sub.Config.LLMCanary, sub.store = a.Config.LLMPrevious, "", w.Store.(Store)
	second, off, err := sub.second(ctx, pack)
	if err != nil {
		return nil, err
	}
	fb.Previous = parse.New(pack, parse.NewRules(pack), parse.Options{Second: second, Off: off})
	return fb, nil
}

// modelOf is the model that an item is shown, where there is a canary.
func (a *App) modelOf(ctx context.Context, it pipeline.Item) string {
	names := a.Config.modelNames()
	switch len(names) {
	case 0:
		return "rules:"
	case 1:
		return names[0]
	}
	percent := a.Config.LLMCanaryPercent
	if flags, err := a.Flags(); err == nil { //nolint:contextcheck // reads once
		percent = flags.Float(ctx, "llm.canary.percent", percent, it)
	}
	if parse.InCanary(it, percent) {
		return names[1]
	}
	return names[0]
}

// Observer builds what watches live answers.
func (a *App) Observer(ctx context.Context) (*flow.Observer, error) {
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	w, err := a.Wire(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := a.observe()
	if err != nil {
		return nil, err
	}
	version, err := a.answering()
	if err != nil {
		return nil, err
	}
	o := &flow.Observer{Settings: settings, Wire: w, Version: version}
	if len(a.Config.modelNames()) > 0 {
		o.Rules = rulesParser(pack)
		o.Calls = w.Store
	}
	return o, nil
}

// answering is what answers by this configuration.
func (a *App) answering() (observe.Version, error) {
	pack, err := a.Knowledge()
	if err != nil {
		return observe.Version{}, err
	}
	v := observe.Version{Knowledge: pack.Hash(), Model: "rules:"}
	if names := a.Config.modelNames(); len(names) > 0 {
		prompts, err := a.Prompts()
		if err != nil {
			return v, err
		}
		v.Model, v.Prompt = strings.Join(names, " "), promptVersion(prompts)
	}
	return v, nil
}

// observe are the settings of the configuration, else of the suite parse.
func (a *App) observe() (observe.Settings, error) {
	if a.Config.Observe.set {
		return a.Config.Observe.Settings, nil
	}
	fsys, err := a.EvalFolder()
	if err != nil {
		return observe.Settings{}, err
	}
	const file = "suites/parse.yaml"
	src, err := fs.ReadFile(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return observe.Default(), nil
	}
	if err != nil {
		return observe.Settings{}, pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", file, err)
	}
	suite, problems := evals.ReadSuite(file, src)
	if len(problems) > 0 {
		return observe.Settings{}, pipeline.Errorf(pipeline.CodeInvalid, "%s", problems[0]).WithHint("assay eval lint names every mistake")
	}
	if suite.Observe == nil {
		return observe.Settings{BaselineSize: 50, DriftThreshold: 0.15}, nil
	}
	s := observe.Settings(*suite.Observe)
	return s, s.Check()
}

func promptVersion(prompts knowledge.Prompts) string {
	var versions []string
	for name, p := range prompts {
		versions = append(versions, name+"@"+p.Version)
	}
	slices.Sort(versions)
	return pipeline.ShortID(pipeline.ContentID(versions...))
}

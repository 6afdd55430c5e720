package app

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
	"github.com/assay-pipeline/assay/pipeline/llm"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// Secret is a credential. It shows itself in no format.
type Secret string

// String hides the secret.
func (Secret) String() string { return "…" }

// GoString hides the secret.
func (Secret) GoString() string { return "…" }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("…"), nil }

// Dollars is money per day, kept in micro-dollars; "none" sets no bound.
type Dollars int64

// UnmarshalText reads dollars such as 5 or 0.50.
func (d *Dollars) UnmarshalText(text []byte) error {
	if string(text) == "none" {
		*d = -1
		return nil
	}
	var f float64
	if _, err := fmt.Sscanf(string(text)+" ", "%g ", &f); err != nil || f < 0 || f > 1e9 {
		return fmt.Errorf("%q is not an amount of dollars; write 5, 0.50 or none", text)
	}
	*d = Dollars(f * 1e6)
	return nil
}

// modelNames are the models that the configuration names, the canary last.
func (c Config) modelNames() []string {
	if c.LLM == "rules:" {
		return nil
	}
	names := []string{c.LLM}
	if c.LLMCanary != "" {
		names = append(names, c.LLMCanary)
	}
	return names
}

// provider are the options of a model's provider.
func (a *App) provider(ctx context.Context, name, url string) (llm.Options, error) {
	key, err := a.reveal(ctx, "ASSAY_LLM_KEY", a.Config.LLMKey)
	if err != nil {
		return llm.Options{}, err
	}
	opt := llm.Options{URL: url, Key: key, Structured: llm.Structured(a.Config.LLMStructured)}
	provider, _, _ := strings.Cut(name, ":")
	if opt.Key == "" {
		opt.Key = os.Getenv(map[string]string{"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}[provider])
	}
	if provider == "bedrock" {
		cfg, err := loadAWS() //nolint:contextcheck // nothing is asked of the network
		if err != nil {
			return opt, pipeline.Errorf(pipeline.CodeInvalid, "%s: AWS configuration: %w", name, err)
		}
		if cfg.Region == "" {
			return opt, pipeline.Errorf(pipeline.CodeInvalid, "%s, but no AWS region is set", name).WithHint("set AWS_REGION")
		}
		opt.AWS = &cfg
	}
	return opt, nil
}

// Prices are what models cost.
func (a *App) Prices() (model.Prices, error) {
	file, data, err := "prices/models.yaml", []byte(nil), error(nil)
	if a.Config.LLMPrices != "" {
		file = a.Config.Abs(a.Config.LLMPrices)
		data, err = os.ReadFile(file)
	} else {
		data, err = fs.ReadFile(library.FS, file)
	}
	if err != nil {
		return model.Prices{}, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_LLM_PRICES: %w", err)
	}
	return model.ReadPrices(file, data)
}

// Model opens a chat model by its name, PROVIDER:MODEL, with its limits.
func (a *App) Model(ctx context.Context, name string) (*model.Client, error) {
	chat, err := a.openChat(ctx, name)
	if err != nil {
		return nil, err
	}
	prices, err := a.Prices()
	if err != nil {
		return nil, err
	}
	store, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	var calls model.Store = store
	if a.metrics != nil || a.tracer != nil {
		calls = counted{store, a.metrics, a.tracer}
	}
	c := model.NewClient(model.Client{
		Chat: chat, Store: calls, Model: name, Prices: prices, Now: a.now,
		Limits: model.Limits{
			Timeout: a.Config.LLMTimeout, Tries: a.Config.LLMTries, Concurrency: a.Config.LLMConcurrency,
			DayMicros: int64(a.Config.LLMBudget), DayTokens: a.Config.LLMTokens, Zone: a.Config.TZ.Location,
		},
		Alert: func(ctx context.Context, al model.Alert) {
			if err := flow.AnnounceBudget(ctx, store, al); err != nil {
				a.log.WarnContext(ctx, "a budget alert could not be written", "error", err)
			}
		},
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.close = append(a.close, func() error { return c.Close(context.WithoutCancel(ctx)) })
	return c, nil
}

func (a *App) openChat(ctx context.Context, name string) (model.Chat, error) {
	if a.chat != nil {
		if chat, ok, err := a.chat(name); ok || err != nil {
			return chat, err
		}
	}
	opt, err := a.provider(ctx, name, a.Config.LLMURL)
	if err != nil {
		return nil, err
	}
	return llm.Open(name, opt)
}

// Prompts are the templates of the configured knowledge pack, else those that
// come with the program.
func (a *App) Prompts() (knowledge.Prompts, error) {
	return a.prompts("extract", "classify", "propose")
}

func (a *App) prompts(names ...string) (knowledge.Prompts, error) {
	if a.promptDir != "" {
		p, err := knowledge.LoadPrompts(os.DirFS(a.promptDir), names...)
		if pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			return p, err
		}
	}
	if dir, ok := a.folder(a.Config.Knowledge); ok {
		p, err := knowledge.LoadPrompts(os.DirFS(dir), names...)
		if pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			return p, err
		}
	}
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "embedded prompts: %w", err)
	}
	return knowledge.LoadPrompts(sub, names...)
}

// second is who is asked for what the rules leave open; nil is nobody.
func (a *App) second(ctx context.Context, pack *knowledge.Pack) (parse.Second, func(pipeline.Item) bool, error) {
	names := a.Config.modelNames()
	if len(names) == 0 {
		return nil, nil, nil
	}
	prompts, err := a.Prompts()
	if err != nil {
		return nil, nil, err
	}
	xs, err := a.llms(ctx, pack, prompts, names, false)
	if err != nil {
		return nil, nil, err
	}
	flags, err := a.Flags() //nolint:contextcheck // reads once; each question has its own
	if err != nil {
		return nil, nil, err
	}
	off := func(item pipeline.Item) bool {
		if len(a.Config.LLMAllow) > 0 && !slices.Contains(a.Config.LLMAllow, item.Meta.Feed) {
			return true
		}
		return !flags.Bool(ctx, "llm.enabled", true, item)
	}
	if len(xs) == 1 {
		return xs[0], off, nil
	}
	return &parse.Canary{Main: xs[0], New: xs[1], Percent: func(item pipeline.Item) float64 {
		return flags.Float(ctx, "llm.canary.percent", a.Config.LLMCanaryPercent, item)
	}}, off, nil
}

// Adviser asks the configured model about pairs that wait for a person. Error:
// invalid where no model is configured.
func (a *App) Adviser(ctx context.Context) (*catalog.Adviser, error) {
	names := a.Config.modelNames()
	if len(names) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "an adviser on pairs needs a model, and ASSAY_LLM is %q", a.Config.LLM).
			WithHint("set ASSAY_LLM=PROVIDER:MODEL, such as ollama:llama3.2")
	}
	prompts, err := a.prompts("advise")
	if err != nil {
		return nil, err
	}
	c, err := a.Model(ctx, names[0])
	if err != nil {
		return nil, err
	}
	flags, err := a.Flags() //nolint:contextcheck // reads once; each question has its own
	if err != nil {
		return nil, err
	}
	return &catalog.Adviser{
		Client: c, Prompt: prompts["advise"], Deny: a.Config.LLMDeny, Tokens: a.Config.LLMBatchTokens, Log: a.log,
		Off: func(item pipeline.Item) bool {
			return len(a.Config.LLMAllow) > 0 && !slices.Contains(a.Config.LLMAllow, item.Meta.Feed) || !flags.Bool(ctx, "llm.enabled", true, item)
		},
	}, nil
}

// llms are the models of those names as extractors; fresh ones ask even where
// an answer is kept.
func (a *App) llms(ctx context.Context, pack *knowledge.Pack, prompts knowledge.Prompts, names []string, fresh bool) ([]*parse.LLM, error) {
	index, err := a.Retriever(ctx)
	if err != nil {
		return nil, err
	}
	stage, err := a.stage(ctx, flow.RetrieveStage)
	if err != nil {
		return nil, err
	}
	if fresh {
		stage = nil // who measures asks the index itself
	}
	var xs []*parse.LLM
	for _, name := range names {
		c, err := a.Model(ctx, name)
		if err != nil {
			return nil, err
		}
		x, err := parse.NewLLM(pack, c, prompts, parse.LLMOptions{
			Reasks: a.Config.LLMReasks, ItemTokens: a.Config.LLMItemTokens, BatchTokens: a.Config.LLMBatchTokens, Deny: a.Config.LLMDeny, Retrieve: passages(index, stage), Fresh: fresh,
		})
		if err != nil {
			return nil, err
		}
		xs = append(xs, x)
	}
	return xs, nil
}

// PackFolder is the configured knowledge pack as files; dir is empty where it is
// embedded and cannot be written.
func (a *App) PackFolder() (pack fs.FS, dir string, err error) {
	if dir, ok := a.folder(a.Config.Knowledge); ok {
		return os.DirFS(dir), dir, nil
	}
	pack, err = fs.Sub(library.FS, "catalog")
	return pack, "", err
}

// Draft builds the use case that drafts categories with the configured model.
func (a *App) Draft(ctx context.Context) (*flow.Draft, error) {
	names := a.Config.modelNames()
	if len(names) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "a category is drafted by a model, and ASSAY_LLM is %s", a.Config.LLM).
			WithHint("set ASSAY_LLM or --llm to PROVIDER:MODEL")
	}
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	prompts, err := a.Prompts()
	if err != nil {
		return nil, err
	}
	c, err := a.Model(ctx, names[0])
	if err != nil {
		return nil, err
	}
	x, err := parse.NewLLM(pack, c, prompts, parse.LLMOptions{Reasks: a.Config.LLMReasks, ItemTokens: 4 * a.Config.LLMItemTokens, Deny: a.Config.LLMDeny})
	if err != nil {
		return nil, err
	}
	index, err := a.Retriever(ctx)
	if err != nil {
		return nil, err
	}
	files, _, err := a.PackFolder()
	if err != nil {
		return nil, err
	}
	store, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	return &flow.Draft{LLM: x, Index: index, Pack: files, Queue: review.Queue{Store: store, Now: a.now}, Now: a.now}, nil
}

// passages cites what the pack says about an item beside its schema, which the
// fixed part of the prompt holds already. While the breaker of retrieval is not
// closed that is what the dictionary finds by exact terms.
func passages(index *retrieve.Index, stage *flow.StageBreaker) func(context.Context, pipeline.Item, *knowledge.Schema) ([]parse.Passage, error) {
	return func(ctx context.Context, item pipeline.Item, s *knowledge.Schema) ([]parse.Passage, error) {
		_, moved, err := stage.Moved(ctx)
		if err != nil {
			return nil, err
		}
		hits, err := index.Find(ctx, retrieve.Query{Text: item.Source, Category: s.Category, Stage: retrieve.Parsing, K: 8, Exact: moved})
		if err != nil {
			return nil, err
		}
		var out []parse.Passage
		for _, h := range hits {
			own := h.Category == "" || h.Category == s.Category
			if own && h.Kind != retrieve.Category && h.Kind != retrieve.Attribute {
				out = append(out, parse.Passage{ID: h.ID, Text: h.Title + ": " + h.Text, Sum: h.Sum, Conflict: h.Conflict})
			}
		}
		return out, nil
	}
}

// loadEmbedder opens the configured embedder.
func (a *App) loadEmbedder() (embed.Embedder, error) {
	if strings.HasPrefix(a.Config.Embed, "hash:") {
		return embed.NewHashing(nil), nil
	}
	// Its dimensions may have to be asked for, once per process.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	opt, err := a.provider(ctx, a.Config.Embed, a.Config.EmbedURL)
	if err != nil {
		return nil, err
	}
	return llm.OpenEmbedder(ctx, a.Config.Embed, a.Config.EmbedDimensions, opt)
}

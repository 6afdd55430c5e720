package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/assay-pipeline/assay/pipeline"
)

// Flags are switches that change what a running program does: OpenFeature with
// a provider that reads a JSON object from a file or from the lake, and reads it
// again every ten seconds. Nothing has to be deployed for a kill switch.
//
//	{"llm.enabled": false, "llm.canary.percent": 5}
type Flags struct{ client *openfeature.Client }

// flagsFresh is how long flags are used before they are read again.
const flagsFresh = 10 * time.Second

// Flags opens the configured flags. A program that embeds Assay may set an
// OpenFeature provider for the domain "assay" instead.
func (a *App) Flags() (*Flags, error) {
	src := a.Config.Flags
	if src != "" {
		p := &flagFile{now: a.now}
		switch key, inLake := strings.CutPrefix(src, "lake:"); {
		case inLake:
			p.name = src
			p.read = func(ctx context.Context) ([]byte, error) {
				l, err := a.Lake()
				if err != nil {
					return nil, err
				}
				return l.ReadObject(ctx, key)
			}
		default:
			p.name = a.Config.path(src)
			p.read = func(context.Context) ([]byte, error) { return os.ReadFile(p.name) }
		}
		if err := p.refresh(context.Background()); err != nil {
			return nil, err
		}
		if err := openfeature.SetNamedProviderAndWait("assay", p); err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_FLAGS: %w", err)
		}
	}
	return &Flags{client: openfeature.NewClient("assay")}, nil
}

// Bool is a switch; def holds where nobody set it.
func (f *Flags) Bool(ctx context.Context, name string, def bool, item pipeline.Item) bool {
	v, err := f.client.BooleanValue(ctx, name, def, about(item))
	if err != nil {
		return def
	}
	return v
}

// Float is a number; def holds where nobody set it.
func (f *Flags) Float(ctx context.Context, name string, def float64, item pipeline.Item) float64 {
	v, err := f.client.FloatValue(ctx, name, def, about(item))
	if err != nil {
		return def
	}
	return v
}

// about is what a provider may decide by.
func about(item pipeline.Item) openfeature.EvaluationContext {
	return openfeature.NewEvaluationContext(item.ID, map[string]any{"feed": item.Meta.Feed, "plant": item.Meta.Plant, "category": item.Meta.Category})
}

// A flagFile is an OpenFeature provider over a JSON object. A file that cannot
// be read any more keeps its last values: a switch that was thrown stays thrown.
type flagFile struct {
	name string
	read func(ctx context.Context) ([]byte, error)
	now  func() time.Time

	mu     sync.Mutex
	at     time.Time
	values map[string]any
}

func (p *flagFile) refresh(ctx context.Context) error {
	data, err := p.read(ctx)
	if os.IsNotExist(err) || pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		data, err = []byte("{}"), nil // nothing is set
	}
	if err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "flags %s: %w", p.name, err)
	}
	values := map[string]any{}
	if err := json.Unmarshal(data, &values); err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "flags %s: %w", p.name, err).WithHint(`write an object such as {"llm.enabled": false}`)
	}
	p.at, p.values = p.now(), values
	return nil
}

func (p *flagFile) value(ctx context.Context, flag string) (any, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.at) >= flagsFresh || now.Before(p.at) {
		if err := p.refresh(ctx); err != nil {
			p.at = now // the last values hold; the next look is later
		}
	}
	v, ok := p.values[flag]
	return v, ok
}

// Metadata names the provider.
func (p *flagFile) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "assay flags"} }

// Hooks has none.
func (p *flagFile) Hooks() []openfeature.Hook { return nil }

func resolve[T any](p *flagFile, ctx context.Context, flag string, def T) (T, openfeature.ProviderResolutionDetail) { //nolint:revive // the receiver of what would be methods, were they allowed type parameters
	v, ok := p.value(ctx, flag)
	if !ok {
		return def, openfeature.ProviderResolutionDetail{Reason: openfeature.DefaultReason}
	}
	t, ok := v.(T)
	if !ok {
		return def, openfeature.ProviderResolutionDetail{
			ResolutionError: openfeature.NewTypeMismatchResolutionError(fmt.Sprintf("%s is %v", flag, v)), Reason: openfeature.ErrorReason,
		}
	}
	return t, openfeature.ProviderResolutionDetail{Reason: openfeature.StaticReason}
}

// BooleanEvaluation resolves a switch.
func (p *flagFile) BooleanEvaluation(ctx context.Context, flag string, def bool, _ openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	v, d := resolve(p, ctx, flag, def)
	return openfeature.BoolResolutionDetail{Value: v, ProviderResolutionDetail: d}
}

// StringEvaluation resolves a text.
func (p *flagFile) StringEvaluation(ctx context.Context, flag, def string, _ openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	v, d := resolve(p, ctx, flag, def)
	return openfeature.StringResolutionDetail{Value: v, ProviderResolutionDetail: d}
}

// FloatEvaluation resolves a number.
func (p *flagFile) FloatEvaluation(ctx context.Context, flag string, def float64, _ openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	v, d := resolve(p, ctx, flag, def)
	return openfeature.FloatResolutionDetail{Value: v, ProviderResolutionDetail: d}
}

// IntEvaluation resolves a whole number.
func (p *flagFile) IntEvaluation(ctx context.Context, flag string, def int64, _ openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	v, d := resolve(p, ctx, flag, float64(def))
	return openfeature.IntResolutionDetail{Value: int64(v), ProviderResolutionDetail: d}
}

// ObjectEvaluation resolves anything.
func (p *flagFile) ObjectEvaluation(ctx context.Context, flag string, def any, _ openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	v, d := resolve(p, ctx, flag, def)
	return openfeature.InterfaceResolutionDetail{Value: v, ProviderResolutionDetail: d}
}

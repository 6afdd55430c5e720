package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// An embedder is an embedding model as an embed.Embedder.
type embedder struct {
	name string // PROVIDER:MODEL
	dims int
	// most is how many texts go into one request.
	most int
	send func(ctx context.Context, texts []string) ([][]float32, error)
}

// OpenEmbedder returns the embedder of a model that is named PROVIDER:MODEL;
// Anthropic has none. dims asks for that many dimensions where the model can
// choose; 0 is what the model gives, which is found out by embedding one word.
// Errors: invalid, and those of Embed.
func OpenEmbedder(ctx context.Context, name string, dims int, opt Options) (embed.Embedder, error) {
	provider, m, err := split(name, opt)
	if err != nil {
		return nil, err
	}
	e := &embedder{name: name, dims: dims, most: 96}
	base := strings.TrimSuffix(opt.URL, "/")
	switch provider {
	case "openai":
		if base == "" {
			base = openAIURL
		}
		if opt.Key == "" && base == openAIURL {
			return nil, noKey("openai", "OPENAI_API_KEY")
		}
		e.send = openAIVectors(newWire("openai", opt), base+"/embeddings", opt.Key, m, dims)
	case "ollama":
		if base == "" {
			base = ollamaURL
		}
		e.send = ollamaVectors(newWire("ollama", opt), base+"/api/embed", m)
	case "bedrock":
		c, err := bedrockClient(newWire("bedrock", opt), opt)
		if err != nil {
			return nil, err
		}
		e.send = bedrockVectors(c, m, dims)
	default:
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s has no embedding models", provider).WithHint("openai, ollama and bedrock have")
	}
	if e.dims == 0 {
		v, err := e.send(ctx, []string{"screw"})
		if err != nil {
			return nil, err
		}
		if len(v) != 1 || len(v[0]) == 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: an embedding without numbers", name)
		}
		e.dims = len(v[0])
	}
	return e, nil
}

// Space names the model and its dimensions.
func (e *embedder) Space() string { return e.name + ":" + strconv.Itoa(e.dims) }

// Dimensions of a vector.
func (e *embedder) Dimensions() int { return e.dims }

// Embed embeds texts in requests of at most 96.
func (e *embedder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	var at []int
	var batch []string
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		vs, err := e.send(ctx, batch)
		if err != nil {
			return err
		}
		if len(vs) != len(batch) {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s: %d vectors for %d texts", e.name, len(vs), len(batch))
		}
		for i, v := range vs {
			if len(v) != e.dims {
				return pipeline.Errorf(pipeline.CodeInvalid, "%s: a vector of %d numbers, expected %d", e.name, len(v), e.dims).
					WithHint("the model or its dimensions changed; fill a new space")
			}
			if err := normalise(v); err != nil {
				return pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", e.name, err)
			}
			out[at[i]] = v
		}
		at, batch = at[:0], batch[:0]
		return nil
	}
	for i, t := range texts {
		if strings.TrimSpace(t) == "" { // providers refuse it; the port says what it is
			out[i] = make([]float32, e.dims)
			continue
		}
		at, batch = append(at, i), append(batch, t)
		if len(batch) == e.most {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return out, nil
}

// normalise scales v to length 1.
func normalise(v []float32) error {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) || sum == 0 {
		return fmt.Errorf("a vector of length %v", math.Sqrt(sum))
	}
	n := 1 / math.Sqrt(sum)
	for i := range v {
		v[i] = float32(float64(v[i]) * n)
	}
	return nil
}

func openAIVectors(w *wire, url, key, name string, dims int) func(context.Context, []string) ([][]float32, error) {
	return func(ctx context.Context, texts []string) ([][]float32, error) {
		body, err := post(ctx, w, url, key, struct {
			Model  string   `json:"model"`
			Input  []string `json:"input"`
			Dims   int      `json:"dimensions,omitempty"`
			Format string   `json:"encoding_format"`
		}{name, texts, dims, "float"})
		if err != nil {
			return nil, err
		}
		var r struct {
			Data []struct {
				Index  int       `json:"index"`
				Vector []float32 `json:"embedding"`
			} `json:"data"`
		}
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, notVectors("openai", err)
		}
		out := make([][]float32, len(texts))
		for _, d := range r.Data { // the protocol promises no order
			if d.Index < 0 || d.Index >= len(out) || out[d.Index] != nil {
				return nil, notVectors("openai", fmt.Errorf("a vector with index %d", d.Index))
			}
			out[d.Index] = d.Vector
		}
		for i, v := range out {
			if v == nil {
				return nil, notVectors("openai", fmt.Errorf("no vector with index %d", i))
			}
		}
		return out, nil
	}
}

func notVectors(provider string, err error) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "%s: what came back are not embeddings: %w", provider, err).
		WithHint("check that the address is that of the API, and that the model embeds")
}

func ollamaVectors(w *wire, url, name string) func(context.Context, []string) ([][]float32, error) {
	return func(ctx context.Context, texts []string) ([][]float32, error) {
		body, err := post(ctx, w, url, "", map[string]any{"model": name, "input": texts})
		if err != nil {
			return nil, err
		}
		var r struct {
			Embeddings [][]float32 `json:"embeddings"`
		}
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, notVectors("ollama", err)
		}
		return r.Embeddings, nil
	}
}

// bedrockVectors speaks to Titan models, one text to a request, and to Cohere's,
// which take many.
func bedrockVectors(c *bedrockruntime.Client, name string, dims int) func(context.Context, []string) ([][]float32, error) {
	invoke := func(ctx context.Context, body any, into any) error {
		b, err := encode(body)
		if err != nil {
			return err
		}
		ctx, ex := withExchange(ctx)
		out, err := c.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{
			ModelId: aws.String(name), Body: b, ContentType: aws.String("application/json"), Accept: aws.String("application/json"),
		})
		switch {
		case ex.failure != nil:
			return ex.failure
		case err != nil:
			return pipeline.Errorf(pipeline.CodeUnavailable, "bedrock: %w", err)
		}
		if err := json.Unmarshal(out.Body, into); err != nil {
			return notVectors("bedrock", err)
		}
		return nil
	}
	if strings.Contains(name, "cohere.") {
		return func(ctx context.Context, texts []string) ([][]float32, error) {
			var r struct {
				Embeddings [][]float32 `json:"embeddings"`
			}
			err := invoke(ctx, map[string]any{"texts": texts, "input_type": "clustering", "truncate": "END"}, &r)
			return r.Embeddings, err
		}
	}
	return func(ctx context.Context, texts []string) ([][]float32, error) {
		out := make([][]float32, len(texts))
		for i, t := range texts {
			body := map[string]any{"inputText": t}
			if dims > 0 {
				body["dimensions"], body["normalize"] = dims, true
			}
			var r struct {
				Embedding []float32 `json:"embedding"`
			}
			if err := invoke(ctx, body, &r); err != nil {
				return nil, err
			}
			out[i] = r.Embedding
		}
		return out, nil
	}
}

package llm

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

const openAIURL = "https://api.openai.com/v1"

// openAI is the protocol of OpenAI's chat completions, which many servers
// speak.
func openAI(name string, opt Options) (model.Chat, error) {
	base := strings.TrimSuffix(opt.URL, "/")
	own := base == "" || base == openAIURL
	if base == "" {
		base = openAIURL
	}
	w := newWire("openai", opt)
	w.edit = func(ctx context.Context, body map[string]json.RawMessage) error {
		if !own {
			// Servers that speak the protocol know the older name alone.
			if n, ok := body["max_completion_tokens"]; ok {
				delete(body, "max_completion_tokens")
				body["max_tokens"] = n
			}
		}
		req := requestOf(ctx)
		if req.Schema == nil || opt.Structured == Tool || opt.Structured == Text {
			return nil
		}
		format, err := encode(map[string]any{"type": "json_schema", "json_schema": map[string]any{
			"name": req.Schema.Name, "strict": true, "schema": json.RawMessage(req.Schema.JSON),
		}})
		body["response_format"] = format
		return err
	}
	key := opt.Key
	if key == "" {
		if own {
			return nil, noKey("openai", "OPENAI_API_KEY")
		}
		key = "none" // servers of one's own often ask for no key; langchaingo does
	}
	m, err := openai.New(openai.WithModel(name), openai.WithToken(key), openai.WithBaseURL(base), openai.WithHTTPClient(w))
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "openai: %w", err)
	}
	return &chat{name: "openai", llm: m, opts: []llms.CallOption{llms.WithModel(name)}, asTool: opt.Structured == Tool, read: readOpenAI}, nil
}

func noKey(provider, env string) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "%s: no key", provider).WithHint("set ASSAY_LLM_KEY or %s", env)
}

func readOpenAI(body []byte) (model.Reply, error) {
	var r struct {
		Model   string `json:"model"`
		Choices []struct {
			Message struct {
				Content   *string `json:"content"`
				Refusal   string  `json:"refusal"`
				ToolCalls []struct {
					Function struct {
						Arguments string `json:"arguments"`
					} `json:"function"`
				} `json:"tool_calls"`
			} `json:"message"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
		Usage struct {
			In      int `json:"prompt_tokens"`
			Out     int `json:"completion_tokens"`
			Details struct {
				Cached int `json:"cached_tokens"`
			} `json:"prompt_tokens_details"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return model.Reply{}, err
	}
	reply := model.Reply{Model: r.Model, Usage: model.Usage{In: r.Usage.In, Out: r.Usage.Out, Cached: r.Usage.Details.Cached}}
	if len(r.Choices) == 0 {
		return reply, errors.New("no choices")
	}
	c := r.Choices[0]
	reply.Stop = stop(c.FinishReason)
	switch {
	case c.Message.Refusal != "":
		reply.Text, reply.Stop = c.Message.Refusal, model.StopRefusal
	case len(c.Message.ToolCalls) > 0:
		reply.Text = c.Message.ToolCalls[0].Function.Arguments
	case c.Message.Content != nil:
		reply.Text = *c.Message.Content
	}
	return reply, nil
}

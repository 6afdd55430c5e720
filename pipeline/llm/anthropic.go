package llm

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// anthropicChat is Anthropic's messages API.
func anthropicChat(name string, opt Options) (model.Chat, error) {
	if opt.Key == "" {
		return nil, noKey("anthropic", "ANTHROPIC_API_KEY")
	}
	w := newWire("anthropic", opt)
	w.edit = func(ctx context.Context, body map[string]json.RawMessage) error {
		req := requestOf(ctx)
		var err error
		if req.Schema != nil && opt.Structured != Text {
			body["tool_choice"], err = encode(map[string]string{"type": "tool", "name": req.Schema.Name})
		}
		if req.System != "" && err == nil {
			// The fixed part is cached up to here, tools included.
			body["system"], err = encode([]map[string]any{{
				"type": "text", "text": req.System, "cache_control": map[string]string{"type": "ephemeral"},
			}})
		}
		return err
	}
	opts := []anthropic.Option{anthropic.WithModel(name), anthropic.WithToken(opt.Key), anthropic.WithHTTPClient(w)}
	if opt.URL != "" {
		base := strings.TrimSuffix(opt.URL, "/")
		if !strings.HasSuffix(base, "/v1") {
			base += "/v1"
		}
		opts = append(opts, anthropic.WithBaseURL(base))
	}
	m, err := anthropic.New(opts...)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "anthropic: %w", err)
	}
	return &chat{name: "anthropic", llm: m, opts: []llms.CallOption{llms.WithModel(name)}, asTool: opt.Structured != Text, read: readAnthropic}, nil
}

func readAnthropic(body []byte) (model.Reply, error) {
	var r struct {
		Type    string `json:"type"`
		Model   string `json:"model"`
		Content []struct {
			Type  string          `json:"type"`
			Text  string          `json:"text"`
			Input json.RawMessage `json:"input"`
		} `json:"content"`
		Stop  string `json:"stop_reason"`
		Usage struct {
			In      int `json:"input_tokens"`
			Out     int `json:"output_tokens"`
			Read    int `json:"cache_read_input_tokens"`
			Written int `json:"cache_creation_input_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return model.Reply{}, err
	}
	// Tokens that were written to the cache are dearer than others and count as
	// read from nowhere; tokens read from it come on top of input_tokens.
	reply := model.Reply{Model: r.Model, Stop: stop(r.Stop), Usage: model.Usage{
		In: r.Usage.In + r.Usage.Read + r.Usage.Written, Out: r.Usage.Out, Cached: r.Usage.Read,
	}}
	if r.Content == nil {
		return reply, errors.New("no content")
	}
	for _, c := range r.Content {
		if c.Type == "tool_use" {
			reply.Text = string(c.Input)
			return reply, nil
		}
		if c.Type == "text" {
			reply.Text += c.Text
		}
	}
	return reply, nil
}

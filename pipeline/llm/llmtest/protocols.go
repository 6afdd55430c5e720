package llmtest

import (
	"encoding/json"
	"hash/fnv"
	"net/http"
	"net/url"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/model"
)

// Unknown models are refused by every protocol.
func unknown(name string) bool { return name == "" || strings.HasPrefix(name, "no-such") }

func (s *Server) openAI(r *http.Request, body []byte, f Fault) (int, any) {
	var in struct {
		Model    string `json:"model"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		MaxTokens      int      `json:"max_tokens"`
		MaxCompletion  int      `json:"max_completion_tokens"`
		Temperature    *float64 `json:"temperature"`
		ResponseFormat *struct {
			Type       string `json:"type"`
			JSONSchema struct {
				Name   string          `json:"name"`
				Strict bool            `json:"strict"`
				Schema json.RawMessage `json:"schema"`
			} `json:"json_schema"`
		} `json:"response_format"`
		Tools []struct {
			Function struct {
				Name       string          `json:"name"`
				Parameters json.RawMessage `json:"parameters"`
			} `json:"function"`
		} `json:"tools"`
		ToolChoice json.RawMessage `json:"tool_choice"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return fail(400, "the body: %v", err)
	}
	if unknown(in.Model) {
		return fail(404, "The model %q does not exist", in.Model)
	}
	a := Asked{Provider: "openai", Model: in.Model, MaxTokens: max(in.MaxTokens, in.MaxCompletion), Temperature: in.Temperature}
	for _, m := range in.Messages {
		text := content(m.Content)
		if m.Role == "system" {
			a.System += text
			continue
		}
		a.Messages = append(a.Messages, model.Message{Role: model.Role(m.Role), Text: text})
	}
	switch {
	case in.ResponseFormat != nil:
		if in.ResponseFormat.Type != "json_schema" || !in.ResponseFormat.JSONSchema.Strict {
			return fail(400, "response_format: only json_schema with strict")
		}
		a.Schema, a.SchemaName, a.Way = in.ResponseFormat.JSONSchema.Schema, in.ResponseFormat.JSONSchema.Name, "response_format"
	case len(in.Tools) > 0:
		if !strings.Contains(string(in.ToolChoice), in.Tools[0].Function.Name) {
			return fail(400, "tool_choice does not force the tool: %s", in.ToolChoice)
		}
		a.Schema, a.SchemaName, a.Way = in.Tools[0].Function.Parameters, in.Tools[0].Function.Name, "tool"
	}
	text, refused, u := s.think(a, r, body, f)
	message := map[string]any{"role": "assistant", "content": text}
	finish := "stop"
	switch {
	case refused:
		message = map[string]any{"role": "assistant", "content": nil, "refusal": text}
	case a.Way == "tool":
		finish = "tool_calls"
		message = map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
			"id": "call_1", "type": "function", "function": map[string]any{"name": a.SchemaName, "arguments": text},
		}}}
	}
	return 200, map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "model": in.Model + "-2026-01-01",
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": finish}},
		"usage": map[string]any{"prompt_tokens": u.In, "completion_tokens": u.Out, "total_tokens": u.Total(),
			"prompt_tokens_details": map[string]any{"cached_tokens": u.Cached}},
	}
}

// content is a string, or the texts of a list of parts.
func content(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(raw, &parts)
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

func (s *Server) anthropic(r *http.Request, body []byte, f Fault) (int, any) {
	var in struct {
		Model    string `json:"model"`
		System   []part `json:"system"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		MaxTokens   int      `json:"max_tokens"`
		Temperature *float64 `json:"temperature"`
		Tools       []struct {
			Name        string          `json:"name"`
			InputSchema json.RawMessage `json:"input_schema"`
		} `json:"tools"`
		ToolChoice *struct {
			Type string `json:"type"`
			Name string `json:"name"`
		} `json:"tool_choice"`
	}
	switch err := json.Unmarshal(body, &in); {
	case err != nil:
		return fail(400, "the body: %v", err)
	case r.Header.Get("Anthropic-Version") == "":
		return fail(400, "anthropic-version: header is required")
	case in.MaxTokens == 0:
		return fail(400, "max_tokens: field required")
	case unknown(in.Model):
		return fail(404, "model: %s", in.Model)
	}
	a := Asked{Provider: "anthropic", Model: in.Model, MaxTokens: in.MaxTokens, Temperature: in.Temperature}
	for _, p := range in.System {
		a.System += p.Text
	}
	for _, m := range in.Messages {
		a.Messages = append(a.Messages, model.Message{Role: model.Role(m.Role), Text: content(m.Content)})
	}
	if len(in.Tools) > 0 {
		if in.ToolChoice == nil || in.ToolChoice.Name != in.Tools[0].Name {
			return fail(400, "tool_choice does not force the tool")
		}
		a.Schema, a.SchemaName, a.Way = in.Tools[0].InputSchema, in.Tools[0].Name, "tool"
	}
	text, refused, u := s.think(a, r, body, f)
	block, stop := any(map[string]any{"type": "text", "text": text}), "end_turn"
	switch {
	case refused:
		stop = "refusal"
	case a.Way == "tool" && json.Valid([]byte(text)):
		block, stop = map[string]any{"type": "tool_use", "id": "toolu_1", "name": a.SchemaName, "input": json.RawMessage(text)}, "tool_use"
	}
	return 200, map[string]any{
		"id": "msg_1", "type": "message", "role": "assistant", "model": in.Model, "content": []any{block}, "stop_reason": stop,
		"usage": map[string]any{"input_tokens": u.In - u.Cached, "output_tokens": u.Out, "cache_read_input_tokens": u.Cached},
	}
}

type part struct {
	Text string `json:"text"`
}

func (s *Server) ollama(r *http.Request, body []byte, f Fault) (int, any) {
	var in struct {
		Model    string `json:"model"`
		Messages []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
		Stream  *bool           `json:"stream"`
		Format  json.RawMessage `json:"format"`
		Options struct {
			Temperature *float64 `json:"temperature"`
			NumPredict  int      `json:"num_predict"`
		} `json:"options"`
	}
	switch err := json.Unmarshal(body, &in); {
	case err != nil:
		return 400, map[string]string{"error": err.Error()}
	case in.Stream == nil || *in.Stream:
		return 400, map[string]string{"error": "this server does not stream"}
	case unknown(in.Model):
		return 404, map[string]string{"error": "model '" + in.Model + "' not found"}
	}
	a := Asked{Provider: "ollama", Model: in.Model, MaxTokens: in.Options.NumPredict, Temperature: in.Options.Temperature}
	for _, m := range in.Messages {
		if m.Role == "system" {
			a.System += m.Content
			continue
		}
		a.Messages = append(a.Messages, model.Message{Role: model.Role(m.Role), Text: m.Content})
	}
	if len(in.Format) > 0 {
		a.Schema, a.Way = in.Format, "format"
	}
	text, _, u := s.think(a, r, body, f) // the protocol knows no refusal
	return 200, map[string]any{
		"model": in.Model, "message": map[string]any{"role": "assistant", "content": text}, "done": true, "done_reason": "stop",
		"prompt_eval_count": u.In, "eval_count": u.Out,
	}
}

func (s *Server) converse(r *http.Request, body []byte, f Fault) (int, any) {
	var in struct {
		System   []part `json:"system"`
		Messages []struct {
			Role    string `json:"role"`
			Content []part `json:"content"`
		} `json:"messages"`
		InferenceConfig struct {
			MaxTokens   int      `json:"maxTokens"`
			Temperature *float64 `json:"temperature"`
		} `json:"inferenceConfig"`
		ToolConfig *struct {
			Tools []struct {
				ToolSpec struct {
					Name        string `json:"name"`
					InputSchema struct {
						JSON json.RawMessage `json:"json"`
					} `json:"inputSchema"`
				} `json:"toolSpec"`
			} `json:"tools"`
			ToolChoice struct {
				Tool struct {
					Name string `json:"name"`
				} `json:"tool"`
			} `json:"toolChoice"`
		} `json:"toolConfig"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return 400, map[string]string{"message": err.Error()}
	}
	name := modelID(r)
	if unknown(name) {
		return 404, map[string]string{"message": "The provided model identifier is invalid."}
	}
	a := Asked{Provider: "bedrock", Model: name, MaxTokens: in.InferenceConfig.MaxTokens, Temperature: in.InferenceConfig.Temperature}
	for _, p := range in.System {
		a.System += p.Text
	}
	for _, m := range in.Messages {
		text := ""
		for _, p := range m.Content {
			text += p.Text
		}
		a.Messages = append(a.Messages, model.Message{Role: model.Role(m.Role), Text: text})
	}
	if in.ToolConfig != nil && len(in.ToolConfig.Tools) > 0 {
		spec := in.ToolConfig.Tools[0].ToolSpec
		if in.ToolConfig.ToolChoice.Tool.Name != spec.Name {
			return 400, map[string]string{"message": "toolChoice does not force the tool"}
		}
		a.Schema, a.SchemaName, a.Way = spec.InputSchema.JSON, spec.Name, "tool"
	}
	text, refused, u := s.think(a, r, body, f)
	block, stop := any(map[string]any{"text": text}), "end_turn"
	switch {
	case refused:
		stop = "content_filtered"
	case a.Way == "tool" && json.Valid([]byte(text)):
		block, stop = map[string]any{"toolUse": map[string]any{"toolUseId": "t1", "name": a.SchemaName, "input": json.RawMessage(text)}}, "tool_use"
	}
	return 200, map[string]any{
		"output":     map[string]any{"message": map[string]any{"role": "assistant", "content": []any{block}}},
		"stopReason": stop, "metrics": map[string]any{"latencyMs": 5},
		"usage": map[string]any{"inputTokens": u.In - u.Cached, "outputTokens": u.Out, "totalTokens": u.Total() - u.Cached, "cacheReadInputTokens": u.Cached},
	}
}

// modelID is the model in a path such as /model/ID/converse.
func modelID(r *http.Request) string {
	p := strings.TrimPrefix(r.URL.EscapedPath(), "/model/")
	p, _, _ = strings.Cut(p, "/")
	id, err := url.PathUnescape(p)
	if err != nil {
		return ""
	}
	return id
}

// vector is a stand-in for an embedding: the same text has the same one.
func (s *Server) vector(text string, dims int) []float32 {
	if dims == 0 {
		dims = s.Dimensions
	}
	v := make([]float32, dims)
	h := fnv.New64a()
	for i := range v {
		_, _ = h.Write([]byte(text))
		v[i] = float32(int64(h.Sum64()>>40)) - 1<<23
	}
	return v
}

func (s *Server) openAIVectors(body []byte) (int, any) {
	var in struct {
		Model string   `json:"model"`
		Input []string `json:"input"`
		Dims  int      `json:"dimensions"`
	}
	if err := json.Unmarshal(body, &in); err != nil || unknown(in.Model) {
		return fail(400, "the body, or the model %q", in.Model)
	}
	var data []any
	for i := len(in.Input) - 1; i >= 0; i-- { // no order is promised, and none is kept
		if in.Input[i] == "" {
			return fail(400, "input cannot be an empty string")
		}
		data = append(data, map[string]any{"index": i, "embedding": s.vector(in.Input[i], in.Dims)})
	}
	return 200, map[string]any{"data": data, "model": in.Model, "usage": map[string]any{"prompt_tokens": 1}}
}

func (s *Server) ollamaVectors(body []byte) (int, any) {
	var in struct {
		Model string   `json:"model"`
		Input []string `json:"input"`
	}
	if err := json.Unmarshal(body, &in); err != nil || unknown(in.Model) {
		return 404, map[string]string{"error": "model not found"}
	}
	out := make([][]float32, len(in.Input))
	for i, t := range in.Input {
		out[i] = s.vector(t, 0)
	}
	return 200, map[string]any{"embeddings": out}
}

func (s *Server) invoke(r *http.Request, body []byte) (int, any) {
	var in struct {
		InputText string   `json:"inputText"`
		Texts     []string `json:"texts"`
		Dims      int      `json:"dimensions"`
	}
	name := modelID(r)
	if err := json.Unmarshal(body, &in); err != nil || unknown(name) {
		return 400, map[string]string{"message": "the body, or the model"}
	}
	if strings.HasPrefix(name, "cohere.") {
		out := make([][]float32, len(in.Texts))
		for i, t := range in.Texts {
			out[i] = s.vector(t, 0)
		}
		return 200, map[string]any{"embeddings": out}
	}
	return 200, map[string]any{"embedding": s.vector(in.InputText, in.Dims)}
}

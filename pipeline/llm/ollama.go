package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

const ollamaURL = "http://127.0.0.1:11434"

// An ollama is Ollama's chat API as an llms.Model.
type ollama struct {
	wire  *wire
	base  string
	model string
	plain bool // do not send a schema
}

func ollamaChat(name string, opt Options) (model.Chat, error) {
	base := strings.TrimSuffix(opt.URL, "/")
	if base == "" {
		base = ollamaURL
	}
	m := &ollama{wire: newWire("ollama", opt), base: base, model: name, plain: opt.Structured == Text}
	return &chat{name: "ollama", llm: m, read: readOllama}, nil
}

// Call answers one prompt.
func (o *ollama) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, o, prompt, options...)
}

// GenerateContent answers messages.
func (o *ollama) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	var opts llms.CallOptions
	for _, f := range options {
		f(&opts)
	}
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	type settings struct {
		Temperature float64 `json:"temperature"`
		NumPredict  int     `json:"num_predict,omitempty"`
		Seed        int     `json:"seed"`
	}
	body := struct {
		Model    string          `json:"model"`
		Messages []message       `json:"messages"`
		Stream   bool            `json:"stream"`
		Format   json.RawMessage `json:"format,omitempty"`
		Options  settings        `json:"options"`
	}{Model: o.model, Options: settings{Temperature: opts.Temperature, NumPredict: opts.MaxTokens, Seed: opts.Seed}}
	if s := requestOf(ctx).Schema; s != nil && !o.plain {
		body.Format = s.JSON
	}
	roles := map[llms.ChatMessageType]string{llms.ChatMessageTypeSystem: "system", llms.ChatMessageTypeHuman: "user", llms.ChatMessageTypeAI: "assistant"}
	for _, m := range messages {
		var text strings.Builder
		for _, p := range m.Parts {
			if t, ok := p.(llms.TextContent); ok {
				text.WriteString(t.Text)
			}
		}
		body.Messages = append(body.Messages, message{Role: roles[m.Role], Content: text.String()})
	}
	reply, err := post(ctx, o.wire, o.base+"/api/chat", "", body)
	if err != nil {
		return nil, err
	}
	r, err := readOllama(reply)
	if err != nil {
		return nil, err
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: r.Text, StopReason: string(r.Stop), GenerationInfo: map[string]any{
		"PromptTokens": r.Usage.In, "CompletionTokens": r.Usage.Out,
	}}}}, nil
}

// post sends JSON and returns the bytes of the reply.
func post(ctx context.Context, w *wire, url, bearer string, body any) ([]byte, error) {
	b, err := encode(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the address: %w", w.name, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	ex, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		ctx, ex = withExchange(ctx)
	}
	resp, err := w.Do(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	return ex.body, resp.Body.Close()
}

func readOllama(body []byte) (model.Reply, error) {
	var r struct {
		Model   string `json:"model"`
		Message *struct {
			Content string `json:"content"`
		} `json:"message"`
		Reason string `json:"done_reason"`
		In     int    `json:"prompt_eval_count"`
		Out    int    `json:"eval_count"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return model.Reply{}, err
	}
	reply := model.Reply{Model: r.Model, Stop: stop(r.Reason), Usage: model.Usage{In: r.In, Out: r.Out}}
	if r.Message == nil {
		return reply, errors.New("no message")
	}
	reply.Text = r.Message.Content
	return reply, nil
}

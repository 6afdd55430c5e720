package llm

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tmc/langchaingo/llms"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// A chat is an llms.Model as a model.Chat.
type chat struct {
	name string
	llm  llms.Model
	opts []llms.CallOption
	// asTool hands a schema over as a tool that has to be called; the wire of a
	// provider that has another way takes it from the context instead.
	asTool bool
	// read reads the bytes of a reply; nil reads what llm makes of it.
	read func(body []byte) (model.Reply, error)
}

// Wrap makes a model.Chat of any llms.Model. It knows what llms.Model tells:
// usage where GenerationInfo has it under the common names, and no request id.
func Wrap(name string, m llms.Model, opts ...llms.CallOption) model.Chat {
	return &chat{name: name, llm: m, opts: opts, asTool: true}
}

type requestKey struct{}

// requestOf is the request that a wire's edit works for.
func requestOf(ctx context.Context) model.Request {
	req, _ := ctx.Value(requestKey{}).(model.Request)
	return req
}

// Complete answers one request.
func (c *chat) Complete(ctx context.Context, req model.Request) (model.Reply, error) {
	ctx, ex := withExchange(context.WithValue(ctx, requestKey{}, req))
	opts := append([]llms.CallOption{llms.WithTemperature(req.Temperature)}, c.opts...)
	if req.MaxTokens > 0 {
		opts = append(opts, llms.WithMaxTokens(req.MaxTokens))
	}
	if req.Schema != nil && c.asTool {
		opts = append(opts, llms.WithTools([]llms.Tool{tool(req.Schema)}), llms.WithToolChoice(llms.ToolChoice{
			Type: "function", Function: &llms.FunctionReference{Name: req.Schema.Name},
		}))
	}
	resp, err := c.llm.GenerateContent(ctx, messages(req), opts...)
	if ex.failure != nil {
		return model.Reply{RequestID: ex.requestID}, ex.failure
	}
	var reply model.Reply
	switch {
	case ctx.Err() != nil:
		return model.Reply{}, pipeline.Errorf(pipeline.ErrorCode(ctx.Err()), "%s: no reply in time: %w", c.name, ctx.Err())
	case c.read != nil && ex.body != nil:
		// The bytes decide, whatever the client above made of them.
		reply, err = c.read(ex.body)
		if err != nil {
			err = pipeline.Errorf(pipeline.CodeInvalid, "%s: what came back is not a reply: %w", c.name, err).
				WithHint("check that the address is that of the API")
		}
	case err != nil:
		err = pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", c.name, err)
	default:
		reply, err = common(resp)
	}
	reply.RequestID = ex.requestID
	if err != nil {
		return reply, &model.Failure{Err: err, Status: ex.status, RequestID: ex.requestID, Usage: reply.Usage}
	}
	return reply, nil
}

func tool(s *model.Schema) llms.Tool {
	return llms.Tool{Type: "function", Function: &llms.FunctionDefinition{
		Name: s.Name, Description: "Answer with this call.", Parameters: json.RawMessage(s.JSON), Strict: true,
	}}
}

func messages(req model.Request) []llms.MessageContent {
	out := make([]llms.MessageContent, 0, len(req.Messages)+1)
	if req.System != "" {
		out = append(out, llms.TextParts(llms.ChatMessageTypeSystem, req.System))
	}
	for _, m := range req.Messages {
		role := llms.ChatMessageTypeHuman
		if m.Role == model.Assistant {
			role = llms.ChatMessageTypeAI
		}
		out = append(out, llms.TextParts(role, m.Text))
	}
	return out
}

// common reads the answer of an llms.Model that is not ours.
func common(resp *llms.ContentResponse) (model.Reply, error) {
	if resp == nil || len(resp.Choices) == 0 {
		return model.Reply{}, errors.New("an answer without a choice")
	}
	var r model.Reply
	for _, c := range resp.Choices {
		if len(c.ToolCalls) > 0 && c.ToolCalls[0].FunctionCall != nil {
			r.Text = c.ToolCalls[0].FunctionCall.Arguments
			break
		}
		if r.Text == "" {
			r.Text = c.Content
		}
	}
	// Some models repeat the usage with each choice: it counts once.
	info := resp.Choices[0].GenerationInfo
	count := func(names ...string) int {
		for _, n := range names {
			if v, ok := info[n].(int); ok && v > 0 {
				return v
			}
		}
		return 0
	}
	r.Usage = model.Usage{
		In: count("PromptTokens", "InputTokens", "input_tokens"), Out: count("CompletionTokens", "OutputTokens", "output_tokens"),
		Cached: count("PromptCachedTokens", "CacheReadInputTokens"),
	}
	r.Stop = stop(resp.Choices[0].StopReason)
	return r, nil
}

// stop translates the providers' words.
func stop(reason string) model.Stop {
	switch reason {
	case "length", "max_tokens", "model_context_window_exceeded":
		return model.StopLength
	case "content_filter", "refusal", "content_filtered", "guardrail_intervened":
		return model.StopRefusal
	}
	return model.StopEnd
}

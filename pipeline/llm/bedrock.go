package llm

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/tmc/langchaingo/llms"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// A converse is Bedrock's Converse API as an llms.Model.
type converse struct {
	client *bedrockruntime.Client
	model  string
}

// bedrockClient has our wire below it and no retries of its own: package model
// repeats, with a budget.
func bedrockClient(w *wire, opt Options) (*bedrockruntime.Client, error) {
	if opt.AWS == nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "bedrock: no AWS configuration").WithHint("set AWS_REGION and credentials")
	}
	return bedrockruntime.NewFromConfig(*opt.AWS, func(o *bedrockruntime.Options) {
		o.HTTPClient = w
		o.Retryer = aws.NopRetryer{}
		if opt.URL != "" {
			o.BaseEndpoint = aws.String(opt.URL)
		}
	}), nil
}

func bedrockChat(name string, opt Options) (model.Chat, error) {
	c, err := bedrockClient(newWire("bedrock", opt), opt)
	if err != nil {
		return nil, err
	}
	return &chat{name: "bedrock", llm: &converse{client: c, model: name}, asTool: opt.Structured != Text, read: readConverse}, nil
}

// Call answers one prompt.
func (c *converse) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, c, prompt, options...)
}

// GenerateContent answers messages.
func (c *converse) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	var opts llms.CallOptions
	for _, f := range options {
		f(&opts)
	}
	in := &bedrockruntime.ConverseInput{
		ModelId: aws.String(c.model),
		InferenceConfig: &types.InferenceConfiguration{
			Temperature: aws.Float32(float32(opts.Temperature)),
		},
	}
	if opts.MaxTokens > 0 {
		in.InferenceConfig.MaxTokens = aws.Int32(int32(min(opts.MaxTokens, 1<<30))) //nolint:gosec // bounded
	}
	for _, m := range messages {
		var text strings.Builder
		for _, p := range m.Parts {
			if t, ok := p.(llms.TextContent); ok {
				text.WriteString(t.Text)
			}
		}
		switch m.Role {
		case llms.ChatMessageTypeSystem:
			in.System = append(in.System, &types.SystemContentBlockMemberText{Value: text.String()})
		case llms.ChatMessageTypeAI:
			in.Messages = append(in.Messages, say(types.ConversationRoleAssistant, text.String()))
		default:
			in.Messages = append(in.Messages, say(types.ConversationRoleUser, text.String()))
		}
	}
	if len(opts.Tools) > 0 {
		t := opts.Tools[0].Function
		schema, err := lazy(t.Parameters)
		if err != nil {
			return nil, err
		}
		in.ToolConfig = &types.ToolConfiguration{
			Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
				Name: aws.String(t.Name), Description: aws.String(t.Description),
				InputSchema: &types.ToolInputSchemaMemberJson{Value: schema},
			}}},
			ToolChoice: &types.ToolChoiceMemberTool{Value: types.SpecificToolChoice{Name: aws.String(t.Name)}},
		}
	}
	out, err := c.client.Converse(ctx, in)
	if err != nil {
		return nil, err
	}
	choice := &llms.ContentChoice{StopReason: string(out.StopReason), GenerationInfo: map[string]any{}}
	if msg, ok := out.Output.(*types.ConverseOutputMemberMessage); ok {
		for _, b := range msg.Value.Content {
			if t, ok := b.(*types.ContentBlockMemberText); ok {
				choice.Content += t.Value
			}
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{choice}}, nil
}

func say(role types.ConversationRole, text string) types.Message {
	return types.Message{Role: role, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}
}

// lazy makes a document of a JSON Schema.
func lazy(schema any) (document.Interface, error) {
	b, err := encode(schema)
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "bedrock: the schema: %w", err)
	}
	return document.NewLazyDocument(v), nil
}

func readConverse(body []byte) (model.Reply, error) {
	var r struct {
		Output *struct {
			Message struct {
				Content []struct {
					Text    string `json:"text"`
					ToolUse *struct {
						Input json.RawMessage `json:"input"`
					} `json:"toolUse"`
				} `json:"content"`
			} `json:"message"`
		} `json:"output"`
		Stop  string `json:"stopReason"`
		Usage struct {
			In      int `json:"inputTokens"`
			Out     int `json:"outputTokens"`
			Read    int `json:"cacheReadInputTokens"`
			Written int `json:"cacheWriteInputTokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return model.Reply{}, err
	}
	reply := model.Reply{Stop: stop(r.Stop), Usage: model.Usage{In: r.Usage.In + r.Usage.Read + r.Usage.Written, Out: r.Usage.Out, Cached: r.Usage.Read}}
	if r.Output == nil {
		return reply, errors.New("no output")
	}
	for _, c := range r.Output.Message.Content {
		if c.ToolUse != nil {
			reply.Text = string(c.ToolUse.Input)
			return reply, nil
		}
		reply.Text += c.Text
	}
	return reply, nil
}

package llm

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// A Structured is how a schema is asked for.
type Structured string

// Ways to ask for a schema.
const (
	// Auto is the provider's own: response_format, a forced tool, or format.
	Auto Structured = ""
	// Tool is a tool that has to be called, for servers without
	// response_format.
	Tool Structured = "tool"
	// Text sends no schema; the prompt alone asks.
	Text Structured = "text"
)

// Options of a provider.
type Options struct {
	// URL is the address of the API; empty is the provider's own (Ollama's:
	// http://127.0.0.1:11434).
	URL string
	// Key is the credential; Bedrock takes those of AWS, Ollama needs none.
	Key        string
	Structured Structured
	// AWS is the configuration for Bedrock.
	AWS *aws.Config
	// Transport is that of the HTTP client; nil is the default one.
	Transport http.RoundTripper
}

// Providers are the names that Open and OpenEmbedder know.
var Providers = []string{"anthropic", "bedrock", "ollama", "openai"}

// Open returns the chat of a model that is named PROVIDER:MODEL. Errors:
// invalid.
func Open(name string, opt Options) (model.Chat, error) {
	provider, m, err := split(name, opt)
	if err != nil {
		return nil, err
	}
	switch provider {
	case "openai":
		return openAI(m, opt)
	case "anthropic":
		return anthropicChat(m, opt)
	case "ollama":
		return ollamaChat(m, opt)
	default:
		return bedrockChat(m, opt)
	}
}

// split reads PROVIDER:MODEL and checks the address.
func split(name string, opt Options) (provider, m string, err error) {
	provider, m, _ = strings.Cut(name, ":")
	known := false
	for _, p := range Providers {
		known = known || p == provider
	}
	if !known || m == "" {
		return "", "", pipeline.Errorf(pipeline.CodeInvalid, "model %q is not of the form PROVIDER:MODEL", name).
			WithHint("providers are %s", strings.Join(Providers, ", "))
	}
	if opt.URL != "" {
		u, err := url.Parse(opt.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", "", pipeline.Errorf(pipeline.CodeInvalid, "%s: the address %q is not http://… or https://…", provider, opt.URL)
		}
	}
	return provider, m, nil
}

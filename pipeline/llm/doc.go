// Package llm speaks to the providers of chat and embedding models: Amazon
// Bedrock (Converse), OpenAI and servers that speak its protocol, Anthropic,
// Ollama. It is the only package that imports langchaingo, whose llms.Model is
// the port behind which every provider stands; Wrap makes a model.Chat of any
// other llms.Model.
//
// # What langchaingo 0.1.14 does here, and what it does not
//
// Requests to OpenAI and Anthropic are built by langchaingo. It loses what
// matters here on the way back (Retry-After, request ids, usage of cached
// tokens, refusals, and the digits of numbers: the arguments of a tool call
// pass through float64), so the HTTP client under it is ours: it bounds the
// size of a reply, refuses redirects, which would carry the key elsewhere,
// turns failures into model.Failure, and keeps the bytes of the reply, which
// are read here. It also adds what langchaingo cannot say: a JSON Schema with
// all of its keywords (response_format), the forced choice of a tool, the mark
// up to which a prompt is to be cached.
//
// Bedrock goes through AWS's own SDK, since langchaingo has InvokeModel alone
// and drops a temperature of 0; Ollama through 40 lines of HTTP, since
// langchaingo's format is a string and knows no schema. Both are llms.Models.
//
// # Structured answers
//
// Each provider is asked in its own way: OpenAI by response_format json_schema
// with strict (or by a forced tool, or not at all, see Structured), Anthropic
// and Bedrock by a forced tool, Ollama by format. What comes back is read by
// package guard all the same: a promise of a provider is no guarantee.
package llm

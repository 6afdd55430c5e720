// Package llmtest is a server that speaks the protocols of the model providers
// on loopback: OpenAI's chat completions (response_format and tools) and
// embeddings, Anthropic's messages, Ollama's chat and embed, Bedrock's Converse
// and InvokeModel with the signature checked. What it answers comes from a
// Mind; what goes wrong on the way comes from Faults. It is not a mock of a
// store of our own: no model can be reached from where tests run, and this is
// the protocol's other end.
package llmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/assay-pipeline/assay/pipeline/model"
)

// Key is the key that the server accepts; it is a secret for the AWS signature
// too.
const Key = "sk-loopback-0123456789"

// Asked is a request as the server understood it, whatever the protocol.
type Asked struct {
	Provider string // openai, anthropic, ollama, bedrock
	Model    string
	System   string
	Messages []model.Message
	// Schema is the JSON Schema that was sent, in whatever way; Way is
	// response_format, tool or format, empty where none was sent.
	Schema      json.RawMessage
	SchemaName  string
	Way         string
	MaxTokens   int
	Temperature *float64
	Header      http.Header
	Body        []byte
}

// User is the last message of the user.
func (a Asked) User() string {
	for i := len(a.Messages) - 1; i >= 0; i-- {
		if a.Messages[i].Role == model.User {
			return a.Messages[i].Text
		}
	}
	return ""
}

// A Mind answers: the text of the reply (JSON where a schema was sent), or a
// refusal.
type Mind func(a Asked) (text string, refused bool)

// Always is a Mind of one answer.
func Always(text string) Mind {
	return func(Asked) (string, bool) { return text, false }
}

// A Fault is something that goes wrong with one exchange.
type Fault struct {
	// Status other than 0 answers with it, and RetryAfter beside it.
	Status     int
	RetryAfter string
	// Delay before anything is sent.
	Delay time.Duration
	// Cut closes the connection after that many bytes of the body; negative is
	// before the header.
	Cut int
	// Type and Body replace the reply as it is, with status 200: HTML, 10 MB,
	// JSON that is none.
	Type string
	Body string
	// Location redirects.
	Location string
	// Twist changes what the mind said: a wrong digit, a fence around it.
	Twist func(text string) string
}

// A Server is the other end of the providers' protocols.
type Server struct {
	URL string
	// Dimensions of embeddings.
	Dimensions int

	// Trouble, where set, is what goes wrong with a question, by its body; what
	// Misbehave ordered comes first. It is set before the first question.
	Trouble func(a Asked) Fault

	mind   Mind
	http   *httptest.Server
	mu     sync.Mutex
	asked  []Asked
	faults []Fault
}

// TB is what Start needs of a test.
type TB interface {
	Helper()
	Cleanup(f func())
}

// Start starts a server that ends with the test.
func Start(t TB, mind Mind) *Server {
	t.Helper()
	s := New(mind)
	t.Cleanup(s.Close)
	return s
}

// New starts a server; Close ends it.
func New(mind Mind) *Server {
	s := &Server{mind: mind, Dimensions: 8}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL
	return s
}

// Close ends the server and every connection.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Misbehave lets the next exchanges go wrong, one fault each, in order.
func (s *Server) Misbehave(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Asked are the requests so far.
func (s *Server) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Asked(nil), s.asked...)
}

// AWS is a configuration whose signatures the server accepts.
func (s *Server) AWS() *aws.Config {
	return &aws.Config{Region: "eu-central-1", Credentials: aws.CredentialsProviderFunc(credentials)}
}

func (s *Server) fault() (f Fault, ordered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Fault{}, false
	}
	f = s.faults[0]
	s.faults = s.faults[1:]
	return f, true
}

// overheard are the messages of a question in OpenAI's form, which is all that
// Trouble is told of.
func overheard(body []byte) (a Asked) {
	var in struct {
		Model    string `json:"model"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if json.Unmarshal(body, &in) != nil {
		return a
	}
	a.Model = in.Model
	for _, m := range in.Messages {
		if m.Role == "system" {
			a.System += content(m.Content)
			continue
		}
		a.Messages = append(a.Messages, model.Message{Role: model.Role(m.Role), Text: content(m.Content)})
	}
	return a
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		return
	}
	f, ordered := s.fault()
	if !ordered && s.Trouble != nil {
		f = s.Trouble(overheard(body))
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	n := s.count()
	w.Header().Set("X-Request-Id", fmt.Sprintf("req-%d", n))
	switch {
	case f.Location != "":
		w.Header().Set("Location", f.Location)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	case f.Status != 0:
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, `{"error":{"message":"as ordered: %d for %s","type":"test"}}`, f.Status, r.Header.Get("Authorization"))
		return
	case f.Cut < 0:
		hangUp(w)
		return
	case f.Body != "":
		if f.Type != "" {
			w.Header().Set("Content-Type", f.Type)
		}
		_, _ = io.WriteString(w, f.Body)
		return
	}
	status, reply := s.answer(r, body, f)
	out, err := json.Marshal(reply)
	if err != nil {
		status, out = 500, []byte(`{}`)
	}
	if f.Cut > 0 && f.Cut < len(out) {
		w.Header().Set("Content-Length", fmt.Sprint(len(out)))
		w.WriteHeader(status)
		_, _ = w.Write(out[:f.Cut])
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		hangUp(w)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(out)
}

func hangUp(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_ = conn.Close()
		}
	}
}

func (s *Server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked) + 1
}

type failure struct {
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
}

func fail(status int, format string, args ...any) (int, any) {
	var f failure
	f.Error.Message = fmt.Sprintf(format, args...)
	return status, f
}

// answer routes by path, checks the credential, and speaks the protocol.
func (s *Server) answer(r *http.Request, body []byte, f Fault) (int, any) {
	p := r.URL.Path
	bearer := r.Header.Get("Authorization") == "Bearer "+Key
	switch {
	case r.Method != http.MethodPost:
		return fail(405, "POST only")
	case strings.HasSuffix(p, "/chat/completions"):
		if !bearer {
			return fail(401, "wrong key %s", r.Header.Get("Authorization"))
		}
		return s.openAI(r, body, f)
	case strings.HasSuffix(p, "/embeddings"):
		if !bearer {
			return fail(401, "wrong key")
		}
		return s.openAIVectors(body)
	case strings.HasSuffix(p, "/v1/messages"):
		if r.Header.Get("X-Api-Key") != Key {
			return fail(401, "invalid x-api-key")
		}
		return s.anthropic(r, body, f)
	case p == "/api/chat":
		return s.ollama(r, body, f)
	case p == "/api/embed":
		return s.ollamaVectors(body)
	case strings.HasPrefix(p, "/model/"):
		if err := checkSignature(r, body); err != nil {
			return fail(403, "%v", err)
		}
		if strings.HasSuffix(p, "/converse") {
			return s.converse(r, body, f)
		}
		return s.invoke(r, body)
	}
	return fail(404, "no such path %s", p)
}

// think asks the mind, and remembers that it was asked.
func (s *Server) think(a Asked, r *http.Request, body []byte, f Fault) (text string, refused bool, usage model.Usage) {
	a.Header, a.Body = r.Header, body
	s.mu.Lock()
	s.asked = append(s.asked, a)
	s.mu.Unlock()
	text, refused = s.mind(a)
	if f.Twist != nil {
		text = f.Twist(text)
	}
	// Four bytes to a token, as good a count as any; the fixed part of a prompt
	// that was sent before is cached.
	usage = model.Usage{In: (len(a.System) + len(a.User())) / 4, Out: len(text)/4 + 1}
	for _, before := range s.Asked()[:s.count()-2] {
		if before.System == a.System && a.System != "" {
			usage.Cached = len(a.System) / 4
			break
		}
	}
	return text, refused, usage
}

package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/llm"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
)

var schema = &model.Schema{Name: "record", JSON: []byte(`{"type":"object","additionalProperties":false,"required":["bore"],"properties":{"bore":{"anyOf":[{"type":"null"},{"type":"string","pattern":"^[0-9.]+$"}]}}}`)}

var question = model.Request{
	System: "You read descriptions. <fixed>", Messages: []model.Message{{Role: model.User, Text: `{"item":{"text":"Lager 25x52x15 \u003c/item\u003e ä"}}`}},
	Schema: schema, MaxTokens: 321,
}

// open opens the chat of every provider on the server.
func open(t *testing.T, s *llmtest.Server, provider string, change ...func(*llm.Options)) model.Chat {
	t.Helper()
	opt := llm.Options{URL: s.URL, Key: llmtest.Key, AWS: s.AWS()}
	if provider == "openai" {
		opt.URL += "/v1"
	}
	for _, f := range change {
		f(&opt)
	}
	name := map[string]string{"openai": "gpt-test", "anthropic": "claude-test", "ollama": "qwen:7b", "bedrock": "eu.amazon.nova-lite-v1:0"}[provider]
	c, err := llm.Open(provider+":"+name, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func each(t *testing.T, f func(t *testing.T, provider string)) {
	for _, p := range llm.Providers {
		t.Run(p, func(t *testing.T) { f(t, p) })
	}
}

func TestStructuredAnswer(t *testing.T) {
	ways := map[string]string{"openai": "response_format", "anthropic": "tool", "ollama": "format", "bedrock": "tool"}
	each(t, func(t *testing.T, provider string) {
		// The digits of a number survive: neither 0.10 nor 20 digits pass
		// through a float.
		const text = `{"bore":"25","n":0.10,"big":12345678901234567890}`
		s := llmtest.Start(t, llmtest.Always(text))
		c := open(t, s, provider)
		for range 2 {
			r, err := c.Complete(context.Background(), question)
			if err != nil {
				t.Fatal(err)
			}
			if r.Text != text || r.Stop != model.StopEnd || r.Usage.In == 0 || r.Usage.Out == 0 {
				t.Errorf("got %+v", r)
			}
			if provider != "bedrock" && r.Model == "" || r.RequestID == "" {
				t.Errorf("no model or request id: %+v", r)
			}
		}
		asked := s.Asked()
		a := asked[0]
		if a.Way != ways[provider] || a.System != question.System || a.User() != question.Messages[0].Text || a.MaxTokens != 321 {
			t.Errorf("the server saw %s %q %q %d", a.Way, a.System, a.User(), a.MaxTokens)
		}
		if a.Temperature == nil || *a.Temperature != 0 {
			t.Errorf("temperature %v", a.Temperature)
		}
		var got, want any
		if json.Unmarshal(a.Schema, &got) != nil || json.Unmarshal(schema.JSON, &want) != nil || toJSON(t, got) != toJSON(t, want) {
			t.Errorf("schema %s", a.Schema)
		}
		if string(asked[0].Body) != string(asked[1].Body) {
			t.Error("the same request has other bytes the second time")
		}
	})
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The second question about a category finds the fixed part cached, and says
// so, however the provider counts.
func TestCachedTokens(t *testing.T) {
	for _, provider := range []string{"openai", "anthropic", "bedrock"} {
		t.Run(provider, func(t *testing.T) {
			s := llmtest.Start(t, llmtest.Always(`{"bore":null}`))
			c := open(t, s, provider)
			first, err := c.Complete(context.Background(), question)
			if err != nil {
				t.Fatal(err)
			}
			second, err := c.Complete(context.Background(), question)
			if err != nil {
				t.Fatal(err)
			}
			if first.Usage.Cached != 0 || second.Usage.Cached == 0 || second.Usage.In != first.Usage.In {
				t.Errorf("first %+v, second %+v", first.Usage, second.Usage)
			}
			if provider == "anthropic" && !strings.Contains(string(s.Asked()[0].Body), `"cache_control":{"type":"ephemeral"}`) {
				t.Error("the fixed part is not marked for the cache")
			}
		})
	}
}

func TestOtherWays(t *testing.T) {
	s := llmtest.Start(t, llmtest.Always(`{"bore":"1"}`))
	for way, want := range map[llm.Structured]string{llm.Tool: "tool", llm.Text: ""} {
		c := open(t, s, "openai", func(o *llm.Options) { o.Structured = way })
		r, err := c.Complete(context.Background(), question)
		if err != nil || r.Text != `{"bore":"1"}` {
			t.Fatalf("%q: %v %+v", way, err, r)
		}
		asked := s.Asked()
		if got := asked[len(asked)-1].Way; got != want {
			t.Errorf("asked by %q, want %q", got, want)
		}
	}
	c := open(t, s, "openai")
	if r, err := c.Complete(context.Background(), model.Request{Messages: question.Messages, MaxTokens: 5}); err != nil || r.Text == "" {
		t.Errorf("without a schema: %v %+v", err, r)
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  llmtest.Fault
		code   pipeline.Code
		retry  bool
		status int
		after  time.Duration
		says   string
	}{
		{name: "busy", fault: llmtest.Fault{Status: 429, RetryAfter: "7"}, code: pipeline.CodeLimit, retry: true, status: 429, after: 7 * time.Second, says: "as ordered"},
		{name: "broken", fault: llmtest.Fault{Status: 503}, code: pipeline.CodeUnavailable, retry: true, status: 503},
		{name: "refused", fault: llmtest.Fault{Status: 400}, code: pipeline.CodeInvalid, status: 400},
		{name: "wrong key", fault: llmtest.Fault{Status: 401}, code: pipeline.CodeUnauthorized, status: 401, says: "check the key"},
		{name: "forbidden", fault: llmtest.Fault{Status: 403}, code: pipeline.CodeDenied, status: 403},
		{name: "hang up", fault: llmtest.Fault{Cut: -1}, code: pipeline.CodeUnavailable, retry: true},
		{name: "cut", fault: llmtest.Fault{Cut: 40}, code: pipeline.CodeUnavailable, retry: true},
		{name: "HTML", fault: llmtest.Fault{Type: "text/html", Body: "<html><body>welcome</body></html>"}, code: pipeline.CodeInvalid, status: 200, says: "address"},
		{name: "10 MB", fault: llmtest.Fault{Body: strings.Repeat("x", 10<<20)}, code: pipeline.CodeInvalid, status: 200, says: "more than 4 MiB"},
		{name: "empty object", fault: llmtest.Fault{Body: "{}"}, code: pipeline.CodeInvalid, status: 200},
		{name: "redirect", fault: llmtest.Fault{Location: "http://169.254.169.254/latest"}, code: pipeline.CodeInvalid, status: 307, says: "not followed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, provider string) {
				s := llmtest.Start(t, llmtest.Always(`{"bore":null}`))
				s.Misbehave(tc.fault)
				c := open(t, s, provider)
				_, err := c.Complete(context.Background(), question)
				var f *model.Failure
				if !errors.As(err, &f) {
					t.Fatalf("no Failure: %v", err)
				}
				if pipeline.ErrorCode(err) != tc.code || f.Retry != tc.retry || f.Status != tc.status || f.After != tc.after {
					t.Errorf("code %s retry %v status %d after %s: %v", pipeline.ErrorCode(err), f.Retry, f.Status, f.After, err)
				}
				if !strings.Contains(pipeline.ErrorMessage(err), tc.says) {
					t.Errorf("says %q", pipeline.ErrorMessage(err))
				}
				if strings.Contains(err.Error(), llmtest.Key) {
					t.Errorf("the key stands in the message: %v", err)
				}
				if _, err := c.Complete(context.Background(), question); err != nil {
					t.Errorf("the next one: %v", err)
				}
			})
		})
	}
}

func TestTimeAndCancel(t *testing.T) {
	each(t, func(t *testing.T, provider string) {
		s := llmtest.Start(t, llmtest.Always(`{"bore":null}`))
		s.Misbehave(llmtest.Fault{Delay: time.Minute}, llmtest.Fault{Delay: time.Minute})
		c := open(t, s, provider)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.Complete(ctx, question); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
			t.Errorf("too slow: %v", err)
		}
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := c.Complete(ctx, question); pipeline.ErrorCode(err) != pipeline.CodeCanceled {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestRefusal(t *testing.T) {
	for _, provider := range []string{"openai", "anthropic", "bedrock"} {
		s := llmtest.Start(t, func(llmtest.Asked) (string, bool) { return "I would rather not", true })
		r, err := open(t, s, provider).Complete(context.Background(), question)
		if err != nil || r.Stop != model.StopRefusal {
			t.Errorf("%s: %v %+v", provider, err, r)
		}
	}
}

func TestWrongNames(t *testing.T) {
	s := llmtest.Start(t, llmtest.Always("{}"))
	for _, provider := range llm.Providers {
		c, err := llm.Open(provider+":no-such-model", llm.Options{URL: s.URL, Key: llmtest.Key, AWS: s.AWS()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Complete(context.Background(), question); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			t.Errorf("%s: %v", provider, err)
		}
	}
	for _, name := range []string{"", "openai", "openai:", "mistral:x"} {
		if _, err := llm.Open(name, llm.Options{Key: "k"}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, u := range []string{"ftp://x", "localhost:8080", "http://"} {
		if _, err := llm.Open("openai:x", llm.Options{Key: "k", URL: u}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("address %q: %v", u, err)
		}
	}
	for _, p := range []string{"openai", "anthropic"} {
		if _, err := llm.Open(p+":x", llm.Options{}); err == nil || !strings.Contains(err.Error(), "key") {
			t.Errorf("%s without a key: %v", p, err)
		}
	}
	bad := s.AWS()
	bad.Region = "us-east-1"
	c, err := llm.Open("bedrock:x", llm.Options{URL: s.URL, AWS: bad})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Complete(context.Background(), question); err != nil {
		t.Errorf("a signature of another region is one too: %v", err)
	}
}

func TestEmbedders(t *testing.T) {
	s := llmtest.Start(t, llmtest.Always(""))
	ctx := context.Background()
	texts := make([]string, 200)
	for i := range texts {
		texts[i] = strings.Repeat("x", i)
	}
	texts[7] = "  "
	for _, name := range []string{"openai:embed-test", "ollama:embed-test", "bedrock:amazon.titan-embed-text-v2:0", "bedrock:cohere.embed-v4:0"} {
		url := s.URL
		if strings.HasPrefix(name, "openai") {
			url += "/v1"
		}
		e, err := llm.OpenEmbedder(ctx, name, 0, llm.Options{URL: url, Key: llmtest.Key, AWS: s.AWS()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.Dimensions() != 8 || e.Space() != name+":8" {
			t.Errorf("%s: %d dimensions in %s", name, e.Dimensions(), e.Space())
		}
		vs, err := e.Embed(ctx, texts)
		if err != nil || len(vs) != len(texts) {
			t.Errorf("%s: %d vectors, %v", name, len(vs), err)
			continue
		}
		one, err := e.Embed(ctx, texts[150:151])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, v := range vs {
			var n float64
			for _, x := range v {
				n += float64(x) * float64(x)
			}
			empty := strings.TrimSpace(texts[i]) == ""
			if empty && n != 0 || !empty && (n < 0.999 || n > 1.001) {
				t.Errorf("%s: text %d has length² %v", name, i, n)
			}
		}
		if toJSON(t, one[0]) != toJSON(t, vs[150]) {
			t.Errorf("%s: the vectors came in another order", name)
		}
	}
	if _, err := llm.OpenEmbedder(ctx, "anthropic:x", 0, llm.Options{Key: "k"}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("anthropic: %v", err)
	}
	if _, err := llm.OpenEmbedder(ctx, "ollama:no-such", 0, llm.Options{URL: s.URL}); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("no such model: %v", err)
	}
}

var record = flag.String("record", "", "record the exchanges of TestRecorded with a live provider: PROVIDER:MODEL, its key and address in ASSAY_LLM_KEY and ASSAY_LLM_URL")

// What was recorded comes back without the provider: the same reply, usage and
// request id. With -record the exchange is taken from a live one.
func TestRecorded(t *testing.T) {
	ctx := context.Background()
	if *record != "" {
		opt := llm.Options{URL: os.Getenv("ASSAY_LLM_URL"), Key: os.Getenv("ASSAY_LLM_KEY"), Transport: &llmtest.Recorder{Dir: "testdata/recorded", Live: http.DefaultTransport}}
		c, err := llm.Open(*record, opt)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Complete(ctx, question)
		t.Logf("%+v %v", r, err)
		return
	}
	each(t, func(t *testing.T, provider string) {
		dir := t.TempDir()
		s := llmtest.Start(t, llmtest.Always(`{"bore":"25"}`))
		s.Misbehave(llmtest.Fault{Status: 429, RetryAfter: "2"})
		through := func(live http.RoundTripper) func(*llm.Options) {
			return func(o *llm.Options) { o.Transport = &llmtest.Recorder{Dir: dir, Live: live} }
		}
		recording := open(t, s, provider, through(http.DefaultTransport))
		if _, err := recording.Complete(ctx, question); pipeline.ErrorCode(err) != pipeline.CodeLimit {
			t.Fatal(err)
		}
		other := question
		other.MaxTokens++
		want, err := recording.Complete(ctx, other)
		if err != nil {
			t.Fatal(err)
		}
		asked := len(s.Asked())
		playing := open(t, s, provider, through(nil))
		got, err := playing.Complete(ctx, other)
		got.Latency, want.Latency = 0, 0
		if err != nil || got != want {
			t.Errorf("%v %+v, recorded %+v", err, got, want)
		}
		var f *model.Failure
		if _, err := playing.Complete(ctx, question); !errors.As(err, &f) || f.After != 2*time.Second {
			t.Errorf("the failure: %v", err)
		}
		other.MaxTokens++
		if _, err := playing.Complete(ctx, other); err == nil || !strings.Contains(err.Error(), "never recorded") {
			t.Errorf("what was not recorded: %v", err)
		}
		if len(s.Asked()) != asked {
			t.Error("the server was asked")
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 2 {
			t.Errorf("%d files, %v", len(files), err)
		}
		for _, file := range files {
			data, err := os.ReadFile(filepath.Join(dir, file.Name()))
			if err != nil || strings.Contains(string(data), llmtest.Key) || strings.Contains(string(data), "Signature=") {
				t.Errorf("a credential stands in %s, %v", file.Name(), err)
			}
		}
	})
}

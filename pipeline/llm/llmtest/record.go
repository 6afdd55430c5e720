package llmtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"
)

// A Recorder is an http.RoundTripper that keeps exchanges as files, one each,
// and gives them back: with Live it sends what it has no file for to the
// provider and writes down what comes back, without it a request that was never
// recorded is an error. Requests are told apart by method, path and body; keys
// and signatures are never written down.
type Recorder struct {
	Dir  string
	Live http.RoundTripper
}

// kept are the headers of a reply that matter to a client.
var kept = []string{"Content-Type", "Retry-After", "X-Request-Id", "Request-Id", "X-Amzn-Requestid"}

// RoundTrip answers from a file or from the provider.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("reading the request: %w", err)
		}
		body = b
	}
	sum := sha256.Sum256([]byte(req.Method + " " + req.URL.EscapedPath() + "\n" + string(body)))
	file := filepath.Join(r.Dir, hex.EncodeToString(sum[:8])+".txtar")
	data, err := os.ReadFile(file)
	switch {
	case err == nil:
		return replay(req, txtar.Parse(data))
	case !os.IsNotExist(err):
		return nil, fmt.Errorf("a recorded exchange: %w", err)
	case r.Live == nil:
		return nil, fmt.Errorf("%s %s was never recorded (%s)", req.Method, req.URL.Path, file)
	}
	live := req.Clone(req.Context())
	live.Body, live.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := r.Live.RoundTrip(live)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("reading the reply: %w", err)
	}
	body, answer = redact(req, body), redact(req, answer)
	var head strings.Builder
	fmt.Fprintf(&head, "%d\n", resp.StatusCode)
	for _, h := range kept {
		if v := resp.Header.Get(h); v != "" {
			fmt.Fprintf(&head, "%s: %s\n", h, v)
		}
	}
	a := &txtar.Archive{
		Comment: []byte(req.Method + " " + req.URL.EscapedPath() + "\n"),
		Files:   []txtar.File{{Name: "request", Data: body}, {Name: "head", Data: []byte(head.String())}, {Name: "reply", Data: answer}},
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return replay(req, a)
}

// redact takes the credentials of a request out of a text: some providers
// repeat them in their errors.
func redact(req *http.Request, text []byte) []byte {
	for _, h := range []string{"Authorization", "X-Api-Key", "X-Amz-Security-Token"} {
		for _, v := range req.Header.Values(h) {
			text = bytes.ReplaceAll(text, []byte(v), []byte("[credential]"))
			if _, token, ok := strings.Cut(v, " "); ok {
				text = bytes.ReplaceAll(text, []byte(token), []byte("[credential]"))
			}
		}
	}
	return text
}

func replay(req *http.Request, a *txtar.Archive) (*http.Response, error) {
	resp := &http.Response{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: req}
	for _, f := range a.Files {
		switch f.Name {
		case "head":
			status, rest, _ := strings.Cut(string(f.Data), "\n")
			if _, err := fmt.Sscan(status, &resp.StatusCode); err != nil {
				return nil, fmt.Errorf("a recorded exchange: %w", err)
			}
			for line := range strings.Lines(rest) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
				resp.Header.Set(k, v)
			}
		case "reply":
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(f.Data)), int64(len(f.Data))
		}
	}
	if resp.StatusCode == 0 || resp.Body == nil {
		return nil, fmt.Errorf("a recorded exchange without head or reply")
	}
	resp.Status = http.StatusText(resp.StatusCode)
	return resp, nil
}

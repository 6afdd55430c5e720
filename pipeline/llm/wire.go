package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// maxReply bounds a reply of a provider in bytes.
const maxReply = 4 << 20

// An exchange is what one HTTP exchange left behind; it travels in the context,
// since the clients above the wire keep too little of it.
type exchange struct {
	status    int
	requestID string
	body      []byte
	failure   *model.Failure
}

type exchangeKey struct{}

func withExchange(ctx context.Context) (context.Context, *exchange) {
	ex := new(exchange)
	return context.WithValue(ctx, exchangeKey{}, ex), ex
}

// A wire is the HTTP client under every provider.
type wire struct {
	name string // of the provider, for messages
	http *http.Client
	// key is taken out of whatever a provider says.
	key string
	// edit changes the JSON of a request; nil leaves it as it is.
	edit func(ctx context.Context, body map[string]json.RawMessage) error
	now  func() time.Time
}

func newWire(name string, opt Options) *wire {
	transport := opt.Transport
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type
		t.MaxIdleConnsPerHost = 16
		t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
		transport = t
	}
	return &wire{name: name, key: opt.Key, now: time.Now, http: &http.Client{
		Transport: transport,
		// A redirect would carry key and prompt to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do sends a request and keeps what came back. A reply that is not a success
// is an error: clients above make too little of it.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	ex, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if ex == nil {
		ex = new(exchange)
	}
	if w.edit != nil && req.Body != nil {
		if err := w.rewrite(req); err != nil {
			return nil, ex.fail(&model.Failure{Err: err})
		}
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return nil, ex.fail(w.broken(req.Context(), err))
	}
	defer func() { _ = resp.Body.Close() }() //nolint:errcheck // read to its end, or given up
	ex.status = resp.StatusCode
	for _, h := range []string{"X-Request-Id", "Request-Id", "X-Amzn-Requestid"} {
		if id := resp.Header.Get(h); id != "" {
			ex.requestID = clip(id, 200)
			break
		}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return nil, ex.fail(w.broken(req.Context(), err))
	}
	if len(body) > maxReply {
		return nil, ex.fail(&model.Failure{Status: ex.status, RequestID: ex.requestID,
			Err: pipeline.Errorf(pipeline.CodeInvalid, "%s: a reply of more than %d MiB", w.name, maxReply>>20)})
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, ex.fail(w.refused(req, resp, body, ex.requestID))
	}
	ex.body = body
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (ex *exchange) fail(f *model.Failure) error {
	ex.failure = f
	return f
}

// rewrite applies edit to the body of a request. Keys are written in order of
// their names, so the same request has the same bytes.
func (w *wire) rewrite(req *http.Request) error {
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close()
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "%s: reading the request: %w", w.name, err)
	}
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &m); err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "%s: reading the request: %w", w.name, err)
	}
	if err := w.edit(req.Context(), m); err != nil {
		return err
	}
	if body, err = encode(m); err != nil {
		return err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = nil
	req.ContentLength = int64(len(body))
	return nil
}

// broken is a connection that did not bring a whole reply.
func (w *wire) broken(ctx context.Context, err error) *model.Failure {
	if cause := ctx.Err(); cause != nil {
		return &model.Failure{Retry: errors.Is(cause, context.DeadlineExceeded),
			Err: pipeline.Errorf(pipeline.ErrorCode(cause), "%s: no reply in time: %w", w.name, cause)}
	}
	var u *url.Error // the address is the configuration's, not the cause
	if errors.As(err, &u) {
		err = u.Err
	}
	f := model.Fail(0, 0, "", "%s: the connection broke: %s", w.name, w.redact(err.Error()))
	var op *net.OpError
	f.Unsent = errors.As(err, &op) && op.Op == "dial"
	return f
}

// refused is a reply with another status than success.
func (w *wire) refused(req *http.Request, resp *http.Response, body []byte, id string) *model.Failure {
	said := said(body)
	if said == "" {
		said = http.StatusText(resp.StatusCode)
	}
	f := model.Fail(resp.StatusCode, w.after(resp.Header), id, "%s answers %d: %s", w.name, resp.StatusCode, w.redact(said))
	var e *pipeline.Error
	if !errors.As(f.Err, &e) {
		return f
	}
	switch {
	case resp.StatusCode/100 == 3:
		f.Err = e.WithHint("it sends to %s, which is not followed; set the address itself", clip(resp.Header.Get("Location"), 200))
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		f.Err = e.WithHint("check the key")
	case resp.StatusCode == http.StatusNotFound:
		f.Err = e.WithHint("check the name of the model and the address %s://%s%s", req.URL.Scheme, req.URL.Host, req.URL.Path)
	}
	return f
}

// said is the message in the body of an error: every provider puts it into one
// of these places.
func said(body []byte) string {
	var e struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	var nested struct {
		Message string `json:"message"`
	}
	var plain string
	switch {
	case json.Unmarshal(e.Error, &nested) == nil && nested.Message != "":
		return clip(nested.Message, 300)
	case json.Unmarshal(e.Error, &plain) == nil && plain != "":
		return clip(plain, 300)
	}
	return clip(e.Message, 300)
}

// after is how long a reply asks to wait.
func (w *wire) after(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(w.now()))
	}
	return 0
}

// redact takes the key out of a text.
func (w *wire) redact(s string) string {
	if len(w.key) >= 4 {
		s = strings.ReplaceAll(s, w.key, "[key]")
	}
	return s
}

func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + " …"
	}
	return s
}

// encode is JSON without the escapes that only web pages need.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "encoding a request: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Tracer sends the spans of a function to an OpenTelemetry collector, by
// OTLP/HTTP in its JSON form: from the event that came in, through the queue (a
// message carries the traceparent of what caused it) and the outbox (so does an
// event), to the event that goes out. It speaks the protocol itself, since the
// OpenTelemetry SDK with its exporter is a third of a function's archive. A nil
// *Tracer traces nothing.
//
// Spans carry ids of batches, feeds and messages, never a row or a prompt.
type Tracer struct {
	url     string
	service string
	now     func() time.Time
	log     *slog.Logger
	client  *http.Client

	mu    sync.Mutex
	spans []otlpSpan
}

// maxSpans bounds what one invocation keeps before it is sent.
const maxSpans = 1000

func newTracer(endpoint, function string, now func() time.Time, log *slog.Logger) *Tracer {
	if endpoint == "" || function == "" {
		return nil
	}
	return &Tracer{
		url: strings.TrimRight(endpoint, "/") + "/v1/traces", service: "assay-" + function, now: now, log: log,
		client: &http.Client{Timeout: 2 * time.Second},
	}
}

// Tracer is where this process sends traces; nil where nothing is traced.
func (a *App) Tracer() *Tracer { return a.tracer }

type otlpValue struct {
	String string `json:"stringValue"`
}

type otlpAttribute struct {
	Key   string    `json:"key"`
	Value otlpValue `json:"value"`
}

type otlpStatus struct {
	Code    int    `json:"code"` // 1 ok, 2 error
	Message string `json:"message,omitempty"`
}

// An otlpSpan is a span as OTLP has it in JSON: ids in hexadecimal, times in
// nanoseconds as texts.
type otlpSpan struct {
	Trace      string          `json:"traceId"`
	Span       string          `json:"spanId"`
	Parent     string          `json:"parentSpanId,omitempty"`
	Name       string          `json:"name"`
	Kind       int             `json:"kind"` // 1 internal, 5 consumer
	Start      string          `json:"startTimeUnixNano"`
	End        string          `json:"endTimeUnixNano"`
	Attributes []otlpAttribute `json:"attributes,omitempty"`
	Status     otlpStatus      `json:"status"`
}

var traceparent = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`) })

// Start begins a span below the trace of ctx, or a new trace where there is none.
// attributes are pairs of a key and a value. The returned function ends it.
func (t *Tracer) Start(ctx context.Context, name string, attributes ...string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	s := spanBelow(ctx, name, t.now(), attributes)
	return pipeline.WithTrace(ctx, "00-"+s.Trace+"-"+s.Span+"-01"), func(err error) {
		code := ""
		if err != nil {
			code = string(pipeline.ErrorCode(err))
		}
		t.keep(s, t.now(), code)
	}
}

// Work runs do in a span of its own, and sends what ended before it returns: all
// of an invocation that has one thing to do.
func (t *Tracer) Work(ctx context.Context, name string, do func(ctx context.Context) error, attributes ...string) error {
	defer t.Flush(ctx)
	under, end := t.Start(ctx, name, attributes...)
	err := do(under)
	end(err)
	return err
}

// Add keeps a span that is over: what took from start until end below the trace
// of ctx. failed is empty where it went well.
func (t *Tracer) Add(ctx context.Context, name string, start, end time.Time, failed string, attributes ...string) {
	if t != nil {
		t.keep(spanBelow(ctx, name, start, attributes), end, failed)
	}
}

// spanBelow begins a span below the trace of ctx, or a new trace.
func spanBelow(ctx context.Context, name string, start time.Time, attributes []string) otlpSpan {
	s := otlpSpan{Name: name, Kind: 1, Span: randomHex(8), Start: nanos(start)}
	if m := traceparent().FindStringSubmatch(pipeline.TraceParent(ctx)); m != nil {
		s.Trace, s.Parent = m[1], m[2]
	} else {
		s.Trace, s.Kind = randomHex(16), 5
	}
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] != "" {
			s.Attributes = append(s.Attributes, otlpAttribute{attributes[i], otlpValue{attributes[i+1]}})
		}
	}
	return s
}

func (t *Tracer) keep(s otlpSpan, end time.Time, failed string) {
	s.End, s.Status.Code = nanos(end), 1
	if failed != "" {
		s.Status = otlpStatus{2, failed}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spans) < maxSpans {
		t.spans = append(t.spans, s)
	}
}

// Flush sends what ended. It is called before a function answers: afterwards it
// is frozen. A collector that does not answer costs two seconds and no failure.
func (t *Tracer) Flush(ctx context.Context) {
	if t == nil {
		return
	}
	t.mu.Lock()
	spans := t.spans
	t.spans = nil
	t.mu.Unlock()
	if len(spans) == 0 {
		return
	}
	body, err := json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{
		"resource":   map[string]any{"attributes": []otlpAttribute{{"service.name", otlpValue{t.service}}}},
		"scopeSpans": []any{map[string]any{"scope": map[string]any{"name": "assay"}, "spans": spans}},
	}}})
	if err == nil {
		err = t.post(ctx, body)
	}
	if err != nil {
		t.log.WarnContext(ctx, "traces not sent", "spans", len(spans), "error", err)
	}
}

func (t *Tracer) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
	if res.StatusCode/100 != 2 {
		return pipeline.Errorf(pipeline.CodeUnavailable, "the collector says %s", res.Status)
	}
	return nil
}

// FromXRay is the traceparent of a trace header of AWS
// (Root=1-…;Parent=…;Sampled=1), "" where it holds none.
func FromXRay(header string) string {
	var trace, parent string
	for part := range strings.SplitSeq(header, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch k {
		case "Root":
			trace = strings.ReplaceAll(strings.TrimPrefix(v, "1-"), "-", "")
		case "Parent":
			parent = v
		}
	}
	if p := "00-" + trace + "-" + parent + "-01"; traceparent().MatchString(p) {
		return p
	}
	return ""
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its documentation
	return hex.EncodeToString(b)
}

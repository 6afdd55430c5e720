package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
)

// A handler answers the events of an HTTP API with the pages and the API that assay
// serve has too.
type handler struct {
	api   *pages.Pages
	serve http.Handler // api, by the contracts as they stand now
	relay *flow.Relay
	log   *slog.Logger
	count *app.Metrics
	now   func() time.Time
	trace *app.Tracer
}

// timed are the operations whose latency is promised.
var timed = map[string]string{"/v1/search": "search", "/v1/items:check": "items:check"}

func newHandler(ctx context.Context, environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	a := app.Open(cfg, opt)
	sessions, err := serve.TokenVerifier(a)
	if err != nil {
		return nil, err
	}
	api, err := serve.Pages(ctx, a, callers{sessions})
	if err != nil {
		return nil, err
	}
	relay, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	return &handler{api, serve.Fresh(a, api), relay, a.Log(), a.Metrics(), time.Now, a.Tracer()}, nil
}

// writes reports whether a request may have changed something: those that judge
// what they are sent, and store nothing, are POST too.
func writes(r *http.Request) bool {
	asks := strings.HasSuffix(r.URL.Path, ":check") || strings.HasSuffix(r.URL.Path, ":validate")
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !asks
}

// told bounds how long an answer waits until what it did was told, of which the
// relay keeps two seconds for itself.
const told = 5 * time.Second

// tell sends what a write put into the outbox: the clock of the function relay
// strikes seldom, and once this answer is given the process stands still. What
// cannot be told in time is told by that one.
func (h *handler) tell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, told)
	defer cancel()
	if _, err := h.relay.Drain(ctx); err != nil {
		h.log.WarnContext(ctx, "the outbox waits for the next relay", "code", pipeline.ErrorCode(err), "error", err)
	}
}

// callers knows who sends a request. On the routes of the API the gateway has
// checked the token, and who calls is in the event. A browser that opens a page
// sends no header that a gateway could check: the token of its session is checked
// here, by the same rules. sessions is nil where requests are signed.
type callers struct{ sessions httpapi.Authenticator }

// Authenticate implements httpapi.Authenticator.
func (c callers) Authenticate(r *http.Request) (httpapi.Principal, error) {
	p, err := httpapi.FromContext{}.Authenticate(r)
	if err == nil || c.sessions == nil || r.URL.Path == "/v1" || strings.HasPrefix(r.URL.Path, "/v1/") {
		return p, err
	}
	return c.sessions.Authenticate(r)
}

// caused is the traceparent of whoever sends a request, or of the gateway.
func caused(header http.Header) string {
	if parent := header.Get("Traceparent"); parent != "" {
		return parent
	}
	return app.FromXRay(header.Get("X-Amzn-Trace-Id"))
}

// Handle answers one request. It never fails: an error is an answer too.
func (h *handler) Handle(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	w := &response{header: http.Header{}}
	r, err := request(ctx, &e)
	if err != nil {
		bare, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
		h.api.Fail(w, bare, err) //nolint:contextcheck // it is that of the request
		return w.event(http.MethodGet), nil
	}
	began := h.now()
	defer h.trace.Flush(ctx)
	under, end := h.trace.Start(pipeline.WithTrace(r.Context(), caused(r.Header)), "request", "http.request.method", r.Method)
	h.serve.ServeHTTP(w, r.WithContext(under)) //nolint:contextcheck // it is that of the request
	if writes(r) && w.status < http.StatusBadRequest {
		h.tell(under) //nolint:contextcheck // it is that of the request
	}
	end(nil)
	if op := timed[r.URL.Path]; op != "" {
		h.count.Put(map[string]string{"Operation": op}, app.Measure{Name: "RequestMs", Unit: "Milliseconds", Value: float64(h.now().Sub(began).Microseconds()) / 1000})
	}
	if w.full {
		w = &response{header: http.Header{}}
		h.api.Fail(w, r, errTooLong) //nolint:contextcheck // it is that of the request
	}
	return w.event(r.Method), nil
}

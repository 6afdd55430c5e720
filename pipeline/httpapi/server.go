package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Limits of a request where Options does not say.
const (
	MaxBody  = 4 << 20
	Deadline = 25 * time.Second
)

// Options are the use cases that a server answers by, and what surrounds them.
type Options struct {
	Check    *flow.CheckItem
	Search   *flow.Search
	People   *flow.People
	Ingest   *flow.Ingest
	Overview *flow.Overview
	Validate *flow.Validate
	// Contracts are those of the folder, Registry has the published ones.
	Contracts *contract.Set
	Registry  *contract.Registry

	// Responses keep what was answered to writes that named an idempotency key;
	// without them the key is not looked at.
	Responses flow.Responses

	// Authenticator says who sends a request; nil lets nobody in.
	Authenticator Authenticator
	// Version of the program.
	Version string
	// MaxBody bounds a body in bytes, Deadline the time of an answer; 0 = the
	// constants.
	MaxBody  int64
	Deadline time.Duration
	Now      func() time.Time
	// NewID names requests that bring no name; default random.
	NewID func() string
	Log   *slog.Logger
}

// A Server answers the operations of the document. It is an http.Handler, safe
// for concurrent use.
type Server struct {
	opt     Options
	doc     *document
	router  *router
	figures *figures
	unknown []string // routes that the document lacks
	turns   turns
}

// New builds a server. Error: invalid, where document and routes differ.
func New(opt Options) (*Server, error) {
	s, err := prepare(opt)
	if err != nil {
		return nil, err
	}
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{RequestErrorHandlerFunc: s.badRequest, ResponseErrorHandlerFunc: s.Fail})
	HandlerWithOptions(strict, StdHTTPServerOptions{BaseRouter: s.router, ErrorHandlerFunc: s.badRequest})
	if len(s.unknown) > 0 || len(s.router.routes) != len(s.doc.operations) {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "%d routes, %d operations; not in the document: %v", len(s.router.routes), len(s.doc.operations), s.unknown).
			WithHint("go generate ./pipeline/httpapi")
	}
	return s, nil
}

// prepare is a server without routes: each that its router is given is wrapped
// by what the document says of it.
func prepare(opt Options) (*Server, error) {
	if opt.MaxBody <= 0 {
		opt.MaxBody = MaxBody
	}
	if opt.Deadline <= 0 {
		opt.Deadline = Deadline
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.NewID == nil {
		opt.NewID = newID
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Authenticator == nil {
		opt.Authenticator = nobody{}
	}
	doc, err := readDocument()
	if err != nil {
		return nil, err
	}
	s := &Server{opt: opt, doc: doc, figures: newFigures()}
	s.router = newRouter(func(route string, h http.HandlerFunc) http.Handler {
		o := doc.operations[route]
		if o == nil {
			s.unknown = append(s.unknown, route)
			return h
		}
		return s.operation(o, h)
	}, s.missing)
	return s, nil
}

type nobody struct{}

func (nobody) Authenticate(*http.Request) (Principal, error) {
	return Principal{}, pipeline.Errorf(pipeline.CodeUnauthorized, "this server lets nobody in")
}

// A call is what is known of a request while it is answered.
type call struct {
	id        string
	path      string // as it was asked for
	operation string
	subject   string
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// ServeHTTP answers one request. It never panics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, s.router) }

// Serve lets next answer r under what holds for every request of this server: an
// id, a deadline, a bounded body, figures and a line in the log, and no panic. The
// pages are served so too.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	start := s.opt.Now()
	c := &call{id: requestID(r.Header.Get("X-Request-Id"), s.opt.NewID), path: r.URL.EscapedPath()}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), callKey{}, c), s.opt.Deadline)
	defer cancel()
	r = r.WithContext(ctx)
	out := &counted{ResponseWriter: w}
	h := out.Header()
	h.Set("X-Request-Id", c.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	r.Body = http.MaxBytesReader(out, r.Body, s.opt.MaxBody)
	defer func() {
		if p := recover(); p != nil {
			s.opt.Log.Error("panic", "request", c.id, "operation", c.operation, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if out.status == 0 {
				s.Fail(out, r, pipeline.Errorf(pipeline.CodeInternal, "internal error"))
			}
		}
		took := s.opt.Now().Sub(start)
		s.figures.observe(c.operation, out.status, took)
		s.opt.Log.Info("request", "request", c.id, "method", r.Method, "operation", c.operation, "status", out.status, "bytes", out.bytes, "seconds", took.Seconds(), "subject", c.subject)
	}()
	next.ServeHTTP(out, r)
}

// operation is what every operation goes through, outermost first.
func (s *Server) operation(o *operation, h http.Handler) http.Handler {
	if o.etag {
		h = s.etag(h)
	}
	h = s.authorize(o, s.conform(o, s.once(o, h)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		callOf(r.Context()).operation = o.id
		h.ServeHTTP(w, r)
	})
}

// authorize refuses who may not do what o does.
func (s *Server) authorize(o *operation, h http.Handler) http.Handler {
	if o.scope == "" {
		return h
	}
	scopes := []string{o.scope}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r.Context())
		r, err := Authorize(w, r, s.opt.Authenticator, scopes)
		if err != nil {
			s.Fail(w, r, err)
			return
		}
		p, _ := PrincipalFrom(r.Context()) //nolint:contextcheck // it is that of the request
		c.subject = p.Subject
		h.ServeHTTP(w, r)
	})
}

// Note says by what name log and figures have the request of ctx, and who sent it;
// either may be empty. The names are a fixed few: never what a client made up.
func Note(ctx context.Context, operation, subject string) {
	c := callOf(ctx)
	c.operation, c.subject = cmp.Or(operation, c.operation), cmp.Or(subject, c.subject)
}

// RequestID is the id of the request of ctx, by which the log has more of it.
func RequestID(ctx context.Context) string { return callOf(ctx).id }

// Scope is the scope that the document asks for an operation. Error: not_found.
func (s *Server) Scope(operation string) (string, error) {
	for _, o := range s.doc.operations {
		if o.id == operation {
			return o.scope, nil
		}
	}
	return "", pipeline.Errorf(pipeline.CodeNotFound, "the document has no operation %q", operation)
}

// Who is the subject of the request of ctx, empty outside of one.
func Who(ctx context.Context) string {
	p, _ := PrincipalFrom(ctx)
	return p.Subject
}

// missing answers what no route takes.
func (s *Server) missing(w http.ResponseWriter, r *http.Request, status int, allow string) {
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allow)
		s.Fail(w, r, &refusal{status: status, code: codeMethodNotAllowed, detail: fmt.Sprintf("%s is not taken here", r.Method), hint: "use " + allow})
		return
	}
	s.Fail(w, r, pipeline.Errorf(pipeline.CodeNotFound, "there is nothing at %s", r.URL.EscapedPath()).WithHint("GET /openapi.yaml lists what there is"))
}

// badRequest answers what the generated code cannot read. What the document
// forbids was refused before; little is left.
func (s *Server) badRequest(w http.ResponseWriter, r *http.Request, err error) {
	if pipeline.ErrorCode(err) == pipeline.CodeInternal {
		err = pipeline.Errorf(pipeline.CodeInvalid, "%w", err)
	}
	s.Fail(w, r, err)
}

// requestID takes the name that the client gave, where it is one.
func requestID(given string, make func() string) string {
	if given == "" || len(given) > 64 || strings.Trim(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return make()
	}
	return given
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// counted counts what is written.
type counted struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counted) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

package pages

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// Options are what the pages are made of.
type Options struct {
	// API is the server beside the pages, Use the use cases that it was made of:
	// its Authenticator, clock and limits are those of the pages too.
	API *httpapi.Server
	Use httpapi.Options
	// Store is the store behind the use cases, Evals the runs of the evals.
	Store flow.Store
	Evals evals.Store
	// Issuer is who signs the tokens that people sign in with; empty: nobody needs
	// to, since the authenticator knows them otherwise.
	Issuer string
	// Budget is what models may cost.
	Budget Budget
	// Later: held batches are judged again by another process, which is asked
	// through the outbox, and not while a request waits.
	Later bool
}

// A Budget bounds what models may cost in a day of Zone (nil = UTC): millionths of
// a dollar, and tokens; negative is no bound.
type Budget struct {
	Micros, Tokens int64
	Zone           *time.Location
}

// Pages answers with pages, and with the API below its paths. It is an
// http.Handler, safe for concurrent use.
type Pages struct {
	opt    Options
	api    *httpapi.Server
	mux    *http.ServeMux
	routes []string // as they were registered, "METHOD /path"
	roots  []string // first segments of the paths of the API
	assets *assets
	cross  *http.CrossOriginProtection
	wrong  []error
}

// New builds the pages. Error: not_found, where a page names an operation that the
// document of the API lacks.
func New(opt Options) (*Pages, error) {
	p := &Pages{opt: opt, api: opt.API, mux: http.NewServeMux(), assets: newAssets(), cross: http.NewCrossOriginProtection()}
	for _, route := range opt.API.Routes() {
		_, place, _ := strings.Cut(route, " ")
		if root := first(place); !slices.Contains(p.roots, root) {
			p.roots = append(p.roots, root)
		}
	}
	p.handle("GET /assets/{name}", p.assets.serve)
	p.sessionRoutes()
	p.reviewRoutes()
	p.itemRoutes()
	p.overviewRoutes()
	p.feedRoutes()
	p.batchRoutes()
	p.evalRoutes()
	p.costRoutes()
	if len(p.wrong) > 0 {
		return nil, p.wrong[0]
	}
	return p, nil
}

func (p *Pages) handle(route string, h http.HandlerFunc) {
	p.routes = append(p.routes, route)
	p.mux.HandleFunc(route, h)
}

// Routes are the methods and paths that pages and forms answer, as in
// http.ServeMux.
func (p *Pages) Routes() []string { return slices.Clone(p.routes) }

// first is the first segment of a path.
func first(place string) string {
	root, _, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+place), "/"), "/")
	return root
}

// ServeHTTP answers one request. It never panics.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Whatever lies below a path of the API is the API's, with its problem
	// documents, also where it is written with more slashes than it has.
	if root := first(r.URL.Path); slices.Contains(p.roots, root) {
		p.api.ServeHTTP(w, r)
		return
	}
	p.api.Serve(w, r, http.HandlerFunc(p.serve))
}

func (p *Pages) serve(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if strings.Contains(r.URL.Path, "//") || path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") && r.URL.Path != "/" {
		p.unknown(w, r, http.StatusNotFound)
		return
	}
	h, pattern := p.mux.Handler(r)
	if pattern == "" {
		status := &peek{header: http.Header{}}
		h.ServeHTTP(status, r)
		if status.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", status.header.Get("Allow"))
		}
		p.unknown(w, r, status.status)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// unknown answers what no page takes: a page to a browser, a problem to a program.
func (p *Pages) unknown(w http.ResponseWriter, r *http.Request, status int) {
	var err error = pipeline.Errorf(pipeline.CodeNotFound, "there is no page at %s", cut(r.URL.EscapedPath()))
	if !accepts(r, "text/html") {
		p.api.Fail(w, r, err)
		return
	}
	v := &visit{Request: r, p: p, w: w}
	if status == http.StatusMethodNotAllowed {
		p.show(v, &screen{Status: status, Title: "Not taken", t: errorPage, Main: failure{Title: "This page takes no " + cut(r.Method), Detail: "It was asked for in another way than it is made for.", Status: status, Code: "method_not_allowed"}})
		return
	}
	v.fail(err)
}

// Fail answers with an error that a guard before the pages found.
func (p *Pages) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if slices.Contains(p.roots, first(r.URL.Path)) || !accepts(r, "text/html") {
		p.api.Fail(w, r, err)
		return
	}
	secure(w.Header())
	(&visit{Request: r, p: p, w: w}).fail(err)
}

// secure sets what holds for every answer of the pages.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// peek takes status and header of an answer.
type peek struct {
	header http.Header
	status int
}

func (p *peek) Header() http.Header { return p.header }

func (p *peek) Write(b []byte) (int, error) { return len(b), nil }

func (p *peek) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

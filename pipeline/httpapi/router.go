package httpapi

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// A router is a http.ServeMux that also knows the verbs of things, such as
// /v1/batches/{batch}:approve: the mux wants a wildcard to be a whole segment,
// so the verb becomes one of its own behind it. The generated code hands its
// routes to it, and each is wrapped by what the document says of it.
type router struct {
	mux *http.ServeMux
	// wrap makes the handler of one route, "METHOD /path".
	wrap func(route string, h http.HandlerFunc) http.Handler
	// verbs of the things below a prefix, such as "/v1/batches/".
	verbs  map[string][]string
	routes []string
	// missing answers what no route takes: status is 404 or 405.
	missing func(w http.ResponseWriter, r *http.Request, status int, allow string)
}

func newRouter(wrap func(string, http.HandlerFunc) http.Handler, missing func(http.ResponseWriter, *http.Request, int, string)) *router {
	return &router{mux: http.NewServeMux(), wrap: wrap, verbs: map[string][]string{}, missing: missing}
}

// HandleFunc takes a route of the generated code.
func (rt *router) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	rt.routes = append(rt.routes, pattern)
	handler := rt.wrap(pattern, h)
	if i := strings.LastIndex(pattern, "}:"); i >= 0 {
		_, place, _ := strings.Cut(pattern[:i+1], " ")
		prefix := place[:strings.LastIndexByte(place, '/')+1]
		rt.verbs[prefix] = append(rt.verbs[prefix], pattern[i+1:])
		pattern = pattern[:i+1] + "/" + pattern[i+1:]
	}
	rt.mux.Handle(pattern, handler)
}

// ServeHTTP sends the request to its route.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = join(r)
	// The mux would send the client on to the path as it should be, with a page of
	// its own; a write would arrive there as a read.
	if raw := r.URL.EscapedPath(); raw != clean(raw) {
		rt.missing(w, r, http.StatusNotFound, "")
		return
	}
	if rt.inner(r.URL.EscapedPath()) {
		rt.missing(w, r, http.StatusNotFound, "")
		return
	}
	r = rt.split(r)
	h, pattern := rt.mux.Handler(r)
	if pattern == "" {
		// The mux's own handler knows whether it is the path or the method.
		p := &peek{header: http.Header{}}
		h.ServeHTTP(p, r)
		rt.missing(w, r, p.status, p.header.Get("Allow"))
		return
	}
	rt.mux.ServeHTTP(w, r)
}

// clean is a path as the mux wants it: one slash at a time, no dots.
func clean(raw string) string {
	out := path.Clean("/" + raw)
	if out != "/" && strings.HasSuffix(raw, "/") {
		out += "/"
	}
	return out
}

// itemPrefix is where items are; their names are FEED/KEY.
const itemPrefix = "/v1/items/"

// join makes one segment of the name of an item that came with its slashes: a
// gateway decodes paths (an HTTP API of AWS does), and people type them so.
func join(r *http.Request) *http.Request {
	name, ok := strings.CutPrefix(r.URL.EscapedPath(), itemPrefix)
	if !ok || !strings.Contains(name, "/") {
		return r
	}
	return at(r, itemPrefix+strings.ReplaceAll(name, "/", "%2F"))
}

// at is r with another path, which is given escaped.
func at(r *http.Request, raw string) *http.Request {
	plain, err := url.PathUnescape(raw)
	if err != nil {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = plain, raw
	c := r.WithContext(r.Context())
	c.URL = &u
	return c
}

// inner reports a path as only the mux has it: with a verb as its own segment. From
// outside it would be a second name of an operation.
func (rt *router) inner(raw string) bool {
	i := strings.LastIndexByte(raw, '/')
	return slices.Contains(rt.verbs[raw[:strings.LastIndexByte(raw[:max(i, 0)], '/')+1]], raw[i+1:])
}

// split makes the verb at the end of a path a segment of its own.
func (rt *router) split(r *http.Request) *http.Request {
	raw := r.URL.EscapedPath()
	i := strings.LastIndexByte(raw, '/') + 1
	for _, verb := range rt.verbs[raw[:i]] {
		thing, ok := strings.CutSuffix(raw[i:], verb)
		if !ok || thing == "" {
			continue
		}
		return at(r, raw[:i]+thing+"/"+verb)
	}
	return r
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

// Routes are the operations that the server answers, "METHOD /path".
func (s *Server) Routes() []string { return slices.Clone(s.router.routes) }

// Route is the operation that answers r, as the document names it; empty where
// none does.
func (s *Server) Route(r *http.Request) string {
	_, pattern := s.router.mux.Handler(s.router.split(r))
	return strings.Replace(pattern, "}/:", "}:", 1)
}

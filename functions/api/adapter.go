package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// responseLimit is what Lambda takes as an answer, less what the envelope and
// the headers need, in bytes.
const responseLimit = 6<<20 - 64<<10

var errTooLong = pipeline.Errorf(pipeline.CodeLimit, "the answer is longer than %d bytes, which is what a function may send", responseLimit).
	WithHint("ask for fewer at a time")

// request makes of an event of an HTTP API (payload format 2.0; function URLs
// send the same) what net/http would have made of the request. The principal
// that the gateway's authorizer established is in its context. Error: invalid.
func request(ctx context.Context, e *events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event's body is not base64: %w", err)
		}
	}
	if p, ok := principal(e.RequestContext.Authorizer); ok {
		ctx = httpapi.WithPrincipal(ctx, p)
	}
	target := escapedPath(e)
	if e.RawQueryString != "" {
		target += "?" + e.RawQueryString
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event's path does not read: %w", err)
	}
	// Not the address: a path of two slashes would become a host.
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event's method does not read: %w", err)
	}
	r.URL, r.RequestURI = u, target
	for name, value := range e.Headers { // one line each: the gateway has joined them with commas
		r.Header.Set(name, value)
	}
	if len(e.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	// As net/http does, these are fields of the request and no headers.
	if r.Host = r.Header.Get("Host"); r.Host == "" {
		r.Host = e.RequestContext.DomainName
	}
	r.Header.Del("Host")
	r.Header.Del("Transfer-Encoding")
	r.Header.Del("Content-Length")
	if len(body) > 0 {
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	} else {
		r.Body = http.NoBody
	}
	r.RemoteAddr = net.JoinHostPort(e.RequestContext.HTTP.SourceIP, "0")
	if major, minor, ok := http.ParseHTTPVersion(e.RequestContext.HTTP.Protocol); ok {
		r.Proto, r.ProtoMajor, r.ProtoMinor = e.RequestContext.HTTP.Protocol, major, minor
	}
	return r, nil
}

// escapedPath is the path as it stands in a request line, without the stage.
//
// An HTTP API decodes rawPath, a function URL does not, and nothing in the event
// says which it is. A character that no encoded path holds settles it, or a
// percent sign that escapes nothing; else the path is taken as encoded, which is
// the same for both unless a decoded one holds what looks like an escape.
func escapedPath(e *events.APIGatewayV2HTTPRequest) string {
	p := e.RawPath
	if stage := e.RequestContext.Stage; stage != "" && stage != "$default" {
		if rest, ok := strings.CutPrefix(p, "/"+stage); ok && (rest == "" || rest[0] == '/') {
			p = rest
		}
	}
	if p == "" || p[0] != '/' {
		p = "/" + p
	}
	decoded := strings.ContainsFunc(p, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune("\"#<>?\\^`{|}", c)
	})
	if _, err := url.PathUnescape(p); err == nil && !decoded {
		return p
	}
	return (&url.URL{Path: p}).EscapedPath()
}

// principal is the caller as the gateway's authorizer established them: the
// claims of a JWT, or an AWS identity, whose policy says what it may invoke.
func principal(a *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) (httpapi.Principal, bool) {
	switch {
	case a == nil:
	case a.JWT != nil && a.JWT.Claims["sub"] != "":
		c := a.JWT.Claims
		audiences := append(list(c["aud"]), list(c["client_id"])...)
		return httpapi.Principal{Subject: c["sub"], Scopes: httpapi.Granted(append(list(c["scope"]), list(c["scp"])...), audiences...)}, true
	case a.IAM != nil && a.IAM.UserARN != "":
		return httpapi.Principal{Subject: a.IAM.UserARN, Scopes: httpapi.Scopes()}, true
	}
	return httpapi.Principal{}, false
}

// list reads a claim as the gateway writes it: a string, or "[a b]" for a list.
func list(claim string) []string {
	return strings.Fields(strings.TrimSuffix(strings.TrimPrefix(claim, "["), "]"))
}

// A response collects what a handler writes.
type response struct {
	header  http.Header
	written http.Header // as it was when the status was written
	status  int
	body    bytes.Buffer
	full    bool
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // 1xx: the gateway passes none on
		return
	}
	w.status, w.written = status, w.header.Clone()
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		if w.header.Get("Content-Type") == "" {
			w.header.Set("Content-Type", http.DetectContentType(b))
		}
		w.WriteHeader(http.StatusOK)
	}
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if w.full = w.full || w.body.Len()+len(b) > responseLimit; w.full {
		return 0, io.ErrShortWrite
	}
	return w.body.Write(b)
}

// event is the answer as the gateway takes it.
func (w *response) event(method string) events.APIGatewayV2HTTPResponse {
	w.WriteHeader(http.StatusOK) // where the handler wrote nothing
	out := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: map[string]string{}}
	for name, values := range w.written {
		if name == "Set-Cookie" { // a cookie may hold a comma
			out.Cookies = values
			continue
		}
		out.Headers[name] = strings.Join(values, ",")
	}
	if method == http.MethodHead {
		return out
	}
	if b := w.body.Bytes(); w.written.Get("Content-Encoding") == "" && utf8.Valid(b) {
		out.Body = string(b)
	} else {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(b), true
	}
	return out
}

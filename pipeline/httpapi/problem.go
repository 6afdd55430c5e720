package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/assay-pipeline/assay/pipeline"
)

// Codes that only a request can have; all others are pipeline.Code.
const (
	codeMethodNotAllowed = "method_not_allowed"
	codeTooLarge         = "too_large"
	codeUnsupportedMedia = "unsupported_media_type"
)

// problemPage explains each code.
const problemPage = "https://github.com/assay-pipeline/assay/blob/main/docs/api.md#problem-"

// retryAfter is how many seconds a client is asked to wait where what failed may
// work by itself.
const retryAfter = "2"

// A refusal is an error that belongs to the request alone: what no use case has
// seen.
type refusal struct {
	status int
	code   string
	detail string
	hint   string
	errors []FieldError
}

func (e *refusal) Error() string { return e.detail }

// invalid is a refusal that names every mistake of a request.
func invalid(mistakes []FieldError) *refusal {
	e := &refusal{status: http.StatusBadRequest, code: string(pipeline.CodeInvalid), errors: mistakes}
	if len(mistakes) > 0 {
		m := mistakes[0]
		e.detail = "the " + string(m.In)
		if m.Pointer != "" {
			e.detail = string(m.In) + " " + m.Pointer + ":"
		}
		e.detail += " " + m.Detail
		if n := len(mistakes) - 1; n > 0 {
			e.detail += fmt.Sprintf(" (and %d more)", n)
		}
	}
	return e
}

// ProblemOf is what a client is told of err: status, code, and words that name
// neither paths nor addresses of the server.
func ProblemOf(err error) Problem { return problemOf(err) }

// problemOf is what a client is told of err.
func problemOf(err error) Problem {
	var r *refusal
	var p Problem
	var large *http.MaxBytesError
	var known *pipeline.Error
	switch {
	case errors.As(err, &r):
		p = Problem{Status: r.status, Code: r.code, Detail: r.detail, Hint: r.hint, Errors: r.errors}
	case errors.As(err, &large):
		p = Problem{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge, Detail: fmt.Sprintf("the body has more than %d bytes", large.Limit), Hint: "send it in several requests"}
	default:
		code := pipeline.ErrorCode(err)
		p = Problem{Status: code.HTTPStatus(), Code: string(code), Detail: "internal error"}
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.Detail = "the answer took too long"
		case code == pipeline.CodeCanceled:
			p.Detail = "the client gave up"
		case code == pipeline.CodeUnavailable:
			p.Detail = "something that is needed for the answer could not be reached"
		case code == pipeline.CodeCorrupt:
			p.Detail = "what is stored does not read"
		case p.Status < http.StatusInternalServerError && errors.As(err, &known):
			p.Detail, p.Hint = detailFor(known.Message), hintFor(known.Hint)
		}
		// The rest stands in the log: paths and addresses are not for clients.
		if p.Status >= http.StatusInternalServerError {
			p.Hint = "the log of the server has more, under the id of the request"
		}
	}
	p.Title = http.StatusText(p.Status)
	if p.Status == 499 {
		p.Title = "Client Closed Request"
	}
	p.Type = problemPage + p.Code
	return p
}

// Fail answers with the problem of err and logs what is the server's fault.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	c := callOf(r.Context())
	p.Instance, p.Request = r.URL.EscapedPath(), c.id
	if c.path != "" {
		p.Instance = c.path
	}
	if p.Status >= http.StatusInternalServerError {
		s.opt.Log.Error("request failed", "request", c.id, "operation", c.operation, "code", p.Code, "error", err)
	}
	h := w.Header()
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusLocked, http.StatusTooManyRequests:
		h.Set("Retry-After", retryAfter)
	}
	body, jerr := json.Marshal(p)
	if jerr != nil {
		body = []byte(`{"status":500,"code":"internal","title":"Internal Server Error","type":"about:blank"}`)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone
}

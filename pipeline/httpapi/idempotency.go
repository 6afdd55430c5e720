package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

const (
	// keyHeader is as in the draft of the IETF (draft-ietf-httpapi-idempotency-key-header-07).
	keyHeader = "Idempotency-Key"
	// replayedHeader says that an answer is a kept one.
	replayedHeader = "Idempotency-Replayed"
	// codeKeyReused: the key was used for another request.
	codeKeyReused = "key_reused"
	// claimSlack is how much longer than its deadline a write keeps its claim: by
	// then it has ended, or its process has died.
	claimSlack = 15 * time.Second
)

// kept are the headers that are kept with an answer.
var kept = []string{"Content-Type", "ETag", "Location"}

// once answers a write that names an idempotency key once: the same request with
// the same key gets the answer of the first one again. What failed is not kept,
// since nothing was done; the same key may try again.
func (s *Server) once(o *operation, h http.Handler) http.Handler {
	if !o.idempotent || s.opt.Responses == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, err := idempotencyKey(r.Header)
		if err != nil {
			s.Fail(w, r, err)
			return
		}
		if key == "" {
			h.ServeHTTP(w, r)
			return
		}
		claim, err := s.claim(o, r, key)
		if err != nil {
			s.Fail(w, r, err)
			return
		}
		there, err := s.opt.Responses.ClaimResponse(r.Context(), claim, claim.At)
		switch {
		case err != nil:
			s.Fail(w, r, err)
		case there.Print != claim.Print:
			s.Fail(w, r, &refusal{status: http.StatusUnprocessableEntity, code: codeKeyReused,
				detail: fmt.Sprintf("the idempotency key %q was used for another request", cut(key)), hint: "a new request needs a new key"})
		case there.Owner == claim.Owner:
			s.answerOnce(w, r, h, claim)
		case there.Status == 0:
			s.Fail(w, r, pipeline.Errorf(pipeline.CodeConflict, "the request with the idempotency key %q is still under way", cut(key)).WithHint("try again in a moment"))
		default:
			for name, value := range there.Header {
				w.Header().Set(name, value)
			}
			w.Header().Set(replayedHeader, "true")
			w.WriteHeader(there.Status)
			_, _ = io.WriteString(w, there.Body) // the client may be gone
		}
	})
}

// claim is what is stored while the request is under way.
func (s *Server) claim(o *operation, r *http.Request, key string) (flow.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return flow.Response{}, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	now := s.opt.Now().UTC().Truncate(time.Microsecond)
	return flow.Response{
		Subject: cmp.Or(Who(r.Context()), "-"), Key: key, Owner: newID() + newID(),
		Print: pipeline.ContentID(o.id, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("If-Match"), same(body)),
		At:    now, Until: now.Add(s.opt.Deadline + claimSlack),
	}, nil
}

// same is a JSON body without what means nothing: a client that writes it anew
// for another try may order its keys otherwise.
func same(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(body)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return string(body)
	}
	return string(b)
}

// answerOnce lets h answer and keeps the answer where it is one of success.
func (s *Server) answerOnce(w http.ResponseWriter, r *http.Request, h http.Handler, claim flow.Response) {
	// Neither a client that goes away nor a deadline leaves the claim behind.
	end, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	answered, id := false, callOf(r.Context()).id
	defer func() {
		if answered {
			return
		}
		if err := s.opt.Responses.DropResponse(end, claim.Subject, claim.Key, claim.Owner); err != nil {
			s.opt.Log.Warn("idempotency key not given up", "request", id, "error", err)
		}
	}()
	out := &held{header: w.Header()}
	h.ServeHTTP(out, r) //nolint:contextcheck // the answer has the request's own context; end only keeps or drops the key
	if out.status == 0 {
		out.status = http.StatusOK
	}
	if out.status < http.StatusBadRequest && utf8.Valid(out.body.Bytes()) {
		claim.Status, claim.Body, claim.Header = out.status, out.body.String(), map[string]string{}
		for _, name := range kept {
			if v := out.header.Get(name); v != "" {
				claim.Header[name] = v
			}
		}
		// What was done is done: the client is told, whether it could be kept or not.
		err := s.opt.Responses.PutResponse(end, claim)
		if answered = err == nil; err != nil {
			s.opt.Log.Warn("answer not kept", "request", id, "error", err)
		}
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body.Bytes()) // the client may be gone
}

// held collects an answer; its headers are already the real ones.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header { return h.header }

func (h *held) WriteHeader(status int) {
	if h.status == 0 && status >= http.StatusOK {
		h.status = status
	}
}

func (h *held) Write(b []byte) (int, error) {
	if h.status == 0 {
		h.status = http.StatusOK
	}
	return h.body.Write(b)
}

// idempotencyKey is the key that a request names, empty where it names none. The
// draft has it in quotes (a string of RFC 8941); many clients leave them out.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values(keyHeader)
	if len(values) == 0 {
		return "", nil
	}
	bad := func(why string) (string, error) {
		return "", invalid([]FieldError{{In: Header, Pointer: keyHeader, Detail: why}})
	}
	if len(values) > 1 {
		return bad("is given more than once")
	}
	key := strings.TrimSpace(values[0])
	if in, ok := strings.CutPrefix(key, `"`); ok {
		var err error
		if key, err = unquote(in); err != nil {
			return bad(err.Error())
		}
	}
	if key == "" || len(key) > 255 {
		return bad("has between 1 and 255 characters")
	}
	if strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return bad("has characters other than printable ASCII")
	}
	return key, nil
}

// unquote reads the rest of a quoted string, behind its first quote.
func unquote(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i != len(s)-1 {
				return "", errors.New("goes on behind its closing quote")
			}
			return b.String(), nil
		case '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", errors.New("has a backslash that escapes nothing")
			}
		}
		b.WriteByte(s[i])
	}
	return "", errors.New("lacks its closing quote")
}

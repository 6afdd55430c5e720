package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
)

// Scopes that operations need.
const (
	ScopeRead    = "read"
	ScopeItems   = "items:write"
	ScopeReview  = "review"
	ScopeOperate = "breakers:operate"
)

// Scopes are all of them.
func Scopes() []string { return []string{ScopeRead, ScopeItems, ScopeReview, ScopeOperate} }

// A Principal is who sends a request. Subject goes into the audit trail.
type Principal struct {
	Subject string
	Scopes  []string
}

// May reports whether p has the scope.
func (p Principal) May(scope string) bool { return slices.Contains(p.Scopes, scope) }

// An Authenticator says who sends a request. Errors: unauthorized, for a
// request without a valid credential; denied, for one that nobody may send
// (a foreign host or origin); unavailable.
type Authenticator interface {
	Authenticate(r *http.Request) (Principal, error)
}

// Local is an Authenticator for a server that is reached from this machine
// alone: whoever reaches it is Subject, and may do everything.
type Local struct{ Subject string }

// Authenticate lets everybody in.
func (l Local) Authenticate(*http.Request) (Principal, error) {
	return Principal{Subject: l.Subject, Scopes: Scopes()}, nil
}

// authorize refuses who may not do what o does.
func (s *Server) authorize(o *operation, h http.Handler) http.Handler {
	if o.scope == "" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r.Context())
		c.scope = o.scope
		p, err := s.opt.Authenticator.Authenticate(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		c.principal = p
		if !p.May(o.scope) {
			s.fail(w, r, pipeline.Errorf(pipeline.CodeDenied, "%s needs the scope %s, which the token does not have", o.id, o.scope))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Who is the subject of the request of ctx, empty outside of one.
func Who(ctx context.Context) string { return callOf(ctx).principal.Subject }

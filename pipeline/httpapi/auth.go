package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// What a caller may do. Each operation of the document names the scope that it
// needs; one scope does not imply another.
const (
	ScopeRead    = "read"
	ScopeItems   = "items:write"
	ScopeReview  = "review"
	ScopeOperate = "breakers:operate"
)

// Scopes are all of them.
func Scopes() []string { return []string{ScopeRead, ScopeItems, ScopeReview, ScopeOperate} }

// A Principal is who sent a request, and what they may do.
type Principal struct {
	// Subject is what the audit trail names: the subject of a token, the ARN of
	// an AWS identity, or the user of this machine.
	Subject string
	Scopes  []string
}

// May reports whether p has a scope.
func (p Principal) May(scope string) bool { return slices.Contains(p.Scopes, scope) }

// An Authenticator says who sent a request. Errors: unauthorized (no valid
// credential), unavailable (it could not be checked, which is no refusal).
type Authenticator interface {
	Authenticate(r *http.Request) (Principal, error)
}

type principalKey struct{}

// WithPrincipal returns a context that carries p: what the adapter of the
// function makes of the gateway's authorizer, and what the handlers read.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the principal that ctx carries.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// FromContext is the Authenticator behind a gateway: the adapter has put the
// principal of the gateway's authorizer into the context. Headers count for
// nothing there: a client can write what it likes into them.
type FromContext struct{}

// Authenticate implements Authenticator.
func (FromContext) Authenticate(r *http.Request) (Principal, error) {
	p, ok := PrincipalFrom(r.Context())
	if !ok || p.Subject == "" {
		return Principal{}, pipeline.Errorf(pipeline.CodeUnauthorized, "the gateway named no caller").
			WithHint("the route needs a JWT or IAM authorizer")
	}
	return p, nil
}

// Local is the Authenticator of a server that only this machine reaches: whoever
// reaches it is Subject, who may do everything. It goes together with Loopback.
type Local struct{ Subject string }

// Authenticate implements Authenticator.
func (l Local) Authenticate(*http.Request) (Principal, error) {
	return Principal{Subject: l.Subject, Scopes: Scopes()}, nil
}

// Authorize says who sent r and whether they may do what needs scopes. The
// request that it returns carries the principal. Where it fails it has set
// WWW-Authenticate on w (RFC 6750); the caller writes the problem. Errors:
// unauthorized, denied, unavailable.
func Authorize(w http.ResponseWriter, r *http.Request, a Authenticator, scopes []string) (*http.Request, error) {
	p, err := a.Authenticate(r)
	if err != nil {
		if pipeline.ErrorCode(err) == pipeline.CodeUnauthorized {
			challenge := `Bearer realm="assay"`
			// RFC 6750, 3.1: no error code for a request without a credential.
			if r.Header.Get("Authorization") != "" {
				challenge += `, error="invalid_token", error_description="` + quotable(pipeline.ErrorMessage(err)) + `"`
			}
			w.Header().Set("WWW-Authenticate", challenge)
		}
		return r, err
	}
	for _, s := range scopes {
		if !p.May(s) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="assay", error="insufficient_scope", scope="`+quotable(strings.Join(scopes, " "))+`"`)
			return r, pipeline.Errorf(pipeline.CodeDenied, "this needs the scope %q, which the credential of %s does not have", s, p.Subject).
				WithHint("ask for a token with the scope")
		}
	}
	return r.WithContext(WithPrincipal(r.Context(), p)), nil
}

// quotable leaves what may stand in a quoted error_description: printable ASCII
// without quote and backslash.
func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"' || c == '\\':
			return '\''
		case c < ' ' || c > '~':
			return '?'
		}
		return c
	}, s)
}

// Granted are the scopes of the API among those of a credential: the value of
// its claim scope or scp, separated by spaces. An authorization server that
// puts the name of the resource before the scope (assay/read, or the audience
// in the place of assay) is understood.
func Granted(claimed []string, audiences ...string) []string {
	var out []string
	for _, s := range claimed {
		for _, prefix := range append([]string{"assay"}, audiences...) {
			if rest, ok := strings.CutPrefix(s, prefix+"/"); ok {
				s = rest
				break
			}
		}
		if slices.Contains(Scopes(), s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

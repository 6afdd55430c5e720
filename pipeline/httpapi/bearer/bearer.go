// Package bearer verifies the tokens that come with requests to assay serve, by
// the rules of the JWT authorizer of an Amazon API Gateway HTTP API, so that one
// token opens both: the issuer, the audience (aud, or client_id where a token
// has no aud, as Cognito's access tokens), the times, and a signature by a key
// of the issuer's key set (RFC 7517) that the token's header names.
//
// What is not negotiable: only RS256 and ES256 are taken, so a token can neither
// be unsigned nor be signed with a public key as if that were a shared secret;
// keys come from the configured set alone, never from the token's header (jwk,
// jku, x5c); symmetric keys and RSA keys below 2048 bits are dropped from the
// set.
package bearer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// Skew is how far the issuer's clock may be off.
const Skew = time.Minute

// tokenLimit bounds a token, in bytes: what one is, is read before its signature.
const tokenLimit = 16 << 10

// algorithms are the signatures that are taken.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}

// Options of a Verifier.
type Options struct {
	Issuer string // iss, exactly
	// Audiences: one of them must be in aud, or be client_id where there is no aud.
	Audiences []string
	// Keys is where the issuer's key set lies: an https URL (http on this
	// machine), or the path of a file. Empty: as the issuer's discovery document
	// says (ISSUER/.well-known/openid-configuration).
	Keys string
	Now  func() time.Time
	// Client fetches key sets; default: one that waits 5 s and follows no
	// redirect to another scheme.
	Client *http.Client
}

// A Verifier is an httpapi.Authenticator. It is safe for concurrent use.
type Verifier struct {
	opt  Options
	keys *keySet
}

// New makes a Verifier. It fetches nothing yet; a file is read at once. Error:
// invalid.
func New(opt Options) (*Verifier, error) {
	if opt.Issuer == "" || len(opt.Audiences) == 0 || slices.Contains(opt.Audiences, "") {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "tokens are verified by issuer and audience, and one of them is not set").
			WithHint("set ASSAY_API_ISSUER and ASSAY_API_AUDIENCE, or neither of them")
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	keys, err := newKeySet(opt)
	if err != nil {
		return nil, err
	}
	return &Verifier{opt, keys}, nil
}

var _ httpapi.Authenticator = (*Verifier)(nil)

// Authenticate verifies the token of r's Authorization header. Errors:
// unauthorized; unavailable where the key set could not be had.
func (v *Verifier) Authenticate(r *http.Request) (httpapi.Principal, error) {
	// Two headers may be read differently by two programs.
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return httpapi.Principal{}, refuse("the request has no Authorization header").WithHint("send Authorization: Bearer TOKEN")
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return httpapi.Principal{}, refuse("the Authorization header is not one bearer token").WithHint("send Authorization: Bearer TOKEN")
	}
	return v.Verify(r.Context(), strings.TrimSpace(token))
}

// claims are what is read of a token.
type claims struct {
	jwt.Claims
	ClientID string    `json:"client_id"`
	Scope    scopeList `json:"scope"`
	SCP      scopeList `json:"scp"`
}

// Verify verifies one token in compact form. Errors: as Authenticate.
func (v *Verifier) Verify(ctx context.Context, token string) (httpapi.Principal, error) {
	if len(token) > tokenLimit {
		return httpapi.Principal{}, refuse("the token has %d bytes, more than %d", len(token), tokenLimit)
	}
	// ParseSigned takes the compact form alone, and no other algorithm.
	t, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return httpapi.Principal{}, refuse("the token is not a JWT signed with RS256 or ES256: %w", err)
	}
	if len(t.Headers) != 1 || t.Headers[0].KeyID == "" {
		return httpapi.Principal{}, refuse("the token does not name its key (kid)")
	}
	h := t.Headers[0]
	key, err := v.keys.find(ctx, h.KeyID)
	if err != nil {
		return httpapi.Principal{}, err
	}
	if key.Algorithm != "" && key.Algorithm != h.Algorithm {
		return httpapi.Principal{}, refuse("the token is signed with %s, its key is for %s", h.Algorithm, key.Algorithm)
	}
	var c claims
	if err := t.Claims(key.Key, &c); err != nil {
		return httpapi.Principal{}, refuse("the token does not verify: %w", err)
	}
	if err := v.check(&c); err != nil {
		return httpapi.Principal{}, err
	}
	return httpapi.Principal{Subject: c.Subject, Scopes: httpapi.Granted(append(c.Scope, c.SCP...), v.opt.Audiences...)}, nil
}

// check judges the claims of a token whose signature is good.
func (v *Verifier) check(c *claims) error {
	if c.Issuer != v.opt.Issuer {
		return refuse("the token is of the issuer %q, not %q", c.Issuer, v.opt.Issuer)
	}
	audience := []string(c.Audience)
	if len(audience) == 0 && c.ClientID != "" {
		audience = []string{c.ClientID}
	}
	if !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(v.opt.Audiences, a) }) {
		return refuse("the token is for %q, not for %q", audience, v.opt.Audiences)
	}
	if c.Expiry == nil {
		return refuse("the token does not say when it expires (exp)")
	}
	now := v.opt.Now()
	switch err := c.ValidateWithLeeway(jwt.Expected{Time: now}, Skew); {
	case errors.Is(err, jwt.ErrExpired):
		return refuse("the token expired at %s", c.Expiry.Time().UTC().Format(time.RFC3339)).WithHint("ask for a new one")
	case err != nil:
		return refuse("the token is not valid yet: %w", err).WithHint("the clocks of issuer and server differ by more than %s", Skew)
	}
	if c.Subject == "" {
		return refuse("the token names nobody (sub)")
	}
	return nil
}

func refuse(format string, args ...any) *pipeline.Error {
	return pipeline.Errorf(pipeline.CodeUnauthorized, format, args...)
}

// scopeList reads a claim that is a list, or one string with spaces.
type scopeList []string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scopeList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = strings.Fields(one)
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return fmt.Errorf("a claim of scopes is neither a string nor a list of strings: %w", err)
	}
	*s = many
	return nil
}

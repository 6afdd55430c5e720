// Package bearertest is an issuer of tokens for tests: it has one key, writes it as
// the key set that servers are configured with, and signs what claims say.
package bearertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Issuer and Audience are those of the tokens whose claims name no others.
const (
	Issuer   = "https://login.example.org/"
	Audience = "assay"
)

// An Issuing signs tokens by ES256.
type Issuing struct {
	// Keys is the file of its key set.
	Keys string

	t   testing.TB
	key *ecdsa.PrivateKey
}

var encode = base64.RawURLEncoding.EncodeToString

// New makes an issuer whose key set ends with the test.
func New(t testing.TB) *Issuing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	set := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":%q,"y":%q}]}`, encode(public[1:33]), encode(public[33:]))
	if err := os.WriteFile(file, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Issuing{Keys: file, t: t, key: key}
}

// Environ configures a server to take its tokens.
func (i *Issuing) Environ() []string {
	return []string{"ASSAY_API_ISSUER=" + Issuer, "ASSAY_API_AUDIENCE=" + Audience, "ASSAY_API_JWKS=" + i.Keys}
}

// Token is a token of a person with scopes for an hour; change may say other claims.
func (i *Issuing) Token(subject, scope string, change ...func(claims map[string]any)) string {
	i.t.Helper()
	claims := map[string]any{"iss": Issuer, "aud": Audience, "sub": subject, "scope": scope, "exp": time.Now().Add(time.Hour).Unix()}
	for _, f := range change {
		f(claims)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	text := encode([]byte(`{"alg":"ES256","kid":"k1"}`)) + "." + encode(body)
	h := crypto.SHA256.New()
	h.Write([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, h.Sum(nil))
	if err != nil {
		i.t.Fatal(err)
	}
	return text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

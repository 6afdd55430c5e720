package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

const issuer = "https://login.example.org/"

var (
	rsaKey, otherKey = newRSA(2048), newRSA(2048)
	shortKey         = newRSA(1024)
	ecKey            = newEC(elliptic.P256())
	now              = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func newRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func newEC(c elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

type object = map[string]any

func segment(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// sign makes a token by hand, so that the tests can make wrong ones: no library
// is asked for them.
func sign(header, payload object, key any) string {
	text := segment(header) + "." + segment(payload)
	var sig []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		h := crypto.SHA256.New()
		h.Write([]byte(text))
		sig, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, h.Sum(nil))
	case *ecdsa.PrivateKey:
		h := crypto.SHA256.New()
		h.Write([]byte(text))
		r, s, e := ecdsa.Sign(rand.Reader, k, h.Sum(nil))
		err = e
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case []byte:
		s, e := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: k}, (&jose.SignerOptions{}).WithHeader("kid", header["kid"]))
		if e != nil {
			panic(e)
		}
		b, e := json.Marshal(payload)
		if e != nil {
			panic(e)
		}
		jws, e := s.Sign(b)
		if e != nil {
			panic(e)
		}
		text, err = jws.CompactSerialize()
		if err != nil {
			panic(err)
		}
		return text
	case nil:
	}
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func with(base object, changes object) object {
	out := object{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range changes {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = v
	}
	return out
}

var (
	header = object{"alg": "RS256", "typ": "JWT", "kid": "r1"}
	good   = object{"iss": issuer, "aud": "assay-api", "sub": "ann", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "scope": "read review"}
)

func keySetOf(keys ...jose.JSONWebKey) []byte {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		panic(err)
	}
	return b
}

var published = keySetOf(
	jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "r1", Algorithm: "RS256", Use: "sig"},
	jose.JSONWebKey{Key: &ecKey.PublicKey, KeyID: "e1"},
	jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "any"},
	jose.JSONWebKey{Key: &shortKey.PublicKey, KeyID: "short"},
	jose.JSONWebKey{Key: []byte("a secret of thirty-two bytes len"), KeyID: "secret"},
	jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "enc", Use: "enc"},
	jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "twice"},
	jose.JSONWebKey{Key: &otherKey.PublicKey, KeyID: "twice"},
)

func verifier(t *testing.T, opt Options) *Verifier {
	t.Helper()
	if opt.Keys == "" {
		opt.Keys = filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(opt.Keys, published, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if opt.Now == nil {
		opt.Now = func() time.Time { return now }
	}
	opt.Issuer, opt.Audiences = issuer, []string{"assay-api", "other-api"}
	v, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTaken(t *testing.T) {
	v := verifier(t, Options{})
	for _, c := range []struct {
		name  string
		token string
		want  httpapi.Principal
	}{
		{"RS256", sign(header, good, rsaKey), httpapi.Principal{Subject: "ann", Scopes: []string{"read", "review"}}},
		{"ES256", sign(object{"alg": "ES256", "kid": "e1"}, good, ecKey), httpapi.Principal{Subject: "ann", Scopes: []string{"read", "review"}}},
		{"one of several audiences", sign(header, with(good, object{"aud": []string{"x", "other-api"}}), rsaKey), httpapi.Principal{Subject: "ann", Scopes: []string{"read", "review"}}},
		{"client_id in place of aud", sign(header, with(good, object{"aud": nil, "client_id": "assay-api", "scope": "assay/read other/review assay-api/items:write"}), rsaKey),
			httpapi.Principal{Subject: "ann", Scopes: []string{"read", "items:write"}}},
		{"scp as a list", sign(header, with(good, object{"scope": nil, "scp": []string{"read", "unknown", "read"}}), rsaKey), httpapi.Principal{Subject: "ann", Scopes: []string{"read"}}},
		{"no scope at all", sign(header, with(good, object{"scope": nil}), rsaKey), httpapi.Principal{Subject: "ann"}},
		{"expired within the skew", sign(header, with(good, object{"exp": now.Add(-30 * time.Second).Unix()}), rsaKey), httpapi.Principal{Subject: "ann", Scopes: []string{"read", "review"}}},
		{"issued by a clock that is ahead", sign(header, with(good, object{"iat": now.Add(30 * time.Second).Unix(), "nbf": now.Add(30 * time.Second).Unix()}), rsaKey), httpapi.Principal{Subject: "ann", Scopes: []string{"read", "review"}}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/items", nil)
		r.Header.Set("Authorization", "bearer "+c.token)
		p, err := v.Authenticate(r)
		if err != nil || p.Subject != c.want.Subject || !slices.Equal(p.Scopes, c.want.Scopes) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, p, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	v := verifier(t, Options{})
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	signed := sign(header, good, rsaKey)
	parts := strings.Split(signed, ".")
	own := jose.JSONWebKey{Key: &otherKey.PublicKey, KeyID: "r1"}
	for _, c := range []struct{ name, token, why string }{
		{"unsigned", sign(object{"alg": "none", "kid": "r1"}, good, nil), "RS256 or ES256"},
		{"unsigned, spelt otherwise", sign(object{"alg": "nOnE", "kid": "r1"}, good, nil), "RS256 or ES256"},
		{"the public key as a shared secret", sign(object{"alg": "HS256", "kid": "r1"}, good, public), "RS256 or ES256"},
		{"its modulus as a shared secret", sign(object{"alg": "HS256", "kid": "r1"}, good, rsaKey.N.Bytes()), "RS256 or ES256"},
		{"a secret of the set", sign(object{"alg": "HS256", "kid": "secret"}, good, []byte("a secret of thirty-two bytes len")), "RS256 or ES256"},
		{"another algorithm than the key's", sign(object{"alg": "ES256", "kid": "r1"}, good, ecKey), "its key is for RS256"},
		{"an algorithm that the key cannot", sign(object{"alg": "ES256", "kid": "any"}, good, ecKey), "does not verify"},
		{"a key that it brings along", sign(object{"alg": "RS256", "kid": "r1", "jwk": own}, good, otherKey), "does not verify"},
		{"a key behind an address of its own", sign(object{"alg": "RS256", "kid": "r9", "jku": "https://evil.example/k"}, good, otherKey), "not in the issuer's key set"},
		{"somebody else's key", sign(header, good, otherKey), "does not verify"},
		{"no key id", sign(object{"alg": "RS256"}, good, rsaKey), "kid"},
		{"a short key", sign(object{"alg": "RS256", "kid": "short"}, good, shortKey), "not in the issuer's key set"},
		{"a key for encryption", sign(object{"alg": "RS256", "kid": "enc"}, good, rsaKey), "not in the issuer's key set"},
		{"an id that two keys have", sign(object{"alg": "RS256", "kid": "twice"}, good, rsaKey), "not in the issuer's key set"},
		{"a critical header that nobody knows", sign(object{"alg": "RS256", "kid": "r1", "crit": []string{"x"}, "x": 1}, good, rsaKey), ""},
		{"another payload", parts[0] + "." + segment(with(good, object{"sub": "bob"})) + "." + parts[2], "does not verify"},
		{"no signature", parts[0] + "." + parts[1] + ".", ""},
		{"the JSON form", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "not a JWT"},
		{"another issuer", sign(header, with(good, object{"iss": "https://login.example.org"}), rsaKey), "issuer"},
		{"no issuer", sign(header, with(good, object{"iss": nil}), rsaKey), "issuer"},
		{"another audience", sign(header, with(good, object{"aud": "assay"}), rsaKey), "not for"},
		{"no audience", sign(header, with(good, object{"aud": nil}), rsaKey), "not for"},
		{"client_id beside another aud", sign(header, with(good, object{"aud": "x", "client_id": "assay-api"}), rsaKey), "not for"},
		{"expired", sign(header, with(good, object{"exp": now.Add(-2 * time.Minute).Unix()}), rsaKey), "expired at 2026-03-01T11:58:00Z"},
		{"without an end", sign(header, with(good, object{"exp": nil}), rsaKey), "exp"},
		{"an end that is no number", sign(header, with(good, object{"exp": "later"}), rsaKey), ""},
		{"not yet valid", sign(header, with(good, object{"nbf": now.Add(2 * time.Minute).Unix()}), rsaKey), "not valid yet"},
		{"issued in the future", sign(header, with(good, object{"iat": now.Add(2 * time.Minute).Unix()}), rsaKey), "not valid yet"},
		{"nobody", sign(header, with(good, object{"sub": nil}), rsaKey), "sub"},
		{"scopes of another form", sign(header, with(good, object{"scope": 7}), rsaKey), ""},
		{"too long", sign(header, with(good, object{"x": strings.Repeat("x", tokenLimit)}), rsaKey), "bytes"},
		{"empty", "", "bearer token"},
		{"rubbish", "....", "not a JWT"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/items", nil)
		r.Header.Set("Authorization", "Bearer "+c.token)
		_, err := v.Authenticate(r)
		if pipeline.ErrorCode(err) != pipeline.CodeUnauthorized || !strings.Contains(fmt.Sprint(err), c.why) {
			t.Errorf("%s: %v, want unauthorized with %q", c.name, err, c.why)
		}
	}
	for name, headers := range map[string][]string{"none": nil, "another scheme": {"Basic eDp5"}, "two": {"Bearer " + signed, "Bearer " + signed}} {
		r := httptest.NewRequest(http.MethodGet, "/v1/items", nil)
		r.Header["Authorization"] = headers
		if _, err := v.Authenticate(r); pipeline.ErrorCode(err) != pipeline.CodeUnauthorized {
			t.Errorf("%s: %v, want unauthorized", name, err)
		}
	}
}

// An issuerServer is an issuer whose answers the test changes.
type issuerServer struct {
	mu      sync.Mutex
	set     []byte
	down    bool
	asked   atomic.Int64
	address string
}

func serveIssuer(t *testing.T, set []byte) *issuerServer {
	s := &issuerServer{set: set}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked.Add(1)
		switch {
		case s.down:
			w.WriteHeader(http.StatusBadGateway)
		case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.address, s.address+"/keys")
		default:
			_, _ = w.Write(s.set)
		}
	}))
	t.Cleanup(srv.Close)
	s.address = srv.URL
	return s
}

func (s *issuerServer) change(set []byte, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set, s.down = set, down
}

func TestRotation(t *testing.T) {
	old := keySetOf(jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "r1"})
	s := serveIssuer(t, old)
	var offset atomic.Int64
	clock := func() time.Time { return now.Add(time.Duration(offset.Load())) }
	v := verifier(t, Options{Keys: s.address + "/keys", Now: clock})
	token := func(kid string, k *rsa.PrivateKey) string {
		return sign(object{"alg": "RS256", "kid": kid}, with(good, object{"exp": now.Add(100 * time.Hour).Unix()}), k)
	}
	try := func(step, token string, want pipeline.Code, asked int64) {
		t.Helper()
		before := s.asked.Load()
		_, err := v.Verify(t.Context(), token)
		if pipeline.ErrorCode(err) != want {
			t.Errorf("%s: %v, want code %q", step, err, want)
		}
		if n := s.asked.Load() - before; n != asked {
			t.Errorf("%s: the issuer was asked %d times, want %d", step, n, asked)
		}
	}
	first, second := token("r1", rsaKey), token("r2", otherKey)
	try("the first token", first, "", 1)
	try("kept", first, "", 0)
	try("an unknown key, a moment later", second, pipeline.CodeUnauthorized, 0)
	offset.Add(int64(pause))
	try("an unknown key", second, pipeline.CodeUnauthorized, 1)
	try("and again: no flood", second, pipeline.CodeUnauthorized, 0)
	s.change(keySetOf(jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "r1"}, jose.JSONWebKey{Key: &otherKey.PublicKey, KeyID: "r2"}), false)
	offset.Add(int64(pause))
	try("the new key is found at once", second, "", 1)
	s.change(keySetOf(jose.JSONWebKey{Key: &otherKey.PublicKey, KeyID: "r2"}), false)
	try("the old one is still kept", first, "", 0)
	offset.Add(int64(fresh))
	try("and then refused", first, pipeline.CodeUnauthorized, 1)
	s.change(nil, true)
	offset.Add(int64(fresh))
	try("the issuer is down: keys that are known go on", second, "", 1)
	try("what is not known could not be looked up", first, pipeline.CodeUnavailable, 0)
	offset.Add(int64(stale))
	try("down for a day", second, pipeline.CodeUnavailable, 1)
}

// TestOneFetch: a hundred requests at once ask the issuer once.
func TestOneFetch(t *testing.T) {
	s := serveIssuer(t, published)
	v := verifier(t, Options{Keys: s.address + "/keys"})
	token := sign(header, good, rsaKey)
	var wg sync.WaitGroup
	var failed atomic.Int64
	for range 100 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	if failed.Load() != 0 || s.asked.Load() != 1 {
		t.Errorf("%d failed, the issuer was asked %d times", failed.Load(), s.asked.Load())
	}
}

func TestDiscovery(t *testing.T) {
	s := serveIssuer(t, published)
	opt := Options{Issuer: s.address, Audiences: []string{"assay-api"}, Now: func() time.Time { return now }}
	v, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), sign(header, with(good, object{"iss": s.address}), rsaKey)); err != nil {
		t.Error(err)
	}
	// A document of another issuer is not believed.
	opt.Issuer = s.address + "/"
	if v, err = New(opt); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), sign(header, with(good, object{"iss": opt.Issuer}), rsaKey)); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("%v, want unavailable", err)
	}
}

func TestNewReportsConfiguration(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.json")
	if err := os.WriteFile(empty, []byte(`{"keys": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]Options{
		"nothing":          {},
		"no audience":      {Issuer: issuer},
		"no issuer":        {Audiences: []string{"a"}},
		"keys over http":   {Issuer: issuer, Audiences: []string{"a"}, Keys: "http://login.example.org/keys"},
		"issuer over http": {Issuer: "http://login.example.org/", Audiences: []string{"a"}},
		"no such file":     {Issuer: issuer, Audiences: []string{"a"}, Keys: filepath.Join(t.TempDir(), "none.json")},
		"a set of nothing": {Issuer: issuer, Audiences: []string{"a"}, Keys: empty},
	} {
		if _, err := New(opt); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

// FuzzVerify: whatever comes as a token, the answer is a refusal.
func FuzzVerify(f *testing.F) {
	file := filepath.Join(f.TempDir(), "keys.json")
	if err := os.WriteFile(file, published, 0o600); err != nil {
		f.Fatal(err)
	}
	v, err := New(Options{Issuer: issuer, Audiences: []string{"assay-api"}, Keys: file, Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "a.b.c", segment(header) + "." + segment(good) + ".AAAA", segment(object{"alg": "none"}) + ".e30.", `{"payload":""}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err := v.Verify(t.Context(), token)
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Code != pipeline.CodeUnauthorized {
			t.Fatalf("%q: %v", token, err)
		}
	})
}

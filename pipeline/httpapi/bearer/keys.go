package bearer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/assay-pipeline/assay/pipeline"
)

const (
	// fresh is how long a fetched key set is used without asking again: a key
	// that the issuer withdrew is refused after that.
	fresh = 10 * time.Minute
	// stale is how long one is used when the issuer does not answer.
	stale = 24 * time.Hour
	// pause is the least time between two fetches: tokens with made-up key ids
	// must not become a flood of requests to the issuer.
	pause = 10 * time.Second
	// documentLimit bounds what is read of a key set, in bytes.
	documentLimit = 1 << 20
)

// A keySet holds the keys of the issuer, by their ids.
type keySet struct {
	opt    Options
	client *http.Client
	group  singleflight.Group

	mu      sync.Mutex
	keys    map[string]jose.JSONWebKey
	fetched time.Time // when keys came
	tried   time.Time // when they were last asked for
	failed  error     // what came of that, if nothing
}

func newKeySet(opt Options) (*keySet, error) {
	k := &keySet{opt: opt, client: opt.Client}
	if k.client == nil {
		k.client = &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("more than three redirects")
			}
			return secure(r.URL.String())
		}}
	}
	if !k.file() {
		if k.opt.Keys == "" {
			return k, secure(opt.Issuer)
		}
		return k, secure(opt.Keys)
	}
	b, err := os.ReadFile(opt.Keys)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_API_JWKS: %w", err).WithHint("name a key set: an https URL or a file")
	}
	if k.keys, err = readKeys(b); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_API_JWKS: %s: %w", opt.Keys, err)
	}
	return k, nil
}

// file reports whether the key set is a file.
func (k *keySet) file() bool { return k.opt.Keys != "" && !strings.Contains(k.opt.Keys, "://") }

// secure refuses an address whose answer somebody on the way could forge.
func secure(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" {
		ip, ipErr := netip.ParseAddr(u.Hostname())
		if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ipErr == nil && ip.IsLoopback()) {
			return nil
		}
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "%q is not an https address", address).
		WithHint("keys that come over http can be forged on the way; http is for this machine alone")
}

// find returns the key kid. Errors: unauthorized where the issuer has no such
// key, unavailable where it could not be asked.
func (k *keySet) find(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	unknown := refuse("the token's key %.64q is not in the issuer's key set", kid)
	k.mu.Lock()
	key, known := k.keys[kid]
	age := k.opt.Now().Sub(k.fetched)
	k.mu.Unlock()
	switch {
	case known && (k.file() || age < fresh):
		return key, nil
	case k.file():
		return key, unknown
	}
	// One request at a time, and it does not end with the caller who was first.
	_, _, _ = k.group.Do("", func() (any, error) {
		k.refresh(context.WithoutCancel(ctx))
		return nil, nil
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	key, known = k.keys[kid]
	if known && k.opt.Now().Sub(k.fetched) < stale {
		return key, nil
	}
	if k.failed != nil {
		return key, pipeline.Errorf(pipeline.CodeUnavailable, "the issuer's keys could not be had: %w", k.failed).WithHint("try again")
	}
	return key, unknown
}

// refresh fetches the key set, unless that was done a moment ago.
func (k *keySet) refresh(ctx context.Context) {
	k.mu.Lock()
	wait := k.opt.Now().Sub(k.tried) < pause && !k.tried.IsZero()
	if !wait {
		k.tried = k.opt.Now()
	}
	k.mu.Unlock()
	if wait {
		return
	}
	keys, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed = err; err == nil {
		k.keys, k.fetched = keys, k.opt.Now()
	}
}

func (k *keySet) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	address := k.opt.Keys
	if address == "" {
		b, err := k.get(ctx, strings.TrimSuffix(k.opt.Issuer, "/")+"/.well-known/openid-configuration")
		if err != nil {
			return nil, err
		}
		var found struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(b, &found); err != nil {
			return nil, err
		}
		if found.Issuer != k.opt.Issuer {
			return nil, refuse("the discovery document is of the issuer %q, not %q", found.Issuer, k.opt.Issuer)
		}
		if err := secure(found.Keys); err != nil {
			return nil, err
		}
		address = found.Keys
	}
	b, err := k.get(ctx, address)
	if err != nil {
		return nil, err
	}
	return readKeys(b)
}

func (k *keySet) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	res, err := k.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "%s answered %s", address, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, documentLimit+1))
	if err == nil && len(b) > documentLimit {
		err = pipeline.Errorf(pipeline.CodeLimit, "%s is longer than %d bytes", address, documentLimit)
	}
	return b, err
}

// readKeys reads a key set and keeps the keys that may sign tokens, by id. One
// that does not read or is of another kind is passed over: issuers add kinds.
func readKeys(b []byte) (map[string]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "not a JSON Web Key Set: %w", err)
	}
	keys := map[string]jose.JSONWebKey{}
	twice := map[string]bool{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || key.KeyID == "" || key.Use == "enc" {
			continue
		}
		switch pub := key.Public().Key.(type) {
		case *rsa.PublicKey:
			if pub.N.BitLen() < 2048 {
				continue
			}
		case *ecdsa.PublicKey:
			if pub.Curve != elliptic.P256() {
				continue
			}
		default:
			continue
		}
		_, had := keys[key.KeyID]
		twice[key.KeyID] = had || twice[key.KeyID]
		keys[key.KeyID] = key.Public()
	}
	for kid, t := range twice {
		if t { // which of the two is meant, nobody can tell
			delete(keys, kid)
		}
	}
	if len(keys) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the key set has no RSA or P-256 key with an id")
	}
	return keys, nil
}

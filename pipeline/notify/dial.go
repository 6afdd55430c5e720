package notify

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// errRefused is why a connection was not made.
var errRefused = errors.New("the address is refused")

// client makes requests to public addresses alone. The address is checked when
// the connection is made, after the name was resolved, so that neither a
// redirect nor a name that resolves to something else the second time gets
// around it; a proxy of the environment would, and is not used.
func client(loopback bool) *http.Client {
	d := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", errRefused, address)
		}
		a := at.Addr().Unmap()
		if loopback && a.IsLoopback() || public(a) {
			return nil
		}
		return fmt.Errorf("%w: %s is not a public address", errRefused, a)
	}}
	return &http.Client{
		Transport: &http.Transport{DialContext: d.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			const most = 3
			switch {
			case len(via) > most:
				return fmt.Errorf("%w: more than %d redirects", errRefused, most)
			case req.Method != http.MethodPost:
				return fmt.Errorf("%w: it redirects, and the message would be lost on the way (only 307 and 308 keep it)", errRefused)
			case req.URL.Scheme != "https" && !loopback:
				return fmt.Errorf("%w: it redirects to an address of %s", errRefused, req.URL.Scheme)
			}
			if req.URL.Host != via[0].URL.Host {
				// What is signed for one receiver is not for another.
				req.Header.Del("Authorization")
			}
			return nil
		},
	}
}

// special are the ranges that netip does not tell: those of RFC 6890 that no
// public host has, and those that carry another address inside.
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10", "5f00::/16")

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// public reports whether a is an address of the public internet.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

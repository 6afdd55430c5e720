package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// LoopbackAddr refuses an address that others could reach: a server without
// tokens is for this machine alone. Error: invalid.
func LoopbackAddr(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "address %q: %w", addr, err).WithHint("write it like 127.0.0.1:8787")
	}
	if !loopbackHost(host) {
		return pipeline.Errorf(pipeline.CodeInvalid, "address %q can be reached by others, and no tokens are asked for", addr).
			WithHint("bind to 127.0.0.1, or set ASSAY_API_ISSUER and ASSAY_API_AUDIENCE")
	}
	return nil
}

func loopbackHost(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// Loopback guards a server that asks for no token against the pages that its
// user has open in a browser. A request must name this machine as its host: a
// foreign name that resolves to it is DNS rebinding. And what writes must not
// come from another origin. hosts are further names of this machine. fail
// writes the problem.
func Loopback(next http.Handler, fail func(http.ResponseWriter, *http.Request, error), hosts ...string) http.Handler {
	// Sec-Fetch-Site, else Origin against Host; what is no browser sends neither.
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !loopbackHost(host) && !slices.Contains(hosts, host) {
			fail(w, r, pipeline.Errorf(pipeline.CodeDenied, "the request is for the host %q, which is not this machine", r.Host).
				WithHint("use the address that the server says when it starts"))
			return
		}
		if err := cross.Check(r); err != nil {
			fail(w, r, pipeline.Errorf(pipeline.CodeDenied, "a page of another origin may not write here: %w", err).
				WithHint("send the request from a program, or from a page of this server"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

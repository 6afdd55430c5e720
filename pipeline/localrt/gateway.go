package localrt

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// A Gateway is an HTTP API of API Gateway (payload format 2.0) before a function.
type Gateway struct {
	Pool *Pool
	// Claims are what its authorizer says of every caller: those of a token.
	Claims map[string]string
	Now    func() time.Time
}

// ServeHTTP asks the function. A function that fails is a 500 and one that is out
// of time a 503, as at the gateway, whose bodies these are.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, PayloadLimit))
	if err != nil {
		gatewayError(w, http.StatusRequestEntityTooLarge, "Request Too Long")
		return
	}
	event, err := json.Marshal(g.event(r, body))
	if err != nil {
		gatewayError(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	res, err := g.Pool.Invoke(r.Context(), event)
	switch {
	case err != nil, res.Failure != nil && res.Failure.Type != TimedOut:
		gatewayError(w, http.StatusInternalServerError, "Internal Server Error")
		return
	case res.Failure != nil:
		gatewayError(w, http.StatusServiceUnavailable, "Service Unavailable")
		return
	}
	var out events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(res.Response, &out); err != nil || out.StatusCode == 0 {
		gatewayError(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	answer := []byte(out.Body)
	if out.IsBase64Encoded {
		if answer, err = base64.StdEncoding.DecodeString(out.Body); err != nil {
			gatewayError(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
	}
	h := w.Header()
	for k, v := range out.Headers {
		h.Set(k, v)
	}
	for k, vs := range out.MultiValueHeaders {
		h[http.CanonicalHeaderKey(k)] = vs
	}
	for _, c := range out.Cookies {
		h.Add("Set-Cookie", c)
	}
	w.WriteHeader(out.StatusCode)
	_, _ = w.Write(answer) // a client that is gone needs none
}

func (g *Gateway) event(r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	at := g.Now().UTC()
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{"host": r.Host},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "$default", AccountID: "000000000000", Stage: "$default", RequestID: requestID(), APIID: "local", DomainName: r.Host,
			Time: at.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: at.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: ip, UserAgent: r.UserAgent()},
		},
	}
	for k, vs := range r.Header {
		if k == "Cookie" {
			for _, v := range vs {
				e.Cookies = append(e.Cookies, strings.Split(v, "; ")...)
			}
			continue
		}
		e.Headers[strings.ToLower(k)] = strings.Join(vs, ",")
	}
	if q, err := url.ParseQuery(r.URL.RawQuery); err == nil && len(q) > 0 {
		e.QueryStringParameters = map[string]string{}
		for k, vs := range q {
			e.QueryStringParameters[k] = strings.Join(vs, ",")
		}
	}
	if len(g.Claims) > 0 {
		e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: g.Claims},
		}
	}
	if utf8.Valid(body) {
		e.Body = string(body)
	} else {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

func gatewayError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // as above
}

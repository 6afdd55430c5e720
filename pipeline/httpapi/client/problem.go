package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
)

// Error is the problem on one line, with what to do about it.
func (p *Problem) Error() string {
	s := fmt.Sprintf("%d %s", p.Status, p.Title)
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Failure is the *Problem that a response reports, nil for one of success. A
// failure that is no problem document, such as a proxy's page, gets the code
// "internal", and "unavailable" for 502 to 504.
func Failure(r *http.Response, body []byte) error {
	if r == nil || r.StatusCode < http.StatusBadRequest {
		return nil
	}
	p := &Problem{}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && mt == "application/problem+json" && json.Unmarshal(body, p) == nil && p.Code != "" {
		return p
	}
	p = &Problem{Status: r.StatusCode, Title: http.StatusText(r.StatusCode), Type: "about:blank", Code: "internal"}
	if r.StatusCode >= http.StatusBadGateway && r.StatusCode <= http.StatusGatewayTimeout {
		p.Code = "unavailable"
	}
	return p
}

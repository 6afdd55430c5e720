package localrt

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// handleHTTP answers with what it was asked.
func handleHTTP(e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	switch e.RawPath {
	case "/panic":
		panic("oh")
	case "/hang":
		time.Sleep(time.Minute)
	case "/nothing":
		return events.APIGatewayV2HTTPResponse{}, nil
	case "/bytes":
		b, err := base64.StdEncoding.DecodeString(e.Body)
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: base64.StdEncoding.EncodeToString(b), IsBase64Encoded: e.IsBase64Encoded}, err
	}
	sub := ""
	if a := e.RequestContext.Authorizer; a != nil && a.JWT != nil {
		sub = a.JWT.Claims["sub"]
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusCreated, Headers: map[string]string{"x-answer": "yes"}, Cookies: []string{"a=1", "b=2"},
		Body: strings.Join([]string{e.RequestContext.HTTP.Method, e.RawPath, e.RawQueryString, e.QueryStringParameters["q"], e.Headers["x-many"], strings.Join(e.Cookies, "|"), e.Body, sub}, "\n"),
	}, nil
}

func TestGateway(t *testing.T) {
	f := function("http")
	f.Timeout = time.Second
	pool := NewPool(f, 1)
	defer pool.Close()
	srv := httptest.NewServer(&Gateway{Pool: pool, Claims: map[string]string{"sub": "me"}, Now: time.Now})
	defer srv.Close()
	ask := func(method, path, body string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header["X-Many"] = []string{"one", "two"}
		req.Header.Set("Cookie", "c=3; d=4")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(b)
	}
	res, body := ask("POST", "/v1/a%20b?q=x%26y&q=z", "grüße")
	if want := "POST\n/v1/a b\nq=x%26y&q=z\nx&y,z\none,two\nc=3|d=4\ngrüße\nme"; res.StatusCode != http.StatusCreated || body != want {
		t.Errorf("%s %q, want %q", res.Status, body, want)
	}
	if res.Header.Get("X-Answer") != "yes" || strings.Join(res.Header["Set-Cookie"], " ") != "a=1 b=2" {
		t.Errorf("%v", res.Header)
	}
	if _, body := ask("PUT", "/bytes", "\xff\x00\xfe"); body != "\xff\x00\xfe" {
		t.Errorf("bytes: %q", body)
	}
	for path, status := range map[string]int{"/panic": 500, "/hang": 503, "/nothing": 500} {
		if res, body := ask("GET", path, ""); res.StatusCode != status || !strings.Contains(body, "message") {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
}

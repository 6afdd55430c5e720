package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
)

// project is a folder as assay init writes it.
func project(t *testing.T, environ ...string) *handler {
	t.Helper()
	return projectIn(t, t.TempDir(), environ...)
}

func projectIn(t *testing.T, dir string, environ ...string) *handler {
	t.Helper()
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join("..", "..", "cmd", "assay", "scaffold", "contracts"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lake"), 0o755); err != nil {
		t.Fatal(err)
	}
	h, err := newHandler(context.Background(), environ, dir, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHandleEvent(t *testing.T) {
	h := project(t)
	res, err := h.Handle(context.Background(), *sample(t))
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Answers []json.RawMessage `json:"answers"`
	}
	if res.StatusCode != http.StatusOK || json.Unmarshal([]byte(res.Body), &body) != nil || len(body.Answers) != 1 {
		t.Errorf("%+v", res)
	}
	if !strings.HasPrefix(res.Headers["Content-Type"], "application/json") || res.Headers["X-Request-Id"] == "" {
		t.Errorf("headers: %v", res.Headers)
	}
}

// TestHandleAccess: nobody without an authorizer's word, nobody beyond their
// scopes, and health for everybody.
func TestHandleAccess(t *testing.T) {
	h := project(t)
	for _, c := range []struct {
		name, method, path, authorizer string
		status                         int
	}{
		{"nobody", "GET", "/v1/feeds", `null`, 401},
		{"nobody, health", "GET", "/health/live", `null`, 200},
		{"a reader", "GET", "/v1/feeds", `{"jwt":{"claims":{"sub":"ann","scope":"read"}}}`, 200},
		{"a reader trips a breaker", "POST", "/v1/breakers/parts:trip", `{"jwt":{"claims":{"sub":"ann","scope":"read"}}}`, 403},
		{"an AWS identity", "GET", "/v1/breakers", `{"iam":{"userArn":"arn:aws:iam::123456789012:role/ops"}}`, 200},
		{"no such path", "GET", "/v2/feeds", `null`, 404},
		{"a page, nobody", "GET", "/", `null`, 401},
		{"a page", "GET", "/", `{"jwt":{"claims":{"sub":"ann","scope":"read"}}}`, 200},
		{"a page beyond the scopes", "GET", "/feeds/parts", `{"jwt":{"claims":{"sub":"ann","scope":"review"}}}`, 403},
		{"an item whose name has a slash, decoded by the gateway", "GET", "/v1/items/parts/P-1", `{"iam":{"userArn":"arn:aws:iam::123456789012:role/ops"}}`, 404},
	} {
		e := sample(t)
		e.RawPath, e.RawQueryString, e.Body, e.IsBase64Encoded = c.path, "", "", false
		e.RequestContext.HTTP.Method = c.method
		e.Headers = map[string]string{"host": "x", "authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5In0."}
		if c.method == "POST" {
			e.Body, e.Headers["content-type"] = `{"reason":"a test"}`, "application/json"
		}
		e.RequestContext.Authorizer = nil
		if err := json.Unmarshal([]byte(`{"authorizer":`+c.authorizer+`}`), &e.RequestContext); err != nil {
			t.Fatal(err)
		}
		res, err := h.Handle(context.Background(), *e)
		if err != nil || res.StatusCode != c.status {
			t.Errorf("%s: %d %s, %v; want %d", c.name, res.StatusCode, res.Body, err, c.status)
		}
		if strings.HasPrefix(c.path, "/v1/items/") && strings.Contains(res.Body, "there is nothing at") {
			t.Errorf("%s: %s", c.name, res.Body)
		}
		if c.status == 401 && res.Headers["Www-Authenticate"] == "" {
			t.Errorf("%s: no challenge: %v", c.name, res.Headers)
		}
	}
}

// TestHandleTells: what a write put into the outbox has left before the answer is
// given, and an outbox that cannot be emptied keeps no answer back.
func TestHandleTells(t *testing.T) {
	for _, gone := range []bool{false, true} {
		dir := t.TempDir()
		events := filepath.Join(dir, "events.jsonl")
		h := projectIn(t, dir, "ASSAY_EVENTS=file:events.jsonl")
		if gone {
			h.relay.Publisher = away{}
		}
		e := sample(t)
		e.RawPath, e.RawQueryString, e.Body, e.IsBase64Encoded = "/v1/breakers/parts:trip", "", `{"reason":"prices in cents"}`, false
		e.Headers = map[string]string{"host": "x", "content-type": "application/json"}
		e.RequestContext.Authorizer.JWT.Claims["scope"] = "read breakers:operate"
		res, err := h.Handle(context.Background(), *e)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%+v %v", res, err)
		}
		told, err := os.ReadFile(events)
		if err != nil {
			t.Fatal(err)
		}
		left, err := h.relay.Outbox.Outgoing(context.Background(), 10)
		if err != nil || strings.Contains(string(told), pipeline.BreakerChanged) == gone || (len(left) > 0) != gone {
			t.Errorf("bus gone: %v: told %q, %d entries left, %v", gone, told, len(left), err)
		}
	}
}

// away is a bus that is out of reach.
type away struct{}

func (away) Publish(context.Context, []pipeline.Event) error {
	return pipeline.Errorf(pipeline.CodeUnavailable, "no route to the bus")
}

// TestHandleNewContract: a contract counts without a new start of the function.
func TestHandleNewContract(t *testing.T) {
	dir := t.TempDir()
	h := projectIn(t, dir)
	feeds := filepath.Join(dir, "contracts", "feeds")
	src, err := os.ReadFile(filepath.Join(feeds, "parts.odcs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(feeds, "screws.odcs.yaml"), []byte(strings.ReplaceAll(string(src), "parts", "screws")), 0o600); err != nil {
		t.Fatal(err)
	}
	e := sample(t)
	e.RawPath, e.RawQueryString, e.Body, e.IsBase64Encoded = "/v1/feeds/screws", "", "", false
	e.RequestContext.HTTP.Method = "GET"
	if res, err := h.Handle(context.Background(), *e); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%+v %v", res, err)
	}
}

func TestHandleWhatIsNoRequest(t *testing.T) {
	h := project(t)
	res, err := h.Handle(context.Background(), events.APIGatewayV2HTTPRequest{RawPath: "/v1/items", Body: "=", IsBase64Encoded: true})
	if err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(res.Body, "base64") {
		t.Errorf("%+v, %v", res, err)
	}
}

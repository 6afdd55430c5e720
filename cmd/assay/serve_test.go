package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Serve says where it listens, answers, and ends with an interrupt after those
// who are being answered have their answer.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		c := &cli{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
		return c.run(context.Background(), args), out.String() + errs.String()
	}
	if code, out := run("init", dir+"/p"); code != 0 {
		t.Fatal(out)
	}
	if code, out := run("-C", dir+"/p", "-q", "run"); code != 0 {
		t.Fatal(out)
	}
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	r, w := io.Pipe()
	var errs bytes.Buffer
	c := &cli{stdin: strings.NewReader(""), stdout: w, stderr: &errs, environ: []string{"ASSAY_LOG=info"}}
	ended := make(chan int, 1)
	go func() {
		ended <- c.run(ctx, []string{"-C", dir + "/p", "-o", "json", "serve", "--addr", "127.0.0.1:0", "--as", "ann"})
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err, errs.String())
	}
	var said struct {
		SchemaVersion int `json:"schema_version"`
		URL           string
	}
	if err := json.Unmarshal([]byte(line), &said); err != nil || said.SchemaVersion != 1 || !strings.HasPrefix(said.URL, "http://127.0.0.1:") {
		t.Fatalf("it says %s (%v)", line, err)
	}
	ask := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, said.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if code, body := ask(http.MethodGet, "/v1/search?q=washer+thread=M10", ""); code != http.StatusOK || !strings.Contains(body, "parts/P-1001") {
		t.Errorf("search: %d %s", code, body)
	}
	if code, body := ask(http.MethodPost, "/v1/breakers/parts:trip", `{"reason": "a test"}`); code != http.StatusOK || !strings.Contains(body, "tripped by ann: a test") {
		t.Errorf("trip: %d %s", code, body)
	}
	interrupt()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("it ended with %d\n%s", code, errs.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	// The log has a line for each request, in JSON, with no text of a request.
	for l := range strings.SplitSeq(strings.TrimSpace(errs.String()), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(l), &entry); err != nil {
			t.Errorf("log: %s", l)
		}
	}
	if !strings.Contains(errs.String(), `"operation":"search"`) || strings.Contains(errs.String(), "washer") {
		t.Errorf("log: %s", errs.String())
	}
	// What it did is there for the next command.
	if code, out := run("-C", dir+"/p", "breaker", "list"); code != 0 || !strings.Contains(out, "tripped by ann: a test") {
		t.Errorf("%d %s", code, out)
	}
	for _, bad := range [][]string{{"serve", "--addr", "0.0.0.0:0"}, {"serve", "--addr", "8787"}, {"serve", "--addr", "example.org:80"}, {"serve", "more"}} {
		if code, out := run(append([]string{"-C", dir + "/p"}, bad...)...); code != 2 || !strings.Contains(out, "assay: ") {
			t.Errorf("%v: %d %s", bad, code, out)
		}
	}
}

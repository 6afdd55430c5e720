package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

const page = "../../docs/api.md"

// TestPageCommands runs the curl commands of docs/api.md in order. $REVIEW is
// what was claimed, $BATCH the newest batch of the feed.
func TestPageCommands(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	api := serve(t)
	var batches struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(get(t, api, "/v1/batches?feed=parts").Body.Bytes(), &batches); err != nil || len(batches.Data) != 1 {
		t.Fatal(err, batches)
	}
	named := map[string]string{"$BATCH": batches.Data[0].ID}
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.SplitSeq(block[1], "\n") {
			if !strings.HasPrefix(line, "curl ") {
				continue
			}
			for name, value := range named {
				line = strings.ReplaceAll(line, name, value)
			}
			w := httptest.NewRecorder()
			api.ServeHTTP(w, curl(t, line))
			if w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("%s\n%d %s", line, w.Code, w.Body)
			}
			if strings.Contains(line, "reviews:claim") {
				var e struct{ ID string }
				if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
					t.Fatal(err)
				}
				named["$REVIEW"] = e.ID
			}
			ran++
		}
	}
	if ran < 20 {
		t.Errorf("only %d commands of the page were run", ran)
	}
}

// curl is the request that a command line of curl sends, as far as the page
// needs it.
func curl(t *testing.T, line string) *http.Request {
	t.Helper()
	method, target, body, header := http.MethodGet, "", "", http.Header{}
	query := url.Values{}
	var words []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	for i := 1; i < len(words); i++ {
		switch w := words[i]; w {
		case "--json":
			i++
			method, body = http.MethodPost, words[i]
			header.Set("Content-Type", "application/json")
			header.Set("Accept", "application/json")
		case "--get":
		case "--data-urlencode":
			i++
			k, v, _ := strings.Cut(words[i], "=")
			query.Add(k, v)
		default:
			if strings.HasPrefix(w, "-") || target != "" {
				t.Fatalf("%s: what is %s?", line, w)
			}
			target = w
		}
	}
	path, ok := strings.CutPrefix(target, "localhost:8787")
	if !ok {
		t.Fatalf("%s: not to localhost:8787", line)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header = header
	return r
}

// The page explains each code, with its status, and each scope.
func TestPageExplains(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`<a id="problem-(\w+)"></a>` + "`(\\w+)` \\| (\\d+) \\|")
	explained := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if m[1] != m[2] {
			t.Errorf("the anchor of %s is %s", m[2], m[1])
		}
		explained[m[2]] = m[3]
	}
	for _, c := range []pipeline.Code{pipeline.CodeInvalid, pipeline.CodeNotFound, pipeline.CodeConflict, pipeline.CodeLocked, pipeline.CodeUnavailable,
		pipeline.CodeUnauthorized, pipeline.CodeDenied, pipeline.CodeLimit, pipeline.CodeCorrupt, pipeline.CodeCanceled, pipeline.CodeInternal} {
		b, err := json.Marshal(c.HTTPStatus())
		if err != nil || explained[string(c)] != string(b) {
			t.Errorf("%s: the page says %q, it is %s", c, explained[string(c)], b)
		}
	}
	// And those of requests alone, which the document shows by example.
	s := readSpec(t)
	responses := s.root["components"].(map[string]any)["responses"].(map[string]any)
	for name, r := range responses {
		content, ok := r.(map[string]any)["content"].(map[string]any)
		if !ok {
			continue
		}
		ex := content["application/problem+json"].(map[string]any)["example"].(map[string]any)
		if code := ex["code"].(string); explained[code] == "" {
			t.Errorf("%s: the page does not explain %s", name, code)
		}
	}
	for _, scope := range httpapi.Scopes() {
		if !strings.Contains(string(text), "| `"+scope+"` |") {
			t.Errorf("the page does not explain the scope %s", scope)
		}
	}
}

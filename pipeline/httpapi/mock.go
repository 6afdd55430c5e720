package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline"
)

// An example is what the document shows of one answer.
type example struct {
	contentType string
	body        []byte
}

// NewMock builds a server that answers with the examples of the document and
// looks at nothing: for those who write a client. Requests are held against the
// document as ever, so a wrong one is refused as the real server refuses it. A
// request chooses another answer than that of success by the header Prefer
// (RFC 7240), such as "Prefer: code=503". Of opt, only what is no use case counts.
// Error: invalid, where the document lacks an example.
func NewMock(opt Options) (*Server, error) {
	opt.Responses = nil
	s, err := prepare(opt)
	if err != nil {
		return nil, err
	}
	examples, err := readExamples(s.doc.source)
	if err != nil {
		return nil, err
	}
	for _, route := range slices.Sorted(maps.Keys(s.doc.operations)) {
		o := s.doc.operations[route]
		answers := examples[route]
		if o.path == "/openapi.yaml" { // the document is its own example
			answers = map[int]example{http.StatusOK: {"application/yaml", s.doc.source}}
		}
		best := 0
		for _, status := range slices.Sorted(maps.Keys(answers)) {
			if status < 300 && best == 0 {
				best = status
			}
		}
		if best == 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %s has no example of success", DocumentName, route)
		}
		s.router.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			status, err := preferred(r.Header, best)
			x, ok := answers[status]
			if err == nil && !ok {
				err = pipeline.Errorf(pipeline.CodeInvalid, "Prefer: %s has no example with the status %d", o.id, status).
					WithHint("it has %v", slices.Sorted(maps.Keys(answers)))
			}
			if err != nil {
				s.Fail(w, r, err)
				return
			}
			w.Header().Set("Content-Type", x.contentType)
			w.Header().Set("Preference-Applied", fmt.Sprintf("code=%d", status))
			w.WriteHeader(status)
			_, _ = w.Write(x.body) // the client may be gone
		})
	}
	return s, nil
}

var preference = regexp.MustCompile(`^code=([1-5][0-9][0-9])$`)

// preferred is the status that a request asks for.
func preferred(h http.Header, otherwise int) (int, error) {
	for _, line := range h.Values("Prefer") {
		for p := range strings.SplitSeq(line, ",") {
			p = strings.ReplaceAll(strings.TrimSpace(p), `"`, "")
			if !strings.HasPrefix(p, "code") {
				continue // preferences that are not known are passed over
			}
			m := preference.FindStringSubmatch(p)
			if m == nil {
				return 0, pipeline.Errorf(pipeline.CodeInvalid, "Prefer: %q is no status", cut(p)).WithHint("write it like Prefer: code=503")
			}
			return strconv.Atoi(m[1])
		}
	}
	return otherwise, nil
}

// A rawAnswer is one response of the document, as far as it is shown here.
type rawAnswer struct {
	Ref     string `yaml:"$ref"`
	Content map[string]struct {
		Example any `yaml:"example"`
	} `yaml:"content"`
}

// readExamples reads the examples of all operations, "METHOD /path", by status.
func readExamples(src []byte) (map[string]map[int]example, error) {
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]rawAnswer `yaml:"responses"`
		} `yaml:"paths"`
		Components struct {
			Responses map[string]rawAnswer `yaml:"responses"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", DocumentName, err)
	}
	out := map[string]map[int]example{}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			route := strings.ToUpper(method) + " " + path
			out[route] = map[int]example{}
			for code, answer := range o.Responses {
				status, err := strconv.Atoi(code)
				if err != nil {
					continue // "default" has no status to answer with
				}
				if name, ok := strings.CutPrefix(answer.Ref, "#/components/responses/"); ok {
					answer = doc.Components.Responses[name]
				}
				x, ok, err := answer.example()
				if err != nil {
					return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %s %d: %w", DocumentName, route, status, err)
				}
				if ok || status == http.StatusNotModified {
					out[route][status] = x
				}
			}
		}
	}
	return out, nil
}

// example is the first example of an answer, JSON before other forms.
func (a rawAnswer) example() (example, bool, error) {
	for _, mt := range slices.Sorted(maps.Keys(a.Content)) {
		v := a.Content[mt].Example
		if v == nil {
			continue
		}
		if text, ok := v.(string); ok && !strings.HasSuffix(mt, "json") {
			return example{mt, []byte(text)}, true, nil
		}
		b, err := json.Marshal(v)
		return example{mt, append(b, '\n')}, true, err
	}
	return example{}, false, nil
}

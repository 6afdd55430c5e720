package httpapi_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// A spec is the document, read by itself: nothing of the server's reading of it
// is used here. Its schemas are strict: a member that the document does not
// name is a mistake of an answer.
type spec struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

func readSpec(t testing.TB) *spec {
	t.Helper()
	src, err := library.FS.ReadFile(httpapi.DocumentName)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(src, &root); err != nil {
		t.Fatal(err)
	}
	strict(root["components"].(map[string]any)["schemas"])
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("doc.yaml", root); err != nil {
		t.Fatal(err)
	}
	return &spec{root: root, compiler: c, schemas: map[string]*jsonschema.Schema{}}
}

// strict closes every object that names its members.
func strict(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, x := range v {
			strict(x)
		}
	case []any:
		for _, x := range v {
			strict(x)
		}
	}
}

var pointer = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", ":", "%3A", ";", "%3B", " ", "%20")

// at walks the document; a $ref on the way is followed.
func (s *spec) at(path ...string) (any, string) {
	var v any = s.root
	place := "doc.yaml#"
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, place
		}
		v, place = m[p], place+"/"+pointer.Replace(p)
		if m, ok := v.(map[string]any); ok {
			if ref, ok := m["$ref"].(string); ok {
				v, place = s.root, "doc.yaml#"
				for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					v, place = v.(map[string]any)[part], place+"/"+pointer.Replace(part)
				}
			}
		}
	}
	return v, place
}

func (s *spec) schema(t testing.TB, place string) *jsonschema.Schema {
	t.Helper()
	if s.schemas[place] == nil {
		c, err := s.compiler.Compile(place)
		if err != nil {
			t.Fatal(err)
		}
		s.schemas[place] = c
	}
	return s.schemas[place]
}

// operations by "METHOD /path".
func (s *spec) operations() map[string]map[string]any {
	out := map[string]map[string]any{}
	for path, methods := range s.root["paths"].(map[string]any) {
		for method, o := range methods.(map[string]any) {
			out[strings.ToUpper(method)+" "+path] = o.(map[string]any)
		}
	}
	return out
}

// conforms says what of an answer the document does not know.
func (s *spec) conforms(t testing.TB, route string, status int, header http.Header, body []byte) error {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	found, place := s.at("paths", path, strings.ToLower(method), "responses", fmt.Sprint(status))
	if found == nil {
		return fmt.Errorf("%s answers %d, which the document does not know", route, status)
	}
	content, _ := found.(map[string]any)["content"].(map[string]any)
	if content == nil {
		if len(body) > 0 {
			return fmt.Errorf("%s: %d has a body", route, status)
		}
		return nil
	}
	if method == http.MethodHead {
		return nil
	}
	ct := header.Get("Content-Type")
	media, ok := content[ct].(map[string]any)
	if !ok {
		return fmt.Errorf("%s: %d is %q, which the document does not know", route, status, ct)
	}
	if mt, _, _ := mime.ParseMediaType(ct); !strings.HasSuffix(mt, "json") {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		return fmt.Errorf("%s: %d: %w", route, status, err)
	}
	_ = media
	if err := s.schema(t, place+"/content/"+pointer.Replace(ct)+"/schema").Validate(v); err != nil {
		return fmt.Errorf("%s: %d: %w", route, status, err)
	}
	return nil
}

func TestRoutesAreTheDocuments(t *testing.T) {
	want := []string{}
	for route := range readSpec(t).operations() {
		want = append(want, route)
	}
	got := serve(t).Routes()
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("routes are not those of the document (-document +server):\n%s", d)
	}
}

// What every operation of the document has to say.
func TestDocument(t *testing.T) {
	s := readSpec(t)
	if v := s.root["openapi"]; v != "3.0.3" {
		t.Errorf("openapi %v", v)
	}
	ids := map[string]string{}
	for route, o := range s.operations() {
		id, _ := o["operationId"].(string)
		if id == "" || ids[id] != "" {
			t.Errorf("%s: operationId %q is empty or taken by %s", route, id, ids[id])
		}
		ids[id] = route
		for _, member := range []string{"summary", "tags", "responses"} {
			if o[member] == nil {
				t.Errorf("%s lacks %s", route, member)
			}
		}
		security, ok := o["security"].([]any)
		if !ok {
			t.Errorf("%s does not say who may", route)
		}
		public := len(security) == 0
		if open := strings.HasPrefix(route, "GET /health/") || route == "GET /openapi.yaml"; public != open {
			t.Errorf("%s: public %v", route, public)
		}
		for _, x := range security {
			scopes := x.(map[string]any)["jwt"].([]any)
			if len(scopes) != 1 || !slices.Contains(httpapi.Scopes(), scopes[0].(string)) {
				t.Errorf("%s asks for %v", route, scopes)
			}
		}
		responses := o["responses"].(map[string]any)
		want := []string{"200"}
		if !public {
			want = append(want, "401", "403", "500", "503")
		}
		if o["requestBody"] != nil {
			want = append(want, "400", "413", "415")
		}
		if strings.Contains(route, "{") {
			want = append(want, "404")
		}
		for _, code := range want {
			if responses[code] == nil {
				t.Errorf("%s has no %s", route, code)
			}
		}
		if strings.HasPrefix(route, "POST ") {
			if ex, _ := s.at(append(body(route), "example")...); ex == nil && o["requestBody"] != nil {
				t.Errorf("%s has no example of a body", route)
			}
		}
	}
}

func body(route string) []string {
	method, path, _ := strings.Cut(route, " ")
	return []string{"paths", path, strings.ToLower(method), "requestBody", "content", "application/json"}
}

// The examples are what the document describes, to the last member.
func TestExamples(t *testing.T) {
	s := readSpec(t)
	n := 0
	check := func(what string, media map[string]any, place string) {
		ex, ok := media["example"]
		if !ok {
			if strings.Contains(place, "json") {
				t.Errorf("%s has no example", what)
			}
			return
		}
		b, err := json.Marshal(ex)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.schema(t, place+"/schema").Validate(v); err != nil {
			t.Errorf("the example of %s: %v", what, err)
		}
		n++
	}
	for route, o := range s.operations() {
		if o["requestBody"] != nil {
			m, place := s.at(body(route)...)
			check(route+", the body", m.(map[string]any), place)
		}
		method, path, _ := strings.Cut(route, " ")
		for code := range o["responses"].(map[string]any) {
			r, place := s.at("paths", path, strings.ToLower(method), "responses", code)
			content, _ := r.(map[string]any)["content"].(map[string]any)
			for ct, m := range content {
				check(route+" "+code, m.(map[string]any), place+"/content/"+pointer.Replace(ct))
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d examples", n)
	}
}

// The generated code, of the server and of its client, is that of the document.
// The generator is fetched at its pinned version; where that is out of reach the
// test is skipped.
func TestGeneratedIsFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("generates code")
	}
	for _, c := range []struct{ dir, file string }{{".", "api.gen.go"}, {"client", "client.gen.go"}} {
		t.Run(c.file, func(t *testing.T) { fresh(t, c.dir, c.file) })
	}
}

func fresh(t *testing.T, dir, file string) {
	have, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), file)
	config, err := os.ReadFile(filepath.Join(dir, "oapi-codegen.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(elsewhere, []byte(strings.Replace(string(config), "output: "+file, "output: "+out, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	document, err := filepath.Abs(filepath.Join("..", "..", "contracts", "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2", "-config", elsewhere, document)
	cmd.Dir = dir
	if log, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(log), "dial tcp") || strings.Contains(string(log), "no such host") || strings.Contains(string(log), "module lookup disabled") {
			t.Skipf("the generator cannot be had here: %s", log)
		}
		t.Fatalf("%v\n%s", err, log)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(have) {
		t.Errorf("%s is not what the document makes: go generate ./pipeline/httpapi/...", file)
	}
}

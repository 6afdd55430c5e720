package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline"
)

// DocumentName is the OpenAPI document in the library.
const DocumentName = "api/openapi.yaml"

// A document is the OpenAPI document as the server works by it.
type document struct {
	source     []byte
	operations map[string]*operation // by "METHOD /path"
}

// An operation is what the document says of one.
type operation struct {
	id     string
	method string
	path   string
	// scope that the token needs; empty: anybody may.
	scope  string
	params []parameter
	// body is nil where the operation takes none.
	body         *schema
	bodyRequired bool
	// etag: the answer can be a 304.
	etag bool
	// idempotent: it takes an idempotency key.
	idempotent bool
}

type parameter struct {
	name     string
	in       string // query, path, header
	required bool
	kind     string // integer, number, boolean, string, array
	items    string // kind of the elements of an array
	schema   *schema
}

// A schema of the document is compiled when the first value is held against it:
// a process that starts for one request pays for one operation.
type schema struct {
	from  *schemas
	place string
	once  sync.Once
	s     *jsonschema.Schema
	err   error
}

// schemas compile those of one document, one at a time.
type schemas struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

func (s *schemas) at(place string) *schema { return &schema{from: s, place: place} }

// Validate holds v against the schema. Errors: *jsonschema.ValidationError; any
// other is a fault of the document.
func (s *schema) Validate(v any) error {
	s.once.Do(func() {
		s.from.mu.Lock()
		defer s.from.mu.Unlock()
		s.s, s.err = s.from.compiler.Compile(s.place)
	})
	if s.err != nil {
		return s.err
	}
	return s.s.Validate(v)
}

// raw is the document as far as it is read here.
type rawOperation struct {
	ID         string                `yaml:"operationId"`
	Security   []map[string][]string `yaml:"security"`
	Parameters []rawParameter        `yaml:"parameters"`
	Body       *struct {
		Required bool `yaml:"required"`
	} `yaml:"requestBody"`
	Responses map[string]yaml.Node `yaml:"responses"`
}

type rawParameter struct {
	Ref      string         `yaml:"$ref"`
	Name     string         `yaml:"name"`
	In       string         `yaml:"in"`
	Required bool           `yaml:"required"`
	Schema   map[string]any `yaml:"schema"`
}

type rawDocument struct {
	Paths      map[string]map[string]rawOperation `yaml:"paths"`
	Components struct {
		Parameters map[string]rawParameter   `yaml:"parameters"`
		Schemas    map[string]map[string]any `yaml:"schemas"`
	} `yaml:"components"`
}

const parameterRef = "#/components/parameters/"

// readDocument reads the embedded document.
func readDocument() (*document, error) {
	src, err := library.FS.ReadFile(DocumentName)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "the API's document: %w", err)
	}
	return parseDocument(src)
}

func parseDocument(src []byte) (*document, error) {
	bad := func(err error) (*document, error) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", DocumentName, err)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(src, &tree); err != nil {
		return bad(err)
	}
	var raw rawDocument
	if err := tree.Decode(&raw); err != nil {
		return bad(err)
	}
	var whole any
	if err := tree.Decode(&whole); err != nil {
		return bad(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.yaml", whole); err != nil {
		return bad(err)
	}
	from := &schemas{compiler: c}
	d := &document{source: src, operations: map[string]*operation{}}
	for path, methods := range raw.Paths {
		for method, r := range methods {
			o := &operation{id: r.ID, method: strings.ToUpper(method), path: path}
			place := "openapi.yaml#/paths/" + escapePointer(path) + "/" + method
			for _, s := range r.Security {
				for _, scopes := range s {
					if len(scopes) > 0 {
						o.scope = scopes[0]
					}
				}
			}
			for i, p := range r.Parameters {
				at := fmt.Sprintf("%s/parameters/%d/schema", place, i)
				if name, ok := strings.CutPrefix(p.Ref, parameterRef); ok {
					p = raw.Components.Parameters[name]
					at = "openapi.yaml" + parameterRef + name + "/schema"
				}
				o.idempotent = o.idempotent || p.In == "header" && p.Name == keyHeader
				kind, items := raw.kind(p.Schema)
				o.params = append(o.params, parameter{name: p.Name, in: p.In, required: p.Required, kind: kind, items: items, schema: from.at(at)})
			}
			if r.Body != nil {
				o.body, o.bodyRequired = from.at(place+"/requestBody/content/application~1json/schema"), r.Body.Required
			}
			_, o.etag = r.Responses[strconv.Itoa(http.StatusNotModified)]
			d.operations[o.method+" "+path] = o
		}
	}
	return d, nil
}

// kind is the JSON type of a schema, and of its elements.
func (d *rawDocument) kind(schema map[string]any) (kind, items string) {
	if name, ok := schema["$ref"].(string); ok {
		schema = d.Components.Schemas[name[strings.LastIndexByte(name, '/')+1:]]
	}
	kind, _ = schema["type"].(string)
	if of, ok := schema["items"].(map[string]any); ok {
		items, _ = of["type"].(string)
	}
	return kind, items
}

func escapePointer(s string) string {
	r := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", ":", "%3A")
	return r.Replace(s)
}

// Document is the OpenAPI document that the server answers by.
func (s *Server) Document() []byte { return bytes.Clone(s.doc.source) }

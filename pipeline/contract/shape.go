package contract

import (
	_ "embed"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The structure of a contract is judged by the standard's own JSON Schema:
// this file reads the keywords that it uses and applies them to the tree of
// the document, so that every message has a place. TestShapeAgrees holds it
// against a full JSON Schema validator.

//go:embed odcs/odcs-json-schema-v3.1.0.json
var odcsSchema []byte

// Schema is the JSON Schema of ODCS v3.1.0, for editors.
func Schema() []byte { return slices.Clone(odcsSchema) }

// A shape is one schema of the JSON Schema, references resolved.
type shape struct {
	name       string // of its definition
	types      []string
	props      map[string]*shape
	required   []string
	closed     bool // additionalProperties: false
	closedAll  bool // unevaluatedProperties: false
	enum       []string
	constant   *string
	items      *shape
	minItems   int
	maxItems   int // -1: none
	unique     bool
	minimum    *big.Rat
	above      *big.Rat // exclusiveMinimum
	pattern    *regexp.Regexp
	allOf      []*shape
	anyOf      []*shape
	oneOf      []*shape
	not        *shape
	cond, then *shape
	ref        *shape
}

var rootShape = sync.OnceValue(func() *shape {
	var doc map[string]any
	if err := json.Unmarshal(odcsSchema, &doc); err != nil {
		panic(err) // the embedded file is part of the program
	}
	c := &shapeReader{doc: doc, defs: map[string]*shape{}}
	return c.read(doc, "DataContract")
})

type shapeReader struct {
	doc  map[string]any
	defs map[string]*shape
}

func (c *shapeReader) reference(ref string) *shape {
	if s, ok := c.defs[ref]; ok {
		return s
	}
	at := any(c.doc)
	parts := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	for _, p := range parts {
		at = at.(map[string]any)[p]
	}
	s := &shape{}
	c.defs[ref] = s
	c.fill(s, at.(map[string]any), parts[len(parts)-1])
	return s
}

func (c *shapeReader) read(v any, name string) *shape {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	s := &shape{}
	c.fill(s, m, name)
	return s
}

func (c *shapeReader) all(v any, name string) (out []*shape) {
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, c.read(e, name))
	}
	return out
}

func (c *shapeReader) fill(s *shape, m map[string]any, name string) {
	s.name, s.maxItems = name, -1
	if title, ok := m["title"].(string); ok && name != "DataContract" {
		s.name = title
	}
	if r, ok := m["$ref"].(string); ok {
		s.ref = c.reference(r)
	}
	if t, ok := m["type"].(string); ok {
		s.types = []string{t}
	}
	if ps, ok := m["properties"].(map[string]any); ok {
		s.props = make(map[string]*shape, len(ps))
		for k, v := range ps {
			s.props[k] = c.read(v, k)
		}
	}
	s.required = stringsOf(m["required"])
	s.closed = m["additionalProperties"] == false
	s.closedAll = m["unevaluatedProperties"] == false
	s.enum = stringsOf(m["enum"])
	if v, ok := m["const"].(string); ok {
		s.constant = &v
	}
	s.items = c.read(m["items"], name)
	if f, ok := m["minItems"].(float64); ok {
		s.minItems = int(f)
	}
	if f, ok := m["maxItems"].(float64); ok {
		s.maxItems = int(f)
	}
	s.unique = m["uniqueItems"] == true
	if f, ok := m["minimum"].(float64); ok {
		s.minimum = new(big.Rat).SetFloat64(f)
	}
	if f, ok := m["exclusiveMinimum"].(float64); ok {
		s.above = new(big.Rat).SetFloat64(f)
	}
	if p, ok := m["pattern"].(string); ok {
		s.pattern = regexp.MustCompile(strings.ReplaceAll(p, `\/`, `/`))
	}
	s.allOf, s.anyOf, s.oneOf = c.all(m["allOf"], name), c.all(m["anyOf"], name), c.all(m["oneOf"], name)
	s.not, s.cond, s.then = c.read(m["not"], name), c.read(m["if"], name), c.read(m["then"], name)
}

func stringsOf(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, e.(string))
	}
	return out
}

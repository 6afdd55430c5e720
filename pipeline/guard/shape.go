package guard

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Shape is what a reply is expected to be: the part of a JSON Schema that
// reading a reply needs.
type Shape struct {
	// Type is object, array, string, integer, number, boolean, null, or empty
	// for anything. An object without Fields takes all keys.
	Type   string
	Fields []Member
	// Closed drops keys that are in no field.
	Closed bool
	// Rest is the shape of the other keys; nil takes anything.
	Rest  *Shape
	Items *Shape
	// Enum are the only values, with the spellings that stand for each.
	Enum []Choice
	// Any are alternatives; the one that costs least is taken.
	Any []*Shape
}

// A Member is one field of an object.
type Member struct {
	Name     string
	Alias    string // the key in the reply, where it differs
	Shape    *Shape
	Required bool
}

// A Choice is one value of an enumeration.
type Choice struct {
	Value string
	Names []string // spellings beside the value itself
}

// Further repairs: values brought into the expected shape.
const (
	Coerced    Repair = "coerced"     // "25" for a number, "yes" for true, 25 for a word
	Wrapped    Repair = "wrapped"     // one value where a list is expected, or the other way round
	InnerJSON  Repair = "inner_json"  // an object within a string
	LooseMatch Repair = "loose_match" // a key or choice in another spelling
	ExtraKey   Repair = "extra_key"   // a key that is not expected
	FromText   Repair = "from_text"   // a choice picked out of a sentence
)

// maxShape bounds the nesting of shapes.
const maxShape = 64

// ShapeOf reads the part of a JSON Schema that a Shape holds: type, properties,
// required, additionalProperties, items, enum, const, anyOf, oneOf, $ref into
// $defs or definitions.
func ShapeOf(schema []byte) (*Shape, error) {
	var root map[string]any
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "JSON Schema: %w", err)
	}
	return shapeOf(root, root, 0)
}

func shapeOf(node any, root map[string]any, depth int) (*Shape, error) {
	if depth > maxShape {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "JSON Schema: deeper than %d, or a reference to itself", maxShape)
	}
	m, ok := node.(map[string]any)
	if !ok {
		return &Shape{}, nil // true and false
	}
	if ref, ok := m["$ref"].(string); ok {
		var at any = root
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			o, _ := at.(map[string]any)
			at = o[part]
		}
		if at == nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "JSON Schema: %s points nowhere", ref)
		}
		return shapeOf(at, root, depth+1)
	}
	s := &Shape{}
	var types []string
	switch t := m["type"].(type) {
	case string:
		types = []string{t}
	case []any:
		for _, v := range t {
			if name, ok := v.(string); ok {
				types = append(types, name)
			}
		}
	}
	for _, t := range types {
		switch t {
		case "object", "array", "string", "integer", "number", "boolean", "null":
		default:
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "JSON Schema: %q is no type", clip(t))
		}
	}
	if len(types) == 1 {
		s.Type = types[0]
	}
	required := map[string]bool{}
	if list, ok := m["required"].([]any); ok {
		for _, v := range list {
			if name, ok := v.(string); ok {
				required[name] = true
			}
		}
	}
	if props, ok := m["properties"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(props)) {
			f, err := shapeOf(props[name], root, depth+1)
			if err != nil {
				return nil, err
			}
			s.Fields = append(s.Fields, Member{Name: name, Shape: f, Required: required[name]})
			delete(required, name)
		}
		if len(types) == 0 {
			s.Type = "object"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(required)) {
		s.Fields = append(s.Fields, Member{Name: name, Shape: &Shape{}, Required: true})
	}
	switch rest := m["additionalProperties"].(type) {
	case bool:
		s.Closed = !rest
	case map[string]any:
		r, err := shapeOf(rest, root, depth+1)
		if err != nil {
			return nil, err
		}
		s.Rest = r
	}
	if items, ok := m["items"]; ok {
		i, err := shapeOf(items, root, depth+1)
		if err != nil {
			return nil, err
		}
		s.Items = i
		if len(types) == 0 {
			s.Type = "array"
		}
	}
	if c, ok := m["const"].(string); ok {
		s.Enum = []Choice{{Value: c}}
	}
	if list, ok := m["enum"].([]any); ok {
		for _, v := range list {
			if word, ok := v.(string); ok {
				s.Enum = append(s.Enum, Choice{Value: word})
			}
		}
	}
	for _, key := range [...]string{"anyOf", "oneOf"} {
		list, _ := m[key].([]any)
		for _, v := range list {
			a, err := shapeOf(v, root, depth+1)
			if err != nil {
				return nil, err
			}
			s.Any = append(s.Any, a)
		}
	}
	if len(types) > 1 {
		for _, t := range types {
			alt := *s
			alt.Type = t
			s.Any = append(s.Any, &alt)
		}
	}
	return s, nil
}

// ReadReplyAs reads a reply and brings it into a shape: of the JSON values in
// the text the one that fits at the least cost is taken, and values are
// coerced where nothing is lost ("25" for 25). A required field that is
// missing is an error, an optional one stays missing; a number is never made
// up, rounded or taken out of prose.
func ReadReplyAs(text string, shape *Shape) (Reply, error) {
	reply, err := ReadReply(text)
	candidates := reply.Values
	best := Reply{Cost: 2}
	var first error
	try := func(v any, base []Repair, cost float64) {
		f := fitter{cost: cost}
		got, ferr := f.fit(v, shape, "$", 0)
		if ferr != nil {
			if first == nil {
				first = ferr
			}
			return
		}
		if f.cost < best.Cost {
			best = Reply{Value: got, Values: []any{got}, Cost: f.cost, Repairs: append(append([]Repair(nil), base...), f.repairs...)}
		}
	}
	if len(candidates) > 1 && shape.Type == "array" {
		try(candidates, reply.Repairs, reply.Cost)
	}
	for _, v := range candidates {
		try(v, reply.Repairs, reply.Cost)
	}
	if best.Cost > 1.5 && (err != nil || len(candidates) == 0 || scalar(shape)) {
		f := fitter{cost: 0}
		if got, ok := f.fromText(strings.TrimSpace(text), shape); ok {
			return Reply{Value: got, Values: []any{got}, Cost: min(f.cost, 1), Repairs: f.repairs}, nil
		}
	}
	if best.Cost <= 1.5 {
		best.Cost = min(best.Cost, 1)
		return best, nil
	}
	if first == nil {
		first = err
	}
	if first == nil {
		first = pipeline.Errorf(pipeline.CodeInvalid, "the reply holds nothing of the expected shape")
	}
	return Reply{}, first
}

func scalar(s *Shape) bool {
	return s.Type != "object" && s.Type != "array"
}

package contract

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// plain is n as encoding/json would give it.
func plain(n *node) any {
	switch n.kind {
	case mappingNode:
		m := map[string]any{}
		for i, k := range n.keys {
			m[k.value] = plain(n.items[i])
		}
		return m
	case sequenceNode:
		l := []any{}
		for _, e := range n.items {
			l = append(l, plain(e))
		}
		return l
	}
	switch n.tag {
	case "null":
		return nil
	case "boolean":
		return n.value == "true"
	case "integer", "number":
		return json.Number(n.value)
	}
	return n.value
}

// mutate changes one place of the tree: a value, a key, or what is missing.
func mutate(r *rand.Rand, n *node, words []string) {
	for len(n.items) > 0 && r.IntN(6) > 0 {
		n = n.items[r.IntN(len(n.items))]
	}
	word := words[r.IntN(len(words))]
	scalar := []*node{{tag: "string", value: word}, {tag: "integer", value: "7"}, {tag: "number", value: "0.5"}, {tag: "integer", value: "-1"},
		{tag: "boolean", value: "true"}, {tag: "null"}, {kind: mappingNode}, {kind: sequenceNode}}[r.IntN(8)]
	switch {
	case n.kind == mappingNode && len(n.keys) > 0 && r.IntN(3) > 0:
		i := r.IntN(len(n.keys))
		switch r.IntN(3) {
		case 0:
			n.keys, n.items = append(n.keys[:i:i], n.keys[i+1:]...), append(n.items[:i:i], n.items[i+1:]...)
		case 1:
			if n.get(word) == nil {
				k := *n.keys[i]
				k.value = word
				n.keys[i] = &k
			}
		default:
			if n.get(word) == nil {
				n.keys, n.items = append(n.keys, &node{tag: "string", value: word}), append(n.items, scalar)
			}
		}
	case n.kind == sequenceNode && len(n.items) > 0 && r.IntN(2) == 0:
		n.items = append(n.items, n.items[r.IntN(len(n.items))])
	default:
		n.kind, n.tag, n.value, n.keys, n.items = scalar.kind, scalar.tag, scalar.value, nil, nil
	}
}

// everyWord collects the names of properties and the values of enums and
// constants of a JSON Schema, in a lasting order.
func everyWord(v any, out []string) []string {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if props, ok := v[k].(map[string]any); ok && k == "properties" {
				out = append(out, slices.Sorted(maps.Keys(props))...)
			}
			if c, ok := v[k].(string); ok && k == "const" {
				out = append(out, c)
			}
			out = everyWord(v[k], out)
		}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
			out = everyWord(e, out)
		}
	}
	return out
}

// The structure check and a full JSON Schema validator agree on the official
// examples and on thousands of changed ones.
func TestShapeAgrees(t *testing.T) {
	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("SHAPE_SEED"), 10, 64); err == nil {
		seed = s
	}
	var raw any
	if err := json.Unmarshal(Schema(), &raw); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("odcs.json", raw); err != nil {
		t.Fatal(err)
	}
	full, err := compiler.Compile("odcs.json")
	if err != nil {
		t.Fatal(err)
	}
	words := append(everyWord(raw, nil), "string", "integer", "number", "date", "object", "array", "library", "sql", "custom",
		"metric", "query", "engine", "implementation", "mustBe", "mustBeBetween", "s3", "local", "foreignKey", "a.b", "x y",
		"logicalType", "logicalTypeOptions", "minLength", "format", "i32", "primaryKey", "to", "from", "name", "items", "properties")
	r := rand.New(rand.NewPCG(seed, 2))
	accepted, rejected := 0, 0
	examples := contractsUnder(t, sharedData(t, "odcs/examples"))
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		src := examples[name]
		if len(src) > 20_000 {
			continue
		}
		for range 100 {
			root, found := readYAML(name, src)
			if found != nil {
				t.Fatal(found)
			}
			for range r.IntN(3) {
				mutate(r, root, words)
			}
			c := &shapeCheck{file: name}
			c.check(root, rootShape())
			b, err := json.Marshal(plain(root))
			if err != nil {
				t.Fatal(err)
			}
			inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			err = full.Validate(inst)
			if (err == nil) != (len(c.found) == 0) {
				t.Fatalf("%s: validator: %v\nours: %v\n%s", name, err, c.found, b)
			}
			if err == nil {
				accepted++
			} else {
				rejected++
			}
		}
	}
	if accepted < 300 || rejected < 300 {
		t.Errorf("%d accepted and %d rejected documents are too few to compare", accepted, rejected)
	}
}

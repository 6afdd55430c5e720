package guard

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

type bamlCase struct {
	Kind   string
	Schema string `json:"schema_baml"`
	Target string `json:"target_type"`
	Input  string

	Expected json.RawMessage
}

func (c bamlCase) run(t *testing.T) (ok bool, detail string) {
	b := bamlTypes{shapes: map[string]*Shape{}}
	b.declare(c.Schema)
	shape := b.target(c.Target)
	if shape == nil {
		t.Fatalf("target %s of %s", c.Target, c.Schema)
	}
	r, err := ReadReplyAs(c.Input, shape)
	if c.Kind == "must_fail" {
		return err != nil, fmt.Sprintf("got %v, want an error", r.Value)
	}
	var want any
	if err := json.Unmarshal(c.Expected, &want); err != nil {
		return false, err.Error()
	}
	got, _ := json.Marshal(r.Value)
	return err == nil && sameJSON(r.Value, want), fmt.Sprintf("got  %.200s %v\n  want %.200s", got, err, c.Expected)
}

// bamlTypes are the classes and enumerations of a schema in BAML's notation.
type bamlTypes struct{ shapes map[string]*Shape }

var (
	bamlBlock = regexp.MustCompile(`(?s)\b(class|enum)\s+(\w+)\s*\{(.*?)\n?\s*\}`)
	bamlAlias = regexp.MustCompile(`@alias\("?([^")]*)"?\)`)
	bamlNote  = regexp.MustCompile(`(?s)@@?description\((#".*?"#|"(?:[^"\\]|\\.)*")\)|@(?:check|assert)\(.*?\}\}\)`)
)

func (b *bamlTypes) declare(schema string) {
	for _, m := range bamlBlock.FindAllStringSubmatch(schema, -1) {
		b.shapes[m[2]] = &Shape{}
	}
	schema = bamlNote.ReplaceAllString(schema, "")
	for _, m := range bamlBlock.FindAllStringSubmatch(schema, -1) {
		s := b.shapes[m[2]]
		for line := range strings.SplitSeq(m[3], "\n") {
			line, _, _ = strings.Cut(line, "//")
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "@@") {
				continue
			}
			alias := ""
			if a := bamlAlias.FindStringSubmatch(line); a != nil {
				alias = a[1]
				line = strings.TrimSpace(bamlAlias.ReplaceAllString(line, ""))
			}
			name, typ, _ := strings.Cut(line, " ")
			if m[1] == "enum" {
				c := Choice{Value: name}
				if alias != "" {
					c.Names = []string{alias}
				}
				s.Enum = append(s.Enum, c)
				continue
			}
			s.Type, s.Closed = "object", true
			f := Member{Name: name, Alias: alias, Shape: b.expr(strings.TrimSpace(typ))}
			f.Required = !takesNull(f.Shape) && f.Shape.Type != "array"
			s.Fields = append(s.Fields, f)
		}
		if m[1] == "class" {
			s.Type, s.Closed = "object", true
		}
	}
}

// expr reads a type: string, int[], A | B, (A | B)[], map<string, T>, T?.
func (b *bamlTypes) expr(s string) *Shape {
	s = strings.TrimSpace(s)
	depth := 0
	start := 0
	var parts []string
	for i, c := range s {
		switch c {
		case '(', '<':
			depth++
		case ')', '>':
			depth--
		case '|':
			if depth == 0 {
				parts = append(parts, s[start:i])
				start = i + 1
			}
		}
	}
	if parts != nil {
		u := &Shape{}
		for _, p := range append(parts, s[start:]) {
			u.Any = append(u.Any, b.expr(p))
		}
		return u
	}
	switch {
	case strings.HasSuffix(s, "?"):
		return &Shape{Any: []*Shape{b.expr(s[:len(s)-1]), {Type: "null"}}}
	case strings.HasSuffix(s, "[]"):
		return &Shape{Type: "array", Items: b.expr(s[:len(s)-2])}
	case strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")"):
		return b.expr(s[1 : len(s)-1])
	case strings.HasPrefix(s, "map<"):
		_, v, _ := strings.Cut(strings.TrimSuffix(s[4:], ">"), ",")
		return &Shape{Type: "object", Rest: b.expr(v)}
	}
	switch s {
	case "int":
		return &Shape{Type: "integer"}
	case "float":
		return &Shape{Type: "number"}
	case "bool":
		return &Shape{Type: "boolean"}
	case "string", "null":
		return &Shape{Type: s}
	}
	if n, ok := strings.CutPrefix(s, "\""); ok {
		return &Shape{Enum: []Choice{{Value: strings.TrimSuffix(n, "\"")}}}
	}
	if known, ok := b.shapes[s]; ok {
		return known
	}
	return &Shape{}
}

var (
	rustName    = regexp.MustCompile(`(?i)(?:class|enum)\("(\w+)"(?:\.into\(\))?\)`)
	rustLiteral = regexp.MustCompile(`Literal\(LiteralValue::(\w+)\("?([^")]*)"?`)
)

// target reads the Rust expression of a case's type.
func (b *bamlTypes) target(s string) *Shape {
	s = strings.TrimSpace(strings.NewReplacer("baml_types::", "", "FieldType::", "", "TypeValue::", "").Replace(s))
	s = strings.TrimSuffix(s, ".into()")
	switch {
	case strings.HasSuffix(s, ".as_list()"):
		return &Shape{Type: "array", Items: b.target(strings.TrimSuffix(s, ".as_list()"))}
	case strings.HasSuffix(s, ".as_optional()"):
		return &Shape{Any: []*Shape{b.target(strings.TrimSuffix(s, ".as_optional()")), {Type: "null"}}}
	}
	name, rest, _ := strings.Cut(s, "(")
	inner := strings.TrimSuffix(rest, ")")
	switch strings.ToLower(name) {
	case "string", "int", "float", "bool":
		return b.expr(strings.ToLower(name))
	case "primitive":
		return b.expr(strings.ToLower(strings.TrimSuffix(inner, ".into()")))
	case "class", "enum":
		if m := rustName.FindStringSubmatch(s); m != nil {
			return b.shapes[m[1]]
		}
	case "list":
		return &Shape{Type: "array", Items: b.target(inner)}
	case "optional":
		return &Shape{Any: []*Shape{b.target(inner), {Type: "null"}}}
	case "literal":
		m := rustLiteral.FindStringSubmatch(s)
		switch m[1] {
		case "String":
			return &Shape{Enum: []Choice{{Value: m[2]}}}
		case "Bool":
			return &Shape{Type: "boolean"}
		}
		return &Shape{Type: "integer"}
	case "map":
		_, v, _ := strings.Cut(inner, ",")
		return &Shape{Type: "object", Rest: b.target(strings.TrimSuffix(strings.TrimSpace(v), ".into()"))}
	case "union":
		u := &Shape{}
		list := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(inner), "vec!["), "]")
		depth, start := 0, 0
		for i, c := range list + "," {
			switch c {
			case '(':
				depth++
			case ')':
				depth--
			case ',':
				if depth == 0 {
					if p := strings.TrimSpace(list[start:i]); p != "" {
						u.Any = append(u.Any, b.target(p))
					}
					start = i + 1
				}
			}
		}
		return u
	}
	return nil
}

package contract

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of one contract. The largest official example has 192 KB and 13,000
// nodes.
const (
	MaxSource = 4 << 20
	maxDepth  = 64
	maxNodes  = 400_000 // after aliases are expanded
)

type kind int

const (
	scalarNode kind = iota
	mappingNode
	sequenceNode
)

// A node is one place of the document with aliases expanded and merge keys
// applied. Tag is the JSON type of a scalar: string, integer, number, boolean
// or null.
type node struct {
	kind  kind
	tag   string
	value string
	raw   string // of a scalar, before its spelling was unified
	style yaml.Style
	line  int
	col   int // in characters, from 1
	path  string
	// keys and items are parallel in a mapping; a sequence has items only.
	keys  []*node
	items []*node
	// alias: the value stands elsewhere in the source.
	alias bool
}

func (n *node) get(key string) *node {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	for i, k := range n.keys {
		if k.value == key {
			return n.items[i]
		}
	}
	return nil
}

func (n *node) key(key string) *node {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	for _, k := range n.keys {
		if k.value == key {
			return k
		}
	}
	return nil
}

// str is the text of a scalar, "" of null and of everything else.
func (n *node) str() string {
	if n == nil || n.kind != scalarNode || n.tag == "null" {
		return ""
	}
	return n.value
}

func (n *node) text(key string) string { return n.get(key).str() }

func (n *node) list(key string) []*node {
	if c := n.get(key); c != nil && c.kind == sequenceNode {
		return c.items
	}
	return nil
}

func (n *node) flag(key string) bool { return n.get(key).str() == "true" }

// typeName is the JSON type of n.
func (n *node) typeName() string {
	switch n.kind {
	case mappingNode:
		return "object"
	case sequenceNode:
		return "array"
	}
	return n.tag
}

// shown is n in a message: short, on one line.
func (n *node) shown() string {
	switch n.kind {
	case mappingNode:
		return "a mapping"
	case sequenceNode:
		return "a list"
	}
	if n.tag == "null" {
		return "nothing"
	}
	v := n.value
	if utf8.RuneCountInString(v) > 40 {
		v = string([]rune(v)[:40]) + "…"
	}
	if n.tag == "string" {
		return strconv.Quote(v)
	}
	return v
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`line (\d+): `) })

// readYAML parses src into a tree, within the limits above.
func readYAML(file string, src []byte) (*node, []Finding) {
	fail := func(line, col int, what, do string) (*node, []Finding) {
		return nil, []Finding{{File: file, Line: line, Column: col, Level: LevelError, Rule: "yaml", What: what, Do: do}}
	}
	if len(src) > MaxSource {
		return fail(1, 1, fmt.Sprintf("the contract has %d bytes, more than %d", len(src), MaxSource),
			"split it: one contract per feed")
	}
	if i := invalidUTF8(src); i >= 0 {
		line, col := position(src, i)
		return fail(line, col, "not UTF-8", "save the file as UTF-8")
	}
	if len(strings.TrimSpace(string(src))) == 0 {
		return fail(1, 1, "the contract is empty", "start with `assay init`, or infer one from a file")
	}
	var doc yaml.Node
	if err := unmarshal(src, &doc); err != nil {
		msg := strings.TrimPrefix(err.Error(), "yaml: ")
		line := 1
		if m := yamlLine().FindStringSubmatch(msg); m != nil {
			line, _ = strconv.Atoi(m[1])
			msg = strings.Replace(msg, m[0], "", 1)
		}
		line = brokenLine(src, line)
		do := "mend the YAML here or just above: indentation, a colon without quotes, a quote that does not close"
		if strings.Contains(msg, "unknown anchor") {
			do = "define the anchor before its alias"
		}
		return fail(line, firstColumn(src, line), "not YAML from here: "+msg, do)
	}
	if len(doc.Content) == 0 {
		return fail(1, 1, "the contract holds only comments", "write an ODCS document: apiVersion, kind, id, version, status, schema")
	}
	b := &treeBuilder{file: file}
	root := b.build(doc.Content[0], "", 0, false)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return root, nil
}

// brokenLine finds the line at which src stops to be YAML. The reader's own
// line is where it gave up or where the surrounding block began, which may be
// far away; the first line without which the part above can be read is where
// people should look.
func brokenLine(src []byte, reported int) int {
	if len(src) > 64<<10 {
		return reported
	}
	lines := bytes.SplitAfter(src, []byte("\n"))
	reads := func(n int) bool {
		return unmarshal(bytes.Join(lines[:n], nil), new(yaml.Node)) == nil
	}
	good, bad := 0, len(lines)
	for bad-good > 1 {
		// A prefix that ends within a quoted or bracketed value fails too, so
		// look a little further before believing it.
		mid, ok := (good+bad)/2, false
		for n := mid; n < min(bad, mid+8) && !ok; n++ {
			if ok = reads(n); ok {
				good = n
			}
		}
		if !ok {
			bad = mid
		}
	}
	return max(bad, 1)
}

// unmarshal guards against a panic of the YAML reader: a contract is input.
func unmarshal(src []byte, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("the YAML reader gave up on it")
		}
	}()
	return yaml.Unmarshal(src, n)
}

type treeBuilder struct {
	file     string
	nodes    int
	open     []*yaml.Node // anchored nodes being expanded
	problems []Finding
	stopped  bool
}

func (b *treeBuilder) problem(y *yaml.Node, path, what, do string) {
	b.problems = append(b.problems, Finding{File: b.file, Line: y.Line, Column: y.Column, Path: path,
		Level: LevelError, Rule: "yaml", What: what, Do: do})
}

func (b *treeBuilder) stop(y *yaml.Node, path, what, do string) {
	if !b.stopped {
		b.problem(y, path, what, do)
	}
	b.stopped = true
}

func (b *treeBuilder) build(y *yaml.Node, path string, depth int, alias bool) *node {
	n := &node{line: y.Line, col: y.Column, path: path, style: y.Style, alias: alias, tag: "null"}
	b.nodes++
	switch {
	case b.stopped:
		return n
	case depth > maxDepth:
		b.stop(y, path, fmt.Sprintf("nested deeper than %d levels", maxDepth), "flatten it")
		return n
	case b.nodes > maxNodes:
		b.stop(y, path, fmt.Sprintf("more than %d values once aliases are expanded", maxNodes), "write fewer aliases, or split the contract")
		return n
	}
	if y.Kind == yaml.AliasNode {
		for _, o := range b.open {
			if o == y.Alias {
				b.stop(y, path, "the anchor &"+y.Value+" contains itself", "break the circle: write the value out")
				return n
			}
		}
		c := b.build(y.Alias, path, depth+1, true)
		c.line, c.col = y.Line, y.Column
		return c
	}
	if y.Anchor != "" {
		b.open = append(b.open, y)
		defer func() { b.open = b.open[:len(b.open)-1] }()
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.kind, n.tag = mappingNode, ""
		b.mapping(n, y, depth, alias)
	case yaml.SequenceNode:
		n.kind, n.tag = sequenceNode, ""
		for i, c := range y.Content {
			n.items = append(n.items, b.build(c, path+"["+strconv.Itoa(i)+"]", depth+1, alias))
		}
	default:
		n.value, n.raw, n.tag = y.Value, y.Value, scalarType(y)
		if n.tag == "integer" || n.tag == "number" || n.tag == "boolean" {
			n.value = canonicalScalar(n.tag, y.Value)
		}
	}
	return n
}

func (b *treeBuilder) mapping(n *node, y *yaml.Node, depth int, alias bool) {
	seen := make(map[string]*yaml.Node, len(y.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			b.problem(k, n.path, "a key must be a word", "write the key as plain text")
			continue
		}
		if k.Tag == "!!merge" {
			merges = append(merges, v)
			continue
		}
		at := joinPath(n.path, k.Value)
		if first, twice := seen[k.Value]; twice {
			b.problem(k, at, fmt.Sprintf("%s stands twice (first on line %d)", k.Value, first.Line), "keep one")
			continue
		}
		seen[k.Value] = k
		n.keys = append(n.keys, &node{tag: "string", value: k.Value, raw: k.Value, line: k.Line, col: k.Column, path: at, style: k.Style, alias: alias})
		n.items = append(n.items, b.build(v, at, depth+1, alias))
	}
	for _, m := range merges {
		from := b.build(m, n.path, depth+1, true)
		sources := []*node{from}
		if from.kind == sequenceNode {
			sources = from.items
		}
		for _, s := range sources {
			for i, k := range s.keys {
				if n.get(k.value) == nil {
					n.keys = append(n.keys, k)
					n.items = append(n.items, s.items[i])
				}
			}
		}
	}
}

// joinPath writes a path as people read it: schema[0].properties[2].name. A
// key that is no plain word is quoted.
func joinPath(path, key string) string {
	if !plainKey().MatchString(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

var plainKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$-]*$`) })

// scalarType maps the YAML core schema to JSON types. A timestamp is text:
// ODCS knows dates as strings, quoted or not.
func scalarType(y *yaml.Node) string {
	switch y.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool":
		return "boolean"
	case "!!int":
		return "integer"
	case "!!float":
		switch strings.ToLower(strings.TrimLeft(y.Value, "+-")) {
		case ".inf", ".nan":
			return "string"
		}
		return "number"
	}
	return "string"
}

// canonicalScalar gives YAML's spellings of a value one form.
func canonicalScalar(tag, v string) string {
	switch tag {
	case "boolean":
		return strings.ToLower(v)
	case "integer":
		if i, err := strconv.ParseInt(strings.ReplaceAll(v, "_", ""), 0, 64); err == nil {
			return strconv.FormatInt(i, 10)
		}
	}
	return strings.TrimPrefix(strings.ReplaceAll(v, "_", ""), "+")
}

func invalidUTF8(src []byte) int {
	for i := 0; i < len(src); {
		if src[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return -1
}

// position turns a byte offset into line and column.
func position(src []byte, off int) (line, col int) {
	head := string(src[:off])
	line = strings.Count(head, "\n") + 1
	return line, utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:]) + 1
}

// firstColumn is the column of the first character of a line that is no space.
func firstColumn(src []byte, line int) int {
	rest := string(src)
	for i := 1; i < line; i++ {
		_, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return 1
		}
		rest = after
	}
	text, _, _ := strings.Cut(rest, "\n")
	if t := strings.TrimLeft(text, " \t"); t != "" {
		return utf8.RuneCountInString(text) - utf8.RuneCountInString(t) + 1
	}
	return 1
}

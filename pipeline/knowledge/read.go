package knowledge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Problem is one mistake in a pack.
type Problem struct {
	File    string
	Line    int
	Message string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// Problems are the mistakes of one pack, in order of file and line.
type Problems []Problem

// Error makes Problems an error: one mistake per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// reader collects the mistakes while a pack is read.
type reader struct {
	fsys     fs.FS
	problems Problems
}

func (r *reader) fail(n node, format string, args ...any) {
	r.problems = append(r.problems, Problem{n.file, n.line, fmt.Sprintf(format, args...)})
}

// err returns what was found wrong, as one error of code invalid.
func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	sort.SliceStable(r.problems, func(i, j int) bool {
		a, b := r.problems[i], r.problems[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Message < b.Message
	})
	what := "mistakes"
	if len(r.problems) == 1 {
		what = "mistake"
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "the knowledge pack has %d %s:\n%w", len(r.problems), what, r.problems).
		WithHint("mend the lines named; `assay knowledge lint` checks a pack")
}

// A node is a piece of YAML that knows where it stands.
type node struct {
	file string
	line int
	kind byte // 'm' mapping, 'l' list, 's' scalar, '0' null
	text string
	// quoted: a string by its quotes, whatever it looks like.
	quoted bool
	list   []node
	keys   []node // of a mapping, in order
	vals   []node
}

// maxDepth bounds nesting: no pack needs more.
const maxDepth = 12

// parse reads one YAML document; nil when it is empty or broken.
func (r *reader) parse(file string, data []byte) (root node, ok bool) {
	root = node{file: file, line: 1}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		r.fail(root, "is empty")
		return root, false
	case err != nil:
		// yaml writes "yaml: line 3: message", or no line where it has none.
		msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
		if _, err := fmt.Sscanf(msg, "line %d:", &line); err == nil {
			_, msg, _ = strings.Cut(msg, ": ")
		}
		r.problems = append(r.problems, Problem{file, line, "not YAML: " + msg})
		return root, false
	}
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		r.fail(root, "holds more than one YAML document, or what follows the first is not YAML")
		return root, false
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		r.fail(root, "is empty")
		return root, false
	}
	return r.node(file, doc.Content[0], 0), true
}

func (r *reader) node(file string, n *yaml.Node, depth int) node {
	out := node{file: file, line: n.Line, kind: 's'}
	if depth > maxDepth {
		r.fail(out, "is nested more than %d deep", maxDepth)
		return out
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 {
		r.fail(out, "anchors, aliases and tags are not read here")
		return out
	}
	switch n.Kind {
	case yaml.MappingNode:
		out.kind = 'm'
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := node{file: file, line: n.Content[i].Line, kind: 's', text: n.Content[i].Value}
			if n.Content[i].Kind != yaml.ScalarNode {
				r.fail(k, "has a key that is no word")
				continue
			}
			if seen[k.text] {
				r.fail(k, "says %q twice", k.text)
				continue
			}
			seen[k.text] = true
			out.keys = append(out.keys, k)
			out.vals = append(out.vals, r.node(file, n.Content[i+1], depth+1))
		}
	case yaml.SequenceNode:
		out.kind = 'l'
		for _, e := range n.Content {
			out.list = append(out.list, r.node(file, e, depth+1))
		}
	default:
		out.text = n.Value // as written: 8.80 stays 8.80
		out.quoted = n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
		if n.Tag == "!!null" {
			out.kind = '0'
		}
	}
	return out
}

// fields calls the function of each key of a mapping and reports unknown keys.
func (r *reader) fields(n node, what string, known map[string]func(node)) {
	if n.kind != 'm' {
		r.fail(n, "%s must be a mapping", what)
		return
	}
	for i, k := range n.keys {
		f, ok := known[k.text]
		if !ok {
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			sort.Strings(names)
			r.fail(k, "%s has no field %q; fields are %s", what, k.text, strings.Join(names, ", "))
			continue
		}
		if n.vals[i].kind != '0' {
			f(n.vals[i])
		}
	}
}

func (r *reader) each(n node, what string, f func(node)) {
	if n.kind != 'l' {
		r.fail(n, "%s must be a list", what)
		return
	}
	for _, e := range n.list {
		f(e)
	}
}

func (r *reader) str(dst *string) func(node) {
	return func(n node) {
		if n.kind != 's' {
			r.fail(n, "must be one word or line of text")
			return
		}
		*dst = strings.TrimSpace(n.text)
	}
}

func (r *reader) boolean(dst *bool) func(node) {
	return func(n node) {
		switch n.text {
		case "true":
			*dst = true
		case "false":
			*dst = false
		default:
			r.fail(n, "must be true or false, not %q", n.text)
		}
	}
}

// number reads a plain decimal and keeps it as text, so that it stays exact.
func (r *reader) number(dst *pipeline.Value) func(node) {
	return func(n node) {
		v, ok := pipeline.Number(n.text)
		if n.kind != 's' || !ok {
			r.fail(n, "must be a plain decimal such as -12.5, not %q", n.text)
			return
		}
		*dst = v
	}
}

// strs reads a list of strings, or one string as a list of one.
func (r *reader) strs(dst *[]string) func(node) {
	return func(n node) {
		if n.kind == 's' {
			*dst = append(*dst, strings.TrimSpace(n.text))
			return
		}
		r.each(n, "this", func(e node) {
			var s string
			r.str(&s)(e)
			if s == "" {
				r.fail(e, "is an empty word")
				return
			}
			*dst = append(*dst, s)
		})
	}
}

package contract

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"go.yaml.in/yaml/v3"
)

// Edits work on the source text: they replace the bytes of one value and leave
// every other byte, comment and blank line as it was. Paths are those of
// findings: schema[0].properties[2].name. A value is a string, a number, a
// bool, nil, a list or a map with string keys; it is written on one line.

// Set replaces the value at path. Errors: not_found where there is none,
// invalid where the document would no longer be a contract.
func (d *Document) Set(path string, value any) error {
	n, parent, _, err := d.find(path)
	if err != nil {
		return err
	}
	s := newSpans(d.src)
	from, to := s.start(n), s.end(n, parent)
	text := inline(value)
	if str, ok := value.(string); ok && n.kind == scalarNode && n.style&yaml.SingleQuotedStyle != 0 && !strings.ContainsAny(str, "\n\t\r") {
		text = "'" + strings.ReplaceAll(str, "'", "''") + "'"
	} else if ok && n.kind == scalarNode && n.style&yaml.DoubleQuotedStyle != 0 {
		text = quoted(str)
	}
	if n.kind == scalarNode && n.raw == "" && n.style == 0 && from > 0 && d.src[from-1] == ':' {
		text = " " + text
	}
	if to > from && d.src[to-1] == '\n' { // a block scalar ends with its line
		text += "\n"
	}
	return d.replace(from, to, text, path)
}

// Add adds key to the mapping at path, as its last entry; the empty path is the
// document. Errors: not_found, conflict where key is there already, invalid.
func (d *Document) Add(path, key string, value any) error {
	n, parent, _, err := d.find(path)
	if err != nil {
		return err
	}
	if n.kind != mappingNode {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: %s is no mapping", d.file, path).WithHint("use Append for a list")
	}
	if n.get(key) != nil {
		return pipeline.Errorf(pipeline.CodeConflict, "%s: %s has %s already", d.file, path, key).WithHint("use Set to change it")
	}
	return d.insert(n, parent, inline(key)+": "+inline(value), joinPath(path, key))
}

// Append adds an entry to the list at path. Errors: not_found, invalid.
func (d *Document) Append(path string, value any) error {
	n, parent, _, err := d.find(path)
	if err != nil {
		return err
	}
	if n.kind != sequenceNode {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: %s is no list", d.file, path).WithHint("use Add for a mapping")
	}
	text := inline(value)
	if n.style&yaml.FlowStyle == 0 && len(n.items) > 0 {
		text = "- " + text
	}
	return d.insert(n, parent, text, path+"["+strconv.Itoa(len(n.items))+"]")
}

func (d *Document) insert(n, parent *node, text, path string) error {
	s := newSpans(d.src)
	from, to := s.start(n), s.end(n, parent)
	switch {
	case n.style&yaml.FlowStyle != 0 && len(n.items) == 0:
		return d.replace(from+1, from+1, text, path)
	case n.style&yaml.FlowStyle != 0:
		at := s.end(n.items[len(n.items)-1], n)
		return d.replace(at, at, ", "+text, path)
	case to > 0 && d.src[to-1] == '\n':
		to-- // the last value is a block scalar
	}
	for to < len(d.src) && d.src[to] != '\n' { // past a comment
		to++
	}
	if to > 0 && d.src[to-1] == '\r' {
		to--
	}
	indent := n.col - 1
	if n.kind == mappingNode && len(n.keys) > 0 {
		indent = n.keys[0].col - 1
	}
	return d.replace(to, to, s.newline()+strings.Repeat(" ", indent)+text, path)
}

// Delete removes the entry at path from its mapping or list, with the comment
// on its line. Errors: not_found, invalid.
func (d *Document) Delete(path string) error {
	n, parent, i, err := d.find(path)
	if err != nil {
		return err
	}
	if parent == nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: the document itself cannot be deleted", d.file)
	}
	s := newSpans(d.src)
	if len(parent.items) == 1 {
		text := "{}"
		if parent.kind == sequenceNode {
			text = "[]"
		}
		from, to := s.start(parent), s.end(parent, nil)
		if parent.kind == sequenceNode && parent.style&yaml.FlowStyle == 0 {
			from, text = s.dash(n), "  []" // deeper than the key, which may share the dashes' column
		}
		if to > from && d.src[to-1] == '\n' {
			text += "\n"
		}
		return d.replace(from, to, text, "")
	}
	first := func(i int) int {
		if parent.kind == mappingNode {
			return s.start(parent.keys[i])
		}
		if parent.style&yaml.FlowStyle == 0 {
			return s.dash(parent.items[i])
		}
		return s.start(parent.items[i])
	}
	from, to := first(i), s.end(n, parent)
	if parent.style&yaml.FlowStyle != 0 {
		if i+1 < len(parent.items) {
			return d.replace(from, first(i+1), "", "")
		}
		return d.replace(s.end(parent.items[i-1], parent), to, "", "")
	}
	line := s.lineStart(from)
	if len(bytes.TrimLeft(d.src[line:from], " ")) > 0 {
		// The entry shares its line with the dash of its list.
		return d.replace(from, first(i+1), "", "")
	}
	if to == 0 || d.src[to-1] != '\n' {
		for to < len(d.src) && d.src[to] != '\n' {
			to++
		}
		if to < len(d.src) {
			to++
		}
	}
	return d.replace(line, to, "", "")
}

// replace puts text in place of a range of the source, where the result still
// is a contract that has path.
func (d *Document) replace(from, to int, text, path string) error {
	src := slices.Concat(d.src[:from], []byte(text), d.src[to:])
	next, err := Parse(d.file, src)
	if err == nil && path != "" {
		_, _, _, err = next.find(path)
	}
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "the edit would break the contract: %w", err)
	}
	*d = *next
	return nil
}

// find returns the node at path, its parent and its index there.
func (d *Document) find(path string) (n, parent *node, index int, err error) {
	n = d.root
	for n.path != path {
		next := -1
		for i, c := range n.items {
			if c.path == path || (strings.HasPrefix(path, c.path) && strings.ContainsRune(".[", rune(path[len(c.path)]))) {
				next = i
				break
			}
		}
		if next < 0 {
			return nil, nil, 0, pipeline.Errorf(pipeline.CodeNotFound, "%s: there is no %s", d.file, path).WithHint("paths read like schema[0].properties[2].name")
		}
		n, parent, index = n.items[next], n, next
		if n.alias {
			return nil, nil, 0, pipeline.Errorf(pipeline.CodeInvalid, "%s: %s stands behind a YAML alias", d.file, n.path).WithHint("edit it where its anchor is")
		}
	}
	return n, parent, index, nil
}

var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}_/$][\p{L}\p{N}_./ @+$()-]*$`) })

// inline writes a value as YAML on one line; strings bare where nothing could
// be misread.
func inline(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		var y yaml.Node
		if plainWord().MatchString(v) && !strings.HasSuffix(v, " ") && yaml.Unmarshal([]byte(v), &y) == nil &&
			len(y.Content) == 1 && y.Content[0].ShortTag() == "!!str" && !yaml11(v) {
			return v
		}
		return quoted(v)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "[" + strings.Join(each(v), ", ") + "]"
	case []string:
		return "[" + strings.Join(each(v), ", ") + "]"
	case entries:
		var parts []string
		for _, e := range v {
			parts = append(parts, inline(e.key)+": "+inline(e.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, inline(k)+": "+inline(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(value) // numbers
}

// entries is a mapping whose order is kept.
type entries []struct {
	key   string
	value any
}

// yaml11: words that readers of YAML 1.1 take for booleans.
func yaml11(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return true
	}
	return false
}

func each[T any](list []T) (out []string) {
	for _, e := range list {
		out = append(out, inline(e))
	}
	return out
}

// quoted is s in double quotes; the escapes of Go are escapes of YAML.
func quoted(s string) string { return strconv.Quote(strings.ToValidUTF8(s, "\ufffd")) }

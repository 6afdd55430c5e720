package evals

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Problem is one mistake in a suite or a golden set.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// Problems are the mistakes of some files, in order of file and line.
type Problems []Problem

// Error makes Problems an error: one mistake per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// asError is nil where there is no problem, else one error of code invalid.
func (ps Problems) asError() error {
	if len(ps) == 0 {
		return nil
	}
	ps.sort()
	what := "mistakes"
	if len(ps) == 1 {
		what = "mistake"
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "the evals have %d %s:\n%w", len(ps), what, ps).
		WithHint("mend the lines named; `assay eval lint` checks suites and golden sets")
}

func (ps Problems) sort() {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].File != ps[j].File {
			return ps[i].File < ps[j].File
		}
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Message < ps[j].Message
	})
}

func (ps *Problems) add(file string, line int, format string, args ...any) {
	*ps = append(*ps, Problem{file, line, fmt.Sprintf(format, args...)})
}

// suiteReader walks the YAML of one suite.
type suiteReader struct {
	file     string
	problems Problems
}

func (r *suiteReader) fail(n *yaml.Node, format string, args ...any) {
	r.problems.add(r.file, n.Line, format, args...)
}

// document is the one mapping that a suite is; nil where it is none.
func (r *suiteReader) document(src []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			r.problems.add(r.file, 1, "is empty")
			return nil
		}
		// yaml writes "yaml: line 3: message", or no line where it has none.
		msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
		if _, err := fmt.Sscanf(msg, "line %d:", &line); err == nil {
			_, msg, _ = strings.Cut(msg, ": ")
		}
		r.problems.add(r.file, line, "not YAML: %s", msg)
		return nil
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.problems.add(r.file, 1, "holds more than one YAML document, or what follows the first is not YAML")
		return nil
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		r.problems.add(r.file, 1, "is not a mapping such as name: …, task: …")
		return nil
	}
	return doc.Content[0]
}

// mapping calls the reader of each key; what has none is a mistake.
func (r *suiteReader) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		read, ok := keys[k.Value]
		switch {
		case k.Value == "x" || strings.HasPrefix(k.Value, "x-"): // notes of the author
		case !ok:
			r.fail(k, "%s has no key %q; it has %s", what, k.Value, names(keys))
		case seen[k.Value]:
			r.fail(k, "%s says %q twice", what, k.Value)
		case v.Kind == yaml.AliasNode || v.Anchor != "":
			r.fail(v, "anchors and aliases are not read here")
		default:
			read(v)
		}
		seen[k.Value] = true
	}
}

func names(keys map[string]func(*yaml.Node)) string {
	out := make([]string, 0, len(keys))
	for k := range keys {
		out = append(out, k)
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

func (r *suiteReader) word(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n, "%s must be a word", key)
		return ""
	}
	return n.Value
}

// words is a list, or one word that stands for a list of one.
func (r *suiteReader) words(n *yaml.Node, key string) (out []string) {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return []string{n.Value}
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s must be a list of words", key)
		return nil
	}
	for _, c := range n.Content {
		out = append(out, r.word(c, key))
	}
	return out
}

func (r *suiteReader) number(n *yaml.Node, key string, low, high float64) float64 {
	f, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || !(f >= low && f <= high) {
		r.fail(n, "%s must be a number from %g to %g", key, low, high)
		return low
	}
	return f
}

func (r *suiteReader) count(n *yaml.Node, key string, low, high int) int {
	c, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || c < low || c > high {
		r.fail(n, "%s must be a whole number from %d to %d", key, low, high)
		return low
	}
	return c
}

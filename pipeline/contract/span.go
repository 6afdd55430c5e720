package contract

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// spans finds the bytes of a node in the source: the YAML reader tells where a
// value begins, and its own form where it ends.
type spans struct {
	src   []byte
	lines []int // offset of each line
}

func newSpans(src []byte) *spans {
	s := &spans{src: src, lines: []int{0}}
	for i := 0; i < len(src); i++ {
		// YAML counts lines by all of these.
		switch {
		case src[i] == '\r' && i+1 < len(src) && src[i+1] == '\n':
			continue
		case src[i] == '\n', src[i] == '\r':
			s.lines = append(s.lines, i+1)
		case bytes.HasPrefix(src[i:], []byte("\u0085")):
			s.lines = append(s.lines, i+2)
		case bytes.HasPrefix(src[i:], []byte("\u2028")), bytes.HasPrefix(src[i:], []byte("\u2029")):
			s.lines = append(s.lines, i+3)
		}
	}
	return s
}

func (s *spans) newline() string {
	if bytes.Contains(s.src, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// start is the offset of the first byte of n, past an anchor or a tag.
func (s *spans) start(n *node) int {
	at := len(s.src)
	if n.line >= 1 && n.line <= len(s.lines) {
		at = s.lines[n.line-1]
	}
	if n.line == 1 && bytes.HasPrefix(s.src, []byte("\ufeff")) {
		at += 3
	}
	for i := 1; i < n.col && at < len(s.src); i++ {
		_, size := utf8.DecodeRune(s.src[at:])
		at += size
	}
	for at < len(s.src) && (s.src[at] == '&' || s.src[at] == '!') {
		for at < len(s.src) && !isBlank(s.src[at]) {
			at++
		}
		for at < len(s.src) && isBlank(s.src[at]) {
			at++
		}
	}
	return at
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

func (s *spans) lineStart(at int) int { return bytes.LastIndexByte(s.src[:at], '\n') + 1 }

// dash is the offset of the dash before a block list's entry.
func (s *spans) dash(n *node) int {
	at := s.start(n)
	if i := bytes.LastIndexByte(s.src[:at], '-'); i >= 0 {
		return i
	}
	return at
}

// end is the offset past the last byte of n; parent gives the indentation that
// a block scalar must exceed.
func (s *spans) end(n, parent *node) int {
	at := s.start(n)
	if at >= len(s.src) {
		return len(s.src)
	}
	switch {
	case n.kind == scalarNode:
		return s.scalarEnd(n, parent, at)
	case n.style&yaml.FlowStyle != 0:
		if len(n.items) > 0 {
			at = s.end(n.items[len(n.items)-1], n)
		}
		for at < len(s.src) && s.src[at] != '}' && s.src[at] != ']' {
			if s.src[at] == '#' {
				for at < len(s.src) && s.src[at] != '\n' {
					at++
				}
				continue
			}
			at++
		}
		return min(at+1, len(s.src))
	case len(n.items) > 0:
		return s.end(n.items[len(n.items)-1], n)
	}
	return at
}

func (s *spans) scalarEnd(n, parent *node, at int) int {
	switch {
	case n.style&yaml.DoubleQuotedStyle != 0:
		for i := at + 1; i < len(s.src); i++ {
			switch s.src[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(s.src)
	case n.style&yaml.SingleQuotedStyle != 0:
		for i := at + 1; i < len(s.src); i++ {
			if s.src[i] == '\'' {
				if i+1 < len(s.src) && s.src[i+1] == '\'' {
					i++
					continue
				}
				return i + 1
			}
		}
		return len(s.src)
	case n.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return s.blockEnd(parent, at)
	}
	// A plain scalar: its words, with any white space between them.
	for i, word := range strings.Fields(n.raw) {
		for i > 0 && at < len(s.src) && isBlank(s.src[at]) {
			at++
		}
		if !bytes.HasPrefix(s.src[at:], []byte(word)) {
			break
		}
		at += len(word)
	}
	return at
}

// blockEnd is past the last line of a block scalar: every line that is blank or
// indented deeper than the parent. Blank lines at its end are left to what
// follows.
func (s *spans) blockEnd(parent *node, at int) int {
	indent := 0
	if parent != nil {
		indent = parent.col - 1
		if parent.kind == mappingNode && len(parent.keys) > 0 {
			indent = parent.keys[0].col - 1
		}
	}
	next := func(i int) int {
		if j := bytes.IndexByte(s.src[i:], '\n'); j >= 0 {
			return i + j + 1
		}
		return len(s.src)
	}
	end := next(at)
	for i := end; i < len(s.src); {
		j := next(i)
		line := bytes.TrimRight(s.src[i:j], " \t\r\n")
		if len(line) > 0 {
			if len(line)-len(bytes.TrimLeft(line, " ")) <= indent {
				break
			}
			end = j
		}
		i = j
	}
	return end
}

package guard

import (
	"strings"
)

// A repairer reads JSON as models write it, from left to right. Where a quote
// or bracket can mean two things it looks a bounded way ahead, so that its
// time is linear in the text.
type repairer struct {
	src   string
	pos   int
	depth int
	brace bool // the string that is being read holds a brace
	seen  map[Repair]bool
	order []Repair
	cost  float64
}

// maxDepth bounds nesting, maxAhead how far a decision looks ahead in bytes.
const (
	maxDepth = 200
	maxAhead = 256
)

// place is where a string stands, which decides what may follow it.
type place uint8

const (
	inKey place = iota
	inObject
	inArray
)

// missing marks a value that is not there.
type missing struct{}

// top reads all values of the text that are objects or arrays, passing over
// the prose between them; a text that is one bare literal or number counts
// too.
func (r *repairer) top() []any {
	var all []any
	prose := false
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '{' || c == '[' || c == '(' && strings.TrimSpace(r.src[:r.pos]) == "":
			v := r.value(inArray)
			if _, none := v.(missing); !none {
				all = append(all, v)
			}
			if len(all) > 1000 {
				return all
			}
		case c == '/' && strings.HasPrefix(r.src[r.pos:], "/*"):
			r.space()
		default:
			if c > ' ' && c != ',' && c != '`' && c != ']' && c != '}' {
				prose = true
			}
			if c == '}' || c == ']' {
				r.note(Mismatched)
			}
			r.pos++
		}
	}
	if len(all) > 0 {
		if prose {
			r.note(Prose)
		}
		return all
	}
	switch t := strings.TrimSpace(r.src); t {
	case "true", "false", "null":
		v, _ := literal(t)
		return []any{v}
	default:
		if n, ok := jsonNumber(t); ok {
			return []any{n}
		}
	}
	return nil
}

// space skips white space and comments.
func (r *repairer) space() {
	for r.pos < len(r.src) {
		rest := r.src[r.pos:]
		switch c := rest[0]; {
		case c <= ' ':
			r.pos++
		case c == 0xc2 && strings.HasPrefix(rest, "\u00a0"):
			r.pos += 2
		case strings.HasPrefix(rest, "//"):
			r.note(Comment)
			r.skipTo("\n")
		case c == '#':
			r.note(Comment)
			if i := strings.IndexAny(rest, "\n}]"); i >= 0 {
				r.pos += i
			} else {
				r.pos = len(r.src)
			}
		case strings.HasPrefix(rest, "/*"):
			r.note(Comment)
			r.skipTo("*/")
		default:
			return
		}
	}
}

func (r *repairer) skipTo(mark string) {
	if i := strings.Index(r.src[r.pos:], mark); i >= 0 {
		r.pos += i + len(mark)
	} else {
		r.pos = len(r.src)
	}
}

func (r *repairer) peek() byte {
	if r.pos < len(r.src) {
		return r.src[r.pos]
	}
	return 0
}

// value reads one value, or missing when none stands here.
func (r *repairer) value(at place) any {
	r.space()
	if r.depth >= maxDepth {
		r.note(Truncated)
		r.pos = len(r.src)
		return missing{}
	}
	r.depth++
	defer func() { r.depth-- }()
	switch c := r.peek(); c {
	case 0:
		return missing{}
	case '{':
		r.pos++
		return r.object('}')
	case '[':
		r.pos++
		return r.array(']')
	case '(':
		r.pos++
		r.note(OtherBrackets)
		v := r.array(')')
		if a, ok := v.([]any); ok && len(a) == 1 && !strings.Contains(r.src[max(0, r.pos-3):r.pos], ",") {
			return a[0]
		}
		return v
	case '}', ']', ')', ',', ':':
		return missing{}
	}
	if _, ok := quoteAt(r.src, r.pos); ok {
		return r.text(at)
	}
	return r.bare(at)
}

// quotes are the marks that open a string, with the ones that close it.
func quoteAt(s string, i int) (width int, ok bool) {
	switch s[i] {
	case '"', '\'', '`':
		return 1, true
	case 0xe2:
		for _, q := range [...]string{"“", "”", "‘", "’"} {
			if strings.HasPrefix(s[i:], q) {
				return len(q), true
			}
		}
	}
	return 0, false
}

// object reads the members up to the closing bracket.
func (r *repairer) object(closing byte) any {
	m := map[string]any{}
	var set []any // {"a", "b"}: values without colons
	for {
		r.space()
		switch c := r.peek(); c {
		case 0:
			r.note(Truncated)
			return finishObject(m, set)
		case closing:
			r.pos++
			if r.continues() {
				continue
			}
			return finishObject(m, set)
		case ']', ')':
			// The bracket of an array around: this object was not closed.
			r.note(Mismatched)
			return finishObject(m, set)
		case '}':
			r.note(Mismatched)
			return finishObject(m, set)
		case ',':
			r.pos++
			r.space()
			if n := r.peek(); n == closing || n == ',' {
				r.note(TrailingComma)
			}
			continue
		case ':', '{', '[', '(':
			r.note(Stray)
			if c == ':' {
				r.pos++
				continue
			}
			v := r.value(inObject)
			set = append(set, v)
			continue
		}
		start := r.pos
		key, quoted, cut := r.key()
		r.space()
		if r.peek() != ':' {
			if cut || r.peek() == 0 {
				r.note(Truncated)
				if len(m) == 0 && key != "" && quoted && !cut && r.peek() == 0 {
					return finishObject(m, append(set, key))
				}
				return finishObject(m, set)
			}
			if r.peek() == ',' || r.peek() == closing {
				if quoted || key != "" && len(m) == 0 {
					if n, ok := jsonNumber(key); ok && !quoted {
						set = append(set, n)
					} else if len(m) == 0 {
						set = append(set, key)
					} else {
						r.note(MissingValue)
					}
				}
				continue
			}
			if r.pos == start {
				r.pos++
				r.note(Stray)
				continue
			}
			r.note(MissingColon)
			if !quoted {
				continue // a stray word: COMMENT "key": …
			}
		} else {
			r.pos++
		}
		v := r.value(inObject)
		if _, none := v.(missing); none {
			r.note(MissingValue)
			v = nil
		}
		if _, twice := m[key]; twice {
			r.note(DuplicateKey)
		}
		m[key] = v
		r.space()
		if c := r.peek(); c != ',' && c != closing && c != 0 && c != ']' && c != '}' {
			r.note(MissingComma)
		}
	}
}

func finishObject(m map[string]any, set []any) any {
	if len(m) == 0 && len(set) > 0 {
		return set
	}
	return m
}

// continues reports whether a member follows a closing brace: {"a": 1}, "b": 2}.
func (r *repairer) continues() bool {
	if r.depth > 1 {
		return false
	}
	i := skipBlank(r.src, r.pos)
	if i >= len(r.src) || r.src[i] != ',' {
		return false
	}
	i = skipBlank(r.src, i+1)
	if i >= len(r.src) || r.src[i] != '"' {
		return false
	}
	if !keyFollows(r.src, i) {
		return false
	}
	r.note(Mismatched)
	r.pos = i
	return true
}

func skipBlank(s string, i int) int {
	for i < len(s) && s[i] <= ' ' {
		i++
	}
	return i
}

// keyFollows reports whether a quoted key and a colon stand at i.
func keyFollows(s string, i int) bool {
	w, ok := 0, false
	if i < len(s) {
		w, ok = quoteAt(s, i)
	}
	if !ok {
		return false
	}
	end := min(len(s), i+maxAhead)
	for j := i + w; j < end; j++ {
		switch s[j] {
		case '\\':
			j++
		case '\n':
			return false
		case s[i]:
			k := skipBlank(s, j+1)
			return k < len(s) && s[k] == ':'
		case '"', '{', '}', '[', ']':
			return false
		}
	}
	return false
}

// bareKeyFollows reports whether an identifier and a colon stand at i.
func bareKeyFollows(s string, i int) bool {
	j := i
	for j < len(s) && (s[j] == '_' || s[j] == '-' || s[j] >= '0' && s[j] <= '9' || s[j]|0x20 >= 'a' && s[j]|0x20 <= 'z') && j-i < 64 {
		j++
	}
	if j == i {
		return false
	}
	j = skipBlank(s, j)
	return j < len(s) && s[j] == ':' && !strings.HasPrefix(s[j:], "://")
}

// key reads the key of a member. cut says that the text ended within it.
func (r *repairer) key() (key string, quoted, cut bool) {
	if _, ok := quoteAt(r.src, r.pos); ok {
		s, closed := r.str(inKey)
		return s, true, !closed
	}
	start := r.pos
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		if c == ':' || c == ',' || c == '}' || c == ']' || c == '{' || c == '[' || c == '\n' || c == '"' {
			break
		}
		r.pos++
	}
	r.note(UnquotedKey)
	return strings.TrimSpace(r.src[start:r.pos]), false, r.pos >= len(r.src)
}

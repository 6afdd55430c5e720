package guard

import (
	"encoding/json"
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

// array reads the elements up to the closing bracket.
func (r *repairer) array(closing byte) any {
	a := []any{}
	for {
		r.space()
		switch c := r.peek(); c {
		case 0:
			r.note(Truncated)
			return a
		case closing:
			r.pos++
			return a
		case '}', ']', ')':
			r.note(Mismatched)
			if c == '}' && r.depth > 1 || c == ']' && closing == ')' {
				return a // the end of what is around
			}
			r.pos++
			continue
		case ',':
			r.pos++
			r.space()
			if n := r.peek(); n == closing || n == ',' {
				r.note(TrailingComma)
			}
			continue
		case ':':
			r.note(Stray)
			r.pos++
			continue
		}
		start := r.pos
		v := r.value(inArray)
		if r.pos == start {
			r.pos++
			continue
		}
		if _, none := v.(missing); none {
			continue
		}
		r.space()
		if key, ok := v.(string); ok && r.peek() == ':' {
			// ["key": "value"]: the braces are missing.
			r.note(OtherBrackets)
			r.pos++
			member := r.value(inObject)
			if _, none := member.(missing); none {
				member = nil
			}
			a = append(a, map[string]any{key: member})
			continue
		}
		a = append(a, v)
		if c := r.peek(); c != ',' && c != closing && c != 0 && c != '}' && c != ']' {
			r.note(MissingComma)
		}
	}
}

// bare reads a value without quotes: a literal, a number, or words.
func (r *repairer) bare(at place) any {
	start := r.pos
	depth := 0
scan:
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; c {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			if depth == 0 {
				break scan
			}
			depth--
		case ',':
			if depth == 0 && (at == inArray || !r.numberGoesOn(start)) {
				break scan
			}
		case '\n':
			if depth == 0 {
				break scan
			}
		case ':':
			if at == inArray {
				break scan
			}
		case '"':
			break scan
		case '/', '#':
			if depth == 0 && r.pos > start && r.src[r.pos-1] <= ' ' && (c == '#' || strings.HasPrefix(r.src[r.pos:], "//") || strings.HasPrefix(r.src[r.pos:], "/*")) {
				break scan
			}
		}
		r.pos++
	}
	word := strings.TrimSpace(strings.TrimRight(strings.TrimSpace(r.src[start:r.pos]), "`;"))
	if v, ok := literal(word); ok {
		if word != "true" && word != "false" && word != "null" {
			r.note(Literal)
		}
		return v
	}
	if n, ok := jsonNumber(word); ok {
		if string(n) != word {
			r.note(NumberForm)
		}
		if r.pos >= len(r.src) {
			r.note(Truncated) // digits may be missing
		}
		return n
	}
	switch {
	case strings.Trim(word, ".…- ") == "":
		r.note(Stray)
		return missing{}
	case at == inArray && r.peek() == '"' && r.pos < len(r.src):
		// ["a" b", "c"]: a word whose opening quote is missing.
		if next := skipBlank(r.src, r.pos+1); next >= len(r.src) || r.src[next] == ',' || r.src[next] == ']' {
			r.pos++
		}
	}
	r.note(UnquotedValue)
	return word
}

// numberGoesOn reports whether the comma at pos stands within digits, as in
// "key": 105,12.
func (r *repairer) numberGoesOn(start int) bool {
	if r.pos == start || !isDigit(r.src[r.pos-1]) || r.pos+1 >= len(r.src) || !isDigit(r.src[r.pos+1]) {
		return false
	}
	end := r.pos + 1
	for end < len(r.src) && isDigit(r.src[end]) {
		end++
	}
	return !bareKeyFollows(r.src, r.pos+1)
}

func literal(word string) (any, bool) {
	switch word {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	case "null", "Null", "NULL", "None", "none", "nil", "undefined", "NaN", "nan":
		return nil, true
	}
	return nil, false
}

// jsonNumber reads JSON's numbers and the forms that differ by a missing zero or a
// plus; digits are kept as written.
func jsonNumber(word string) (json.Number, bool) {
	if word == "" || len(word) > 400 {
		return "", false
	}
	w := strings.TrimPrefix(word, "+")
	neg := strings.HasPrefix(w, "-")
	w = strings.TrimPrefix(w, "-")
	if w == "" || !isDigit(w[0]) && w[0] != '.' {
		return "", false
	}
	if w[0] == '.' {
		w = "0" + w
	}
	if strings.HasSuffix(w, ".") {
		w += "0"
	}
	if neg {
		w = "-" + w
	}
	if !json.Valid([]byte(w)) {
		return "", false
	}
	return json.Number(w), true
}

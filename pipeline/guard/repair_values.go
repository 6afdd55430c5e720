package guard

import (
	"encoding/json"
	"strings"
)

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

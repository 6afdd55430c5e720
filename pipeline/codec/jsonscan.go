package codec

import "unicode/utf8"

// maxDepth bounds the nesting of JSON values.
const maxDepth = 512

// Results of a JSON scan.
const (
	scanOK = iota
	scanBad
	scanMore // b ends within the value
)

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && space(b[i]) {
		i++
	}
	return i
}

// scanValue checks the JSON value (RFC 8259) that starts at b[i]; it returns
// the index after it.
func scanValue(b []byte, i, depth int) (end int, kind Kind, res int) {
	if i >= len(b) {
		return i, Text, scanMore
	}
	switch c := b[i]; {
	case c == '"':
		end, _, res = scanString(b, i)
		return end, Text, res
	case c == '{':
		end, res = scanObject(b, i, depth)
		return end, Nested, res
	case c == '[':
		end, res = scanArray(b, i, depth)
		return end, Nested, res
	case c == '-' || c-'0' <= 9:
		end, res = scanNumber(b, i)
		return end, Number, res
	case c == 't':
		return scanWord(b, i, "true", True)
	case c == 'f':
		return scanWord(b, i, "false", False)
	case c == 'n':
		return scanWord(b, i, "null", Null)
	}
	return i, Text, scanBad
}

func scanWord(b []byte, i int, word string, kind Kind) (int, Kind, int) {
	n := min(len(word), len(b)-i)
	if string(b[i:i+n]) != word[:n] {
		return i, kind, scanBad
	}
	if n < len(word) {
		return i, kind, scanMore
	}
	return i + n, kind, scanOK
}

// scanString checks the string that starts at b[i]; esc says that it holds
// escapes.
func scanString(b []byte, i int) (end int, esc bool, res int) {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, esc, scanOK
		case c < ' ':
			return i, esc, scanBad
		case c == '\\':
			esc = true
			i++
			if i >= len(b) {
				return i, esc, scanMore
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for k := 1; k <= 4; k++ {
					if i+k >= len(b) {
						return i, esc, scanMore
					}
					if _, ok := hex(b[i+k]); !ok {
						return i, esc, scanBad
					}
				}
				i += 4
			default:
				return i, esc, scanBad
			}
		}
	}
	return i, esc, scanMore
}

func hex(c byte) (rune, bool) {
	switch {
	case c-'0' <= 9:
		return rune(c - '0'), true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}

func scanNumber(b []byte, i int) (int, int) {
	if b[i] == '-' {
		i++
	}
	digits := func() int {
		n := 0
		for i < len(b) && b[i]-'0' <= 9 {
			i++
			n++
		}
		return n
	}
	start := i
	n := digits()
	switch {
	case n == 0 && i >= len(b):
		return i, scanMore
	case n == 0, n > 1 && b[start] == '0':
		return i, scanBad
	}
	if i < len(b) && b[i] == '.' {
		i++
		if digits() == 0 {
			return i, ended(b, i)
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if digits() == 0 {
			return i, ended(b, i)
		}
	}
	return i, scanOK
}

func ended(b []byte, i int) int {
	if i >= len(b) {
		return scanMore
	}
	return scanBad
}

func scanArray(b []byte, i, depth int) (int, int) {
	if depth >= maxDepth {
		return i, scanBad
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, scanOK
	}
	for {
		var res int
		if i, _, res = scanValue(b, skipSpace(b, i), depth+1); res != scanOK {
			return i, res
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, scanMore
		}
		switch b[i] {
		case ']':
			return i + 1, scanOK
		case ',':
			i++
		default:
			return i, scanBad
		}
	}
}

func scanObject(b []byte, i, depth int) (int, int) {
	return scanMembers(b, i, depth, nil)
}

// scanMembers checks an object and calls visit, where not nil, with the name
// (without quotes, escapes not undone) and the value of each member.
func scanMembers(b []byte, i, depth int, visit func(name []byte, escaped bool, value Cell, kind Kind)) (int, int) {
	if depth >= maxDepth {
		return i, scanBad
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, scanOK
	}
	for {
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, scanMore
		}
		if b[i] != '"' {
			return i, scanBad
		}
		start := i
		end, esc, res := scanString(b, i)
		if res != scanOK {
			return end, res
		}
		name := b[start+1 : end-1]
		i = skipSpace(b, end)
		if i >= len(b) {
			return i, scanMore
		}
		if b[i] != ':' {
			return i, scanBad
		}
		i = skipSpace(b, i+1)
		at := i
		var kind Kind
		if i, kind, res = scanValue(b, i, depth+1); res != scanOK {
			return i, res
		}
		if visit != nil {
			visit(name, esc, Cell{uint32(at), uint32(i)}, kind)
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, scanMore
		}
		switch b[i] {
		case '}':
			return i + 1, scanOK
		case ',':
			i++
		default:
			return i, scanBad
		}
	}
}

// unescapeJSON appends the text of a valid JSON string (without its quotes);
// ok is false where an escape names half a character.
func unescapeJSON(dst, b []byte) (_ []byte, ok bool) {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			dst = append(dst, b[i])
			continue
		}
		i++
		switch c := b[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := code(b[i+1:])
			i += 4
			if r >= 0xd800 && r < 0xe000 {
				if r >= 0xdc00 || i+6 >= len(b) || b[i+1] != '\\' || b[i+2] != 'u' {
					return dst, false
				}
				low := code(b[i+3:])
				if low < 0xdc00 || low >= 0xe000 {
					return dst, false
				}
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst, true
}

func code(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		d, _ := hex(c)
		r = r<<4 | d
	}
	return r
}

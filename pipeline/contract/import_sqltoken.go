package contract

import (
	"strings"
	"unicode"
)

// A sqlToken is a word, a quoted name, a text, a number or a sign.
type sqlToken struct {
	text  string
	kind  byte // w word, n quoted name, t text, d number, s sign
	line  int
	upper string
}

func sqlTokens(src string) (out []sqlToken) {
	line := 1
	rs := []rune(src)
	for i := 0; i < len(rs); {
		r := rs[i]
		start := line
		take := func(end int, kind byte, text string) {
			out = append(out, sqlToken{text, kind, start, strings.ToUpper(text)})
			i = end
		}
		switch {
		case r == '\n':
			line++
			i++
		case unicode.IsSpace(r):
			i++
		case r == '-' && i+1 < len(rs) && rs[i+1] == '-':
			for i < len(rs) && rs[i] != '\n' {
				i++
			}
		case r == '/' && i+1 < len(rs) && rs[i+1] == '*':
			i += 2
			for i < len(rs) && (rs[i] != '*' || i+1 >= len(rs) || rs[i+1] != '/') {
				if rs[i] == '\n' {
					line++
				}
				i++
			}
			i += 2
		case r == '\'' || r == '"' || r == '`' || r == '[':
			closing := r
			if r == '[' {
				closing = ']'
			}
			var b strings.Builder
			j := i + 1
			for ; j < len(rs); j++ {
				if rs[j] == '\n' {
					line++
				}
				if rs[j] == closing {
					if j+1 < len(rs) && rs[j+1] == closing && r != '[' {
						j++
					} else {
						break
					}
				}
				b.WriteRune(rs[j])
			}
			kind := byte('n')
			if r == '\'' {
				kind = 't'
			}
			take(min(j+1, len(rs)), kind, b.String())
		case unicode.IsLetter(r) || r == '_':
			j := i
			for j < len(rs) && (unicode.IsLetter(rs[j]) || unicode.IsDigit(rs[j]) || rs[j] == '_' || rs[j] == '$') {
				j++
			}
			take(j, 'w', string(rs[i:j]))
		case unicode.IsDigit(r):
			j := i
			for j < len(rs) && (unicode.IsDigit(rs[j]) || rs[j] == '.') {
				j++
			}
			take(j, 'd', string(rs[i:j]))
		case (r == '<' || r == '>' || r == '!') && i+1 < len(rs) && (rs[i+1] == '=' || r == '<' && rs[i+1] == '>'):
			take(i+2, 's', string(rs[i:i+2]))
		default:
			take(i+1, 's', string(r))
		}
	}
	return out
}

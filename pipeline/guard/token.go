package guard

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A token is a word or number of a text in one form: small letters without
// accents, numbers with a point, with the bytes that it came from.
type token struct {
	form       string
	start, end int
	number     bool
}

// maxTokens bounds what one text is cut into; a line of a catalog has a few
// dozen. What lies behind is not compared, and so never grounded.
const maxTokens = 20000

// tokenize cuts text where letters and digits meet, so that M10X1,5 and
// "M 10 x 1.5" are the same five tokens. A decimal mark between digits belongs
// to the number, a minus before it too when nothing is joined by it, and a
// slash between digits is a token of its own, so that 1/2 is not 1 2.
func tokenize(dst []token, text string) []token {
	for i := 0; i < len(text) && len(dst) < maxTokens; {
		c := text[i]
		switch {
		case isDigit(c):
			start, end := i, numberEnd(text, i)
			if end < len(text) && isLetter(text[end]) && end-i == 6 && text[end-2] == '.' {
				end -= 2 // 6309.2RS is a designation and its suffix, not a number
			}
			form := text[i:end]
			if strings.IndexByte(form, ',') >= 0 {
				form = strings.ReplaceAll(form, ",", ".")
			}
			if minus(text, i) {
				start--
				if text[start] >= utf8.RuneSelf {
					start -= 2
				}
				form = "-" + form
			}
			dst = append(dst, token{form, start, end, true})
			i = end
			if i+1 < len(text) && text[i] == '/' && isDigit(text[i+1]) {
				dst = append(dst, token{"/", i, i + 1, false})
				i++
			}
		case isLetter(c), c >= utf8.RuneSelf:
			end, plain := lettersEnd(text, i)
			switch {
			case end == i:
				_, w := utf8.DecodeRuneInString(text[i:])
				switch text[i : i+w] {
				case "×":
					dst = append(dst, token{"x", i, i + w, false})
				case "°":
					dst = append(dst, token{"°", i, i + w, false})
				}
				i += w
			case plain:
				dst = append(dst, token{strings.ToLower(text[i:end]), i, end, false})
				i = end
			default:
				dst = append(dst, token{fold(text[i:end]), i, end, false})
				i = end
			}
		case c == '%' || c == '"' || c == '+' || c == '*':
			form := text[i : i+1]
			if c == '*' {
				form = "x"
			}
			dst = append(dst, token{form, i, i + 1, false})
			i++
		default:
			i++
		}
	}
	return dst
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// numberEnd is the end of digits with points and commas between them.
func numberEnd(s string, i int) int {
	for i < len(s) {
		if isDigit(s[i]) || (s[i] == '.' || s[i] == ',') && i+1 < len(s) && isDigit(s[i+1]) {
			i++
			continue
		}
		break
	}
	return i
}

// minus reports whether a minus sign stands before the digit at i, rather than
// a dash that joins two parts.
func minus(s string, i int) bool {
	w := 0
	switch {
	case i > 0 && s[i-1] == '-':
		w = 1
	case strings.HasSuffix(s[:i], "−"):
		w = 3
	default:
		return false
	}
	if i == w {
		return true
	}
	switch s[i-w-1] {
	case ' ', '\t', '(', '[', ',', ';', ':', '=', '/':
		return true
	}
	return false
}

func lettersEnd(s string, i int) (end int, plain bool) {
	plain = true
	for i < len(s) {
		if isLetter(s[i]) {
			i++
			continue
		}
		if s[i] < utf8.RuneSelf {
			break
		}
		r, w := utf8.DecodeRuneInString(s[i:])
		if r == '×' || !unicode.IsLetter(r) && !unicode.IsMark(r) {
			break
		}
		plain = false
		i += w
	}
	return i, plain
}

// fold writes a word in small letters without accents: umlauts as two letters,
// as catalogs without umlauts write them.
func fold(s string) string {
	var b []byte
	for _, r := range s {
		switch r {
		case 'ä', 'Ä':
			b = append(b, "ae"...)
		case 'ö', 'Ö':
			b = append(b, "oe"...)
		case 'ü', 'Ü':
			b = append(b, "ue"...)
		case 'ß', 'ẞ':
			b = append(b, "ss"...)
		case 'µ', 'μ':
			b = append(b, 'u')
		case 'Ω', '\u2126':
			b = append(b, "ohm"...)
		default:
			if r < utf8.RuneSelf {
				b = utf8.AppendRune(b, unicode.ToLower(r))
				continue
			}
			for _, d := range norm.NFKD.String(string(r)) {
				if !unicode.IsMark(d) {
					b = utf8.AppendRune(b, unicode.ToLower(d))
				}
			}
		}
	}
	return string(b)
}

// same reports whether two tokens are equal. Numbers are equal with and
// without zeros at the end of their decimals and a zero before the point.
func same(a, b token) bool {
	if a.form == b.form {
		return true
	}
	if !a.number || !b.number {
		return false
	}
	return trimNumber(a.form) == trimNumber(b.form)
}

func trimNumber(s string) string {
	if strings.Count(s, ".") == 1 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// find returns where needle stands in hay as consecutive whole tokens, within
// the bytes from..to.
func find(hay, needle []token, from, to int) (start, end int, ok bool) {
	if len(needle) == 0 {
		return 0, 0, false
	}
outer:
	for i := 0; i+len(needle) <= len(hay); i++ {
		if hay[i].start < from || hay[i+len(needle)-1].end > to {
			continue
		}
		for j, n := range needle {
			if !same(hay[i+j], n) {
				continue outer
			}
		}
		return hay[i].start, hay[i+len(needle)-1].end, true
	}
	return 0, 0, false
}

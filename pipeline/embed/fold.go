package embed

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxText is how many bytes of a text are read; item descriptions are three
// orders of magnitude shorter. It bounds the time and keeps the sums of
// features within an int32.
const maxText = 64 << 10

// latin holds the folded form of the runes below U+0250: lower case, without
// diacritics, German umlauts as their digraphs. Empty means "separates words".
var latin = sync.OnceValue(foldTable)

func foldTable() *[0x250]string {
	t := new([0x250]string)
	t['¹'], t['²'], t['³'] = "1", "2", "3"
	for r := rune(0); r < 0x250; r++ {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			continue
		}
		l := unicode.ToLower(r)
		switch l {
		case 'ä', 'æ':
			t[r] = "ae"
		case 'ö', 'œ':
			t[r] = "oe"
		case 'ü':
			t[r] = "ue"
		case 'å':
			t[r] = "aa"
		case 'ß':
			t[r] = "ss"
		case 'ø', 'º', 'ª':
			// Ø marks a diameter in item texts far more often than it spells
			// a Danish word.
			t[r] = ""
		case 'µ':
			t[r] = "u"
		case 'ł':
			t[r] = "l"
		case 'đ', 'ð':
			t[r] = "d"
		default:
			d, _ := utf8.DecodeRuneInString(norm.NFKD.String(string(l)))
			t[r] = string(unicode.ToLower(d))
		}
	}
	return t
}

// Fold appends the form of s in which texts are compared: lower case, umlauts
// as digraphs (ä = ae, ß = ss), other diacritics dropped, words of letters and
// digits separated by single spaces. A point or comma between two digits is a
// decimal mark and is kept as a point, so that 0,5 equals 0.5 and differs from
// 05; one between digit groups is kept all the same (a thousands mark cannot
// be told apart here). Fold is idempotent.
func Fold(dst []byte, s string) []byte {
	start := len(dst)
	var gap bool   // a separator is pending
	var mark bool  // the pending separator is a single . or , after a digit
	var digit bool // the last byte written is a digit
	put := func(c string) {
		if len(dst) > start && gap {
			if mark && isDigit(c[0]) {
				dst = append(dst, '.')
			} else {
				dst = append(dst, ' ')
			}
		}
		gap, mark = false, false
		dst = append(dst, c...)
		digit = isDigit(c[len(c)-1])
	}
	latin := latin()
	for i := 0; i < len(s) && len(dst)-start < maxText; {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch f := latin[c]; {
			case f != "" && !gap:
				dst = append(dst, f[0])
				digit = isDigit(f[0])
			case f != "":
				put(f)
			case (c == '.' || c == ',') && !gap && digit:
				gap, mark = true, true
			default:
				gap, mark = true, false
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r < rune(len(latin)):
			if f := latin[r]; f != "" {
				put(f)
			} else {
				gap, mark = true, false
			}
		case r == 0x0308: // a combining diaeresis: a, o, u become digraphs
			if !gap && len(dst) > start {
				switch dst[len(dst)-1] {
				case 'a', 'o', 'u':
					dst = append(dst, 'e')
				}
			}
		case unicode.Is(unicode.Mn, r): // other combining marks are dropped
		case r == 'ẞ':
			put("ss")
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			put(string(unicode.ToLower(r)))
		default:
			gap, mark = true, false
		}
	}
	return dst
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

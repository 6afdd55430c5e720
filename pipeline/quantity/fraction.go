package quantity

import (
	"strings"
	"unicode/utf8"
)

// vulgar are the fractions that are one character.
var vulgar = map[rune][2]int64{
	'½': {1, 2}, '⅓': {1, 3}, '⅔': {2, 3}, '¼': {1, 4}, '¾': {3, 4}, '⅕': {1, 5}, '⅖': {2, 5},
	'⅗': {3, 5}, '⅘': {4, 5}, '⅙': {1, 6}, '⅚': {5, 6}, '⅐': {1, 7}, '⅛': {1, 8}, '⅜': {3, 8},
	'⅝': {5, 8}, '⅞': {7, 8}, '⅑': {1, 9}, '⅒': {1, 10},
}

func vulgarAt(s string, i int) (Decimal, int, bool) {
	if i >= len(s) || s[i] != 0xc2 && s[i] != 0xe2 {
		return Decimal{}, 0, false
	}
	r, w := utf8.DecodeRuneInString(s[i:])
	if f, ok := vulgar[r]; ok {
		return Ratio(f[0], f[1]), w, true
	}
	return Decimal{}, 0, false
}

// lexSlash reads n/d at i as two short runs of digits.
func lexSlash(s string, i int) (num, den int64, end int, ok bool) {
	e := digitsEnd(s, i)
	w := 1
	if e == i || e-i > 4 || e >= len(s) {
		return 0, 0, i, false
	}
	if s[e] != '/' {
		if !strings.HasPrefix(s[e:], "⁄") {
			return 0, 0, i, false
		}
		w = 3
	}
	d := digitsEnd(s, e+w)
	if d == e+w || d-e-w > 4 {
		return 0, 0, i, false
	}
	if d < len(s) && (s[d] == '/' || (s[d] == '.' || s[d] == ',') && d+1 < len(s) && isDigit(s[d+1])) {
		return 0, 0, i, false // a date, a list
	}
	return atoi(s[i:e]), atoi(s[e+w : d]), d, true
}

func atoi(s string) (n int64) {
	for i := range len(s) {
		n = n*10 + int64(s[i]-'0')
	}
	return n
}

// isInchFraction reports whether n/d is a fraction as they are read off a
// ruler: reduced, below 1, in halves to 128ths. 24/48 and 5/2 are not.
func isInchFraction(n, d int64) bool {
	switch d {
	case 2, 4, 8, 16, 32, 64, 128:
		return n < d && n%2 == 1
	}
	return false
}

package quantity

import (
	"strings"
	"unicode/utf8"
)

// A numeral is a number as it was written.
type numeral struct {
	value    Decimal
	alt      *Decimal
	end      int
	fraction bool // 3/4, 1 1/2, ½
	plain    bool // digits only
	whole    string
	decimals int // digits after the decimal mark
}

// maxGroups bounds the groups of digits of one number: 1.234.567,89.
const maxGroups = 12

// A mark separates groups of digits.
type mark byte

const (
	noMark mark = iota
	point
	comma
	quote
	space
)

// markAt reads a mark at i that stands between digits, and its length.
func markAt(s string, i int) (mark, int) {
	if i >= len(s) {
		return noMark, 0
	}
	switch s[i] {
	case '.':
		return point, 1
	case ',':
		return comma, 1
	case '\'':
		return quote, 1
	case 0xc2:
		if strings.HasPrefix(s[i:], "\u00a0") {
			return space, 2
		}
	case 0xe2:
		switch {
		case strings.HasPrefix(s[i:], "\u2019"):
			return quote, 3
		case strings.HasPrefix(s[i:], "\u202f"), strings.HasPrefix(s[i:], "\u2009"):
			return space, 3
		}
	}
	return noMark, 0
}

func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// lexNumeral reads the unsigned number that starts at s[i], a digit or a
// decimal mark before one. ok is false for runs that are no number (a version
// 1.2.3, a date 12.05.2020, more than 40 digits); end then says where they
// end.
func lexNumeral(s string, i int, lang Language, spaced bool) (n numeral, end int, ok bool) {
	var groups [maxGroups]string
	var marks [maxGroups]mark
	var ends [maxGroups]int
	k := 0
	pos := digitsEnd(s, i)
	groups[0], ends[0] = s[i:pos], pos
	for k < maxGroups-1 {
		m, w := markAt(s, pos)
		if m == space && w == 2 && !spaced && (len(groups[k]) > 3 || !groupAfterSpace(s, pos+2)) {
			break // a no-break space may stand between two numbers as well
		}
		if m == noMark && spaced && pos < len(s) && s[pos] == ' ' && len(groups[k]) <= 3 && groupAfterSpace(s, pos+1) {
			m, w = space, 1
		}
		if m == noMark || pos+w >= len(s) || !isDigit(s[pos+w]) {
			break
		}
		e := digitsEnd(s, pos+w)
		if (m == space || m == quote) && (e-pos-w != 3 || len(groups[k]) > 3) {
			break
		}
		k++
		groups[k], marks[k] = s[pos+w:e], m
		pos = e
		ends[k] = e
	}
	k++ // number of groups
	if k == maxGroups {
		return n, pos, false
	}
	return readGroups(s, groups[:k], marks[:k], ends[:k], lang)
}

// groupAfterSpace reports whether three digits that start with 0 stand at i:
// 10 000 is one number, 25 100 may be two.
func groupAfterSpace(s string, i int) bool {
	return i+3 <= len(s) && s[i] == '0' && digitsEnd(s, i) == i+3
}

// readGroups decides which marks are decimal and which are thousands.
func readGroups(s string, groups []string, marks []mark, ends []int, lang Language) (n numeral, end int, ok bool) {
	k := len(groups)
	last := ends[k-1]
	take := func(upto int, decimalAt int) (numeral, int, bool) {
		whole, frac := groups[0], ""
		switch {
		case upto == 2 && decimalAt == 1:
			frac = groups[1]
		case upto > 1:
			var b strings.Builder
			for g := range upto {
				if g == decimalAt {
					frac = groups[g]
				} else {
					b.WriteString(groups[g])
				}
			}
			whole = b.String()
		}
		if len(strings.TrimLeft(whole, "0"))+len(frac) > maxDigits {
			return numeral{}, ends[upto-1], false
		}
		v, ok := makeDecimal(false, whole, frac, 0)
		return numeral{value: v, end: ends[upto-1], whole: whole, plain: upto == 1, decimals: len(frac)}, ends[upto-1], ok
	}
	if k == 1 {
		return take(1, -1)
	}
	if groups[0] == "" {
		return take(2, 1) // ,5
	}
	thousands := func(from, to int) bool { // groups from..to-1 follow thousands marks
		if groups[0] == "" || len(groups[0]) > 3 || groups[0] == "0" {
			return false
		}
		for g := from; g < to; g++ {
			if len(groups[g]) != 3 {
				return false
			}
		}
		return true
	}
	same := true
	for g := 2; g < k; g++ {
		same = same && marks[g] == marks[1]
	}
	if k == 2 {
		m := marks[1]
		could := thousands(1, 2)
		if m == quote || m == space {
			if could {
				return take(2, -1)
			}
			return take(1, -1)
		}
		asThousands := could && (m == comma && lang != German || m == point && lang == German)
		decimal, end, ok := take(2, 1)
		if !could || !ok {
			return decimal, end, ok
		}
		whole, _, _ := take(2, -1)
		if asThousands {
			other := decimal.value
			whole.alt = &other
			return whole, end, true
		}
		other := whole.value
		decimal.alt = &other
		return decimal, end, true
	}
	if same {
		if thousands(1, k) {
			return take(k, -1)
		}
		if marks[1] == point {
			return n, last, false // a version, a date, an address
		}
		// A list: 5,10,15. A first pair such as 2,5 cannot be told from it.
		return take(1, -1)
	}
	// Two kinds of marks: the last one is decimal, the others thousands.
	lastMark := marks[k-1]
	for g := 1; g < k-1; g++ {
		if marks[g] != marks[1] || marks[g] == lastMark {
			return take(1, -1)
		}
	}
	if !thousands(1, k-1) || lastMark == quote || lastMark == space {
		return take(1, -1)
	}
	return take(k, k-1)
}

// lexExponent reads a power of ten at i: e-3, x10^-5, ×10−5, ·10⁵.
func lexExponent(s string, i int, n numeral) (exp, end int, ok bool) {
	if i >= len(s) {
		return 0, i, false
	}
	if s[i] == 'e' || s[i] == 'E' {
		e, end, signed, ok := lexPower(s, i+1)
		if !ok || end < len(s) && isWordByte(s[end]) || end-i > 4 {
			return 0, i, false
		}
		if signed || s[i] == 'e' || n.decimals > 0 {
			return e, end, true
		}
		return 0, i, false
	}
	j := i
	if s[j] == ' ' {
		j++
	}
	switch {
	case j < len(s) && (s[j] == 'x' || s[j] == 'X' || s[j] == '*'):
		j++
	case strings.HasPrefix(s[j:], "×"), strings.HasPrefix(s[j:], "·"):
		j += 2
	default:
		return 0, i, false
	}
	if j < len(s) && s[j] == ' ' {
		j++
	}
	if !strings.HasPrefix(s[j:], "10") {
		return 0, i, false
	}
	j += 2
	caret := j < len(s) && s[j] == '^'
	if caret {
		j++
	}
	e, end, signed, ok := lexPower(s, j)
	if !ok || end < len(s) && isDigit(s[end]) {
		return 0, i, false
	}
	superscript := end > j && s[end-1] >= utf8.RuneSelf
	if caret || superscript || signed && n.decimals > 0 {
		return e, end, true
	}
	return 0, i, false
}

// lexPower reads [sign] digits, plain or superscript.
func lexPower(s string, i int) (e, end int, signed, ok bool) {
	neg := false
	switch {
	case i < len(s) && (s[i] == '-' || s[i] == '+'):
		neg, signed = s[i] == '-', true
		i++
	case strings.HasPrefix(s[i:], "−"), strings.HasPrefix(s[i:], "⁻"), strings.HasPrefix(s[i:], "–"):
		neg, signed = true, true
		i += 3
	}
	start := i
	for i < len(s) && i-start < 9 {
		d, w := powerDigit(s, i)
		if w == 0 {
			break
		}
		if e = e*10 + d; e > maxExponent {
			return 0, i, signed, false
		}
		i += w
	}
	if neg {
		e = -e
	}
	return e, i, signed, i > start
}

func powerDigit(s string, i int) (d, width int) {
	if isDigit(s[i]) {
		return int(s[i] - '0'), 1
	}
	if s[i] < utf8.RuneSelf {
		return 0, 0
	}
	switch r, w := utf8.DecodeRuneInString(s[i:]); {
	case r == '¹':
		return 1, w
	case r == '²':
		return 2, w
	case r == '³':
		return 3, w
	case r == '⁰':
		return 0, w
	case r >= '⁴' && r <= '⁹':
		return int(r-'⁴') + 4, w
	}
	return 0, 0
}

// ParseNumber reads one number as people write it and nothing else: decimal
// comma or point by language, thousands marks, fractions (1 1/2, ½), minus
// signs of any kind, powers of ten.
func ParseNumber(s string, lang Language) (Decimal, bool) {
	s = strings.TrimSpace(s)
	neg := false
	for _, p := range []string{"-", "−", "–", "+"} {
		if rest, ok := strings.CutPrefix(s, p); ok {
			neg = p != "+"
			s = strings.TrimLeft(rest, " ")
			break
		}
	}
	if s == "" {
		return Decimal{}, false
	}
	n, ok := lexFull(s, 0, Options{Language: lang, Prose: true})
	if !ok || n.end != len(s) {
		return Decimal{}, false
	}
	if neg {
		return n.value.Neg(), true
	}
	return n.value, true
}

// lexFull reads an unsigned number with its fraction or power of ten.
func lexFull(s string, i int, opt Options) (numeral, bool) {
	if v, w, ok := vulgarAt(s, i); ok {
		return numeral{value: v, end: i + w, fraction: true}, true
	}
	if num, den, end, ok := lexSlash(s, i); ok && den != 0 && (isInchFraction(num, den) || num < den && (opt.Prose || num == 1 && wattFollows(s, end))) {
		if end >= len(s) || !isDigit(s[end]) {
			return numeral{value: Ratio(num, den), end: end, fraction: true}, true
		}
	}
	n, end, ok := lexNumeral(s, i, opt.Language, opt.Prose)
	n.end = end
	if !ok {
		return n, false
	}
	if n.plain && len(n.whole) <= 3 {
		j := end
		if v, w, ok := vulgarAt(s, j); ok {
			return numeral{value: n.value.Add(v), end: j + w, fraction: true, whole: n.whole}, true
		}
		if j < len(s) && (s[j] == ' ' || s[j] == '-') {
			hyphen := s[j] == '-'
			if v, w, ok := vulgarAt(s, j+1); ok && !hyphen {
				return numeral{value: n.value.Add(v), end: j + 1 + w, fraction: true, whole: n.whole}, true
			}
			num, den, fend, ok := lexSlash(s, j+1)
			if ok && isInchFraction(num, den) && (!hyphen || inchFollows(s, fend)) {
				return numeral{value: n.value.Add(Ratio(num, den)), end: fend, fraction: true, whole: n.whole}, true
			}
		}
	}
	if e, end, ok := lexExponent(s, n.end, n); ok {
		p, pok := makeDecimal(false, "1", "", e)
		if pok {
			n.value, n.end, n.alt, n.plain = n.value.Mul(p), end, nil, false
		}
	}
	return n, true
}

func inchFollows(s string, i int) bool {
	t := strings.TrimLeft(s[i:min(len(s), i+8)], " ")
	for _, p := range []string{"\"", "”", "″", "''", "in", "IN", "Zoll", "ZOLL", "zoll"} {
		if strings.HasPrefix(t, p) {
			return true
		}
	}
	return false
}

// wattFollows reports whether W stands at i: resistors are rated 1/10W.
func wattFollows(s string, i int) bool {
	if i < len(s) && s[i] == ' ' {
		i++
	}
	return i < len(s) && s[i] == 'W' && (i+1 == len(s) || !isWordByte(s[i+1]))
}

func isWordByte(c byte) bool {
	return isDigit(c) || isLetter(c) || c == '_'
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

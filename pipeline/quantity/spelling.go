package quantity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxTerms bounds the factors of a unit expression: kg/(m.s2) has three.
const maxTerms = 4

// spelling finds the longest spelling that starts at i.
func (s *scanner) spelling(i int) (match, bool) {
	t := s.text
	if i >= len(t) || !unitStart(t, i) {
		return match{}, false
	}
	first := wordEnd(t, i)
	if m, ok := s.phrase(i, first); ok {
		return s.per(m), true
	}
	// Candidate ends: after each factor.
	var ends [maxTerms + 2]int
	k := 0
	pos := i
	for range maxTerms {
		e, ok := factorEnd(t, pos)
		if !ok {
			break
		}
		if k < len(ends) {
			ends[k] = e
			k++
		}
		sep := 0
		switch {
		case e < len(t) && (t[e] == '/' || t[e] == '.' || t[e] == '*' || t[e] == '-'):
			sep = 1
		case strings.HasPrefix(t[e:], "·"), strings.HasPrefix(t[e:], "⋅"):
			sep = len("·")
			if strings.HasPrefix(t[e:], "⋅") {
				sep = len("⋅")
			}
		case e < len(t) && t[e] == '(':
			if c := strings.IndexByte(t[e:min(len(t), e+6)], ')'); c > 0 && k < len(ends) {
				ends[k] = e + c + 1
				k++
			}
		}
		if sep == 0 || e+sep >= len(t) || !unitStart(t, e+sep) || t[e+sep] == '"' || t[e+sep] == '\'' {
			if e < len(t) && t[e] == '.' && k < len(ends) {
				ends[k] = e + 1 // an abbreviation: in., lb., Stk.
				k++
			}
			break
		}
		pos = e + sep
	}
	var buf [spellingLength]byte
	for k--; k >= 0; k-- {
		key, ok := normalise(buf[:0], t[i:ends[k]])
		if !ok || !boundary(t, ends[k]) {
			continue
		}
		if e := s.table.find(key, s.capitals); e != nil {
			m := match{entry: e, start: i, end: ends[k]}
			return s.per(m), true
		}
		if k > 0 || ends[0] > first {
			if u, ok := s.compose(string(key)); ok {
				return s.per(match{entry: composed(u), start: i, end: ends[k]}), true
			}
		}
	}
	return match{}, false
}

// unitStart reports whether a unit can start at i.
func unitStart(t string, i int) bool {
	switch c := t[i]; {
	case isLetter(c), c == '%', c == '"', c == '\'':
		return true
	case c == '/' || c == '1':
		return strings.HasPrefix(t[i:], "1/min") || strings.HasPrefix(t[i:], "/min") || strings.HasPrefix(t[i:], "1/s") || strings.HasPrefix(t[i:], "1/h")
	case c >= utf8.RuneSelf:
		r, _ := utf8.DecodeRuneInString(t[i:])
		return unicode.IsLetter(r) || r == '°' || r == 'º' || r == '˚' || r == '″' || r == '′' || r == '”' || r == '“' || r == '‰' || r == '℃' || r == '℉' || r == '’'
	}
	return false
}

// wordEnd is the end of the letters at i.
func wordEnd(t string, i int) int {
	for i < len(t) {
		if c := t[i]; isLetter(c) {
			i++
			continue
		} else if c < utf8.RuneSelf {
			break
		}
		r, w := utf8.DecodeRuneInString(t[i:])
		if !unicode.IsLetter(r) && r != '°' && r != 'º' && r != '˚' && r != '℃' && r != '℉' || r == '×' || r == '²' {
			break
		}
		i += w
	}
	return i
}

// factorEnd is the end of one factor at i: letters, or one sign, with an
// exponent.
func factorEnd(t string, i int) (int, bool) {
	if i >= len(t) {
		return i, false
	}
	switch t[i] {
	case '%', '"':
		return i + 1, true
	case '\'':
		if strings.HasPrefix(t[i:], "''") {
			return i + 2, true
		}
		return i + 1, true
	case '1', '/':
		for _, p := range [...]string{"1/min", "/min", "1/s", "1/h"} {
			if strings.HasPrefix(t[i:], p) {
				return i + len(p), true
			}
		}
		return i, false
	}
	e := wordEnd(t, i)
	if e == i {
		r, w := utf8.DecodeRuneInString(t[i:])
		switch r {
		case '″', '′', '”', '“', '‰', '’':
			return i + w, true
		}
		return i, false
	}
	if e-i > spellingLength {
		return e, false
	}
	// 230V~ is an alternating voltage, 2.6V~3.1V a range.
	if e < len(t) && t[e] == '~' && (e+1 == len(t) || !isDigit(t[e+1]) && t[e+1] != '+' && t[e+1] != '-') || e < len(t) && t[e] == '=' && e-i == 1 && t[i] == 'V' {
		return e + 1, true
	}
	return exponentEnd(t, e), true
}

// exponentEnd skips ^2, 2, ², -1, ⁻¹ at i: one digit, and nothing glued to it.
func exponentEnd(t string, i int) int {
	j := i
	if j < len(t) && t[j] == '^' {
		j++
	}
	signed := false
	switch {
	case j < len(t) && t[j] == '-':
		j, signed = j+1, true
	case strings.HasPrefix(t[j:], "−"), strings.HasPrefix(t[j:], "⁻"):
		j, signed = j+3, true
	}
	if j >= len(t) {
		return i
	}
	if d, w := powerDigit(t, j); w > 0 && (d == 2 || d == 3 || d == 4 || signed && d == 1) {
		if j+w >= len(t) || !isWordByte(t[j+w]) {
			return j + w
		}
	}
	return i
}

// boundary reports whether a spelling may end at i: no letter or digit of the
// same word follows.
func boundary(t string, i int) bool {
	if i >= len(t) {
		return true
	}
	c := t[i]
	if c < utf8.RuneSelf {
		if (c == 'x' || c == 'X') && i+1 < len(t) && (isDigit(t[i+1]) || t[i+1] == ' ') {
			return true
		}
		last := t[i-1]
		if last == '\'' && isLetter(c) {
			return false // OAO-1's
		}
		if c == '-' && i+1 < len(t) && isDigit(t[i+1]) && isLetter(last) && i > 2 && (t[i-2] == ' ' || isLetter(t[i-2]) && t[i-3] == ' ') {
			return false // 24703 L-202
		}
		if last == '%' || last == '"' || last == '\'' {
			return true
		}
		return !isWordByte(c)
	}
	r, _ := utf8.DecodeRuneInString(t[i:])
	return !unicode.IsLetter(r) || t[i-1] == '%' || t[i-1] == '"'
}

// phrase finds a unit of several words: square meters, metric tons, ° C.
func (s *scanner) phrase(i, first int) (match, bool) {
	t := s.text
	if first >= len(t) || t[first] != ' ' && t[first] != '.' {
		return match{}, false
	}
	if first-i > spellingLength/2 {
		return match{}, false
	}
	var buf, low [spellingLength + 8]byte
	head, ok := normalise(buf[:0], t[i:first])
	if !ok {
		return match{}, false
	}
	words := s.table.firsts[string(appendLower(low[:0], head))]
	if words == 0 && t[first] == '.' {
		words = s.table.firsts[string(appendLower(low[:0], append(head, '.')))]
		if words > 0 {
			first++
		}
	}
	if words == 0 {
		return match{}, false
	}
	var ends [4]int
	k := 0
	for pos := first; k < words-1 && k < len(ends) && pos < len(t) && t[pos] == ' '; k++ {
		e := wordEnd(t, pos+1)
		if e == pos+1 {
			break
		}
		ends[k], pos = e, e
	}
	for k--; k >= 0; k-- {
		if !boundary(t, ends[k]) {
			continue
		}
		key, ok := normalise(buf[:0], t[i:ends[k]])
		if !ok {
			continue
		}
		if e := s.table.fold[string(appendLower(low[:0], key))]; e != nil {
			return match{entry: e, start: i, end: ends[k]}, true
		}
	}
	return match{}, false
}

// per reads the denominators of "km per hour", "m pro Sekunde", "miles an
// hour" and "J/m2 per year", and the power of "km squared".
func (s *scanner) per(m match) match {
	for range 2 {
		next, ok := s.perOnce(m)
		if !ok {
			break
		}
		m = next
	}
	return m
}

func (s *scanner) perOnce(m match) (match, bool) {
	t, e := s.text, m.end
	if e+4 >= len(t) || t[e] != ' ' || m.entry.natural == 0 {
		return m, false
	}
	w := wordEnd(t, e+1)
	if w-e > 9 {
		return m, false
	}
	unit := m.entry.units[0]
	switch word := t[e+1 : w]; word {
	case "squared", "cubed":
		if unit.Dimension != Length {
			return m, false
		}
		power := "2"
		if word == "cubed" {
			power = "3"
		}
		u, err := ParseUnit(unit.Code + power)
		return match{entry: composed(u), start: m.start, end: w}, err == nil
	case "per", "pro", "je", "an", "PER", "PRO":
		if w >= len(t) || t[w] != ' ' {
			return m, false
		}
		d, end, ok := s.denominator(w + 1)
		if !ok || word == "an" && d != "h" {
			return m, false
		}
		u, err := ParseUnit(unit.Code + "/" + group(d))
		return match{entry: composed(u), start: m.start, end: end}, err == nil
	}
	return m, false
}

// denominator reads the unit after "per": hour, square second, cubic
// centimetre.
func (s *scanner) denominator(i int) (code string, end int, ok bool) {
	t := s.text
	end = wordEnd(t, i)
	if m, ok := s.phrase(i, end); ok && m.entry.natural > 0 {
		return m.entry.units[0].Code, m.end, true
	}
	power := ""
	switch t[i:end] {
	case "square":
		power = "2"
	case "cubic":
		power = "3"
	}
	if power != "" && end < len(t) && t[end] == ' ' {
		i = end + 1
		end = wordEnd(t, i)
	}
	end = exponentEnd(t, end)
	var buf [spellingLength]byte
	key, ok := normalise(buf[:0], t[i:end])
	if !ok || end == i || !boundary(t, end) {
		return "", i, false
	}
	e := s.table.find(key, s.capitals)
	if e == nil || e.natural == 0 || e.units[0].Dimension == Count {
		return "", i, false
	}
	code = e.units[0].Code
	if power == "" && strings.HasPrefix(t[end:], " squared") {
		power, end = "2", end+len(" squared")
	}
	if power != "" && strings.ContainsAny(code, "./{") {
		return "", i, false
	}
	return code + power, end, true
}

// compose makes a unit of an expression that stands in no table, such as
// kg/cm3 or mA/W: each factor must be a natural spelling in its exact case,
// and only lengths and times take exponents.
func (s *scanner) compose(key string) (Unit, bool) {
	var code strings.Builder
	rest := key
	terms, sep := 0, byte(0)
	for rest != "" {
		n := strings.IndexAny(rest, "/.")
		factor := rest
		next := byte(0)
		if n >= 0 {
			factor, next = rest[:n], rest[n]
			rest = rest[n+1:]
		} else {
			rest = ""
		}
		digits := len(strings.TrimRight(factor, "0123456789"))
		base, power := factor[:digits], factor[digits:]
		minus := strings.TrimSuffix(base, "-")
		if minus != base {
			base, power = minus, "-"+power
		}
		if base == "" {
			return Unit{}, false
		}
		e := s.table.exact[base]
		if e == nil && len(base) > 3 {
			e = s.table.fold[strings.ToLower(base)]
		}
		if e == nil || e.natural == 0 {
			return Unit{}, false
		}
		u := e.units[0]
		if power != "" && u.Dimension != Length && u.Dimension != Time && (terms == 0 || u.Dimension != Temperature) {
			return Unit{}, false
		}
		if sep != 0 {
			code.WriteByte(sep)
		}
		if power != "" {
			if strings.ContainsAny(u.Code, "./{") {
				return Unit{}, false
			}
			code.WriteString(u.Code + power)
		} else if sep == 0 {
			code.WriteString(u.Code)
		} else {
			code.WriteString(group(u.Code))
		}
		terms++
		sep = next
	}
	if sep != 0 || terms == 0 {
		return Unit{}, false
	}
	u, err := ParseUnit(code.String())
	return u, err == nil
}

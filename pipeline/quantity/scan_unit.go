package quantity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A match is a unit found in the text.
type match struct {
	entry      *entry
	start, end int
	single     [1]Unit // the unit of an expression that is in no table
}

func (m *match) units() []Unit {
	if m.entry != nil {
		return m.entry.units
	}
	return m.single[:]
}

// unit reads the unit after the number of q, if there is one.
func (s *scanner) unit(q *Quantity, n numeral) {
	m, ok := s.unitAt(q.NumEnd, q.Glued)
	if !ok {
		return
	}
	glued := m.start == q.NumEnd
	q.Readings = m.units()
	q.Unit = s.resolve(&m, q, n, glued)
	q.UnitStart, q.UnitEnd = m.start, m.end
	q.End = m.end
	if !q.HasUnit() && !glued && (m.entry == nil || m.entry.word || m.entry.natural == 0) {
		// A word that is no unit without context: the number ends before it.
		q.End = q.NumEnd
	}
}

// resolve picks the reading that the context allows, or none.
func (s *scanner) resolve(m *match, q *Quantity, n numeral, glued bool) Unit {
	if m.entry == nil {
		return m.single[0]
	}
	e := m.entry
	if len(s.opt.Expect) > 0 {
		if u := s.expected(e); u.Code != "" {
			return u
		}
	}
	if e.natural == 0 {
		return Unit{}
	}
	if e.word && !glued && !n.fraction && !s.capitals && !s.closes(m.end) && !s.afterFoot(q) {
		return Unit{}
	}
	if s.opt.Prose {
		return e.units[0]
	}
	if e.natural > 1 || s.unsure(m) {
		return Unit{}
	}
	return e.units[0]
}

// expected is the one natural reading of an expected dimension, else the one
// rare reading, else none.
func (s *scanner) expected(e *entry) Unit {
	for _, part := range [...][]Unit{e.units[:e.natural], e.units[e.natural:]} {
		var found Unit
		n := 0
		for _, u := range part {
			for _, d := range s.opt.Expect {
				if u.Dimension == d {
					if n++; n == 1 {
						found = u
					}
					break
				}
			}
		}
		if n == 1 {
			return found
		}
		if n > 1 {
			return Unit{}
		}
	}
	return Unit{}
}

// unsure reports whether a symbol is one of the single letters that catalogs
// use for several things: K, M, C, F, D, H, S, T.
func (s *scanner) unsure(m *match) bool {
	if m.end-m.start != 1 {
		return false
	}
	switch s.text[m.start] {
	case 'K', 'M', 'C', 'F', 'D', 'c', 'f', 'k':
		return true
	case 'H', 'S', 'T':
		return s.capitals
	case '\'':
		return true
	}
	return false
}

// closes reports whether nothing but marks follows at i, so that a word there
// is a unit: "thickness 2 in." but not "2 in April".
func (s *scanner) closes(i int) bool {
	t := strings.TrimLeft(s.text[i:min(len(s.text), i+8)], " .,;:)]}\"'")
	return t == "" || t[0] == 'x' && len(t) > 1 && (t[1] == ' ' || isDigit(t[1])) || i < len(s.text) && (s.text[i] == ',' || s.text[i] == ')')
}

// afterFoot reports whether the quantity before q is in feet: 5 ft 2 in.
func (s *scanner) afterFoot(q *Quantity) bool {
	if len(s.out) == s.first {
		return false
	}
	p := &s.out[len(s.out)-1]
	return p.Unit.Code == "[ft_i]" && q.Start-p.End <= 5
}

// unitAt finds the longest spelling of a unit that starts at i, after at most
// one space, a hyphen before a word, or a bracket around it.
func (s *scanner) unitAt(i int, glued bool) (match, bool) {
	t := s.text
	j, spaced := i, false
	if j < len(t) && (t[j] == ' ' || t[j] == '\t') {
		j, spaced = j+1, true
	} else if strings.HasPrefix(t[j:], "\u00a0") {
		j, spaced = j+2, true
	} else if strings.HasPrefix(t[j:], "\u202f") || strings.HasPrefix(t[j:], "\u2009") {
		j, spaced = j+3, true
	}
	if j >= len(t) {
		return match{}, false
	}
	switch c := t[j]; {
	case c == '-':
		return s.hyphenUnit(j, spaced, glued)
	case c == '(' || c == '[' || c == '{' || c == '<':
		m, ok := s.spelling(j + 1)
		if !ok || m.end >= len(t) || t[m.end] != closing(c) {
			return match{}, false
		}
		m.start, m.end = j, m.end+1
		return m, true
	}
	return s.spelling(j)
}

func closing(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	case '{':
		return '}'
	}
	return '>'
}

// hyphenUnit reads the unit of 3-inch and 12 - Pfund. After a number within a
// name, and before single letters, a hyphen joins names (6205-C).
func (s *scanner) hyphenUnit(j int, spaced, glued bool) (match, bool) {
	t := s.text
	j++
	if glued || j < len(t) && t[j] == ' ' && !spaced {
		return match{}, false
	}
	if j < len(t) && t[j] == ' ' {
		j++
	}
	m, ok := s.spelling(j)
	if !ok || m.entry == nil || m.entry.natural == 0 || m.end-m.start < 2 || m.entry.word && !s.opt.Prose {
		return match{}, false
	}
	if m.end < len(t) && t[m.end] == '-' && !s.opt.Prose {
		return match{}, false
	}
	return m, true
}

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
				return match{single: [1]Unit{u}, start: i, end: ends[k]}, true
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
	switch c := t[i]; {
	case c == '%' || c == '"':
		return i + 1, true
	case c == '\'':
		if strings.HasPrefix(t[i:], "''") {
			return i + 2, true
		}
		return i + 1, true
	case c == '1' || c == '/':
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
	if e < len(t) && t[e] == '~' || e < len(t) && t[e] == '=' && e-i == 1 && t[i] == 'V' {
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

// per reads the denominator of "km per hour", "m pro Sekunde" and "miles an
// hour", and the power of "km squared".
func (s *scanner) per(m match) match {
	t := s.text
	e := m.end
	if e+4 >= len(t) || t[e] != ' ' || m.entry.natural == 0 {
		return m
	}
	w := wordEnd(t, e+1)
	power := ""
	switch strings.ToLower(t[e+1 : min(w, e+12)]) {
	case "squared":
		power = "2"
	case "cubed":
		power = "3"
	case "per", "pro", "je", "an":
		if w >= len(t) || t[w] != ' ' {
			return m
		}
		end := wordEnd(t, w+1)
		var buf [spellingLength]byte
		key, ok := normalise(buf[:0], t[w+1:end])
		if !ok || !boundary(t, end) {
			return m
		}
		d := s.table.find(key, s.capitals)
		if d == nil || d.natural == 0 || t[e+1] == 'a' && d.units[0].Dimension != Time {
			return m
		}
		u, err := ParseUnit(m.entry.units[0].Code + "/" + group(d.units[0].Code))
		if err != nil {
			return m
		}
		return match{single: [1]Unit{u}, start: m.start, end: end}
	}
	if power != "" && m.entry.units[0].Dimension == Length {
		if u, err := ParseUnit(m.entry.units[0].Code + power); err == nil {
			return match{single: [1]Unit{u}, start: m.start, end: w}
		}
	}
	return m
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

// rangeTo reads the other end of a range after q: 10-30 V, 10..30V, 10 to 30.
// withUnit says that q's own unit has been read already.
func (s *scanner) rangeTo(q *Quantity, withUnit bool) bool {
	t, i := s.text, q.End
	if !withUnit {
		i = q.NumEnd
	}
	j, dash, ok := rangeMark(t, i, s.opt.Prose)
	if !ok {
		return false
	}
	start := j
	neg := false
	if j < len(t) && (t[j] == '-' || t[j] == '+') {
		neg, j = t[j] == '-', j+1
	} else if strings.HasPrefix(t[j:], "−") {
		neg, j = true, j+3
	}
	if j >= len(t) || !isDigit(t[j]) && (t[j] != '.' || j+1 >= len(t) || !isDigit(t[j+1])) {
		return false
	}
	n, ok := lexFull(t, j, s.opt)
	if !ok {
		return false
	}
	if neg {
		n.value = n.value.Neg()
	}
	high := Quantity{Kind: Single, Value: n.value, Start: start, End: n.end, NumEnd: n.end}
	s.unit(&high, n)
	switch {
	case withUnit && (!high.HasUnit() || high.Unit.Dimension != q.Unit.Dimension):
		return false
	case dash && !high.HasUnit() && len(high.Readings) == 0:
		return false
	case dash && !withUnit && q.Value.Cmp(n.value) >= 0 && q.Value.Sign() >= 0:
		return false
	case dash && n.fraction:
		return false
	}
	if withUnit && high.Unit.Code != q.Unit.Code {
		v, err := high.Unit.In(high.Value, q.Unit)
		if err != nil {
			return false
		}
		high.Value, high.Unit = v, q.Unit
	}
	q.Kind, q.High = Range, &high.Value
	q.Unit, q.Readings = high.Unit, high.Readings
	q.End, q.NumEnd = high.End, high.NumEnd
	q.UnitStart, q.UnitEnd = high.UnitStart, high.UnitEnd
	return true
}

// rangeMark skips the mark between the ends of a range, and says whether it
// was a dash, which can also join names.
func rangeMark(t string, i int, prose bool) (next int, dash, ok bool) {
	j := i
	if j < len(t) && t[j] == ' ' {
		j++
	}
	spaced := j > i
	w := 0
	for _, p := range [...]string{"...", "..", "…", "~", "÷"} {
		if strings.HasPrefix(t[j:], p) {
			w = len(p)
			break
		}
	}
	if w == 0 {
		for _, p := range [...]string{"to ", "TO ", "bis ", "BIS ", "Bis "} {
			if spaced && strings.HasPrefix(t[j:], p) {
				w = len(p) - 1
				break
			}
		}
		for _, p := range [...]string{"/+", "-", "–", "—"} {
			if w == 0 && strings.HasPrefix(t[j:], p) {
				w = len(p)
				dash = true
				if p == "/+" {
					w, dash = 1, false
				}
			}
		}
	}
	_ = prose
	if w == 0 {
		return 0, false, false
	}
	j += w
	if j < len(t) && t[j] == ' ' {
		if dash && !spaced {
			return 0, false, false
		}
		j++
	} else if dash && spaced {
		return 0, false, false // "10 -30 V" is two values
	}
	return j, dash, true
}

package quantity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Language decides what commas and points mean. The empty Language is
// unknown: then a comma before exactly three digits is read as a thousands
// mark and a point as a decimal one, and Quantity.Alt has the other reading.
type Language string

// Languages of catalogs.
const (
	English Language = "en"
	German  Language = "de"
)

// Options are what the context says about a text.
type Options struct {
	Language Language
	// Expect are dimensions that the context expects; they resolve symbols
	// that can mean several units (K, M, in, 100n).
	Expect []Dimension
	// Prose reads running text rather than catalog lines: numbers in words,
	// thousands set apart by spaces, and the most natural reading of a symbol
	// that stays ambiguous otherwise.
	Prose bool
}

// Scan finds every number of a text, with its unit where one is written, from
// left to right. It never fails: what is no number is passed over. Its time is
// linear in the text.
func Scan(text string, opt Options) []Quantity { return AppendScan(nil, text, opt) }

// AppendScan is Scan into dst.
func AppendScan(dst []Quantity, text string, opt Options) []Quantity {
	s := scanner{text: text, opt: opt, out: dst, first: len(dst), table: notations(), capitals: capitals(text)}
	s.run()
	return s.out
}

// capitals reports whether text has no small letters, as extracts of ERP
// systems often do; then case does not tell mW from MW.
func capitals(text string) bool {
	for i := range len(text) {
		if c := text[i]; 'a' <= c && c <= 'z' {
			return false
		}
	}
	return true
}

type scanner struct {
	text     string
	opt      Options
	out      []Quantity
	first    int
	table    *spellings
	capitals bool
	group    int
	topic    topic
}

func (s *scanner) run() {
	for i := 0; i < len(s.text); {
		c := s.text[i]
		switch {
		case isDigit(c):
			i = s.number(i)
		case (c == '.' || c == ',') && i+1 < len(s.text) && isDigit(s.text[i+1]) && (i == 0 || !isWordByte(s.text[i-1]) && s.text[i-1] != c && s.text[i-1] < utf8.RuneSelf):
			i = s.number(i)
		case c == 0xc2 || c == 0xe2:
			if _, _, ok := vulgarAt(s.text, i); ok {
				i = s.number(i)
			} else if strings.HasPrefix(s.text[i:], "\u202e") {
				// Seen the other way round, 05 for 50: nothing of it is read.
				if end := strings.IndexRune(s.text[i:], '\u202c'); end >= 0 {
					i += end
				} else {
					i = len(s.text)
				}
			} else {
				_, w := utf8.DecodeRuneInString(s.text[i:])
				i += w
			}
		case s.opt.Prose && isWordStart(s.text, i):
			i = s.word(i)
		default:
			i++
		}
	}
	s.share()
}

// isWordStart reports whether a word starts at i.
func isWordStart(s string, i int) bool {
	c := s[i]
	if !isLetter(c) && c < utf8.RuneSelf {
		return false
	}
	return i == 0 || !isWordByte(s[i-1]) && s[i-1] < utf8.RuneSelf
}

// number reads the quantity whose number starts at i and returns where to go
// on.
func (s *scanner) number(i int) int {
	n, ok := lexFull(s.text, i, s.opt)
	if !ok {
		return max(n.end, i+1)
	}
	if end := foreign(s.text, i, n.end); end > 0 {
		return end
	}
	if s.opt.Prose {
		if end, ok := s.noQuantity(i, n); ok {
			return max(end, i+1)
		}
		s.scale(&n)
	}
	q := Quantity{Kind: Single, Value: n.value, Alt: n.alt, Start: i, End: n.end, NumEnd: n.end}
	if n.fraction {
		q.Kind = Fraction
	}
	s.before(&q)
	s.finish(&q, n)
	if s.opt.Prose {
		s.distantMinus(&q)
	}
	if !s.joinFeet(&q) {
		s.out = append(s.out, q)
	}
	return max(q.End, i+1)
}

// foreign reports where a number ends that goes on with digits of another script
// (5０, 1.５): what could be read of it is a part of what it says. It is 0 for
// one that does not.
func foreign(t string, i, end int) int {
	out := 0
	if r, _ := utf8.DecodeLastRuneInString(t[:i]); r >= utf8.RuneSelf && unicode.IsDigit(r) {
		out = end
	}
	for end < len(t) {
		k := end
		if t[k] == '.' || t[k] == ',' {
			k++
		}
		r, w := utf8.DecodeRuneInString(t[k:])
		switch {
		case r >= utf8.RuneSelf && unicode.IsDigit(r):
			end, out = k+w, k+w
		case out > 0 && r < utf8.RuneSelf && w == 1 && isDigit(byte(r)):
			end, out = k+w, k+w
		default:
			return out
		}
	}
	return out
}

// before looks at what stands before the number: letters glued to it, a sign,
// a plus-minus.
func (s *scanner) before(q *Quantity) {
	t, i := s.text, q.Start
	if i == 0 {
		return
	}
	if c := t[i-1]; isLetter(c) || c == '_' || c >= utf8.RuneSelf {
		if w := plusMinusBefore(t, i); w > 0 {
			q.Kind, q.Start = Tolerant, i-w
			return
		}
		if w := minusBefore(t, i); w > 0 {
			s.sign(q, w)
			return
		}
		j := i
		for j > 0 && i-j < 12 {
			r, w := utf8.DecodeLastRuneInString(t[:j])
			if !unicode.IsLetter(r) && r != '⌀' && r != '_' || r == '×' {
				break
			}
			j -= w
		}
		if j < i && (t[j:i] == "x" || t[j:i] == "X") && j > 0 && (isDigit(t[j-1]) || t[j-1] == ' ' && (q.NumEnd >= len(t) || !isLetter(t[q.NumEnd]))) {
			return // a product, not a prefix
		}
		if j < i {
			q.Glued = true
			if j == 0 || !isDigit(t[j-1]) {
				q.Prefix = t[j:i]
			}
		}
		return
	}
	if w := plusMinusBefore(t, i); w > 0 {
		q.Kind, q.Start = Tolerant, i-w
		return
	}
	if w := minusBefore(t, i); w > 0 {
		s.sign(q, w)
	}
	if s.opt.Prose && t[i-1] == '+' && i > 1 && isDigit(t[i-2]) {
		q.Glued = true // MACS J1149.5+6663
	}
}

// plusMinusBefore is the width of ±, +/- or +- before i, with one space.
func plusMinusBefore(t string, i int) int {
	j := i
	if j > 0 && t[j-1] == ' ' {
		j--
	}
	if j == 0 {
		return 0
	}
	switch t[j-1] {
	case '-', '+', 0xb1, 0x92:
	default:
		return 0
	}
	for _, p := range [...]string{"±", "+/-", "+-", "+/−", "-/+"} {
		if strings.HasSuffix(t[:j], p) {
			return i - j + len(p)
		}
	}
	return 0
}

func minusBefore(t string, i int) int {
	if i > 0 && t[i-1] == '-' {
		return 1
	}
	if i >= 3 && t[i-3] == 0xe2 && (t[i-3:i] == "−" || t[i-3:i] == "–") {
		return 3
	}
	return 0
}

// sign makes q negative if the dash of width w before it is a minus: at the
// start, after a space or after an opening mark. A dash between words or
// numbers separates.
func (s *scanner) sign(q *Quantity, w int) {
	j := q.Start - w
	if j > 0 {
		switch c := s.text[j-1]; c {
		case ' ':
			if before := strings.TrimRight(s.text[:j], " "); s.opt.Prose && before != "" && isDigit(before[len(before)-1]) {
				return // "75 -300mm"
			}
		case '\t', '\n', '(', '[', '{', ',', ';', ':', '=', '<', '>', '~', '|', '"', '/', '$', '.':
			if c == '.' && (j < 2 || s.text[j-2] != '.') {
				return
			}
		default:
			if s.opt.Prose && isWordByte(c) {
				q.Glued = true // SCP-173
			}
			return
		}
	}
	q.Value, q.Start = q.Value.Neg(), j
	if q.Alt != nil {
		a := q.Alt.Neg()
		q.Alt = &a
	}
}

// finish reads what follows the number: a code letter, a range, a unit, a
// deviation.
func (s *scanner) finish(q *Quantity, n numeral) {
	t := s.text
	if s.coded(q, n) {
		return
	}
	if q.Prefix == "" && s.rangeTo(q, false) {
		q.Text = t[q.Start:q.End]
		return
	}
	s.unit(q, n)
	if q.HasUnit() && q.Kind != Tolerant && s.rangeTo(q, true) {
		q.Text = t[q.Start:q.End]
		return
	}
	s.deviation(q)
	decade := s.opt.Prose && n.plain && len(n.whole) == 4 && strings.HasPrefix(t[q.End:], "s") && boundary(t, q.End+1)
	if q.End == q.NumEnd && q.End < len(t) && !decade {
		if c := t[q.End]; isLetter(c) && !productAt(t, q.End) || c == '_' || c == '-' && q.End+1 < len(t) && (isDigit(t[q.End+1]) || isLetter(t[q.End+1]) && !s.opt.Prose) {
			q.Glued = true
		}
	}
	q.Text = t[q.Start:q.End]
}

// productAt reports whether a multiplication sign between numbers stands at i.
func productAt(t string, i int) bool {
	_, ok := product(t, i)
	return ok
}

// product skips [space] x [space] before a digit, and returns where the digit
// stands.
func product(t string, i int) (int, bool) {
	spaced := i < len(t) && t[i] == ' '
	if spaced {
		i++
	}
	switch {
	case i < len(t) && (t[i] == 'x' || t[i] == 'X' || t[i] == '*'):
		i++
	case strings.HasPrefix(t[i:], "×"):
		i += 2
	default:
		return i, false
	}
	if i < len(t) && t[i] == ' ' {
		i++
	} else if e := digitsEnd(t, i); spaced && e < len(t) && isWordByte(t[e]) {
		return i, false // 50V X7R
	}
	if i < len(t) && (isDigit(t[i]) || (t[i] == '.' || t[i] == ',') && i+1 < len(t) && isDigit(t[i+1])) {
		return i, true
	}
	return i, false
}

// coded reads a letter that stands for the decimal mark: 4K7, 2R2, 3V3.
func (s *scanner) coded(q *Quantity, n numeral) bool {
	t, i := s.text, n.end
	if !n.plain || len(n.whole) > 3 || i >= len(t) || q.Prefix != "" {
		return false
	}
	w := 1
	switch t[i] {
	case 'R', 'K', 'k', 'M', 'm', 'n', 'N', 'u', 'U', 'p', 'P', 'V', 'E':
	default:
		if !strings.HasPrefix(t[i:], "µ") && !strings.HasPrefix(t[i:], "μ") {
			return false
		}
		w = 2
	}
	e := digitsEnd(t, i+w)
	if e == i+w || e-i-w > 2 || e < len(t) && (isWordByte(t[e]) || t[e] >= utf8.RuneSelf || (t[e] == '.' || t[e] == ',' || t[e] == '-' || t[e] == '/') && e+1 < len(t) && isWordByte(t[e+1])) {
		return false
	}
	var buf [spellingLength]byte
	key, _ := normalise(buf[:0], t[i:i+w])
	ent := s.table.find(key, false)
	if ent == nil {
		return false
	}
	v, ok := makeDecimal(q.Value.Sign() < 0, n.whole, t[i+w:e], 0)
	if !ok {
		return false
	}
	q.Kind, q.Value, q.Alt = Coded, v, nil
	q.End, q.NumEnd, q.UnitStart, q.UnitEnd = e, e, i, i+w
	q.Readings = ent.units
	q.Glued = true
	if t[i] == 'V' {
		q.Unit = ent.units[0]
	} else {
		q.Readings = ent.units[ent.natural:]
		q.Unit = s.expected(&entry{units: q.Readings})
	}
	q.Text = t[q.Start:q.End]
	return true
}

package quantity

import "strings"

// A topic is what running text is about, as far as it tells units apart.
type topic uint8

const (
	unasked topic = iota
	neutral
	warmth // temperatures
	turning
)

// turningWords and warmthWords are beginnings of words that decide what a bare
// degree, a C and an F are.
var (
	turningWords = []string{"rotat", "turn", "angle", "winkel", "dreh", "abbieg", "tilt", "neig"}
	warmthWords  = []string{"temperatur", "thermo", "celsius", "fahrenheit", "°", "weather", "wetter", "cold", "kalt", "heat", "warm", "outside", "draußen", "boil", "freez", "oven", "degree", "grad"}
)

func (s *scanner) about() topic {
	if s.topic == unasked {
		s.topic = neutral
		low := strings.ToLower(s.text)
		for _, w := range warmthWords {
			if strings.Contains(low, w) {
				s.topic = warmth
			}
		}
		for _, w := range turningWords {
			if strings.Contains(low, w) {
				s.topic = turning
			}
		}
	}
	return s.topic
}

// byTopic picks the most natural reading in running text. A bare degree is an
// angle only where the text turns something, and stays open elsewhere: it may
// be Celsius or Fahrenheit. Single letters C, F and K are temperatures only
// where the text is about them. A time of the day is no length.
func (s *scanner) byTopic(m *match, q *Quantity) Unit {
	e := m.entry
	u := e.units[0]
	letter := s.text[m.start]
	if m.end-m.start == 1 {
		switch letter {
		case 'C', 'F', 'c', 'f':
			for _, r := range e.units {
				if r.Dimension == Temperature && s.about() == warmth {
					return r
				}
			}
			return Unit{}
		case 'K':
			if s.about() != warmth {
				return Unit{}
			}
		}
	}
	if u.Code == "deg" && s.about() != turning {
		return Unit{}
	}
	return u
}

// noQuantity passes over what is written with digits and measures nothing:
// times of the day, ordinals, divisions by zero.
func (s *scanner) noQuantity(i int, n numeral) (end int, ok bool) {
	t, e := s.text, n.end
	rest := t[e:]
	if len(rest) >= 2 && (len(rest) == 2 || !isWordByte(rest[2])) {
		switch strings.ToLower(rest[:2]) {
		case "st", "nd", "rd", "th":
			if n.plain && rest[0] >= 'a' {
				return e + 2, true
			}
		}
	}
	if len(rest) >= 3 && rest[0] == ':' && isDigit(rest[1]) && isDigit(rest[2]) && n.plain && len(n.whole) <= 2 {
		end := digitsEnd(t, e+1)
		if a := afternoon(t, end); a > 0 {
			return a, true
		}
	}
	if a := afternoon(t, e); a > 0 && n.value.Cmp(Int(13)) < 0 && (n.plain || n.decimals == 2) {
		return a, true
	}
	if len(rest) >= 2 && rest[0] == '/' && rest[1] == '0' && (len(rest) == 2 || !isWordByte(rest[2])) {
		return e + 2, true
	}
	// A span of years, 2013-14.
	if n.plain && len(n.whole) == 4 && len(rest) >= 3 && rest[0] == '-' && digitsEnd(t, e+1) == e+3 && (len(rest) == 3 || !isWordByte(rest[3])) {
		return e + 3, true
	}
	_ = i
	return 0, false
}

// afternoon is the end of am or pm after i, or 0.
func afternoon(t string, i int) int {
	if i < len(t) && t[i] == ' ' {
		i++
	}
	if i+2 > len(t) || i+2 < len(t) && isWordByte(t[i+2]) {
		return 0
	}
	switch t[i : i+2] {
	case "am", "pm", "AM", "PM":
		return i + 2
	}
	return 0
}

// distantMinus reads "- 20 degrees": a minus set apart counts before a
// temperature.
func (s *scanner) distantMinus(q *Quantity) {
	t, i := s.text, q.Start
	if q.Unit.Dimension != Temperature || i < 3 || t[i-1] != ' ' || t[i-2] != '-' || t[i-3] != ' ' || q.Kind == Range {
		return
	}
	if before := strings.TrimRight(t[:i-2], " "); before != "" && isDigit(before[len(before)-1]) {
		return
	}
	q.Value, q.Start = q.Value.Neg(), i-2
	q.Text = t[q.Start:q.End]
}

// joinFeet adds inches to the feet that stand before them: 5 ft 2 in, 2'6".
func (s *scanner) joinFeet(q *Quantity) bool {
	if q.Unit.Code != "[in_i]" || q.Kind == Range || q.Value.Sign() < 0 || len(s.out) == s.first {
		return false
	}
	p := &s.out[len(s.out)-1]
	if q.Start < p.End || p.Kind == Range || p.Value.Sign() < 0 {
		return false
	}
	foot := p.Unit
	if foot.IsZero() && p.UnitEnd > p.UnitStart && s.text[p.UnitStart:p.UnitEnd] == "'" {
		foot = p.Readings[0]
	}
	if foot.Code != "[ft_i]" || q.Value.Cmp(Int(12)) >= 0 {
		return false
	}
	switch s.text[p.End:q.Start] {
	case "", " ", "-", " and ", ", ", " - ":
	default:
		return false
	}
	p.Unit, p.Value = foot, p.Value.Add(q.Value.Mul(Ratio(1, 12)))
	p.End, p.NumEnd, p.UnitEnd = q.End, q.NumEnd, q.UnitEnd
	p.Text = s.text[p.Start:p.End]
	return true
}

// between reports whether the word before q is "between".
func (s *scanner) between(q *Quantity) bool {
	const word = "between "
	return q.Start >= len(word) && strings.EqualFold(s.text[q.Start-len(word):q.Start], word)
}

// closingQuote reports whether the inch mark of m closes a quotation.
func (s *scanner) closingQuote(m *match, q *Quantity) bool {
	const window = 400
	before := s.text[max(0, q.Start-window):q.Start]
	return s.text[m.start] == '"' && strings.Count(before, "\"")%2 == 1 || strings.HasPrefix(s.text[m.start:], "”") && strings.Contains(before, "“")
}

// isDecade reports whether a number is a decade: the 1960s.
func isDecade(t string, m *match, n numeral) bool {
	return n.plain && len(n.whole) == 4 && m.start == n.end && m.end == m.start+1 && t[m.start] == 's'
}

package quantity

import "strings"

// A match is a unit found in the text.
type match struct {
	entry      *entry
	start, end int
}

// composed is the entry of a unit that is in no table.
func composed(u Unit) *entry { return &entry{units: []Unit{u}, natural: 1} }

// unit reads the unit after the number of q, if there is one.
func (s *scanner) unit(q *Quantity, n numeral) {
	m, ok := s.unitAt(q.NumEnd, q.Glued)
	if !ok || s.opt.Prose && (q.Glued && m.end-m.start == 1 || s.closingQuote(&m, q) || isDecade(s.text, &m, n)) {
		return
	}
	glued := m.start == q.NumEnd
	if glued && s.partOfName(q, &m) {
		return
	}
	q.Readings = m.entry.units
	q.Unit = s.resolve(&m, q, n, glued)
	q.UnitStart, q.UnitEnd = m.start, m.end
	q.End = m.end
	if !q.HasUnit() && !glued && m.entry.word {
		// A word that is no unit without context: the number ends before it.
		q.End = q.NumEnd
	}
}

// partOfName reports whether letters on both sides of a number make a name of
// it: C0G, X7R, 1N4148W, wtw6700twh, fc-200b. A label before a value is short
// (Ø25mm, U230V), and behind a dash only the commonest units count.
func (s *scanner) partOfName(q *Quantity, m *match) bool {
	t, single := s.text, m.end-m.start == 1
	common := single && strings.IndexByte("VAW%\"", t[m.start]) >= 0
	switch {
	case q.Prefix != "":
		return len(q.Prefix) > 3 || single && !common && len(s.opt.Expect) == 0
	case q.Glued && q.Start > 0 && isLetter(t[q.Start-1]):
		return true
	case q.Start > 1 && t[q.Start-1] == '-' && isLetter(t[q.Start-2]):
		return single && !common && t[m.start] != 'm' && len(s.opt.Expect) == 0
	}
	return false
}

// resolve picks the reading that the context allows, or none.
func (s *scanner) resolve(m *match, q *Quantity, n numeral, glued bool) Unit {
	e := m.entry
	if len(s.opt.Expect) > 0 {
		if u := s.expected(e); u.Code != "" {
			return u
		}
	}
	if e.natural == 0 && (!s.opt.Prose || m.end-m.start < 2) {
		return Unit{}
	}
	if e.word && !glued && !n.fraction && !s.capitals && !s.closes(m.end) && !s.afterFoot(q) {
		return Unit{}
	}
	if s.opt.Prose {
		return s.byTopic(m, q)
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
	switch c := t[j]; c {
	case '-':
		return s.hyphenUnit(j, spaced, glued)
	case '(', '[', '{', '<':
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
	if !ok || m.entry.natural == 0 || m.end-m.start < 2 || m.entry.word && !s.opt.Prose {
		return match{}, false
	}
	if m.end < len(t) && t[m.end] == '-' && !s.opt.Prose {
		return match{}, false
	}
	return m, true
}

package contract

import (
	"strconv"
	"strings"
)

// check reads the conditions that ODCS can say: comparisons of a column with a
// number, lengths, BETWEEN and IN, joined by AND.
func (p *sqlReader) check(f *Feed, toks []sqlToken) {
	c := &sqlReader{im: p.im, toks: toks}
	for c.at < len(c.toks) {
		begin := c.at
		if !c.condition(f) {
			text := make([]string, 0, len(toks))
			for _, t := range toks[begin:] {
				text = append(text, t.text)
			}
			p.im.lose("line %d: CHECK (%s)", toks[0].line, strings.Join(text, " "))
			return
		}
		if c.at < len(c.toks) && !c.words("AND") {
			p.im.lose("line %d: a part of a CHECK of %s", toks[0].line, f.Name)
			return
		}
	}
}

func (p *sqlReader) condition(f *Feed) bool {
	length := false
	if p.word("LENGTH", "CHAR_LENGTH", "LEN") {
		if !p.words("(") {
			return false
		}
		length = true
	}
	name, ok := p.name()
	fd := f.field(name)
	if !ok || fd == nil || length && !p.words(")") {
		return false
	}
	switch {
	case p.words("IN"):
		if !p.words("(") {
			return false
		}
		for _, t := range p.group() {
			if t.kind == 't' || t.kind == 'd' {
				fd.Options.Enum = append(fd.Options.Enum, t.text)
			}
		}
		return true
	case p.words("BETWEEN"):
		low := p.literal()
		return p.words("AND") && p.limit(fd, ">=", low, length) && p.limit(fd, "<=", p.literal(), length)
	}
	op := p.peek().text
	p.at++
	return p.limit(fd, op, p.literal(), length)
}

func (p *sqlReader) literal() string {
	sign := ""
	if p.words("-") {
		sign = "-"
	}
	t := p.peek()
	if t.kind != 'd' && t.kind != 't' {
		return ""
	}
	p.at++
	return sign + t.text
}

func (p *sqlReader) limit(fd *Field, op, v string, length bool) bool {
	if v == "" {
		return false
	}
	if length {
		n, err := strconv.Atoi(v)
		if err != nil {
			return false
		}
		switch op {
		case ">=":
			fd.Options.MinLength = &n
		case "<=":
			fd.Options.MaxLength = &n
		default:
			return false
		}
		return true
	}
	numeric := fd.Type == Integer || fd.Type == Decimal
	if _, ok := exact(v); numeric != ok && numeric || fd.Type == String || fd.Type == Boolean {
		return false
	}
	switch op {
	case ">=":
		fd.Options.Minimum = v
	case ">":
		fd.Options.ExclusiveMinimum = v
	case "<=":
		fd.Options.Maximum = v
	case "<":
		fd.Options.ExclusiveMaximum = v
	default:
		return false
	}
	return true
}

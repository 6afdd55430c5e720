package quantity

import "strings"

// deviation reads ±0.1 after a value: it belongs to the value when it has no
// unit or the same one.
func (s *scanner) deviation(q *Quantity) {
	if q.Kind == Tolerant || q.Kind == Range || q.Glued {
		return
	}
	t, i := s.text, q.End
	if i < len(t) && t[i] == ' ' {
		i++
	}
	if i >= len(t) || t[i] != '+' && t[i] != 0xc2 {
		return
	}
	w := 0
	for _, p := range [...]string{"±", "+/-", "+-"} {
		if strings.HasPrefix(t[i:], p) {
			w = len(p)
			break
		}
	}
	if w == 0 {
		return
	}
	i += w
	if i < len(t) && t[i] == ' ' {
		i++
	}
	if i >= len(t) || !isDigit(t[i]) && t[i] != '.' {
		return
	}
	n, ok := lexFull(t, i, s.opt)
	if !ok {
		return
	}
	d := Quantity{Kind: Tolerant, Value: n.value, Start: i, End: n.end, NumEnd: n.end}
	s.unit(&d, n)
	switch {
	case !q.HasUnit() && d.HasUnit() && d.Unit.Dimension != Percent:
		q.Unit, q.Readings = d.Unit, d.Readings
		q.UnitStart, q.UnitEnd = d.UnitStart, d.UnitEnd
	case d.HasUnit() && d.Unit.Code != q.Unit.Code, len(d.Readings) > 0 && !d.HasUnit():
		return
	}
	tol := n.value
	q.Tol, q.End = &tol, d.End
}

// share gives the parts of a product, and of a list such as 230/400V, the unit
// that stands after the last of them.
func (s *scanner) share() {
	q := s.out[s.first:]
	for i := len(q) - 2; i >= 0; i-- {
		a, b := &q[i], &q[i+1]
		from := max(a.End, a.NumEnd)
		if b.Start < from || b.Start-from > 6 {
			continue
		}
		between := s.text[from:b.Start]
		mark := strings.Trim(between, " ")
		switch mark {
		case "x", "X", "×", "*":
			if _, ok := product(s.text, from); !ok {
				continue
			}
			if a.Kind == Coded || b.Kind == Coded || a.Kind == Range {
				continue
			}
			if b.Group == 0 {
				s.group++
				b.Group = s.group
				if b.Kind == Single {
					b.Kind = Dimensions
				}
			}
			a.Group = b.Group
			if a.Kind == Single {
				a.Kind = Dimensions
			}
			if b.Unit.Dimension != Length {
				continue
			}
		case "/":
		default:
			if !s.opt.Prose || mark != "and" && mark != "und" && mark != "or" && mark != "oder" && mark != "&" {
				continue
			}
		}
		if len(a.Readings) == 0 && a.Prefix == "" && (b.HasUnit() || len(b.Readings) > 0) && !a.Glued {
			a.Unit, a.Readings, a.UnitStart, a.UnitEnd = b.Unit, b.Readings, b.UnitStart, b.UnitEnd
		}
	}
}

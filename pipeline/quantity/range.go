package quantity

import "strings"

// rangeTo reads the other end of a range after q: 10-30 V, 10..30V, 10 to 30.
// withUnit says that q's own unit has been read already.
func (s *scanner) rangeTo(q *Quantity, withUnit bool) bool {
	t, i := s.text, q.End
	if !withUnit {
		i = q.NumEnd
	}
	j, dash, ok := rangeMark(t, i, s.opt.Prose)
	if !ok && s.opt.Prose && s.between(q) && strings.HasPrefix(t[i:], " and ") {
		j, dash, ok = i+len(" and "), false, true
	}
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
	top := high.Value
	q.Kind, q.High = Range, &top
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
	if j >= len(t) {
		return 0, false, false
	}
	switch c := t[j]; c {
	case '.', '~', '/', '-', 0xe2, 0xc3:
	case 't', 'T', 'b', 'B':
		if !spaced {
			return 0, false, false
		}
	default:
		return 0, false, false
	}
	w := 0
	for _, p := range [...]string{"...", "..", "…", "~", "÷"} {
		if strings.HasPrefix(t[j:], p) {
			w = len(p)
			break
		}
	}
	if w == 0 {
		if prose && strings.HasPrefix(t[i:], "- to ") {
			return i + len("- to "), false, true
		}
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

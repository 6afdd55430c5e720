package codec

// Members calls visit for each member of the JSON object b, in its order, with
// the member's name and value, escapes undone: the value of a string is its
// text, of anything else its JSON. ok is false where b is no object, or holds
// half a character.
func Members(b []byte, visit func(name, value []byte, kind Kind)) (ok bool) {
	at := skipSpace(b, 0)
	if at >= len(b) || b[at] != '{' {
		return false
	}
	ok = true
	end, res := scanMembers(b, at, 0, func(name []byte, escaped bool, value Cell, kind Kind) {
		if escaped {
			plain, whole := unescapeJSON(nil, name)
			name, ok = plain, ok && whole
		}
		text, whole := memberText(b, value, kind)
		ok = ok && whole
		visit(name, text, kind)
	})
	return ok && res == scanOK && skipSpace(b, end) == len(b)
}

// Elements calls visit for each element of the JSON array b, as Members does.
func Elements(b []byte, visit func(value []byte, kind Kind)) (ok bool) {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '[' {
		return false
	}
	ok = true
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return skipSpace(b, i+1) == len(b)
	}
	for {
		start := skipSpace(b, i)
		end, kind, res := scanValue(b, start, 1)
		if res != scanOK {
			return false
		}
		text, whole := memberText(b, Cell{uint32(start), uint32(end)}, kind)
		ok = ok && whole
		visit(text, kind)
		if i = skipSpace(b, end); i >= len(b) {
			return false
		}
		switch b[i] {
		case ']':
			return ok && skipSpace(b, i+1) == len(b)
		case ',':
			i++
		default:
			return false
		}
	}
}

// memberText is a value as Members gives it.
func memberText(b []byte, c Cell, kind Kind) ([]byte, bool) {
	if kind != Text {
		return b[c.Start:c.End], true
	}
	return unescapeJSON(nil, b[c.Start+1:c.End-1])
}

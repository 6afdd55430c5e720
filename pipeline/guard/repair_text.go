package guard

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// text reads a string value.
func (r *repairer) text(at place) any {
	s, closed := r.str(at)
	if !closed {
		r.note(Truncated)
	}
	// A value that is a fenced reply of its own.
	if inner := strings.TrimSpace(s); at == inObject && strings.HasPrefix(inner, "```json") {
		if v, ok := strict(strings.TrimSpace(strings.Trim(strings.TrimPrefix(inner, "```json"), "`"))); ok {
			r.note(Fence)
			return v
		}
	}
	return s
}

// str reads a string from its opening quote. closed is false when the text
// ends within it.
func (r *repairer) str(at place) (s string, closed bool) {
	w, _ := quoteAt(r.src, r.pos)
	open := r.src[r.pos : r.pos+w]
	if open != "\"" {
		r.note(SingleQuotes)
	}
	r.pos += w
	// Doubled and tripled quotes: ""key"", """text""".
	doubled := 1
	for strings.HasPrefix(r.src[r.pos:], open) && doubled < 3 && !r.closes(r.pos+w, at, open) {
		r.pos += w
		doubled++
		r.note(Stray)
	}
	var b strings.Builder
	raw := false
	brace := r.brace
	r.brace = false
	defer func() { r.brace = brace }()
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '\\':
			r.escape(&b)
			continue
		case r.isClosing(open):
			width := len(closingOf(open))
			if strings.HasPrefix(r.src[r.pos:], open) {
				width = len(open)
			}
			if doubled > 1 && strings.HasPrefix(r.src[r.pos:], strings.Repeat(open, doubled)) {
				r.pos += width * doubled
				return trimRaw(b.String(), raw), true
			}
			if r.closes(r.pos+width, at, open) {
				r.pos += width
				return trimRaw(b.String(), raw), true
			}
			if at == inObject && r.missingQuote(&b) {
				r.note(MissingQuote)
				return strings.TrimRight(b.String(), " \n\t"), true
			}
			r.note(InnerQuote)
			b.WriteString(r.src[r.pos : r.pos+width])
			r.pos += width
			continue
		case c < ' ':
			raw = at != inKey
			r.note(RawControl)
		case at == inKey && c == ':' && r.openKey():
			// {"key:"value"}: the closing quote is missing.
			r.note(MissingQuote)
			return b.String(), true
		case at == inObject && c == ',' && r.bareMember():
			r.note(MissingQuote)
			return b.String(), true
		}
		r.brace = r.brace || c == '{'
		b.WriteByte(c)
		r.pos++
	}
	r.note(MissingQuote)
	return r.cutOff(b.String(), at)
}

// trimRaw drops a line break that stands before the closing quote.
func trimRaw(s string, raw bool) string {
	if raw && strings.HasSuffix(strings.TrimRight(s, " \t"), "\n") {
		return strings.TrimRight(s, " \t\n")
	}
	return s
}

// cutOff is a string that the end of the text cut off, without the brackets
// and fences that close what is around it.
func (r *repairer) cutOff(s string, at place) (string, bool) {
	t := strings.TrimRight(s, " \n\t`")
	if at != inKey && (strings.HasSuffix(t, "}") || strings.HasSuffix(t, "]")) && !strings.ContainsAny(strings.TrimRight(t, "}] \n\t"), "{[") {
		t = strings.TrimRight(t, "}] \n\t")
		return t, true
	}
	if strings.HasSuffix(s, "```") {
		return t, false
	}
	return s, false
}

func closingOf(open string) string {
	switch open {
	case "“":
		return "”"
	case "‘":
		return "’"
	}
	return open
}

func (r *repairer) isClosing(open string) bool {
	rest := r.src[r.pos:]
	return strings.HasPrefix(rest, open) || open != "\"" && open != "'" && strings.HasPrefix(rest, closingOf(open)) || (open == "“" || open == "”") && rest[0] == '"'
}

// closes reports whether a quote that ends before i closes its string, by what
// follows it.
func (r *repairer) closes(i int, at place, open string) bool {
	s := r.src
	i = skipBlank(s, i)
	if i >= len(s) || strings.HasPrefix(s[i:], "//") || strings.HasPrefix(s[i:], "/*") || s[i] == '#' {
		return true
	}
	switch c := s[i]; at {
	case inKey:
		return c == ':' || c == ',' || c == '}' || c == ']'
	case inArray:
		switch c {
		case ']', '}', ')', ':':
			return true
		case ',':
			n := skipBlank(s, i+1)
			return n >= len(s) || strings.IndexByte("\"'{[(]}-.0123456789", s[n]) >= 0 || literalAt(s, n) || s[n] == '/' || s[n] >= utf8.RuneSelf || bareElement(s, n)
		case '"', '\'':
			// ["a" "b"]: only when this string held no quote that was not
			// escaped.
			return string(c) == open && !r.oddQuotes(i) && i > 0 && s[i-1] <= ' '
		}
		return isDigit(c) || isWordStart(s, i) && elementEnds(s, i)
	default:
		switch c {
		case '}':
			n := skipBlank(s, i+1)
			if r.depth <= 2 && !r.brace && n > i+1 && n < len(s) && isLetter(s[n]) {
				return true // the end of the answer, and prose behind it
			}
			return n >= len(s) || strings.IndexByte("}])`[", s[n]) >= 0 || s[n] == ',' && afterComma(s, n+1) || s[n] == '"' && keyFollows(s, n) || s[n] == '\n' || s[n] == '/' || s[n] == '#' || s[n] == '{'
		case ']', ')':
			n := skipBlank(s, i+1)
			return n >= len(s) || strings.IndexByte("}],`", s[n]) >= 0
		case ',':
			return afterComma(s, i+1)
		case '"', '\'':
			return keyFollows(s, i)
		case '`':
			return strings.HasPrefix(s[i:], "```")
		}
		return bareKeyFollows(s, i) || literalAt(s, i)
	}
}

// afterComma reports whether a member, another comma or the end follows.
func afterComma(s string, i int) bool {
	i = skipBlank(s, i)
	for i < len(s) && (strings.HasPrefix(s[i:], "//") || strings.HasPrefix(s[i:], "/*") || s[i] == '#') {
		mark := "\n"
		if strings.HasPrefix(s[i:], "/*") {
			mark = "*/"
		}
		n := strings.Index(s[i:min(len(s), i+4*maxAhead)], mark)
		if n < 0 {
			return true
		}
		i = skipBlank(s, i+n+len(mark))
	}
	if i >= len(s) || strings.IndexByte("},]{[", s[i]) >= 0 {
		return true
	}
	if _, ok := quoteAt(s, i); ok {
		return keyFollows(s, i) || unfinishedKey(s, i)
	}
	return bareKeyFollows(s, i) || isWordStart(s, i) && quotedSoon(s, i)
}

// unfinishedKey reports whether the text ends within a key that starts at i,
// or the key's closing quote is missing before a colon.
func unfinishedKey(s string, i int) bool {
	rest := s[i+1:]
	if len(rest) > maxAhead {
		return false
	}
	return !strings.ContainsAny(rest, "\"}]")
}

// quotedSoon reports whether a word at i stands before a quoted key: a stray
// COMMENT.
func quotedSoon(s string, i int) bool {
	j := i
	for j < len(s) && (isLetter(s[j]) || s[j] == '_') && j-i < 64 {
		j++
	}
	j = skipBlank(s, j)
	return j < len(s) && s[j] == '"' && keyFollows(s, j)
}

func isWordStart(s string, i int) bool { return i < len(s) && isLetter(s[i]) }

func literalAt(s string, i int) bool {
	j := i
	for j < len(s) && isLetter(s[j]) && j-i < 6 {
		j++
	}
	_, ok := literal(s[i:j])
	return ok && (j >= len(s) || !isLetter(s[j]))
}

// bareElement reports whether an element without quotes stands at i.
func bareElement(s string, i int) bool {
	j := i
	for j < len(s) && j-i < 64 && (isLetter(s[j]) || isDigit(s[j]) || s[j] == '_') {
		j++
	}
	j = skipBlank(s, j)
	return j < len(s) && (s[j] == ',' || s[j] == ']')
}

// elementEnds reports whether a word at i ends with a quote and a comma or
// bracket: ["a" b", "c"].
func elementEnds(s string, i int) bool {
	end := min(len(s), i+64)
	for j := i; j < end; j++ {
		switch s[j] {
		case '"':
			k := skipBlank(s, j+1)
			return j > i && s[j-1] > ' ' && k < len(s) && (s[k] == ',' || s[k] == ']') && strings.IndexByte(s[i:j], ' ') < 0
		case ',', ']', '}', '\n':
			return false
		}
	}
	return false
}

// oddQuotes reports whether the quotes from i to the end of the line pair off
// in a way that leaves one over.
func (r *repairer) oddQuotes(i int) bool {
	n := 0
	for j := i; j < min(len(r.src), i+maxAhead); j++ {
		switch r.src[j] {
		case '\\':
			j++
		case '"':
			n++
		case '\n':
			return n%2 == 1
		}
	}
	return n%2 == 1
}

// openKey reports whether the colon at pos, within a key, is followed by a
// value and not by more of the key.
func (r *repairer) openKey() bool {
	i := skipBlank(r.src, r.pos+1)
	return i < len(r.src) && (r.src[i] == '"' && !keyEnds(r.src, i) || r.src[i] == '{' || r.src[i] == '[')
}

// keyEnds reports whether the quote at i closes a key.
func keyEnds(s string, i int) bool {
	i = skipBlank(s, i+1)
	return i < len(s) && s[i] == ':'
}

// missingQuote reports whether the quote at pos opens the next key, so that the
// string before it was never closed: "a": "x, "b": 2. It cuts the comma off.
func (r *repairer) missingQuote(b *strings.Builder) bool {
	if !keyFollows(r.src, r.pos) {
		return false
	}
	t := strings.TrimRight(b.String(), " \n\t")
	if !strings.HasSuffix(t, ",") {
		return false
	}
	b.Reset()
	b.WriteString(strings.TrimSuffix(t, ","))
	return true
}

// bareMember reports whether the comma at pos, within a string, is followed by
// a key without quotes whose value ends the object, and no quote closes the
// string: {"a": "first, b: 1}.
func (r *repairer) bareMember() bool {
	i := skipBlank(r.src, r.pos+1)
	if !bareKeyFollows(r.src, i) {
		return false
	}
	colon := strings.IndexByte(r.src[i:], ':')
	j := skipBlank(r.src, i+colon+1)
	end := min(len(r.src), j+maxAhead)
	if j < end && r.src[j] == '"' {
		k := skipBlank(r.src, j+1)
		return k < len(r.src) && (isLetter(r.src[k]) || isDigit(r.src[k])) && strings.Count(r.src[j:end], "\"")%2 == 0
	}
	return strings.IndexByte(r.src[j:end], '"') < 0 && end == len(r.src)
}

// escape reads a backslash and what it escapes.
func (r *repairer) escape(b *strings.Builder) {
	if r.pos+1 >= len(r.src) {
		b.WriteByte('\\')
		r.pos++
		return
	}
	c := r.src[r.pos+1]
	switch c {
	case '"', '\\', '/':
		b.WriteByte(c)
	case '\'':
		r.note(BadEscape)
		b.WriteByte(c)
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		r.unicode(b)
		return
	default:
		r.note(BadEscape)
		if c < utf8.RuneSelf {
			b.WriteByte('\\')
		}
		r.pos++
		return
	}
	r.pos += 2
}

// unicode reads \uXXXX and pairs of surrogates.
func (r *repairer) unicode(b *strings.Builder) {
	code := func(i int) (rune, bool) {
		if i+6 > len(r.src) || r.src[i] != '\\' || r.src[i+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(r.src[i+2:i+6], 16, 16)
		return rune(n), err == nil //nolint:gosec // 16 bits
	}
	hi, ok := code(r.pos)
	if !ok {
		r.note(BadEscape)
		b.WriteByte('\\')
		r.pos++
		return
	}
	if hi >= 0xd800 && hi < 0xdc00 {
		if lo, ok := code(r.pos + 6); ok && lo >= 0xdc00 && lo < 0xe000 {
			b.WriteRune((hi-0xd800)<<10 + (lo - 0xdc00) + 0x10000)
			r.pos += 12
			return
		}
	}
	b.WriteRune(hi)
	r.pos += 6
}

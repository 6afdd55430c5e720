package knowledge

import "regexp/syntax"

// firstBytes are the bytes that a match of the expression may start with; all
// bytes where that cannot be told.
func firstBytes(expr string) (set [256]bool) {
	all := func() [256]bool {
		for i := range set {
			set[i] = true
		}
		return set
	}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return all()
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return all()
	}
	seen := make([]bool, len(prog.Inst))
	stack := []uint32{uint32(prog.Start)}
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		in := &prog.Inst[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstMatch:
			return all()
		case syntax.InstFail:
		default:
			for b := range 256 {
				if b >= 0x80 || in.MatchRune(rune(b)) {
					set[b] = true
				}
			}
		}
	}
	return set
}

// byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) add(b byte)            { s[b>>6] |= 1 << (b & 63) }
func (s *byteSet) meets(o *byteSet) bool { return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0 }
func (s *byteSet) join(o *byteSet)       { s[0] |= o[0]; s[1] |= o[1]; s[2] |= o[2]; s[3] |= o[3] }
func (s *byteSet) has(b byte) bool       { return s[b>>6]&(1<<(b&63)) != 0 }

// requires are sets of bytes of each of which every match holds at least one:
// a text that lacks one of them need not be searched. Sets with digits say too
// little and are left out.
func requires(expr string) (all []byteSet) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	for _, s := range needs(re.Simplify()) {
		if !s.has('0') && !s.has(' ') {
			all = append(all, s)
		}
	}
	return all
}

func needs(re *syntax.Regexp) []byteSet {
	switch re.Op {
	case syntax.OpLiteral:
		out := make([]byteSet, 0, len(re.Rune))
		for _, r := range re.Rune {
			if r >= 0x80 || re.Flags&syntax.FoldCase != 0 {
				continue
			}
			var s byteSet
			s.add(byte(r))
			out = append(out, s)
		}
		return out
	case syntax.OpCharClass:
		var s byteSet
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if re.Rune[i+1] >= 0x80 {
				return nil
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				s.add(byte(r))
			}
		}
		return []byteSet{s}
	case syntax.OpCapture, syntax.OpPlus:
		return needs(re.Sub[0])
	case syntax.OpConcat:
		var out []byteSet
		for _, sub := range re.Sub {
			out = append(out, needs(sub)...)
		}
		return out
	case syntax.OpAlternate:
		// Every branch needs something of its own; one byte of each, together.
		var s byteSet
		for _, sub := range re.Sub {
			best := -1
			of := needs(sub)
			for i := range of {
				if !of[i].has('0') && !of[i].has(' ') {
					best = i
				}
			}
			if best < 0 {
				return nil
			}
			s.join(&of[best])
		}
		return []byteSet{s}
	}
	return nil
}

// Possible reports whether a text with the bytes of f may match p at all.
func (p *Pattern) Possible(f *Folded) bool {
	for i := range p.needs {
		if !p.needs[i].meets(&f.bytes) {
			return false
		}
	}
	return true
}

// A Capture is a group of a pattern that matched: folded offsets.
type Capture struct {
	Attribute  int
	Start, End int
}

// MatchAt tries p at the folded offset pos and appends what it captured to
// dst. end is where the match ends, 0 for none.
func (p *Pattern) MatchAt(dst []Capture, text []byte, pos int) (out []Capture, end int) {
	if pos >= len(text) || !p.first[text[pos]] {
		return dst, 0
	}
	if out, end = p.match(dst, text, pos); end >= 0 {
		return out, end
	}
	// An optional tail ran into the next word (the K of 22314 KOYO): try again
	// without that word.
	limit := -end
	for limit > pos && isLetter(text[limit-1]) == isLetter(text[-end]) && isDigit(text[limit-1]) == isDigit(text[-end]) {
		limit--
	}
	if limit <= pos {
		return dst, 0
	}
	out, end = p.match(dst, text[:limit], pos)
	return out, max(end, 0)
}

// match is MatchAt; a match that cuts a word is reported as -end.
func (p *Pattern) match(dst []Capture, text []byte, pos int) (out []Capture, end int) {
	m := p.re.FindSubmatchIndex(text[pos:])
	if m == nil || m[1] == 0 {
		return dst, 0
	}
	end = pos + m[1]
	// A match must not cut a word or a number.
	if end < len(text) {
		a, b := text[end-1], text[end]
		if isLetter(a) && isLetter(b) || isDigit(a) && isDigit(b) {
			return dst, -end
		}
		if isDigit(a) && (b == '.' || b == ',') && end+1 < len(text) && isDigit(text[end+1]) {
			return dst, 0
		}
	}
	for g := 1; g < len(p.groups); g++ {
		if p.groups[g] >= 0 && m[2*g] >= 0 && m[2*g] < m[2*g+1] {
			dst = append(dst, Capture{p.groups[g], pos + m[2*g], pos + m[2*g+1]})
		}
	}
	return dst, end
}

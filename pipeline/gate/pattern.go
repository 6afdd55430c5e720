package gate

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// A pattern is a regular expression that is asked for every cell of a column.
// Where it can be, it is made into a deterministic automaton over ASCII, which
// takes a step per byte; a text with other characters, and an expression with
// word boundaries, line anchors or too many states, go to package regexp. The
// answers are the same.
type pattern struct {
	re *regexp.Regexp
	// next is the state after a byte below 0x80, at state<<7 | byte; nil
	// without an automaton.
	next  []uint8
	start uint8
	// ends: a text that ends in this state matches.
	ends []bool
}

const (
	hopeless = iota // no continuation matches
	matched         // every continuation matches
	firstState

	// maxStates keeps an automaton within a core's first cache, maxSteps its
	// making within some milliseconds.
	maxStates = 250
	maxSteps  = 1 << 21

	maxInstructions = 10_000
)

func compilePattern(expr string) (*pattern, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	p := &pattern{re: re}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	b := &automaton{prog: prog, ids: map[string]int{}}
	if b.make() {
		p.next, p.start, p.ends = b.next, b.start, b.ends
	}
	return p, nil
}

// Match reports whether some part of b matches.
func (p *pattern) Match(b []byte) bool {
	if p.next == nil {
		return p.re.Match(b)
	}
	s, next := p.start, p.next
	for _, c := range b {
		if s <= matched {
			return s == matched
		}
		if c >= 0x80 {
			return p.re.Match(b)
		}
		s = next[int(s)<<7|int(c)]
	}
	return p.ends[s]
}

// An automaton is one under construction: its states are sets of instructions
// of the program.
type automaton struct {
	prog  *syntax.Prog
	ids   map[string]int
	sets  [][]uint32
	next  []uint8
	ends  []bool
	start uint8
	steps int
}

// make reports false where the program is not of the kind, or too large.
func (a *automaton) make() bool {
	if len(a.prog.Inst) > maxInstructions {
		return false
	}
	for _, in := range a.prog.Inst {
		if in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return false
		}
	}
	a.sets = make([][]uint32, firstState)
	a.next = make([]uint8, firstState<<7)
	for c := range 1 << 7 {
		a.next[matched<<7|c] = matched
	}
	a.ends = []bool{hopeless: false, matched: true}
	seeds := []uint32{uint32(a.prog.Start)}
	first := a.closure(seeds, syntax.EmptyBeginText)
	start, ok := a.state(first)
	if !ok {
		return false
	}
	if start >= firstState {
		// Only here may the beginning and the end of the text be one.
		a.ends[start] = a.holds(a.closure(seeds, syntax.EmptyBeginText|syntax.EmptyEndText))
	}
	a.start = uint8(start)
	for s := firstState; s < len(a.sets); s++ {
		for c := range 1 << 7 {
			to := seeds[:1:1] // a match may begin anywhere
			for _, pc := range a.sets[s] {
				if in := &a.prog.Inst[pc]; in.Op != syntax.InstEmptyWidth && in.MatchRune(rune(c)) {
					to = append(to, in.Out)
				}
			}
			id, ok := a.state(a.closure(to, 0))
			if !ok || a.steps > maxSteps {
				return false
			}
			a.next[s<<7|c] = uint8(id)
		}
	}
	return true
}

// state is the number of a set, which is new where need be.
func (a *automaton) state(set []uint32) (int, bool) {
	switch {
	case a.holds(set):
		return matched, true
	case len(set) == 0:
		return hopeless, true
	}
	var key strings.Builder
	for _, pc := range set {
		key.WriteRune(rune(pc))
	}
	// The start is a state of its own: beginning and end may be one there.
	if len(a.sets) == firstState {
		key.WriteByte('^')
	}
	if id, ok := a.ids[key.String()]; ok {
		return id, true
	}
	id := len(a.sets)
	if id >= maxStates {
		return 0, false
	}
	a.ids[key.String()] = id
	a.sets = append(a.sets, set)
	a.next = append(a.next, make([]uint8, 1<<7)...)
	a.ends = append(a.ends, a.holds(a.closure(set, syntax.EmptyEndText)))
	return id, true
}

func (a *automaton) holds(set []uint32) bool {
	return slices.ContainsFunc(set, func(pc uint32) bool { return a.prog.Inst[pc].Op == syntax.InstMatch })
}

// closure is what can be reached from some instructions without reading: those
// that read, match, or wait for the end of the text, in order.
func (a *automaton) closure(from []uint32, at syntax.EmptyOp) []uint32 {
	var out []uint32
	seen := map[uint32]bool{}
	todo := slices.Clone(from)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		a.steps++
		switch in := &a.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			op := syntax.EmptyOp(in.Arg)
			if op&^at == 0 {
				todo = append(todo, in.Out)
			} else if op == syntax.EmptyEndText {
				out = append(out, pc)
			}
		case syntax.InstFail:
		default:
			out = append(out, pc)
		}
	}
	slices.Sort(out)
	return out
}

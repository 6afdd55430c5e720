package quantity

import (
	"math/big"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// The base dimensions of UCUM, in the order of a vector.
const (
	dimLength = iota
	dimTime
	dimMass
	dimAngle
	dimTemperature
	dimCharge
	dimLuminous
	dimBases
)

// A vector holds the exponents of the base dimensions.
type vector [dimBases]int8

// An atom is one unit of the UCUM table: value × unit, or a special scale.
type atom struct {
	code    string
	name    string
	flags   atomFlags
	value   string
	unit    string
	special string
}

type atomFlags uint8

const (
	// metric atoms take prefixes.
	metric atomFlags = 1 << iota
	// arbitrary atoms are defined by a procedure and convert to nothing.
	arbitrary
)

// A measure is what a unit is worth: a factor over the base units.
type measure struct {
	factor *big.Rat
	vector vector
	// scale is the special scale (Celsius, pH, decibel) of a unit that
	// consists of one special atom alone, with reference the factor of its
	// argument and step the prefix.
	scale *scale
	step  *big.Rat
	// arbitrary names the arbitrary atoms within, each with its power.
	arbitrary string
}

// prefixes are those of UCUM, longest first among those that share a letter.
var prefixes = []struct {
	code, name string
	power      int
}{
	{"da", "deka", 1}, {"Y", "yotta", 24}, {"Z", "zetta", 21}, {"E", "exa", 18},
	{"P", "peta", 15}, {"T", "tera", 12}, {"G", "giga", 9}, {"M", "mega", 6},
	{"k", "kilo", 3}, {"h", "hecto", 2}, {"d", "deci", -1}, {"c", "centi", -2},
	{"m", "milli", -3}, {"u", "micro", -6}, {"n", "nano", -9}, {"p", "pico", -12},
	{"f", "femto", -15}, {"a", "atto", -18}, {"z", "zepto", -21}, {"y", "yocto", -24},
	{"Ki", "kibi", 0}, {"Mi", "mebi", 0}, {"Gi", "gibi", 0}, {"Ti", "tebi", 0},
}

// binaryPower is the power of 1024 of the binary prefixes.
var binaryPower = map[string]int{"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4}

var baseUnits = []struct {
	code, name string
	dim        int
}{
	{"m", "meter", dimLength}, {"s", "second", dimTime}, {"g", "gram", dimMass},
	{"rad", "radian", dimAngle}, {"K", "kelvin", dimTemperature},
	{"C", "coulomb", dimCharge}, {"cd", "candela", dimLuminous},
}

// Limits of a unit expression; nothing in use comes near.
const (
	maxUnitLength = 512
	maxUnitDepth  = 16
	maxUnitPower  = 99
)

// evaluate reads a UCUM expression and works out its measure.
func evaluate(code string) (measure, error) {
	p := unitParser{src: code, table: table()}
	m := measure{factor: big.NewRat(1, 1)}
	err := p.parse(func(c component) error { return m.apply(c) })
	return m, err
}

// ValidUCUM reports what is wrong with a case-sensitive UCUM code, or nil. The
// empty code is the unit 1.
func ValidUCUM(code string) error {
	p := unitParser{src: code, table: table()}
	return p.parse(func(component) error { return nil })
}

// A component is one factor of a unit expression.
type component struct {
	divided bool   // written after a slash
	prefix  string // code of the prefix, or empty
	atom    string // code of the atom, or empty for a plain number
	number  string // digits of a plain number
	power   int    // exponent, negative in the denominator
}

type unitParser struct {
	src   string
	pos   int
	depth int
	table *atomTable
}

func (p *unitParser) fail(format string, args ...any) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "unit %q, character %d: "+format,
		append([]any{clip(p.src), p.pos + 1}, args...)...).
		WithHint("units are case-sensitive UCUM codes such as mm, kW, Cel, [in_i], N.m, m3/h")
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

func (p *unitParser) parse(emit func(component) error) error {
	if len(p.src) > maxUnitLength {
		return p.fail("longer than %d bytes", maxUnitLength)
	}
	if p.src == "" {
		return nil
	}
	first := 1
	if p.peek() == '/' {
		p.pos++
		first = -1
	}
	if err := p.term(1, first, emit); err != nil {
		return err
	}
	if p.pos < len(p.src) {
		return p.fail("%q is not expected here", p.src[p.pos:p.pos+1])
	}
	return nil
}

func (p *unitParser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

// term reads components joined by . and /, left to right: a/b.c is (a/b).c.
// sign is the power of the group that the term stands in, first that of its
// first component.
func (p *unitParser) term(sign, first int, emit func(component) error) error {
	for power := first; ; {
		if err := p.component(power, emit); err != nil {
			return err
		}
		switch p.peek() {
		case '.':
			p.pos++
			power = sign
		case '/':
			p.pos++
			power = -sign
		default:
			return nil
		}
	}
}

func (p *unitParser) component(power int, emit func(component) error) error {
	c := p.peek()
	switch {
	case c == 0:
		return p.fail("a unit is missing at the end")
	case c == '(':
		if p.depth++; p.depth > maxUnitDepth {
			return p.fail("more than %d parentheses deep", maxUnitDepth)
		}
		p.pos++
		if err := p.term(power, power, emit); err != nil {
			return err
		}
		if p.peek() != ')' {
			return p.fail("the closing parenthesis is missing")
		}
		p.pos++
		p.depth--
		return nil
	case c == '{':
		return p.annotation()
	case isDigit(c) && !strings.HasPrefix(p.src[p.pos:], "10*") && !strings.HasPrefix(p.src[p.pos:], "10^"):
		start := p.pos
		for isDigit(p.peek()) {
			p.pos++
		}
		if p.pos-start > maxScale {
			return p.fail("the number is too long")
		}
		if err := emit(component{number: p.src[start:p.pos], power: power, divided: power < 0}); err != nil {
			return err
		}
		return p.optionalAnnotation()
	}
	prefix, code, err := p.symbol()
	if err != nil {
		return err
	}
	n, err := p.exponent()
	if err != nil {
		return err
	}
	if err := emit(component{prefix: prefix, atom: code, power: power * n, divided: power < 0}); err != nil {
		return err
	}
	return p.optionalAnnotation()
}

func (p *unitParser) optionalAnnotation() error {
	if p.peek() == '{' {
		return p.annotation()
	}
	return nil
}

// annotation reads {anything in ASCII but braces}; it says what is measured
// and carries no meaning for the arithmetic.
func (p *unitParser) annotation() error {
	for p.pos++; p.pos < len(p.src); p.pos++ {
		switch c := p.src[p.pos]; {
		case c == '}':
			p.pos++
			return nil
		case c == '{' || c < ' ' || c > '~':
			return p.fail("%q is not allowed in an annotation", p.src[p.pos:p.pos+1])
		}
	}
	return p.fail("the closing brace is missing")
}

// symbol reads [prefix] atom. Square brackets belong to atoms and may hold
// anything.
func (p *unitParser) symbol() (prefix, code string, err error) {
	start := p.pos
	if strings.HasPrefix(p.src[start:], "10*") || strings.HasPrefix(p.src[start:], "10^") {
		p.pos += 3
		return "", p.src[start:p.pos], nil
	}
scan:
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == '[':
			end := strings.IndexByte(p.src[p.pos:], ']')
			if end < 0 {
				return "", "", p.fail("the closing bracket is missing")
			}
			p.pos += end
		case c == '.' || c == '/' || c == '(' || c == ')' || c == '{' || c == '}' || c == '+' || c == '-' || isDigit(c) || c <= ' ' || c > '~':
			break scan
		}
		p.pos++
	}
	sym := p.src[start:p.pos]
	if sym == "" {
		return "", "", p.fail("a unit is missing")
	}
	if _, ok := p.table.known(sym); ok {
		return "", sym, nil
	}
	for _, pre := range prefixes {
		if rest, ok := strings.CutPrefix(sym, pre.code); ok && rest != "" {
			if isMetric, ok := p.table.known(rest); ok && isMetric {
				return pre.code, rest, nil
			}
		}
	}
	p.pos = start
	return "", "", p.fail("%q is no unit", clip(sym))
}

func (p *unitParser) exponent() (int, error) {
	start, neg := p.pos, false
	if c := p.peek(); c == '+' || c == '-' {
		neg = c == '-'
		p.pos++
		if !isDigit(p.peek()) {
			p.pos = start
			return 0, p.fail("an exponent is missing after the sign")
		}
	}
	if !isDigit(p.peek()) {
		return 1, nil
	}
	n := 0
	for isDigit(p.peek()) {
		if n = n*10 + int(p.peek()-'0'); n > maxUnitPower {
			return 0, p.fail("an exponent above %d", maxUnitPower)
		}
		p.pos++
	}
	if neg {
		n = -n
	}
	return n, nil
}

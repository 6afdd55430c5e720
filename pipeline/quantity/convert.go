package quantity

import (
	"math"
	"math/big"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A scale turns a number on a special scale into a multiple of its reference
// and back. Offsets are exact; logarithms are as good as a float64.
type scale struct {
	up, down func(*big.Rat) *big.Rat
}

var scales = map[string]*scale{
	"cel":       offset(1, 1, 27315, 100),
	"degf":      offset(5, 9, 45967, 100),
	"degre":     offset(5, 4, 27315*4, 500),
	"tan100":    curve(func(x float64) float64 { return math.Atan(x / 100) }, func(x float64) float64 { return 100 * math.Tan(x) }),
	"tan100deg": curve(func(x float64) float64 { return math.Atan(x / 100) }, func(x float64) float64 { return 100 * math.Tan(x) }),
	"hpX":       curve(func(x float64) float64 { return math.Pow(10, -x) }, func(x float64) float64 { return -math.Log10(x) }),
	"hpC":       curve(func(x float64) float64 { return math.Pow(100, -x) }, func(x float64) float64 { return -math.Log(x) / math.Log(100) }),
	"hpM":       curve(func(x float64) float64 { return math.Pow(1000, -x) }, func(x float64) float64 { return -math.Log(x) / math.Log(1000) }),
	"hpQ":       curve(func(x float64) float64 { return math.Pow(50000, -x) }, func(x float64) float64 { return -math.Log(x) / math.Log(50000) }),
	"ph":        curve(func(x float64) float64 { return math.Pow(10, -x) }, func(x float64) float64 { return -math.Log10(x) }),
	"ln":        curve(math.Exp, math.Log),
	"lg":        curve(func(x float64) float64 { return math.Pow(10, x) }, math.Log10),
	"lg2":       curve(func(x float64) float64 { return math.Pow(10, x/2) }, func(x float64) float64 { return 2 * math.Log10(x) }),
	"ld":        curve(math.Exp2, math.Log2),
	"sqrt":      curve(func(x float64) float64 { return x * x }, math.Sqrt),
}

// offset is the scale base = (x + add) × mul.
func offset(mulNum, mulDen, addNum, addDen int64) *scale {
	mul, add := big.NewRat(mulNum, mulDen), big.NewRat(addNum, addDen)
	return &scale{
		up:   func(x *big.Rat) *big.Rat { r := new(big.Rat).Add(x, add); return r.Mul(r, mul) },
		down: func(x *big.Rat) *big.Rat { r := new(big.Rat).Quo(x, mul); return r.Sub(r, add) },
	}
}

// curve is a scale by float64 functions; what has no finite value is nil.
func curve(up, down func(float64) float64) *scale {
	lift := func(f func(float64) float64) func(*big.Rat) *big.Rat {
		return func(x *big.Rat) *big.Rat {
			v, _ := x.Float64()
			y := f(v)
			if math.IsNaN(y) || math.IsInf(y, 0) {
				return nil
			}
			return new(big.Rat).SetFloat64(y)
		}
	}
	return &scale{up: lift(up), down: lift(down)}
}

// Convert turns v in the unit from into the unit to, both UCUM codes. It is
// exact wherever the factors are rational; temperatures convert as points on
// their scales. Units of different dimensions and arbitrary units (other than
// to themselves) do not convert: code invalid.
func Convert(v Decimal, from, to string) (Decimal, error) {
	if from == to {
		return v, ValidUCUM(from)
	}
	a, err := evaluate(from)
	if err != nil {
		return Decimal{}, err
	}
	b, err := evaluate(to)
	if err != nil {
		return Decimal{}, err
	}
	return a.convert(v, &b, from, to)
}

func (m *measure) convert(v Decimal, to *measure, fromCode, toCode string) (Decimal, error) {
	if m.vector != to.vector || m.arbitrary != to.arbitrary {
		return Decimal{}, pipeline.Errorf(pipeline.CodeInvalid, "unit %q does not convert to %q: their dimensions differ", clip(fromCode), clip(toCode))
	}
	x := v.Rat()
	if m.scale != nil {
		x = m.scale.up(x.Mul(x, m.step))
	}
	if x != nil {
		x = new(big.Rat).Mul(x, m.factor)
		x.Quo(x, to.factor)
		if to.scale != nil {
			if x = to.scale.down(x); x != nil {
				x.Quo(x, to.step)
			}
		}
	}
	if x == nil {
		return Decimal{}, pipeline.Errorf(pipeline.CodeInvalid, "%s %s has no value in %q", v, clip(fromCode), clip(toCode))
	}
	return fromRat(x), nil
}

// Multiply is (v1 u1) × (v2 u2): the product and its unit.
func Multiply(v1 Decimal, u1 string, v2 Decimal, u2 string) (Decimal, string, error) {
	return combine(v1.Mul(v2), u1, ".", u2)
}

// Divide is (v1 u1) / (v2 u2): the quotient and its unit.
func Divide(v1 Decimal, u1 string, v2 Decimal, u2 string) (Decimal, string, error) {
	q, ok := v1.Quo(v2)
	if !ok {
		return Decimal{}, "", pipeline.Errorf(pipeline.CodeInvalid, "division by zero %s", clip(u2))
	}
	return combine(q, u1, "/", u2)
}

func combine(v Decimal, u1, op, u2 string) (Decimal, string, error) {
	if err := ValidUCUM(u1); err != nil {
		return Decimal{}, "", err
	}
	if err := ValidUCUM(u2); err != nil {
		return Decimal{}, "", err
	}
	switch {
	case u2 == "":
		return v, u1, nil
	case u1 == "" && op == ".":
		return v, u2, nil
	case u1 == "":
		return v, "/" + group(u2), nil
	}
	return v, u1 + op + group(u2), nil
}

func group(u string) string {
	if strings.HasPrefix(u, "/") {
		return "(1" + u + ")"
	}
	if strings.ContainsAny(u, "./") {
		return "(" + u + ")"
	}
	return u
}

// DisplayName spells a UCUM code out: (meter ^ 3) * (kilogram ^ -1).
func DisplayName(code string) (string, error) {
	if code == "" {
		return "(unity)", nil
	}
	p := unitParser{src: code, table: table()}
	var b strings.Builder
	err := p.parse(func(c component) error {
		slash := c.divided
		switch {
		case b.Len() == 0 && slash:
			b.WriteString("1 / ")
		case slash:
			b.WriteString(" / ")
		case b.Len() > 0:
			b.WriteString(" * ")
		}
		if c.number != "" {
			b.WriteString(c.number)
			return nil
		}
		n := c.power
		if slash {
			n = -n
		}
		b.WriteString("(")
		b.WriteString(prefixName(c.prefix))
		b.WriteString(p.table.name(c.atom))
		if n != 1 {
			b.WriteString(" ^ ")
			b.WriteString(Int(int64(n)).String())
		}
		b.WriteString(")")
		return nil
	})
	return b.String(), err
}

package gate

import (
	"math"
	"math/big"
	"strconv"
)

// parseInt reads an optional sign and digits that fit int64.
func parseInt(b []byte) (int64, bool) {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	if len(b) > 18 {
		return parseLongInt(b, neg)
	}
	var v int64
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + int64(d)
	}
	if neg {
		v = -v
	}
	return v, true
}

func parseLongInt(b []byte, neg bool) (int64, bool) {
	for len(b) > 1 && b[0] == '0' {
		b = b[1:]
	}
	if len(b) > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + uint64(d)
	}
	if neg {
		if v > 1<<63 {
			return 0, false
		}
		return -int64(v), true
	}
	return int64(v), v <= math.MaxInt64
}

// bigScale marks a decimal that does not fit a mantissa of 18 digits.
const bigScale = 255

// parseDecimal reads a decimal exactly, as mantissa × 10^-scale. scale is
// bigScale where it is a decimal but does not fit.
func parseDecimal(b []byte) (mant int64, scale uint8, ok bool) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	digits, point := 0, -1
	start := i
	for ; i < len(b); i++ {
		c := b[i]
		if d := c - '0'; d <= 9 {
			mant = mant*10 + int64(d) // checked below: at most 18 digits count
			digits++
			continue
		}
		if c == '.' && point < 0 {
			point = digits
			continue
		}
		break
	}
	if digits == 0 {
		return 0, 0, false
	}
	if i < len(b) { // an exponent, or no number
		if b[i] != 'e' && b[i] != 'E' {
			return 0, 0, false
		}
		e := b[i+1:]
		if len(e) > 0 && (e[0] == '-' || e[0] == '+') {
			e = e[1:]
		}
		if len(e) == 0 {
			return 0, 0, false
		}
		for _, c := range e {
			if c-'0' > 9 {
				return 0, 0, false
			}
		}
		return 0, bigScale, true
	}
	if digits > 18 {
		return longDecimal(b[start:], neg, point, digits)
	}
	if neg {
		mant = -mant
	}
	if point >= 0 {
		scale = uint8(digits - point)
	}
	return mant, scale, true
}

// longDecimal: more than 18 digits, some of which may be leading zeros.
func longDecimal(b []byte, neg bool, point, digits int) (int64, uint8, bool) {
	var mant int64
	significant := 0
	for _, c := range b {
		if c == '.' {
			continue
		}
		if significant > 0 || c != '0' {
			significant++
		}
		if significant > 18 {
			return 0, bigScale, true
		}
		mant = mant*10 + int64(c-'0')
	}
	scale := 0
	if point >= 0 {
		scale = digits - point
	}
	if scale > 18 {
		return 0, bigScale, true
	}
	if neg {
		mant = -mant
	}
	return mant, uint8(scale), true
}

var pow10 = func() (p [19]float64) {
	v := 1.0
	for i := range p {
		p[i] = v
		v *= 10
	}
	return p
}()

// toFloat is the float64 nearest to a decimal.
func toFloat(mant int64, scale uint8, text []byte) float64 {
	// Both operands are exact and one division rounds once (Clinger 1990).
	if scale <= 18 && mant < 1<<53 && mant > -1<<53 {
		return float64(mant) / pow10[scale]
	}
	f, _ := strconv.ParseFloat(string(text), 64) // infinities of huge exponents stay
	return f
}

// rat is an exact rational.
type rat = *big.Rat

// maxExponent bounds the exponents of decimals that are compared exactly; a
// float64 does not reach beyond it either.
const maxExponent = 400

// ratOf reads a decimal that parseDecimal accepted. Beyond maxExponent it gives
// a value of the same sign that is larger, or smaller, than any other.
func ratOf(b []byte) rat {
	s := string(b)
	for i := range s {
		if s[i] == 'e' || s[i] == 'E' {
			exp, err := strconv.Atoi(s[i+1:])
			if err != nil {
				exp = maxExponent + 1
				if i+1 < len(s) && s[i+1] == '-' {
					exp = -exp
				}
			}
			if exp > maxExponent || exp < -maxExponent {
				s = s[:i] + "e" + strconv.Itoa(max(min(exp, maxExponent), -maxExponent))
			}
			break
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return new(big.Rat)
	}
	return r
}

// An interval holds, per scale, the mantissas that satisfy a bound.
type interval struct {
	lo, hi [19]int64
	// Exact forms: nil for unbounded.
	low, high rat
	// open: the bound itself does not satisfy.
	open bool
	// The bounds as floats, for values that are floats.
	flow, fhigh float64
}

// newInterval makes the interval of one bound: at least (or more than) low, or
// at most (or less than) high; the other is nil.
func newInterval(low, high rat, open bool) *interval {
	v := &interval{low: low, high: high, open: open, flow: math.Inf(-1), fhigh: math.Inf(1)}
	if low != nil {
		v.flow, _ = low.Float64()
	}
	if high != nil {
		v.fhigh, _ = high.Float64()
	}
	scale := big.NewRat(1, 1)
	for s := range v.lo {
		v.lo[s], v.hi[s] = math.MinInt64, math.MaxInt64
		if low != nil {
			v.lo[s], v.hi[s] = above(new(big.Rat).Mul(low, scale), open)
		}
		if high != nil {
			neg := new(big.Rat).Neg(new(big.Rat).Mul(high, scale))
			lo, hi := above(neg, open)
			if lo > hi {
				v.lo[s], v.hi[s] = 1, 0
			} else {
				v.lo[s], v.hi[s] = math.MinInt64, -max(lo, -math.MaxInt64)
			}
		}
		scale.Mul(scale, big.NewRat(10, 1))
	}
	return v
}

// above gives the int64 range of whole numbers ≥ r, or > r when open; (1, 0) if
// there is none.
func above(r rat, open bool) (lo, hi int64) {
	n := new(big.Int).Div(r.Num(), r.Denom()) // floor, since the denominator is positive
	if !r.IsInt() || open {
		n.Add(n, big.NewInt(1))
	}
	if n.Cmp(big.NewInt(math.MinInt64)) < 0 {
		return math.MinInt64, math.MaxInt64
	}
	if !n.IsInt64() {
		return 1, 0
	}
	return n.Int64(), math.MaxInt64
}

func (v *interval) holds(mant int64, scale uint8) bool {
	return mant >= v.lo[scale] && mant <= v.hi[scale]
}

func (v *interval) holdsRat(r rat) bool {
	if v.low != nil {
		if c := r.Cmp(v.low); c < 0 || c == 0 && v.open {
			return false
		}
	}
	if v.high != nil {
		if c := r.Cmp(v.high); c > 0 || c == 0 && v.open {
			return false
		}
	}
	return true
}

func (v *interval) holdsFloat(f float64) bool {
	if v.open {
		return f > v.flow && f < v.fhigh || v.low == nil && f < v.fhigh || v.high == nil && f > v.flow
	}
	return f >= v.flow && f <= v.fhigh
}

// multiple reports whether mant × 10^-scale is a multiple of the decimal step.
func multiple(r, step rat) bool {
	if step.Sign() == 0 {
		return true
	}
	return new(big.Rat).Quo(r, step).IsInt()
}

func decimalRat(mant int64, scale uint8) rat {
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(big.NewInt(mant), den)
}

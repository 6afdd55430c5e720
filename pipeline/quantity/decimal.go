package quantity

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// A Decimal is an exact number. What catalogs write fits its fast form, a
// 64-bit coefficient and a count of decimals; what does not (a third of a
// turn, a Fahrenheit reading in Celsius, forty digits) is kept as a fraction.
// The zero Decimal is 0. Decimals are compared by Cmp, not by ==.
type Decimal struct {
	coef  int64
	scale uint8 // the value is coef / 10^scale
	rat   *big.Rat
}

// maxScale is the largest number of decimals of the fast form: 10^18 is the
// last power of ten within an int64.
const maxScale = 18

// maxDigits is the number of significant digits from which a run of digits
// is no number but an identifier.
const maxDigits = 40

// maxExponent bounds powers of ten that are read from text.
const maxExponent = 99

var pow10 = [maxScale + 1]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// Int is the Decimal of a whole number.
func Int(n int64) Decimal { return Decimal{coef: n} }

// Ratio is the Decimal num/den; the ratio to zero is zero.
func Ratio(num, den int64) Decimal {
	if den == 0 {
		return Decimal{}
	}
	return fromRat(big.NewRat(num, den))
}

// small makes a Decimal in its one normal form: no zeros at the end of the
// decimals.
func small(coef int64, scale uint8) Decimal {
	for scale > 0 && coef%10 == 0 {
		coef /= 10
		scale--
	}
	return Decimal{coef: coef, scale: scale}
}

// fromRat takes ownership of r and returns the fast form where r has one.
func fromRat(r *big.Rat) Decimal {
	if r.IsInt() && r.Num().IsInt64() {
		return Decimal{coef: r.Num().Int64()}
	}
	if n, exact := r.FloatPrec(); exact && n <= maxScale {
		scaled := new(big.Int).Mul(r.Num(), big.NewInt(pow10[n]))
		scaled.Quo(scaled, r.Denom())
		if scaled.IsInt64() {
			return small(scaled.Int64(), uint8(n)) //nolint:gosec // n ≤ 18
		}
	}
	return Decimal{rat: r}
}

// Rat returns d as a fraction that the caller may modify.
func (d Decimal) Rat() *big.Rat {
	if d.rat != nil {
		return new(big.Rat).Set(d.rat)
	}
	return big.NewRat(d.coef, pow10[d.scale])
}

// ParseDecimal reads a plain decimal (-12.50, .5, 3e-4): a point for the
// decimals and no thousands marks. ParseNumber reads what people write.
func ParseDecimal(s string) (Decimal, bool) {
	neg := false
	t := s
	if t != "" && (t[0] == '-' || t[0] == '+') {
		neg, t = t[0] == '-', t[1:]
	}
	exp := 0
	if i := strings.IndexAny(t, "eE"); i >= 0 {
		e, err := strconv.Atoi(t[i+1:])
		if err != nil || e > maxExponent || e < -maxExponent {
			return Decimal{}, false
		}
		exp, t = e, t[:i]
	}
	whole, frac, point := strings.Cut(t, ".")
	if whole == "" && frac == "" || point && frac == "" {
		return Decimal{}, false
	}
	for i := range len(whole) {
		if !isDigit(whole[i]) {
			return Decimal{}, false
		}
	}
	for i := range len(frac) {
		if !isDigit(frac[i]) {
			return Decimal{}, false
		}
	}
	return makeDecimal(neg, whole, frac, exp)
}

// makeDecimal builds ±whole.frac × 10^exp from runs of digits.
func makeDecimal(neg bool, whole, frac string, exp int) (Decimal, bool) {
	whole = strings.TrimLeft(whole, "0")
	if len(whole)+len(frac) > 4*maxExponent {
		return Decimal{}, false
	}
	if len(whole)+len(frac) <= maxScale && exp == 0 {
		var c int64
		for i := range len(whole) {
			c = c*10 + int64(whole[i]-'0')
		}
		for i := range len(frac) {
			c = c*10 + int64(frac[i]-'0')
		}
		if neg {
			c = -c
		}
		return small(c, uint8(len(frac))), true //nolint:gosec // len ≤ 18
	}
	n, ok := new(big.Int).SetString("0"+whole+frac, 10)
	if !ok {
		return Decimal{}, false
	}
	if neg {
		n.Neg(n)
	}
	r := new(big.Rat).SetInt(n)
	shift := exp - len(frac)
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(abs(shift))), nil))
	if shift < 0 {
		r.Quo(r, p)
	} else {
		r.Mul(r, p)
	}
	return fromRat(r), true
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.rat != nil:
		return d.rat.Sign()
	case d.coef < 0:
		return -1
	case d.coef > 0:
		return 1
	}
	return 0
}

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.Sign() == 0 }

// Neg is -d.
func (d Decimal) Neg() Decimal {
	if d.rat != nil {
		return fromRat(new(big.Rat).Neg(d.rat))
	}
	if d.coef == math.MinInt64 {
		return fromRat(new(big.Rat).Neg(d.Rat()))
	}
	return Decimal{coef: -d.coef, scale: d.scale}
}

// Abs is d without its sign.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// align returns the coefficients of a and b at their common scale, or false
// when they do not fit.
func align(a, b Decimal) (ca, cb int64, scale uint8, ok bool) {
	if a.rat != nil || b.rat != nil {
		return 0, 0, 0, false
	}
	switch {
	case a.scale == b.scale:
		return a.coef, b.coef, a.scale, true
	case a.scale < b.scale:
		c, ok := mul64(a.coef, pow10[b.scale-a.scale])
		return c, b.coef, b.scale, ok
	default:
		c, ok := mul64(b.coef, pow10[a.scale-b.scale])
		return a.coef, c, a.scale, ok
	}
}

func mul64(a, b int64) (int64, bool) {
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, false
	}
	ua, ub := uint64(a), uint64(b) //nolint:gosec // made positive below
	neg := false
	if a < 0 {
		ua, neg = uint64(-a), !neg //nolint:gosec // -a > 0
	}
	if b < 0 {
		ub, neg = uint64(-b), !neg //nolint:gosec // -b > 0
	}
	hi, lo := bits.Mul64(ua, ub)
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if neg {
		return -int64(lo), true //nolint:gosec // lo ≤ MaxInt64
	}
	return int64(lo), true //nolint:gosec // lo ≤ MaxInt64
}

// Add is d + e.
func (d Decimal) Add(e Decimal) Decimal {
	if a, b, s, ok := align(d, e); ok {
		if sum := a + b; (sum > a) == (b > 0) {
			return small(sum, s)
		}
	}
	r := d.Rat()
	return fromRat(r.Add(r, e.Rat()))
}

// Sub is d - e.
func (d Decimal) Sub(e Decimal) Decimal { return d.Add(e.Neg()) }

// Mul is d × e.
func (d Decimal) Mul(e Decimal) Decimal {
	if d.rat == nil && e.rat == nil && d.scale+e.scale <= maxScale {
		if c, ok := mul64(d.coef, e.coef); ok {
			return small(c, d.scale+e.scale)
		}
	}
	r := d.Rat()
	return fromRat(r.Mul(r, e.Rat()))
}

// Quo is d / e, exactly; it reports false when e is 0.
func (d Decimal) Quo(e Decimal) (Decimal, bool) {
	if e.IsZero() {
		return Decimal{}, false
	}
	r := d.Rat()
	return fromRat(r.Quo(r, e.Rat())), true
}

// Cmp is -1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int {
	if a, b, _, ok := align(d, e); ok {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	return d.Rat().Cmp(e.Rat())
}

// Float is the float64 nearest to d.
func (d Decimal) Float() float64 {
	if d.rat != nil {
		f, _ := d.rat.Float64()
		return f
	}
	if d.scale == 0 {
		return float64(d.coef)
	}
	if d.coef < 1<<53 && d.coef > -1<<53 {
		return float64(d.coef) / float64(pow10[d.scale])
	}
	f, _ := d.Rat().Float64()
	return f
}

// significant is the number of digits with which a fraction that has no end
// (1/3) is written.
const significant = 15

// String is d as a plain decimal without exponent, exact where the decimals
// end and rounded to 15 significant digits where they do not.
func (d Decimal) String() string {
	if d.rat == nil {
		return string(d.Append(nil))
	}
	n, exact := d.rat.FloatPrec()
	if exact && n <= 2*maxExponent {
		return d.rat.FloatString(n)
	}
	f, _ := d.rat.Float64()
	decimals := significant
	if f != 0 && !math.IsInf(f, 0) {
		decimals = max(0, significant-1-int(math.Floor(math.Log10(math.Abs(f)))))
	}
	s := d.rat.FloatString(min(decimals, 4*maxExponent))
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// Append appends the text of String to dst.
func (d Decimal) Append(dst []byte) []byte {
	if d.rat != nil {
		return append(dst, d.String()...)
	}
	if d.scale == 0 {
		return strconv.AppendInt(dst, d.coef, 10)
	}
	u := uint64(d.coef) //nolint:gosec // made positive below
	if d.coef < 0 {
		dst = append(dst, '-')
		u = -u
	}
	p := uint64(pow10[d.scale]) //nolint:gosec // powers of ten are positive
	dst = strconv.AppendUint(dst, u/p, 10)
	dst = append(dst, '.')
	frac := u % p
	for i := int(d.scale) - 1; i >= 0; i-- {
		q := uint64(pow10[i]) //nolint:gosec // powers of ten are positive
		dst = append(dst, byte('0'+frac/q%10))
	}
	return dst
}

// Round is d with at most n decimals, halves rounded away from zero.
func (d Decimal) Round(n int) Decimal {
	if n < 0 {
		n = 0
	}
	if d.rat == nil && int(d.scale) <= n {
		return d
	}
	r, ok := new(big.Rat).SetString(d.Rat().FloatString(n))
	if !ok {
		return d
	}
	return fromRat(r)
}

// Exact reports whether String writes all of d.
func (d Decimal) Exact() bool {
	if d.rat == nil {
		return true
	}
	n, exact := d.rat.FloatPrec()
	return exact && n <= 2*maxExponent
}

// MarshalText writes String.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

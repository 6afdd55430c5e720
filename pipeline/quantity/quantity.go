package quantity

import (
	"github.com/assay-pipeline/assay/pipeline"
)

// A Kind says how a quantity was written.
type Kind string

const (
	// Single: one value, 1.5 kW.
	Single Kind = "single"
	// Range: two ends, 10-30 V; Value is the first as written, High the second.
	Range Kind = "range"
	// Tolerance: a deviation without a value of its own, ±5 %.
	Tolerant Kind = "tolerance"
	// Fraction: a numerator and denominator, 1/2" or 1 1/2.
	Fraction Kind = "fraction"
	// Dimensions: one part of a product, each of 25x52x15.
	Dimensions Kind = "dimensions"
	// Coded: a letter stands for the decimal mark, 4K7.
	Coded Kind = "coded"
)

// A Quantity is one number of a text with its unit and where both stand.
type Quantity struct {
	Kind  Kind
	Value Decimal
	// High is the other end of a Range.
	High *Decimal
	// Tol is the half width of a value with a deviation, 10 ±0.1 mm.
	Tol *Decimal
	// Alt is the other reading of an ambiguous mark: 1,500 is read as 1500
	// with 1.5 beside it, when the language is not known.
	Alt *Decimal

	// Unit is the zero Unit for a bare number, and for a symbol that the
	// context does not resolve; then Readings has what it could be.
	Unit Unit
	// Readings are all readings of the unit symbol, the most natural first.
	// The slice is shared: do not modify it.
	Readings []Unit

	// Text is the source from Start to End: number and unit.
	Text       string
	Start, End int
	// NumEnd is where the number ends within Start..End.
	NumEnd int
	// UnitStart and UnitEnd are where the unit stands; they lie outside of
	// Start..End when one unit serves several numbers (25x52x15 mm), and are
	// equal when there is none.
	UnitStart, UnitEnd int

	// Prefix are the letters glued to the front: M of M10, DN of DN50.
	Prefix string
	// Glued: letters or digits of the same word go before or after, so that
	// the number may be part of a name (6205-2RS, LGA1156).
	Glued bool
	// Group numbers the product that a part belongs to, from 1; 0 is none.
	Group int
}

// HasUnit reports whether the unit is known.
func (q Quantity) HasUnit() bool { return q.Unit.Code != "" }

// Resolve takes the reading of q's unit that has one of the dimensions, if
// exactly one has. A bare number resolves only to None or Count.
func (q Quantity) Resolve(dims ...Dimension) (Quantity, bool) {
	var found Unit
	n := 0
	for _, u := range q.Readings {
		for _, d := range dims {
			if u.Dimension == d && (n == 0 || found.Code != u.Code) {
				if n++; n == 1 {
					found = u
				}
			}
		}
	}
	if len(q.Readings) == 0 {
		for _, d := range dims {
			if d == None || d == Count {
				return q, true
			}
		}
		return q, false
	}
	if n == 0 {
		return q, false
	}
	if n > 1 {
		// Several readings of one dimension (mW, MW in capitals): the one
		// that was taken without context stands, else none.
		for _, d := range dims {
			if q.Unit.Dimension == d && q.HasUnit() {
				return q, true
			}
		}
		return q, false
	}
	q.Unit = found
	return q, true
}

// In is q in the unit u, High, Tol and Alt with it. Units of another
// dimension: code invalid.
func (q Quantity) In(u Unit) (Quantity, error) {
	if !q.HasUnit() {
		return Quantity{}, pipeline.Errorf(pipeline.CodeInvalid, "%q has no unit that is known, so it is not a value in %q", clip(q.Text), clip(u.Code))
	}
	if q.Unit.Code == u.Code {
		return q, nil
	}
	var err error
	if q.Tol != nil {
		// A deviation is an interval: the offset of a scale cancels out.
		zero, err1 := q.Unit.In(Int(0), u)
		t, err2 := q.Unit.In(*q.Tol, u)
		if err1 != nil || err2 != nil {
			return Quantity{}, err1
		}
		t = t.Sub(zero)
		q.Tol = &t
	}
	if q.Kind == Tolerant {
		zero, err := q.Unit.In(Int(0), u)
		if err != nil {
			return Quantity{}, err
		}
		v, err := q.Unit.In(q.Value, u)
		if err != nil {
			return Quantity{}, err
		}
		q.Value, q.Unit = v.Sub(zero), u
		return q, nil
	}
	for _, p := range []**Decimal{&q.High, &q.Alt} {
		if *p != nil {
			v, err := q.Unit.In(**p, u)
			if err != nil {
				return Quantity{}, err
			}
			*p = &v
		}
	}
	if q.Value, err = q.Unit.In(q.Value, u); err != nil {
		return Quantity{}, err
	}
	q.Unit = u
	return q, nil
}

// Canonical is q in the canonical unit of its dimension. A bare number is
// returned as it is.
func (q Quantity) Canonical() (Quantity, error) {
	if !q.HasUnit() {
		if len(q.Readings) > 0 {
			return Quantity{}, pipeline.Errorf(pipeline.CodeInvalid, "the unit of %q is ambiguous", clip(q.Text)).
				WithHint("name the dimension that is expected")
		}
		return q, nil
	}
	return q.In(Canonical(q.Unit.Dimension))
}

// A Tolerance is how far two values may lie apart: by Abs, in the canonical
// unit, or by Rel of the larger. The zero Tolerance demands equality.
type Tolerance struct {
	Abs, Rel Decimal
}

// Within reports whether a and b lie within t of each other.
func (t Tolerance) Within(a, b Decimal) bool {
	c := a.Cmp(b)
	if c == 0 {
		return true
	}
	diff := a.Sub(b).Abs()
	if diff.Cmp(t.Abs) <= 0 {
		return true
	}
	larger := a.Abs()
	if o := b.Abs(); o.Cmp(larger) > 0 {
		larger = o
	}
	return diff.Cmp(larger.Mul(t.Rel)) <= 0
}

// Equal reports whether a and b are the same quantity within the tolerance:
// the same dimension, and both ends of ranges. An ambiguous unit equals
// nothing; a bare number equals only a bare number.
func Equal(a, b Quantity, tol Tolerance) bool {
	if a.Unit.Dimension != b.Unit.Dimension || (a.High == nil) != (b.High == nil) || (a.Kind == Tolerant) != (b.Kind == Tolerant) {
		return false
	}
	x, err := a.Canonical()
	if err != nil {
		return false
	}
	y, err := b.Canonical()
	if err != nil || !tol.Within(x.Value, y.Value) {
		return false
	}
	return x.High == nil || tol.Within(*x.High, *y.High)
}

package quantity

import (
	"math/big"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
)

// atomTable is the UCUM table by code, with the measures worked out on first
// use: an atom is defined by others, and the standard has no cycles.
type atomTable struct {
	atoms map[string]*atom
	base  map[string]int

	mu       sync.Mutex
	measures map[string]measure
}

var table = sync.OnceValue(func() *atomTable {
	t := &atomTable{
		atoms:    make(map[string]*atom, len(scienceAtoms)+len(tradeAtoms)),
		base:     make(map[string]int, len(baseUnits)),
		measures: make(map[string]measure, len(scienceAtoms)+len(tradeAtoms)),
	}
	for i := range scienceAtoms {
		t.atoms[scienceAtoms[i].code] = &scienceAtoms[i]
	}
	for i := range tradeAtoms {
		t.atoms[tradeAtoms[i].code] = &tradeAtoms[i]
	}
	for i, b := range baseUnits {
		t.base[b.code] = i
	}
	return t
})

func (t *atomTable) known(code string) (isMetric, ok bool) {
	if _, ok := t.base[code]; ok {
		return true, true
	}
	a, ok := t.atoms[code]
	return ok && a.flags&metric != 0, ok
}

// measure works out the measure of an atom or base unit.
func (t *atomTable) measure(code string) (measure, error) {
	if i, ok := t.base[code]; ok {
		m := measure{factor: big.NewRat(1, 1)}
		m.vector[baseUnits[i].dim] = 1
		return m, nil
	}
	t.mu.Lock()
	m, ok := t.measures[code]
	t.mu.Unlock()
	if ok {
		return m, nil
	}
	a := t.atoms[code]
	v, ok := new(big.Rat).SetString(a.value)
	if !ok {
		return measure{}, pipeline.Errorf(pipeline.CodeInternal, "unit table: %s has value %q", code, a.value)
	}
	m, err := evaluate(a.unit)
	if err != nil {
		return measure{}, err
	}
	m.factor = new(big.Rat).Mul(m.factor, v)
	if a.special != "" {
		m.scale = scales[a.special]
		m.step = big.NewRat(1, 1)
	}
	if a.flags&arbitrary != 0 {
		m.arbitrary = code
	}
	t.mu.Lock()
	t.measures[code] = m
	t.mu.Unlock()
	return m, nil
}

// apply multiplies m by one component.
func (m *measure) apply(c component) error {
	if c.number != "" {
		n, ok := new(big.Rat).SetString(c.number)
		if !ok || n.Sign() == 0 {
			return pipeline.Errorf(pipeline.CodeInvalid, "unit factor %s is not a positive number", c.number)
		}
		m.factor = new(big.Rat).Mul(m.factor, power(n, c.power))
		m.step, m.scale = nil, nil
		return nil
	}
	unit, err := table().measure(c.atom)
	if err != nil {
		return err
	}
	first := m.vector == vector{} && m.factor.Cmp(one) == 0 && m.scale == nil && m.arbitrary == ""
	f := unit.factor
	pre := one
	if c.prefix != "" {
		pre = prefixFactor(c.prefix)
		f = new(big.Rat).Mul(f, pre)
	}
	m.factor = new(big.Rat).Mul(m.factor, power(f, c.power))
	for i, e := range unit.vector {
		n := int(m.vector[i]) + int(e)*c.power
		if n > 120 || n < -120 {
			return pipeline.Errorf(pipeline.CodeInvalid, "unit exponent above 120")
		}
		m.vector[i] = int8(n) //nolint:gosec // |n| ≤ 120
	}
	if unit.arbitrary != "" && c.power != 0 {
		m.arbitrary += unit.arbitrary + "^" + big.NewInt(int64(c.power)).String() + ";"
	}
	// A special scale counts only for a unit that stands alone; in W/Cel the
	// degree is an interval.
	m.scale, m.step = nil, nil
	if first && unit.scale != nil && c.power == 1 {
		m.scale, m.step = unit.scale, pre
		m.factor = unit.factor
	}
	return nil
}

var one = big.NewRat(1, 1)

func prefixFactor(code string) *big.Rat {
	if n, ok := binaryPower[code]; ok {
		return power(big.NewRat(1024, 1), n)
	}
	for _, p := range prefixes {
		if p.code == code {
			return power(big.NewRat(10, 1), p.power)
		}
	}
	return one
}

// power is r^n for |n| ≤ 99.
func power(r *big.Rat, n int) *big.Rat {
	if n == 1 {
		return r
	}
	e := big.NewInt(int64(abs(n)))
	num, den := new(big.Int).Exp(r.Num(), e, nil), new(big.Int).Exp(r.Denom(), e, nil)
	if n < 0 {
		num, den = den, num
	}
	if den.Sign() == 0 {
		return new(big.Rat)
	}
	return new(big.Rat).SetFrac(num, den)
}

func prefixName(code string) string {
	for _, p := range prefixes {
		if p.code == code {
			return p.name
		}
	}
	return ""
}

func (t *atomTable) name(code string) string {
	if i, ok := t.base[code]; ok {
		return baseUnits[i].name
	}
	return t.atoms[code].name
}

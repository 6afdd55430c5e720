package stats

import (
	"math"
	"math/bits"
)

// distinctBits is the logarithm of the registers of a Distinct: 16,384 of them
// have a standard error of 1.04/√16384 = 0.8 %.
const distinctBits = 14

// A Distinct estimates how many different values it was shown, from their
// 64-bit hashes (HyperLogLog, Flajolet and others 2007, with the estimator of
// Ertl 2017, which needs no switch between small and large). What it holds does not depend on order, so that parts
// merge to the same bytes. The zero value is empty.
type Distinct struct {
	// Registers is nil while it is empty.
	Registers []byte `json:"registers,omitempty"`
}

// Add shows it the hash of a value. The hash must be spread over all 64 bits
// (Mix).
func (d *Distinct) Add(hash uint64) {
	if d.Registers == nil {
		d.Registers = make([]byte, 1<<distinctBits)
	}
	i := hash >> (64 - distinctBits)
	rank := byte(bits.LeadingZeros64(hash<<distinctBits|1<<(distinctBits-1)) + 1)
	if rank > d.Registers[i] {
		d.Registers[i] = rank
	}
}

// Merge adds all that o was shown.
func (d *Distinct) Merge(o *Distinct) {
	if len(o.Registers) != 1<<distinctBits {
		return
	}
	if len(d.Registers) == 0 {
		d.Registers = make([]byte, 1<<distinctBits)
	}
	for i, r := range o.Registers {
		d.Registers[i] = max(d.Registers[i], r)
	}
}

// Count is the estimate.
func (d *Distinct) Count() int64 {
	if len(d.Registers) == 0 {
		return 0
	}
	const m, q = 1 << distinctBits, 64 - distinctBits
	var of [q + 2]float64 // registers by their value
	for _, r := range d.Registers {
		of[min(r, q+1)]++
	}
	z := m * tau(1-of[q+1]/m)
	for k := q; k > 0; k-- {
		z = (z + of[k]) / 2
	}
	z += m * sigma(of[0]/m)
	return int64(math.Round(m * m / (2 * math.Ln2 * z)))
}

// sigma and tau correct for registers that are empty and full.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	for y, z := 1.0, x; ; y += y {
		x *= x
		last := z
		if z += x * y; z == last {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	for y, z := 0.5, 1-x; ; y /= 2 {
		x = math.Sqrt(x)
		last := z
		if z -= (1 - x) * (1 - x) * y; z == last {
			return z / 3
		}
	}
}

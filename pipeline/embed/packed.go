package embed

import (
	"encoding/binary"
	"math"
	"slices"
)

// levels is the largest magnitude of a packed component. 7 bits leave room to
// add two products of an unsigned and a signed byte in 16 bits twice over.
const levels = 63

// lane is what a row of a Packed set is padded to, in bytes.
const lane = 64

// A Packed set holds vectors of one space in one byte per dimension, row by
// row: a quarter of the memory of float32, and several times the speed to scan.
// Dots of packed vectors are near the true ones; Slack bounds by how much.
type Packed struct {
	dim   int
	width int // dim padded to whole lanes
	rows  []byte
	scale []float32 // what a step of a row is worth
	sums  []int32   // of the steps of a row
	slack []float32 // length of what rounding took from a row
}

// NewPacked returns an empty set of vectors of dim dimensions.
func NewPacked(dim int) *Packed {
	return &Packed{dim: dim, width: (dim + lane - 1) / lane * lane}
}

// Len is the number of rows.
func (p *Packed) Len() int { return len(p.scale) }

// Dimensions of its vectors.
func (p *Packed) Dimensions() int { return p.dim }

// Grow makes room for n more rows.
func (p *Packed) Grow(n int) {
	p.rows = slices.Grow(p.rows, n*p.width)
	p.scale, p.slack, p.sums = slices.Grow(p.scale, n), slices.Grow(p.slack, n), slices.Grow(p.sums, n)
}

// Append adds v, whose length is Dimensions, as the last row.
func (p *Packed) Append(v []float32) {
	n := len(p.rows)
	p.rows = slices.Grow(p.rows, p.width)[:n+p.width]
	scale, slack, sum := pack(p.rows[n:], v)
	p.scale, p.slack, p.sums = append(p.scale, scale), append(p.slack, slack), append(p.sums, sum)
}

// Set replaces row i.
func (p *Packed) Set(i int, v []float32) {
	p.scale[i], p.slack[i], p.sums[i] = pack(p.rows[i*p.width:(i+1)*p.width], v)
}

// Move copies row from over row to.
func (p *Packed) Move(to, from int) {
	copy(p.rows[to*p.width:(to+1)*p.width], p.rows[from*p.width:(from+1)*p.width])
	p.scale[to], p.slack[to], p.sums[to] = p.scale[from], p.slack[from], p.sums[from]
}

// Truncate drops the rows from n on.
func (p *Packed) Truncate(n int) {
	p.rows, p.scale, p.slack, p.sums = p.rows[:n*p.width], p.scale[:n], p.slack[:n], p.sums[:n]
}

// pack writes v into dst, each component as its step plus 64, and sums the
// steps.
func pack(dst []byte, v []float32) (scale, slack float32, sum int32) {
	var most float32
	for _, f := range v {
		most = max(most, f, -f)
	}
	if most == 0 || math.IsNaN(float64(most)) || math.IsInf(float64(most), 0) {
		for i := range dst {
			dst[i] = 64
		}
		return 0, 0, 0
	}
	scale = most / levels
	var lost float64
	for i := range dst {
		dst[i] = 64
		if i < len(v) && v[i] != 0 {
			n := math.Round(float64(v[i]) / float64(scale))
			dst[i] = byte(64 + int(n))
			sum += int32(n)
			d := float64(v[i]) - n*float64(scale)
			lost += d * d
		}
	}
	return scale, float32(math.Sqrt(lost)), sum
}

// A Probe is a vector prepared to be compared with rows of a Packed set.
type Probe struct {
	steps []byte   // two's complement
	used  []uint16 // dimensions that are not 0, for the kernel in plain Go
	shift int32    // what the 64 in every row adds
	scale float32
	slack float32
}

// Load prepares p for v, a vector of the set's space. A Probe may be loaded
// again and again.
func (s *Packed) Load(p *Probe, v []float32) {
	row := make([]byte, s.width)
	scale, slack, sum := pack(row, v)
	p.load(row, scale, slack, sum)
}

// LoadRow prepares p for row i.
func (s *Packed) LoadRow(p *Probe, i int) {
	p.load(s.rows[i*s.width:(i+1)*s.width], s.scale[i], s.slack[i], s.sums[i])
}

func (p *Probe) load(row []byte, scale, slack float32, sum int32) {
	if cap(p.steps) < len(row) {
		p.steps = make([]byte, len(row))
	}
	p.steps = p.steps[:len(row)]
	// Eight bytes at a time less 64: rows hold 1..127, so none borrows.
	const high, by = 0x8080808080808080, 0x4040404040404040
	for i := 0; i+8 <= len(row); i += 8 {
		x := binary.LittleEndian.Uint64(row[i:])
		binary.LittleEndian.PutUint64(p.steps[i:], ((x|high)-by)^high)
	}
	p.shift, p.scale, p.slack = 64*sum, scale, slack
	if !wide {
		p.sparse()
	}
}

// sparse lists the dimensions that p uses.
func (p *Probe) sparse() {
	p.used = p.used[:0]
	for i, b := range p.steps {
		if b != 0 && i <= math.MaxUint16 {
			p.used = append(p.used, uint16(i))
		}
	}
}

// Dots appends to dst the inner products of p with the rows from..to. raw is
// scratch memory of at least to-from.
func (s *Packed) Dots(dst []float32, p *Probe, from, to int, raw []int32) []float32 {
	if from >= to {
		return dst
	}
	raw = raw[:to-from]
	dotRows(raw, p, s.rows[from*s.width:to*s.width], s.width)
	for i, x := range raw {
		dst = append(dst, float32(float32(x-p.shift)*float32(p.scale*s.scale[from+i])))
	}
	return dst
}

// Slack bounds how far the packed dot of p and row i may lie from that of the
// vectors themselves, which are at most of length 1 (Cauchy and Schwarz).
func (s *Packed) Slack(p *Probe, i int) float32 {
	return p.slack + (1+p.slack)*s.slack[i] + 1e-5
}

// MaxSlack is the largest Slack of p and any row.
func (s *Packed) MaxSlack(p *Probe) float32 {
	most := float32(0)
	for _, x := range s.slack {
		most = max(most, x)
	}
	return p.slack + (1+p.slack)*most + 1e-5
}

// plainDots is the kernel in plain Go: it skips the dimensions that p does not
// use, four of five in the vector of a short text.
func plainDots(out []int32, p *Probe, rows []byte, width int) {
	if 2*len(p.used) > width || width > math.MaxUint16 {
		for i := range out {
			row := rows[i*width : (i+1)*width]
			var a, b int32
			for j := 0; j+1 < len(row); j += 2 {
				a += int32(int8(p.steps[j])) * int32(row[j])
				b += int32(int8(p.steps[j+1])) * int32(row[j+1])
			}
			out[i] = a + b
		}
		return
	}
	for i := range out {
		row := rows[i*width : (i+1)*width]
		var a, b int32
		used := p.used
		for len(used) >= 2 {
			a += int32(int8(p.steps[used[0]])) * int32(row[used[0]])
			b += int32(int8(p.steps[used[1]])) * int32(row[used[1]])
			used = used[2:]
		}
		for _, d := range used {
			a += int32(int8(p.steps[d])) * int32(row[d])
		}
		out[i] = a + b
	}
}

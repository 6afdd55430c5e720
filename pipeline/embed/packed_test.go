package embed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestPackedDots: the kernel in use gives the same integers as plain Go, and
// the packed dot lies within its slack of the true one, for any vectors.
func TestPackedDots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 300).Draw(t, "dim")
		n := rapid.IntRange(0, 11).Draw(t, "rows")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		dense := rapid.Bool().Draw(t, "dense")
		vector := func() []float32 {
			v := make([]float32, dim)
			sq := 0.0
			for i := range v {
				if dense || r.IntN(5) == 0 {
					v[i] = float32(r.NormFloat64())
				}
				sq += float64(v[i]) * float64(v[i])
			}
			for i := range v {
				if sq > 0 {
					v[i] /= float32(math.Sqrt(sq))
				}
			}
			return v
		}
		p := NewPacked(dim)
		var rows [][]float32
		for range n {
			rows = append(rows, vector())
			p.Append(rows[len(rows)-1])
		}
		q := vector()
		var probe Probe
		p.Load(&probe, q)
		got, want := make([]int32, n), make([]int32, n)
		dotRows(got, &probe, p.rows, p.width)
		probe.sparse()
		plainDots(want, &probe, p.rows, p.width)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("row %d: %d, in plain Go %d", i, got[i], want[i])
			}
		}
		for i, d := range p.Dots(nil, &probe, 0, n, make([]int32, n)) {
			if x := Dot(q, rows[i]); math.Abs(float64(x-d)) > float64(p.Slack(&probe, i)) {
				t.Fatalf("row %d: packed %v, true %v, slack %v", i, d, x, p.Slack(&probe, i))
			}
		}
	})
}

// TestPackedExtremes: the largest components that packing makes do not
// overflow the sums of the kernel.
func TestPackedExtremes(t *testing.T) {
	for _, sign := range []float32{1, -1} {
		p := NewPacked(512)
		v := make([]float32, 512)
		for i := range v {
			v[i] = sign
		}
		for range 9 {
			p.Append(v)
		}
		var probe Probe
		p.LoadRow(&probe, 3)
		for i, d := range p.Dots(nil, &probe, 0, 9, make([]int32, 9)) {
			if math.Abs(float64(d)-512) > 0.01 {
				t.Errorf("sign %v, row %d: %v, want 512", sign, i, d)
			}
		}
	}
}

func TestPackedRowsMove(t *testing.T) {
	h := NewHashing(nil)
	p := NewPacked(Dim)
	for i := range 5 {
		p.Append(h.Vector(fmt.Sprintf("bolt M%d x %d", i, 7*i)))
	}
	p.Set(1, h.Vector("washer"))
	p.Move(0, 4)
	p.Truncate(4)
	var q Probe
	p.Load(&q, h.Vector("washer"))
	d := p.Dots(nil, &q, 0, p.Len(), make([]int32, 4))
	if len(d) != 4 || d[1] < 0.97 || d[0] > 0.9 {
		t.Errorf("dots %v", d)
	}
	p.Load(&q, h.Vector("bolt M4 x 28"))
	if d := p.Dots(nil, &q, 0, 1, make([]int32, 1)); d[0] < 0.97 {
		t.Errorf("the moved row gives %v", d)
	}
	p.Load(&q, make([]float32, Dim))
	for _, x := range p.Dots(nil, &q, 0, 4, make([]int32, 4)) {
		if x != 0 {
			t.Errorf("an empty text is like something: %v", x)
		}
	}
}

func BenchmarkPackedDots(b *testing.B) {
	h := NewHashing(nil)
	p := NewPacked(Dim)
	for i := range 256 {
		p.Append(h.Vector(fmt.Sprintf("hexagon screw DIN 933 M%dx%d 8.8 zinc plated", i%40, 5*(i/4))))
	}
	var q Probe
	p.LoadRow(&q, 77)
	raw, dst := make([]int32, 256), make([]float32, 0, 256)
	b.Run("kernel", func(b *testing.B) {
		for b.Loop() {
			dst = p.Dots(dst[:0], &q, 0, 256, raw)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/dot")
	})
	b.Run("plain", func(b *testing.B) {
		q.sparse()
		for b.Loop() {
			plainDots(raw, &q, p.rows, p.width)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/dot")
	})
}

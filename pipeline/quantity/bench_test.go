package quantity

import (
	"strings"
	"testing"
)

var benchLines = []string{
	"PUMP,CENTRIF,BSCH,1.5KW,400V",
	"BEARING 6205-2RS 25X52X15 MM",
	"SCREW HEX M10x1.5x50 DIN 933 8.8",
	"Kondensator 100nF 50V X7R 0603 10%",
	"MOTOR 1,5KW 1450 U/min 230/400V IE3 IP55",
	"VALVE BALL 1 1/2\" NPT 16 BAR -20...+60 °C",
	"CABLE 3X2.5MM2 100 MTR BLACK",
	"SENSOR INDUCTIVE 10..30V DC PNP M12 IP67",
}

// BenchmarkScan measures one catalog line; the aim is 500,000 a second and
// core.
func BenchmarkScan(b *testing.B) {
	var dst []Quantity
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		dst = AppendScan(dst[:0], benchLines[i&7], Options{})
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
}

func BenchmarkScanWithDesignations(b *testing.B) {
	var dst []Quantity
	var ds []Designation
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		dst = AppendScan(dst[:0], benchLines[i&7], Options{})
		ds = AppendDesignations(ds[:0], benchLines[i&7], dst)
		i++
	}
}

func BenchmarkCanonical(b *testing.B) {
	q := Scan("1.5KW", Options{})[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Canonical(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	for _, c := range []struct{ name, unit string }{
		{"digits", "1234567890"}, {"letters", "abcdefghij"}, {"slashes", "1/2/3/4/5/"}, {"dots", "1.1.1.1.1."}, {"units", "5mm/5mm/5m"},
		{"dashes", "1-1-1-1-1-"}, {"spaces", "1 1 1 1 1 "}, {"products", "1x1x1x1x1x"}, {"quotes", "\"1\"1\"1\"1\""}, {"micro", "µµµµµ"}, {"word", "one two th"}, {"vulgar", "½1 ½1 ½"},
	} {
		text := strings.Repeat(c.unit, 100_000)
		for _, opt := range []Options{{}, {Prose: true, Language: German}} {
			b.Run(c.name, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					Scan(text, opt)
				}
			})
		}
	}
}

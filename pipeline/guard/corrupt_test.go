package guard

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A written quantity of a generated line, with what it truly is.
type written struct {
	name  string
	value quantity.Decimal
	unit  string // UCUM, as written
	dim   quantity.Dimension
	span  pipeline.Span
}

// A generated line, and other things the corruptions draw from.
type line struct {
	text  string
	facts []written
	words []string
}

var spellingsOf = []struct {
	name, unit string
	dim        quantity.Dimension
	texts      []string
	values     []string
}{
	{"power", "kW", quantity.Power, []string{"kW", " kW", "KW", " Kw"}, []string{"0.75", "1.5", "2.2", "11", "37", "132"}},
	{"power", "W", quantity.Power, []string{"W", " W", " Watt"}, []string{"40", "60", "250", "1500"}},
	{"voltage", "V", quantity.Voltage, []string{"V", " V", "VAC", " VDC"}, []string{"12", "24", "-15", "110", "230", "400"}},
	{"current", "mA", quantity.Current, []string{"mA", " MA", " mA"}, []string{"20", "100", "500"}},
	{"current", "A", quantity.Current, []string{"A", " A"}, []string{"0.5", "6.3", "16", "63"}},
	{"length", "mm", quantity.Length, []string{"mm", " mm", "MM"}, []string{"6", "12.5", "25", "52", "150", "0.35", "1200"}},
	{"length", "[in_i]", quantity.Length, []string{"\"", " inch", " Zoll"}, []string{"2", "3", "10"}},
	{"capacitance", "nF", quantity.Capacitance, []string{"nF", " nF", "NF"}, []string{"10", "47", "100", "220"}},
	{"capacitance", "uF", quantity.Capacitance, []string{"µF", " uF", "UF"}, []string{"1", "4.7", "22", "470"}},
	{"resistance", "kOhm", quantity.Resistance, []string{"kΩ", "KOHM", " kOhm"}, []string{"1", "4.7", "10", "33"}},
	{"temperature", "Cel", quantity.Temperature, []string{"°C", " °C"}, []string{"-40", "-20", "60", "125"}},
	{"pressure", "bar", quantity.Pressure, []string{"bar", " BAR"}, []string{"2.5", "6", "16", "315"}},
	{"rotation", "/min", quantity.Rotation, []string{" rpm", " U/min", "RPM"}, []string{"950", "1450", "2850"}},
	{"mass", "kg", quantity.Mass, []string{"kg", " KG"}, []string{"0.2", "5", "25"}},
	{"torque", "N.m", quantity.Torque, []string{"Nm", " Nm"}, []string{"1.2", "9", "85"}},
}

var lineWords = strings.Fields("PUMP Motor VALVE Ventil Getriebe BEARING Welle RELAY Schütz CABLE Zylinder COUPLING")

func generate(r *rand.Rand) line {
	var b strings.Builder
	l := line{}
	word := func() {
		w := lineWords[r.IntN(len(lineWords))]
		l.words = append(l.words, w)
		b.WriteString(w)
		b.WriteString([]string{" ", ", ", ","}[r.IntN(3)])
	}
	word()
	for range 1 + r.IntN(4) {
		s := spellingsOf[r.IntN(len(spellingsOf))]
		text := s.values[r.IntN(len(s.values))]
		v, _ := quantity.ParseDecimal(text)
		if r.IntN(2) == 0 && !strings.HasSuffix(b.String(), ",") {
			text = strings.Replace(text, ".", ",", 1)
		}
		if strings.HasSuffix(b.String(), ",") && r.IntN(2) == 0 {
			b.WriteByte(' ')
		}
		start := b.Len()
		b.WriteString(text + s.texts[r.IntN(len(s.texts))])
		l.facts = append(l.facts, written{s.name, v, s.unit, s.dim, pipeline.Span{Start: start, End: b.Len()}})
		b.WriteString([]string{" ", "; ", ", "}[r.IntN(3)])
		if r.IntN(3) == 0 {
			word()
		}
	}
	l.text = strings.TrimRight(b.String(), " ,;")
	return l
}

func claimOf(v quantity.Decimal, unit string, dim quantity.Dimension) (Claim, bool) {
	from := quantity.Unit{Code: unit, Dimension: dim}
	to := quantity.Canonical(dim)
	c, err := from.In(v, to)
	if err != nil {
		return Claim{}, false
	}
	value, ok := pipeline.Number(c.String())
	return Claim{Value: value, Unit: to.Code, Dimension: dim}, ok
}

// corruptions are the ways in which an extractor gets a number wrong.
var corruptions = []struct {
	name string
	do   func(r *rand.Rand, l line, w written, other line) (quantity.Decimal, string, quantity.Dimension, bool)
}{
	{"digit changed", func(r *rand.Rand, _ line, w written, _ line) (quantity.Decimal, string, quantity.Dimension, bool) {
		b := []byte(w.value.String())
		for {
			if i := r.IntN(len(b)); b[i] >= '0' && b[i] <= '9' {
				b[i] = byte('0' + (int(b[i]-'0')+1+r.IntN(9))%10)
				v, ok := quantity.ParseDecimal(string(b))
				return v, w.unit, w.dim, ok
			}
		}
	}},
	{"decimal shifted", func(r *rand.Rand, _ line, w written, _ line) (quantity.Decimal, string, quantity.Dimension, bool) {
		p := []quantity.Decimal{quantity.Int(10), quantity.Int(100), quantity.Int(1000), quantity.Ratio(1, 10), quantity.Ratio(1, 100), quantity.Ratio(1, 1000)}
		return w.value.Mul(p[r.IntN(len(p))]), w.unit, w.dim, true
	}},
	{"sign lost", func(_ *rand.Rand, _ line, w written, _ line) (quantity.Decimal, string, quantity.Dimension, bool) {
		return w.value.Neg(), w.unit, w.dim, true
	}},
	{"prefix changed", func(r *rand.Rand, _ line, w written, _ line) (quantity.Decimal, string, quantity.Dimension, bool) {
		base := strings.TrimLeft(w.unit, "kmunM")
		if w.unit == "mm" {
			base = "m"
		}
		prefixes := []string{"", "k", "m", "u", "n", "M"}
		unit := prefixes[r.IntN(len(prefixes))] + base
		return w.value, unit, w.dim, base != "" && unit != w.unit && quantity.ValidUCUM(unit) == nil
	}},
	{"unit swapped", func(r *rand.Rand, _ line, w written, _ line) (quantity.Decimal, string, quantity.Dimension, bool) {
		s := spellingsOf[r.IntN(len(spellingsOf))]
		return w.value, s.unit, s.dim, s.unit != w.unit
	}},
	{"value of a neighbouring item", func(r *rand.Rand, _ line, _ written, other line) (quantity.Decimal, string, quantity.Dimension, bool) {
		o := other.facts[r.IntN(len(other.facts))]
		return o.value, o.unit, o.dim, true
	}},
}

// TestCorruptions makes at least 1,000 corruptions of each kind and lets none
// pass, with and without a span; the true values all pass.
func TestCorruptions(t *testing.T) {
	const want = 1500
	allLeaks, allLost, truths := 0, 0, 0
	defer func() {
		t.Logf(`{"ungrounded_leaks": %d, "grounding_false_block": %.4f}`, allLeaks, float64(allLost)/float64(max(1, truths)))
	}()
	for _, c := range corruptions {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			leaks, lost, made := 0, 0, 0
			for made < want {
				l, other := generate(r), generate(r)
				w := l.facts[r.IntN(len(l.facts))]
				truth, ok := claimOf(w.value, w.unit, w.dim)
				if !ok {
					t.Fatalf("%+v", w)
				}
				truth.Span = w.span
				truths++
				if v := Ground(l.text, truth); !v.Grounded {
					lost++
					t.Errorf("lost: %s %s in %q: %s", truth.Value, truth.Unit, l.text, v.Reason)
				}
				value, unit, dim, ok := c.do(r, l, w, other)
				if !ok {
					continue
				}
				bad, ok := claimOf(value, unit, dim)
				if !ok || isTrue(l, bad) {
					continue
				}
				made++
				for _, span := range []pipeline.Span{{}, w.span, {Start: 0, End: len(l.text)}} {
					bad.Span = span
					if v := Ground(l.text, bad); v.Grounded {
						leaks++
						t.Errorf("leak: %s %s in %q: %s", bad.Value, bad.Unit, l.text, v.Reason)
					}
				}
			}
			t.Logf("%d corruptions, %d leaks, %d true values lost", made, leaks, lost)
			allLeaks, allLost = allLeaks+leaks, allLost+lost
		})
	}
}

// isTrue reports whether the line does say what the corruption made, by the
// generator's own knowledge.
func isTrue(l line, c Claim) bool {
	for _, w := range l.facts {
		if t, ok := claimOf(w.value, w.unit, w.dim); ok && t.Dimension == c.Dimension && t.Value == c.Value {
			return true
		}
	}
	return false
}

// TestOtherStandard claims the value of one standard for a text that names
// another.
func TestOtherStandard(t *testing.T) {
	entry := func(n, size, width int) *Entry {
		return &Entry{Name: fmt.Sprintf("standard/DIN %d/M%d", n, size), Spellings: []string{fmt.Sprintf("DIN %d", n), fmt.Sprintf("DIN%d", n)},
			Also: []string{fmt.Sprintf("M%d", size)}, Values: []pipeline.Value{number(fmt.Sprint(width))}, Unit: "mm"}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 1500 {
		n, size, width := 100+r.IntN(900), 3+r.IntN(40), 5+r.IntN(60)
		m := 100 + r.IntN(900)
		if m == n {
			continue
		}
		text := fmt.Sprintf("SCREW DIN%s%d M%dX%d", []string{"", " "}[r.IntN(2)], n, size, 100+r.IntN(50))
		right, wrong := entry(n, size, width), entry(m, size, width+1)
		if v := Ground(text, Claim{Value: right.Values[0], Unit: "mm", Entry: right}); !v.Grounded {
			t.Errorf("lost: %q: %s", text, v.Reason)
		}
		if v := Ground(text, Claim{Value: wrong.Values[0], Unit: "mm", Entry: wrong}); v.Grounded {
			t.Errorf("leak: another standard: %q", text)
		}
		if v := Ground(text, Claim{Value: wrong.Values[0], Unit: "mm", Entry: right}); v.Grounded {
			t.Errorf("leak: another value: %q", text)
		}
		other := entry(n, size+1, width)
		if v := Ground(text, Claim{Value: other.Values[0], Unit: "mm", Entry: other}); v.Grounded {
			t.Errorf("leak: another size: %q", text)
		}
	}
}

package quantity

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTables holds every notation, canonical unit and trade code against the
// UCUM grammar and its own dimension.
func TestTables(t *testing.T) {
	for code, d := range notations().dims {
		if err := ValidUCUM(code); err != nil {
			t.Errorf("notation %s: %v", code, err)
			continue
		}
		u := Unit{Code: code, Dimension: d}
		if to := Canonical(d); to.Code == "" {
			t.Errorf("%s: dimension %q has no canonical unit", code, d)
		} else if _, err := u.In(Int(2), to); err != nil {
			t.Errorf("%s does not convert to %s: %v", code, to.Code, err)
		}
	}
	for d, code := range canonical {
		if err := ValidUCUM(code); err != nil {
			t.Errorf("canonical %s: %v", d, err)
		}
	}
	for trade := range rec20Codes {
		if u, ok := rec20(trade); !ok || u.Dimension == None {
			t.Errorf("trade code %s has no unit", trade)
		}
	}
}

func TestLookupUnit(t *testing.T) {
	for _, c := range []struct {
		symbol string
		want   string // codes, most natural first; empty for none
	}{
		{"KW", "kW"}, {"kw", "kW"}, {"Kw", "kW"}, {"Zoll", "[in_i]"}, {"in", "[in_i]"}, {"\"", "[in_i]"},
		{"MTR", "m"}, {"KGM", "kg"}, {"C62", "1"}, {"mm²", "mm2"}, {"MM2", "mm2"}, {"µF", "uF"}, {"μF", "uF"}, {"UF", "uF"},
		{"mW", "mW"}, {"MW", "MW"}, {"mw", "mW MW"}, {"U/min", "/min"}, {"RPM", "/min"}, {"Nm", "N.m"}, {"°C", "Cel"}, {"℃", "Cel"},
		{"Ω", "Ohm"}, {"\u2126", "Ohm"}, {"kg/m3", "kg/m3"}, {"Stk", "1"}, {"bogus", ""}, {"", ""}, {strings.Repeat("m", 1000), ""},
	} {
		var codes []string
		for _, u := range LookupUnit(c.symbol) {
			codes = append(codes, u.Code)
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("LookupUnit(%q) = %q, want %q", c.symbol, got, c.want)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		lang Language
		want string // empty: no number
	}{
		{"1.5", "", "1.5"}, {"1,5", "", "1.5"}, {"1.500", English, "1.5"}, {"1.500", German, "1500"}, {"1,500", English, "1500"}, {"1,500", German, "1.5"},
		{"1.234.567,89", "", "1234567.89"}, {"1,234,567.89", "", "1234567.89"}, {"1'500", "", "1500"}, {"10 000", "", "10000"},
		{"1 1/2", "", "1.5"}, {"3/4", "", "0.75"}, {"½", "", "0.5"}, {"1½", "", "1.5"}, {"1/3", "", "0.333333333333333"},
		{"-5", "", "-5"}, {"−5", "", "-5"}, {"– 5", "", "-5"}, {"+5", "", "5"}, {".5", "", "0.5"}, {",5", "", "0.5"}, {"1e-3", "", "0.001"}, {"2.48×10−5", "", "0.0000248"},
		{"007", "", "7"}, {"0.30", "", "0.3"}, {"", "", ""}, {"x", "", ""}, {"1.2.3", "", ""}, {"1-2", "", ""}, {strings.Repeat("9", 41), "", ""}, {"5 mm", "", ""},
	} {
		got, ok := ParseNumber(c.text, c.lang)
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("ParseNumber(%q, %q) = %s %v, want %q", c.text, c.lang, got, ok, c.want)
		}
	}
}

func TestConvertExact(t *testing.T) {
	for _, c := range []struct{ v, from, to, want string }{
		{"0.1", "m", "mm", "100"}, {"1", "[in_i]", "mm", "25.4"}, {"1.5", "[in_i]", "mm", "38.1"}, {"100", "[degF]", "Cel", "37.7777777777778"},
		{"-40", "[degF]", "Cel", "-40"}, {"0", "Cel", "K", "273.15"}, {"7.5", "75.m.kgf/s", "kW", "5.516240625"}, {"1", "kW.h", "J", "3600000"},
		{"3", "dB", "1", ""}, {"1", "m", "s", ""}, {"1", "[iU]", "g", ""}, {"1", "[iU]", "[iU]", "1"}, {"7", "[pH]", "mol/L", ""}, {"1", "deg", "deg", "1"}, {"1", "xx", "m", ""}, {"1", "m", "xx", ""},
	} {
		v, _ := ParseDecimal(c.v)
		got, err := Convert(v, c.from, c.to)
		if c.want == "" {
			if err == nil && c.from != "dB" && c.from != "[pH]" {
				t.Errorf("%s %s in %s = %s, want an error", c.v, c.from, c.to, got)
			}
			continue
		}
		if err != nil || got.String() != c.want {
			t.Errorf("%s %s in %s = %s %v, want %s", c.v, c.from, c.to, got, err, c.want)
		}
	}
}

func TestNoFloatDust(t *testing.T) {
	a, _ := ParseDecimal("0.1")
	b, _ := ParseDecimal("0.2")
	if s := a.Add(b).String(); s != "0.3" {
		t.Errorf("0.1 + 0.2 = %s", s)
	}
}

// TestDecimalAgainstFractions holds the fast form against math/big.
func TestDecimalAgainstFractions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.Custom(func(t *rapid.T) Decimal {
			n := rapid.Int64().Draw(t, "coef")
			return small(n, uint8(rapid.IntRange(0, maxScale).Draw(t, "scale")))
		})
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		check := func(op string, got Decimal, want *big.Rat) {
			if got.Rat().Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s, want %s", a, op, b, got, want)
			}
		}
		check("+", a.Add(b), new(big.Rat).Add(a.Rat(), b.Rat()))
		check("-", a.Sub(b), new(big.Rat).Sub(a.Rat(), b.Rat()))
		check("*", a.Mul(b), new(big.Rat).Mul(a.Rat(), b.Rat()))
		if q, ok := a.Quo(b); ok {
			check("/", q, new(big.Rat).Quo(a.Rat(), b.Rat()))
		} else if !b.IsZero() {
			t.Fatalf("%s / %s: not ok", a, b)
		}
		if got, want := a.Cmp(b), a.Rat().Cmp(b.Rat()); got != want {
			t.Fatalf("%s cmp %s = %d, want %d", a, b, got, want)
		}
		back, ok := ParseDecimal(a.String())
		if !ok || back.Cmp(a) != 0 {
			t.Fatalf("%s reads back as %s %v", a, back, ok)
		}
	})
}

func TestEqual(t *testing.T) {
	read := func(s string) Quantity { return Scan(s, Options{})[0] }
	abs := Tolerance{Abs: Ratio(1, 10)}
	for _, c := range []struct {
		a, b string
		tol  Tolerance
		want bool
	}{
		{"1.5 kW", "1500 W", Tolerance{}, true}, {"1\"", "25.4mm", Tolerance{}, true}, {"1.5 kW", "1.5 W", Tolerance{}, false}, {"25 Nm", "25 J", Tolerance{}, false},
		{"25 mm", "25.1 mm", abs, true}, {"25 mm", "25.2 mm", abs, false}, {"100 mm", "101 mm", Tolerance{Rel: Ratio(1, 100)}, true},
		{"10-30 V", "10..30V", Tolerance{}, true}, {"10-30 V", "10 V", Tolerance{}, false}, {"5%", "±5%", Tolerance{}, false}, {"10K", "10K", Tolerance{}, false}, {"5", "5", Tolerance{}, true}, {"5", "5 mm", Tolerance{}, false},
	} {
		if got := Equal(read(c.a), read(c.b), c.tol); got != c.want {
			t.Errorf("Equal(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		text string
		dim  Dimension
		want string
	}{
		{"10K", Resistance, "kOhm"}, {"10K", Temperature, "K"}, {"100n", Capacitance, "nF"}, {"100n", Inductance, "nH"}, {"50M", Length, "m"}, {"50M", Resistance, "MOhm"},
		{"10 mm", Mass, ""}, {"2 in brass", Length, "[in_i]"}, {"4K7", Resistance, "kOhm"}, {"5MW", Power, ""},
	} {
		q, ok := Scan(c.text, Options{})[0].Resolve(c.dim)
		if ok != (c.want != "") || ok && q.Unit.Code != c.want {
			t.Errorf("%s as %s: %q %v, want %q", c.text, c.dim, q.Unit.Code, ok, c.want)
		}
	}
}

// TestHostileText bounds the time of long texts that is written to be slow.
func TestHostileText(t *testing.T) {
	for _, unit := range []string{"1234567890", "1/2/3/4/5/", "1.1.1.1.1.", "5mm/5mm/5m", "1-1-1-1-1-", "1x1x1x1x1x", "\"1\"1\"1\"1\"", "one and a ", "° ° 5° 5°", "1,000,000,", "9 per per ", "\xff1\xfe", "\u202e1mm"} {
		text := strings.Repeat(unit, 60_000/len(unit))
		for _, opt := range []Options{{}, {Prose: true, Language: German}} {
			start := time.Now()
			for _, q := range Scan(text, opt) {
				if q.Start < 0 || q.Start >= q.End || q.End > len(text) || text[q.Start:q.End] != q.Text {
					t.Fatalf("%q: span %d-%d", unit, q.Start, q.End)
				}
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%q prose=%v took %v", unit, opt.Prose, d)
			}
		}
	}
}

func checkScan(t *testing.T, text string, opt Options) {
	t.Helper()
	end := 0
	qs := Scan(text, opt)
	for _, q := range qs {
		if q.Start < 0 || q.Start >= q.End || q.End > len(text) || text[q.Start:q.End] != q.Text || q.NumEnd > q.End || q.NumEnd <= q.Start {
			t.Fatalf("%q: %+v", text, q)
		}
		if q.Start < end && q.Kind != Tolerant {
			t.Fatalf("%q: %d-%d overlaps what ends at %d", text, q.Start, q.End, end)
		}
		end = q.End
		if d, ok := ParseDecimal(q.Value.String()); !ok || q.Value.Exact() && d.Cmp(q.Value) != 0 {
			t.Fatalf("%q: %s does not read back", text, q.Value)
		}
		if q.HasUnit() {
			if err := ValidUCUM(q.Unit.Code); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		_, _ = q.Canonical()
	}
	for _, d := range Designations(text, qs) {
		if text[d.Start:d.End] != d.Text {
			t.Fatalf("%q: %+v", text, d)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, l := range benchLines {
		f.Add(l, false, "")
	}
	for _, s := range []string{"20/2030 and", "1 '2", "$99(", "($99", "-78-0 degrees Celsius", "5 ft 2 in", "three million, two hundred & forty", "zwei und ein halb", "M10x1.5x50", "1½' 2°C/W"} {
		f.Add(s, true, "de")
	}
	f.Fuzz(func(t *testing.T, text string, prose bool, lang string) {
		checkScan(t, text, Options{Prose: prose, Language: Language(lang), Expect: []Dimension{Length, Resistance}[:len(lang)%3]})
	})
}

func FuzzUCUM(f *testing.F) {
	for _, s := range []string{"kg.m/s2", "10*-3", "{a}.rad2{b}", "dB[10.nV]", "m[H2O]", "/(8.h.kg)", "cal_[15]", "Cel", "(((m)))", "kg9999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, code string) {
		err := ValidUCUM(code)
		_, err2 := ParseUnit(code)
		if err != nil && err2 == nil {
			t.Fatalf("%q parses and is not valid: %v", code, err)
		}
		if err == nil {
			_, _ = DisplayName(code)
			_, _ = Convert(Ratio(3, 2), code, "m")
			_, _ = Convert(Ratio(3, 2), code, "Cel")
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1.234.567,89", "1 1/2", "½", "−5", "2.48×10−5", "1e99", "1e-99"} {
		f.Add(s, "de")
	}
	f.Fuzz(func(t *testing.T, s, lang string) {
		if d, ok := ParseNumber(s, Language(lang)); ok {
			if back, ok := ParseDecimal(d.String()); !ok || d.Exact() && back.Cmp(d) != 0 {
				t.Fatalf("%q is %s, which does not read back", s, d)
			}
		}
	})
}

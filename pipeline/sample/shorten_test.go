package sample

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestRulesOfShortening(t *testing.T) {
	for _, tc := range []struct{ rule, in, want string }{
		{"vowels", "Sechskantschraube", "Schskntschrb"},
		{"vowels", "Edelstahl", "Edlsthl"},
		{"vowels", "über", "übr"},
		{"vowels", "oea", ""},
		{"cut 4", "Sechskantschraube", "Sech"},
		{"cut 3", "Lager", "Lag"},
		{"cut 4", "Motor", ""},
		{"cut 2", "Lager", "Lag"},
		{"initials", "deep groove ball bearing", "DGBB"},
		{"initials", "ball bearing", ""},
		{"fold", "Fächerscheibe groß", "Faecherscheibe gross"},
	} {
		var got string
		switch tc.rule {
		case "vowels":
			got = dropVowels(tc.in)
		case "cut 2", "cut 3", "cut 4":
			got = truncate(tc.in, int(tc.rule[4]-'0'))
		case "initials":
			got = initials(strings.Fields(tc.in))
		case "fold":
			got = fold.Replace(tc.in)
		}
		if got != tc.want {
			t.Errorf("%s of %q: got %q, want %q", tc.rule, tc.in, got, tc.want)
		}
	}
}

func TestTypoKeepsTheEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[A-Za-zäöüß]{6,20}`).Draw(t, "word")
		d := newDice(rapid.Uint64().Draw(t, "seed"), "typo")
		got, rule := typo(d, word)
		if rule == "" {
			return
		}
		a, b := []rune(word), []rune(got)
		if string(a[:2]) != string(b[:2]) || a[len(a)-1] != b[len(b)-1] {
			t.Fatalf("%s of %q: %q", rule, word, got)
		}
		n := utf8.RuneCountInString(got) - len(a)
		if want := map[Rule]int{Swap: 0, Drop: -1, Double: 1}[rule]; n != want {
			t.Fatalf("%s of %q: %q", rule, word, got)
		}
	})
}

func TestCouldMean(t *testing.T) {
	for _, tc := range []struct {
		said, phrase string
		want         bool
	}{
		{"zink.", "zink|lamellen|beschichtet", true},
		{"vrznkt", "verzinkt", true},
		{"feuer.", "verzinkt", false},
		{"galv. verz.", "galvanisch verzinkt", true},
		{"verz.", "galvanisch verzinkt", false},
		{"hot dip galv.", "hot dip galvanized", true},
	} {
		if got := couldMean(tc.said, tc.phrase); got != tc.want {
			t.Errorf("%q for %q: %v", tc.said, tc.phrase, got)
		}
	}
}

func TestOneApart(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"20", "25", true}, {"6205", "6305", true}, {"1.5", "15", true}, {"M8", "M8", false},
		{"8.8", "10.9", false}, {"left", "right", false}, {"", "1", true}, {"2RS", "2Z", false}, {"16", "160", true},
	} {
		if got := oneApart(tc.a, tc.b); got != tc.want || oneApart(tc.b, tc.a) != tc.want {
			t.Errorf("%q and %q: %v", tc.a, tc.b, got)
		}
	}
}

// What the truth says stands in the text does stand there.
func TestTextSaysWhatTheTruthSays(t *testing.T) {
	plain := strings.NewReplacer(" ", "", "-", "", ",", ".", "/", "")
	look := func(s string) string { return strings.ToUpper(plain.Replace(s)) }
	s := Generate(Options{Seed: 11})
	checked := 0
	for id, it := range s.Truth.Items {
		text := look(it.Text)
		for _, f := range it.Facts {
			if f.Source != InText {
				continue
			}
			want := f.Value
			switch it.Category + "." + f.Name {
			case "screw.standard", "nut.standard", "washer.standard":
				if strings.Contains(text, "ISO4762") || strings.Contains(text, "ISO4026") || strings.Contains(text, "ISO7093") {
					continue
				}
			case "screw.length":
				if tc, _ := it.Fact("thread"); strings.HasSuffix(tc.Value, "UNC") {
					continue // in inch
				}
			case "bearing.designation", "bearing.bore", "bearing.outer_diameter", "bearing.width", "bearing.manufacturer",
				"screw.thread", "screw.pitch", "nut.thread", "washer.thread", "nut.pitch", "washer.hardness", "nut.strength_class",
				"motor.voltage", "motor.mounting", "motor.poles", "motor.speed", "motor.frame", "motor.efficiency", "motor.protection", "motor.manufacturer",
				"cable.type", "seal.inner_diameter", "pump.flow", "pump.head":
			case "screw.strength_class":
				want = strings.TrimPrefix(want, "Grade ")
			default:
				continue
			}
			checked++
			if !strings.Contains(text, look(want)) {
				t.Errorf("%s %q does not say %s %s", id, it.Text, f.Name, f.Value)
			}
		}
	}
	if checked < 10000 {
		t.Errorf("only %d facts checked", checked)
	}
}

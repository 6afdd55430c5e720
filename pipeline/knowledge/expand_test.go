package knowledge

import (
	"testing"

	"pgregory.net/rapid"
)

func lexiconOf(terms ...string) *Lexicon {
	l := newLexicon()
	for i, t := range terms {
		l.add(t, Meaning{Role: RoleValue, Index: i})
	}
	l.freeze()
	return l
}

// One word per way to shorten or misspell, and words that must stay unread.
func TestExpand(t *testing.T) {
	l := lexiconOf("stainless steel", "centrifugal", "bearing", "sechs|kant|schraube", "cylindrical", "conical", "left", "links|gewinde")
	for _, c := range []struct{ word, want, why string }{
		{"stainl", "stainless", "truncation"},
		{"centrif", "centrifugal", "truncation"},
		{"stnlss", "stainless", "vowels dropped"},
		{"cntrfgl", "centrifugal", "vowels dropped"},
		{"cntrf", "centrifugal", "vowels dropped, then truncated"},
		{"brg", "bearing", "contraction"},
		{"bearign", "bearing", "swap"},
		{"baering", "bearing", "swap"},
		{"bering", "bearing", "a letter lost"},
		{"schskntschrb", "sechskantschraube", "vowels dropped"},
		{"bearings", "bearing", "plural"},
		{"ebaring", "bearing", "swap of the first letters"},
		{"motor", "", "another word"},
		{"c", "", "one letter says nothing"},
		{"pump", "", "another word"},
	} {
		got := ""
		if rs := l.Expand(c.word); len(rs) > 0 {
			got = rs[0].Word
		}
		if got != c.want {
			t.Errorf("%s (%s): got %q, want %q; all: %v", c.word, c.why, got, c.want, l.Expand(c.word))
		}
	}
}

// Expansion is bounded and deterministic, whatever the word.
func TestExpandProperties(t *testing.T) {
	terms := []string{"stainless steel", "centrifugal pump", "sechs|kant|schraube"}
	a, b := lexiconOf(terms...), lexiconOf(terms...)
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.StringMatching(`[a-z]{0,50}`).Draw(t, "word")
		x, y := a.Expand(w), b.Expand(w)
		if len(x) != len(y) || len(x) > maxReadings {
			t.Fatalf("%d and %d readings", len(x), len(y))
		}
		for i := range x {
			if x[i] != y[i] || x[i].Score < MinScore*0.95 || x[i].Score > 1 {
				t.Fatalf("%v and %v", x[i], y[i])
			}
		}
	})
}

func TestAlignment(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"bearing", "bearing", 0}, {"bearign", "bearing", 1}, {"bering", "bearing", 1}, {"bewring", "bearing", 1}, {"braeign", "bearing", 3}, {"", "ab", 2}} {
		if got := alignment(c.a, c.b); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// Every atom leads back to the bytes that it came from.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"Wälzlager 6205-2RS", "1½\" Ω ß × µ", "\xff\xc3", "Größe\u00a0M10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var x Folded
		x.Fold(s)
		last := 0
		for _, a := range x.Atoms {
			if a.Start < last || a.End <= a.Start || a.End > len(s) {
				t.Fatalf("atom %+v of %q after %d", a, s, last)
			}
			last = a.Start
		}
	})
}

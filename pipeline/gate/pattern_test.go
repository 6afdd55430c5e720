package gate

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// samePattern: the automaton answers as package regexp does.
func samePattern(t interface{ Fatalf(string, ...any) }, expr string, text []byte) {
	p, err := compilePattern(expr)
	re, reErr := regexp.Compile(expr)
	if (err == nil) != (reErr == nil) {
		t.Fatalf("%q: %v, regexp says %v", expr, err, reErr)
	}
	if err == nil && p.Match(text) != re.Match(text) {
		t.Fatalf("%q on %q: %v, regexp says %v", expr, text, p.Match(text), re.Match(text))
	}
}

var patternPool = []string{
	`^[A-Za-z0-9.!#$%&*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`, `^[A-Z]{2}-\d{3}$`, `ab`, `^$`, `$^`, `a$|^b`, `(?i)straße|k`,
	`\bword\b`, `(?m)^x$`, `[^a]`, `.`, `^.{2}$`, `(a|b)*abb`, `\A\d{4}-\d\d-\d\d\z`, `^(?:\+?[0-9]{1,3} ?)?[0-9 ]{5,}$`, `a*`, `x{3,5}y`, `[\s\S]$`,
	`[äöü]`, `^a?a?a?a?aaaa$`, `^\s*$`, `(^a|b$)+`, `()`, `[[:^alpha:]]`, `\PN`, `(a*)*b$`,
}

func TestPattern(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		expr := rapid.OneOf(rapid.SampledFrom(patternPool), rapid.StringMatching(`\^?([ab.][*+?]?|\(a\|b\)[*+]?|\[[ab0-9^-]{1,3}\]|\\[dwsb]){1,6}\$?`)).Draw(rt, "expr")
		text := rapid.OneOf(rapid.StringMatching(`[ab]{0,8}`), rapid.StringMatching(`[a-cA-Z0-9@. \nä-]{0,12}`), rapid.Just("a1@b.c"), rapid.Just("AB-123")).Draw(rt, "text")
		samePattern(rt, expr, []byte(text))
	})
	for _, expr := range patternPool[:2] {
		if p, err := compilePattern(expr); err != nil || p.next == nil {
			t.Errorf("%q has no automaton: %v", expr, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, expr := range patternPool {
		f.Add(expr, []byte("AB-123 a@b.c"))
	}
	f.Fuzz(func(t *testing.T, expr string, text []byte) {
		if len(expr) < 60 && len(text) < 200 {
			samePattern(t, expr, text)
		}
	})
}

func BenchmarkPattern(b *testing.B) {
	p, err := compilePattern(patternPool[0])
	if err != nil {
		b.Fatal(err)
	}
	text := []byte("user661916@mail22.example.com")
	b.Run("automaton", func(b *testing.B) {
		for b.Loop() {
			p.Match(text)
		}
	})
	b.Run("regexp", func(b *testing.B) {
		for b.Loop() {
			p.re.Match(text)
		}
	})
}

package contract

import (
	"os"
	"testing"
)

// A contract of ordinary size: parse, compile and lint.
func BenchmarkLint(b *testing.B) {
	src, err := os.ReadFile("../../contracts/feeds/kicad-parts.odcs.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		LintSource("x", src)
	}
}

package infra_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreats: docs/threat-model.md names tests and files that are there, and at
// least one for each threat.
func TestThreats(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, dir := range []string{"pipeline", "cmd", "functions", "infra", "evals"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
				return err
			}
			b, err := os.ReadFile(name)
			for _, m := range decl.FindAllStringSubmatch(string(b), -1) {
				tests[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.HasPrefix(cells[0], "-") || strings.TrimSpace(cells[0]) == "threat" {
			continue
		}
		rows++
		named := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[2], -1)
		if len(named) == 0 {
			t.Errorf("no test answers %q", strings.TrimSpace(cells[0]))
		}
		for _, m := range named {
			if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(m[1]))); err != nil && !tests[m[1]] {
				t.Errorf("%q is answered by %s, which is not there", strings.TrimSpace(cells[0]), m[1])
			}
		}
	}
	if rows < 15 {
		t.Errorf("%d threats were read", rows)
	}
}

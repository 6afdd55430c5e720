package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const readme = "../../README.md"

var demoBlock = regexp.MustCompile("(?s)(<!-- demo output[^\n]*-->\n```\n)(.*?)(```)")

// TestReadmeDemo holds the README's demo output against what the program
// prints; -update writes it there.
func TestReadmeDemo(t *testing.T) {
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	m := demoBlock.FindSubmatch(page)
	if m == nil {
		t.Fatal("the README has no block of demo output")
	}
	var out, errs bytes.Buffer
	c := &cli{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	if code := c.run(context.Background(), []string{"-C", t.TempDir(), "demo"}); code != 0 {
		t.Fatalf("assay demo ended with %d\n%s%s", code, out.String(), errs.String())
	}
	if *update {
		next := demoBlock.ReplaceAll(page, []byte("${1}"+strings.ReplaceAll(out.String(), "$", "$$")+"${3}"))
		if err := os.WriteFile(readme, next, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(m[2]), out.String()); d != "" {
		t.Errorf("the README does not show what the demo prints; run go test ./cmd/assay -run TestReadmeDemo -update (-README +program):\n%s", d)
	}
}

// TestReadmeCommands runs every assay command of the README's own-feed section,
// in order, in the project that its first one makes.
func TestReadmeCommands(t *testing.T) {
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "## Your own feed")
	if !ok {
		t.Fatal("the README has no section about one's own feed")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	dir := t.TempDir()
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		for _, line := range strings.Split(block[1], "\n") {
			line, _, _ = strings.Cut(line, "   #")
			line = strings.TrimSpace(line)
			switch {
			case line == "cd mydata":
				dir = filepath.Join(dir, "mydata")
				items := "id,description\n1,WASHER M10 DIN 125\n2,\"Scheibe M10, DIN125\"\n"
				for name, text := range map[string]string{
					"items.csv": items,
					"new.csv":   "part_id,description,manufacturer,plant,price,created\nP-1,WASHER M10,,north,0.04,2026-01-12\n",
				} {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				continue
			case !strings.HasPrefix(line, "assay "), strings.Contains(line, "--watch"):
				continue // --watch has a script of its own
			}
			ran++
			t.Chdir(dir)
			var out, errs bytes.Buffer
			c := &cli{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
			if code := c.run(context.Background(), words(line)[1:]); code != 0 {
				t.Errorf("%s\nended with %d\n%s%s", line, code, out.String(), errs.String())
			}
			if out.Len() == 0 {
				t.Errorf("%s printed nothing", line)
			}
		}
	}
	if ran < 8 {
		t.Errorf("only %d commands of the README were run", ran)
	}
}

// words splits a command line as a shell does, as far as the README needs it.
func words(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		if m[1] != "" {
			out = append(out, m[1])
			continue
		}
		out = append(out, m[2])
	}
	return out
}

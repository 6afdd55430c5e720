package flow_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestRunbookPages: every page that a notification leads to is in the runbook.
func TestRunbookPages(t *testing.T) {
	page, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(string(page), -1) {
		anchor := strings.ReplaceAll(strings.ToLower(h[1]), ",", "")
		have[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	src, err := os.ReadFile("story.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range regexp.MustCompile(`(?:n\.page\(|Lapse\w+: |, )"([a-z]+(?:-[a-z]+)*-?[a-z]*)"[)},]`).FindAllStringSubmatch(string(src), -1) {
		if !strings.Contains(m[1], "-") && m[1] != "score" {
			continue
		}
		n++
		if !have[m[1]] {
			t.Errorf("the runbook has no page %q", m[1])
		}
	}
	if n < 12 {
		t.Errorf("%d pages found in story.go: the test looks for the wrong thing", n)
	}
}

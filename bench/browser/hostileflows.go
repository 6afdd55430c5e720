package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// evil is what a supplier may write into a cell: each part of it would raise the
// flag if a page took it for more than text.
const evil = `</mark></title></textarea><script>window.acted=1</script><img src=x onerror="window.acted=2"><svg onload="window.acted=3"></svg>" onmouseover="window.acted=4" autofocus onfocus="window.acted=5" x='` + "\u202eexe.gpj\u2066\u200b\x1b[2J"

// hostileFlows change the sample most: they come last.
func hostileFlows() []flow {
	return []flow{{"hostile texts: nothing acts, nothing steers", hostile}}
}

// hostile lands texts that try to act, and looks at every page that shows them,
// with scripts on: no script of theirs runs, no picture is asked for, and no
// character turns the order of what follows.
func hostile(t *tab, v *visit) {
	if t.err != nil {
		return
	}
	if err := v.sample.hostile(); err != nil {
		t.fail("%w", err)
		return
	}
	// What is held or rejected makes the run end with 1.
	var left *exec.ExitError
	if err := v.sample.command(t.ctx, nil, "run"); err != nil && !(errors.As(err, &left) && left.ExitCode() == 1) {
		t.fail("%w", err)
		return
	}
	var found struct{ Data []struct{ ID, Key string } }
	t.ask("/v1/batches?limit=100&feed=spares", &found)
	pages := []string{"/", "/feeds/spares", "/feeds/spares/batches", "/feeds/catalog-items", "/search?q=onmouseover", "/search?q=%3Cscript%3Ewindow.acted%3D6%3C%2Fscript%3E",
		"/reviews", "/items/catalog-items/BRE-999001", "/compare?a=catalog-items%2FBRE-999001&b=catalog-items%2FBRE-999002", "/clusters", "/catalog", "/nothing/%3Cscript%3Ewindow.acted%3D7%3C%2Fscript%3E"}
	for _, b := range found.Data {
		pages = append(pages, "/batches/"+b.ID, "/v1/batches/"+b.ID+"/report?format=html")
	}
	shown := 0
	for _, path := range pages {
		t.visit(path)
		var acted, text string
		t.js(`String(window.acted || document.querySelectorAll("img, svg[onload], [onerror], [onmouseover], [onfocus]").length || "")`, &acted)
		t.js(`document.documentElement.innerText`, &text)
		if acted != "" {
			t.fail("%s: what a supplier wrote has acted: %s", path, acted)
		}
		if strings.ContainsAny(text, "\u202e\u2066\u200b\x1b") {
			t.fail("%s: what a supplier wrote steers the text", path)
		}
		if strings.Contains(text, "<script>window.acted=1</script>") && strings.Contains(text, "⟦U+202E⟧") {
			shown++
		}
		if t.err != nil {
			return
		}
	}
	if shown < 4 {
		t.fail("%d pages show the hostile text, which is too few to say anything", shown)
	}
	t.visit("/items/catalog-items/BRE-999001")
	v.look(t, "a hostile item")
}

// hostile lands a file of rejects and a file of items with hostile texts.
func (s *sample) hostile() error {
	landing := filepath.Join(s.dir, "lake", "landing")
	name := strings.NewReplacer("/", "", `"`, "'").Replace(evil[:90]) + ".csv"
	// Two items more in an extract of the usual size.
	extracts, err := filepath.Glob(filepath.Join(landing, "catalog-items", "*-bre.csv"))
	if err != nil || len(extracts) == 0 {
		return fmt.Errorf("the sample has no extract of items: %w", err)
	}
	old, err := os.ReadFile(extracts[0])
	if err != nil {
		return err
	}
	var items [][]string
	for n := 1; n <= 2; n++ {
		items = append(items, []string{fmt.Sprintf("BRE-99900%d", n), "BRE", "en", "washer M10 " + evil[:100] + "\u202e\u200b", "0390", "<b>" + evil[43:90], "<i>x</i>\u202e", "EA", "1.10", "EUR", "2026-03-01"})
	}
	for file, rows := range map[string][][]string{
		filepath.Join("spares", name):                          {{"number", "amount"}, {evil, "1"}, {"S-9", evil}, {"S-10", evil + strings.Repeat(" long", 1<<18)}},
		filepath.Join("catalog-items", "2026-04-01-1-bre.csv"): items,
	} {
		var b strings.Builder
		if strings.HasPrefix(file, "catalog-items") {
			b.Write(old)
		}
		w := csv.NewWriter(&b)
		if err := w.WriteAll(rows); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(landing, file), []byte(b.String()), 0o644); err != nil { //nolint:gosec // a scratch folder
			return err
		}
	}
	return nil
}

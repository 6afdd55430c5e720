package flow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// TestCatalogReportHTML: all three kinds of groups in one file, whose names do
// nothing but stand there.
func TestCatalogReportHTML(t *testing.T) {
	name := "\"><script>alert(1)</script>\u202e" + strings.Repeat("x", 1_000_000)
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	r := flow.CatalogReport{Items: 3}
	for _, by := range []string{"category", "plant", "source"} {
		r.Groups = append(r.Groups, flow.ReportGroup{
			Group: catalog.Group{By: by, Name: name, Items: 3, Incomplete: 1.0 / 3, Missing: []catalog.Share{{Attribute: "bore", Items: 1, Of: 3, Share: 1.0 / 3}}},
			Trend: []flow.ReportTrend{{At: day, Incomplete: 0.5}, {At: day.AddDate(0, 0, 1), Incomplete: 0.4}},
		})
	}
	var b strings.Builder
	if err := r.WriteHTML(&b, day); err != nil {
		t.Fatal(err)
	}
	s := b.String()
	for _, want := range []string{"<h2>By category</h2>", "<h2>By plant</h2>", "<h2>By feed</h2>", "33.3 %", "bore 33.3 % (1 of 3)", "incomplete after 2 earlier batches, now 33.3 %", "2026-03-03 00:00Z: 40.0 %", "⟦U+202E⟧"} {
		if !strings.Contains(s, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if len(s) > 100_000 || strings.Contains(s, "<script") || strings.Contains(s, "\u202e") || strings.Contains(s, "href=") || strings.Contains(s, "src=") {
		t.Errorf("%d bytes: %.2000s", len(s), s)
	}
}

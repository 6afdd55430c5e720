package gate

import (
	_ "embed"
	"io"
	"slices"

	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed page.html
var pageSource string

var reportPage = page.Report("report", pageSource)

// A fieldView is a column of the profile with its histogram as bars.
type fieldView struct {
	FieldProfile
	Bars   *page.Bars
	Common []Frequency
}

// WriteHTML writes the report as one page that needs nothing else: the checks,
// those that did not pass first, and the distribution of each column.
func (r *Report) WriteHTML(w io.Writer) error {
	order := map[string]int{ResultError: 0, ResultFailed: 1, ResultWarned: 2, ResultNotJudged: 3, ResultPassed: 4}
	checks := slices.Clone(r.Checks)
	slices.SortStableFunc(checks, func(a, b CheckResult) int { return order[a.Result] - order[b.Result] })
	passed := 0
	for _, c := range checks {
		if c.Result == ResultPassed {
			passed++
		}
	}
	var fields []fieldView
	if r.Profile != nil {
		for _, f := range r.Profile.Fields {
			fields = append(fields, viewField(f))
		}
	}
	return reportPage.Execute(w, struct {
		R      *Report
		Checks []CheckResult
		Fields []fieldView
		Passed int
	}{r, checks, fields, passed})
}

func viewField(f FieldProfile) fieldView {
	v := fieldView{FieldProfile: f, Common: f.Top[:min(len(f.Top), 5)]}
	if f.Histogram == nil || len(f.Histogram.Counts) < 2 {
		return v
	}
	bars := page.Histogram("histogram of "+f.Field, f.Histogram.Min, f.Histogram.Max, f.Histogram.Counts)
	v.Bars = &bars
	return v
}

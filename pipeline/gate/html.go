package gate

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/assay-pipeline/assay/pipeline/fill"
)

//go:embed page.html
var pageSource string

var page = sync.OnceValue(func() *fill.Template { return fill.HTML("report", pageSource) })

// A fieldView is a column of the profile with its histogram as bars.
type fieldView struct {
	FieldProfile
	Bars   []barView
	Common []Frequency
}

type barView struct {
	X, Y, W, H float64
	Title      string
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
	return page().Execute(w, struct {
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
	top := slices.Max(f.Histogram.Counts)
	step := 200 / float64(len(f.Histogram.Counts))
	width := (f.Histogram.Max - f.Histogram.Min) / float64(len(f.Histogram.Counts))
	for i, n := range f.Histogram.Counts {
		h := 60 * float64(n) / float64(top)
		lo := f.Histogram.Min + width*float64(i)
		v.Bars = append(v.Bars, barView{step * float64(i), 60 - h, step * 0.9, h,
			fmt.Sprintf("%.6g to %.6g: %d", lo, lo+width, n)})
	}
	return v
}

package evals

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"

	_ "embed"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"figure": func(f float64) string { return fmt.Sprintf("%.4g", f) },
	"score":  func(f float64) string { return fmt.Sprintf("%.3f", f) },
	"points": func(f float64) string { return fmt.Sprintf("%+.2f", 100*clean(f)) },
	"short":  shortVersion,
	"change": change,
	"bar":    func(f float64) string { return fmt.Sprintf("%.1f%%", 100*min(max(f, 0), 1)) },
}).Parse(pageText))

// WriteHTML writes one self-contained page about all reports, without scripts.
func WriteHTML(w io.Writer, reports []*Report) error {
	type view struct {
		*Run
		Trend template.HTML
		Worst []worstView
		Kinds [][2]string
	}
	var out []view
	for _, rep := range reports {
		v := view{Run: rep.Run, Trend: trend(rep.Run, rep.History)}
		for _, r := range rep.worst(3 * worstCases) {
			v.Worst = append(v.Worst, worstView{r, marked(r)})
		}
		ver := rep.Run.Versions
		for _, kv := range [][2]string{{"model", ver.Model}, {"prompt", ver.Prompt}, {"knowledge", ver.Knowledge}, {"embedder", ver.Embedder}, {"matcher", ver.Matcher}, {"contracts", ver.Contract}, {"program", ver.Program}, {"suite", ver.Suite}} {
			if kv[1] != "" {
				v.Kinds = append(v.Kinds, kv)
			}
		}
		out = append(out, v)
	}
	return page.Execute(w, out)
}

type worstView struct {
	*Result
	Text template.HTML
}

// marked is the text of a case with the spans of what was wrong.
func marked(r *Result) template.HTML {
	text := r.Last.Text
	var spans []pipeline.Span
	for _, m := range r.Last.Misses {
		if m.Text != "" && m.Valid(len(text)) && m.In(text) == m.Text && !slices.ContainsFunc(spans, func(s pipeline.Span) bool { return s.Overlaps(m.Span) }) {
			spans = append(spans, m.Span)
		}
	}
	slices.SortFunc(spans, func(a, b pipeline.Span) int { return cmp.Compare(a.Start, b.Start) })
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(template.HTMLEscapeString(text[at:s.Start]))
		b.WriteString("<mark>" + template.HTMLEscapeString(s.In(text)) + "</mark>")
		at = s.End
	}
	b.WriteString(template.HTMLEscapeString(text[at:]))
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}

// trend draws the scores of the runs, the oldest on the left; a run that tripped
// is a ring, and a band shows the tolerance below the baseline.
func trend(run *Run, history []Run) template.HTML {
	const w, h, pad, most = 640.0, 150.0, 34.0, 60
	runs := []Run{*run}
	for _, r := range history {
		if r.ID != run.ID && r.Judgement != Unfinished && !r.At.After(run.At) {
			runs = append(runs, r)
		}
	}
	runs = runs[:min(len(runs), most)]
	slices.Reverse(runs)
	lo, hi := 1.0, 0.0
	for _, r := range runs {
		lo, hi = min(lo, r.Score-2*r.Tolerance), max(hi, r.Score+r.Tolerance)
	}
	lo, hi = max(lo, 0), min(hi, 1)
	if hi-lo < 0.01 {
		lo = max(0, hi-0.01)
	}
	y := func(s float64) float64 { return pad/2 + (h-pad)*(1-(s-lo)/(hi-lo)) }
	x := func(i int) float64 {
		if len(runs) == 1 {
			return w / 2
		}
		return pad + (w-1.5*pad)*float64(i)/float64(len(runs)-1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="score of the last %d runs, now %.3f">`, w, h, len(runs), run.Score)
	for _, s := range []float64{lo, (lo + hi) / 2, hi} {
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text x="0" y="%.1f">%.3f</text>`, pad, w, y(s), y(s), y(s)+4, s)
	}
	if d := run.Difference; d != nil {
		base := d.Base
		top, bottom := y(min(base, hi)), y(max(base-run.Tolerance, lo))
		fmt.Fprintf(&b, `<rect class="band" x="%g" y="%.1f" width="%g" height="%.1f"><title>baseline %.3f, tolerance %.3f</title></rect>`, pad, top, w-pad, max(0, bottom-top), base, run.Tolerance)
	}
	points := make([]string, len(runs))
	for i, r := range runs {
		points[i] = fmt.Sprintf("%.1f,%.1f", x(i), y(r.Score))
	}
	fmt.Fprintf(&b, `<polyline points="%s"/>`, strings.Join(points, " "))
	for i, r := range runs {
		class := "dot"
		switch {
		case r.Judgement == Tripped:
			class = "trip"
		case r.Kind == Lock:
			class = "lock"
		}
		fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%.1f" r="4"><title>%s, %s, %.4f</title></circle>`, class, x(i), y(r.Score), r.At.Format("2006-01-02 15:04"), r.Judgement, r.Score)
	}
	first, last := runs[0].At, runs[len(runs)-1].At
	fmt.Fprintf(&b, `<text x="%g" y="%g">%s</text>`, pad, h-2, first.Format("2006-01-02"))
	if len(runs) > 1 {
		fmt.Fprintf(&b, `<text class="end" x="%g" y="%g">%s</text>`, w, h-2, last.Format("2006-01-02"))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, dates and fixed words
}

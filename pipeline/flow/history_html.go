package flow

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// WriteHTML writes the history as one page that needs nothing but itself: a
// trend for each check as SVG, with the breaker's transitions as lines in it.
func (h *History) WriteHTML(w io.Writer) error { return historyPage.Execute(w, h) }

var historyPage = template.Must(template.New("history").Funcs(template.FuncMap{
	"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") },
	"short": func(id string) string { return id[:min(len(id), 12)] },
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Feed}}: checks</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c2833;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e5e8e8;vertical-align:middle}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.failed,.error,.open{color:#b03a2e}.warned,.half-open{color:#af601a}.passed,.closed{color:#1e8449}
svg{display:block}caption{text-align:left;font-weight:600;padding:1.2rem 0 .3rem}
@media (prefers-color-scheme:dark){body{background:#17202a;color:#eaecee}th,td{border-color:#2c3e50}}
</style></head><body>
<h1>{{.Feed}}</h1><p>{{time .Since}} to {{time .Until}}: {{len .Batches}} batches</p>
<table><caption>Checks</caption><thead><tr><th>Check</th><th>Severity</th><th class="n">Passed</th><th class="n">Failed</th><th class="n">Dropped</th><th>Failed share over time</th></tr></thead><tbody>
{{range .Checks}}<tr><td>{{.ID}}</td><td>{{.Severity}}</td><td class="n">{{.Passed}}</td><td class="n">{{.Failed}}</td><td class="n">{{.Dropped}}</td><td>{{$.Trend .}}</td></tr>
{{end}}</tbody></table>
<table><caption>Breaker</caption><thead><tr><th>At</th><th>From</th><th>To</th><th>Cause</th><th>By</th></tr></thead><tbody>
{{range .Transitions}}<tr><td>{{time .At}}</td><td class="{{.From}}">{{.From}}</td><td class="{{.To}}">{{.To}}</td><td>{{.Cause}}</td><td>{{.Actor}}</td></tr>
{{else}}<tr><td colspan="5">It did not move.</td></tr>
{{end}}</tbody></table>
<table><caption>Batches</caption><thead><tr><th>At</th><th>Batch</th><th>Verdict</th><th>Decision</th><th class="n">Read</th><th class="n">Accepted</th><th class="n">Rejected</th></tr></thead><tbody>
{{range .Batches}}<tr><td>{{time .At}}</td><td>{{short .Batch}}</td><td class="{{.Verdict}}">{{.Verdict}}</td><td>{{.Decision}}</td><td class="n">{{.Rows.Read}}</td><td class="n">{{.Rows.Accepted}}</td><td class="n">{{.Rows.Rejected}}</td></tr>
{{end}}</tbody></table>
</body></html>
`))

// Trend draws a check's failed share over time, 0 at the bottom and the highest
// at the top, with a line for each opening and closing of the breaker.
func (h *History) Trend(c CheckHistory) template.HTML {
	const width, height = 320.0, 36.0
	span := h.Until.Sub(h.Since).Seconds()
	if span <= 0 {
		span = 1
	}
	x := func(t time.Time) float64 { return width * t.Sub(h.Since).Seconds() / span }
	top := 0.0
	for _, p := range c.Points {
		top = max(top, p.Rate())
	}
	y := func(v float64) float64 {
		if top == 0 {
			return height - 2
		}
		return 2 + (height-4)*(1-v/top)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="highest failed share %.3g %%">`, width, height, width, height, 100*top)
	for _, t := range h.Transitions {
		color := map[string]string{"open": "#b03a2e", "closed": "#1e8449"}[string(t.To)]
		if color != "" {
			fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="0" y2="%g" stroke="%s" stroke-dasharray="2 2"/>`, x(t.At), x(t.At), height, color)
		}
	}
	b.WriteString(`<polyline fill="none" stroke="#2e86c1" stroke-width="1.5" points="`)
	for _, p := range c.Points {
		fmt.Fprintf(&b, "%.1f,%.1f ", x(p.At), y(p.Rate()))
	}
	b.WriteString(`"/>`)
	for _, p := range c.Points {
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2" fill="#2e86c1"/>`, x(p.At), y(p.Rate()))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and our own words alone
}

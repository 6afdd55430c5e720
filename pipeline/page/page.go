package page

import (
	_ "embed"

	"github.com/assay-pipeline/assay/pipeline/fill"
)

// Style is the stylesheet of pages and reports.
//
//go:embed style.css
var Style string

// Parts defines the templates that pages share: line (of a Line), bars (of Bars),
// marked (of []Piece) and pages (of a Pager).
//
//go:embed parts.html
var Parts string

const frame = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{{template "title" .}}</title>
<style>
`

// Report reads the template of a report that needs nothing but itself. The source
// defines "title" and "main"; it has the stylesheet and the parts. Like fill.HTML
// it panics where the source does not read.
func Report(name, source string) *fill.Template {
	return fill.HTML(name+".html", frame+Style+`</style></head><body class="report"><main id="main">
{{template "main" .}}
</main></body></html>
`+Parts+source)
}

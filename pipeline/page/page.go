package page

import (
	_ "embed"
	"io"
	"strings"
	"sync"

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

// A Template is read when it is first filled: a process that starts for one answer
// reads no other page.
type Template struct {
	once   sync.Once
	name   string
	source []string
	t      *fill.Template
}

// New is a template of a page in several parts, in the language of fill.HTML.
func New(name string, source ...string) *Template { return &Template{name: name, source: source} }

// Report is the template of a report that needs nothing but itself. The source
// defines "title" and "main"; it has the stylesheet and the parts.
func Report(name string, source ...string) *Template {
	return New(name, append([]string{frame, Style, "</style></head><body class=\"report\"><main id=\"main\">\n{{template \"main\" .}}\n</main></body></html>\n", Parts}, source...)...)
}

// Execute writes the page, filled with data. Like fill.HTML it panics where the
// template does not read.
func (t *Template) Execute(w io.Writer, data any) error { return t.read().Execute(w, data) }

// Part writes what the template defines as name.
func (t *Template) Part(w io.Writer, name string, data any) error {
	return t.read().Part(w, name, data)
}

func (t *Template) read() *fill.Template {
	t.once.Do(func() { t.t = fill.HTML(t.name+".html", strings.Join(t.source, "")) })
	return t.t
}

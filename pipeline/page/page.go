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
	shown  func(string) string
	t      *fill.Template
}

// New is a template of a page in several parts, in the language of fill.HTML. What
// is filled in stands in it as it is, since forms send values back: what a page
// only shows goes through Text before.
func New(name string, source ...string) *Template {
	return &Template{name: name, source: source, shown: func(s string) string { return s }}
}

// Report is the template of a report that needs nothing but itself. The source
// defines "title" and "main"; it has the stylesheet and the parts. Whatever is
// filled in becomes Visible.
func Report(name string, source ...string) *Template {
	t := New(name, append([]string{frame, Style, "</style></head><body class=\"report\"><main id=\"main\">\n{{template \"main\" .}}\n</main></body></html>\n", Parts}, source...)...)
	t.shown = Visible
	return t
}

// Execute writes the page, filled with data. Like fill.HTML it panics where the
// template does not read.
func (t *Template) Execute(w io.Writer, data any) error { return t.read().Execute(w, data) }

// Part writes what the template defines as name.
func (t *Template) Part(w io.Writer, name string, data any) error {
	return t.read().Part(w, name, data)
}

func (t *Template) read() *fill.Template {
	t.once.Do(func() { t.t = fill.HTMLOf(t.name+".html", strings.Join(t.source, ""), t.shown) })
	return t.t
}

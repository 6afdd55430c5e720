package fill_test

import (
	htmltemplate "html/template"
	"strings"
	"testing"
	"text/template"

	"github.com/assay-pipeline/assay/pipeline/fill"
)

type word string

func (w word) String() string { return "<" + string(w) + ">" }

// Shout is a method, which no template may call.
func (d data) Shout() string { return strings.ToUpper(d.Name) }

type data struct {
	Name   string
	N      int
	F      float64
	Word   word
	List   []string
	Rows   []data
	Next   *data
	Any    any
	Map    map[string]string
	hidden string
}

var sample = data{
	Name: `a "b" <c> & 'd'`, N: 3, F: 0.25, Word: "w", List: []string{"x", "", "z"}, Rows: []data{{Name: "r1", N: 1}, {Name: "r2"}},
	Next: &data{Name: "next"}, Any: 7, Map: map[string]string{"k": "v"}, hidden: "h",
}

// The text that comes out is the one that text/template writes.
func TestAsTextTemplate(t *testing.T) {
	for _, src := range []string{
		"plain", "{{.Name}}|{{.N}}|{{.F}}|{{.Word}}|{{.Any}}|{{.Map.k}}", "{{if .N}}yes{{else}}no{{end}}{{if .Rows}}{{else}}none{{end}}",
		"{{range .List}}[{{.}}]{{else}}empty{{end}}", "{{range $i, $c := .List}}{{if $i}}, {{end}}{{$c}}{{end}}", "{{range .Rows}}{{.Name}}{{with .N}}={{.}}{{end}} of {{$.Name}};{{end}}",
		"{{with .Next}}{{.Name}}{{end}}{{with .Next.Next}}never{{else}}nothing{{end}}", `{{or .Next.List "none"}} {{and .N .Name}} {{not .N}} {{len .List}}`,
		`{{eq .Name "x"}}{{ne .N 3}}{{eq .N 3}}`, `{{define "p"}}<{{.Name}}>{{end}}{{template "p" .Next}}{{range .Rows}}{{template "p" .}}{{end}}`,
		"a {{- .N -}} b", "{{$x := .N}}{{$x}}{{range $y := .List}}{{$y}}{{end}}", "{{if and .N (not .Next)}}1{{else if .F}}2{{end}}",
	} {
		tmpl, err := fill.Parse("t", src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		var got, want strings.Builder
		if err := tmpl.Execute(&got, sample); err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if err := template.Must(template.New("t").Parse(src)).Execute(&want, sample); err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if got.String() != want.String() {
			t.Errorf("%s\n got %s\nwant %s", src, got.String(), want.String())
		}
	}
}

// In texts and quoted attributes, what comes out of a page is what html/template
// writes.
func TestAsHTMLTemplate(t *testing.T) {
	const src = `<p title="{{.Name}}" class="v {{.N}}">{{.Name}} {{.Word}}</p>`
	var got, want strings.Builder
	if err := fill.HTML("t", src).Execute(&got, sample); err != nil {
		t.Fatal(err)
	}
	if err := htmltemplate.Must(htmltemplate.New("t").Parse(src)).Execute(&want, sample); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("\n got %s\nwant %s", got.String(), want.String())
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, src := range []string{"{{.Shout}}", "{{.hidden}}", "{{.Nothing}}", "{{.Map.x}}", "{{.Next.Next.Name}}", "{{.Name | len}}", "{{len .N}}", `{{template "no" .}}`, `{{define "t2"}}{{template "t2" .}}{{end}}{{template "t2" .}}`, "{{range .N}}{{end}}", "{{not 1 2}}"} {
		tmpl, err := fill.Parse("t", src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		var b strings.Builder
		if err := tmpl.Execute(&b, sample); err == nil || b.Len() > 0 {
			t.Errorf("%s: %v, wrote %q", src, err, b.String())
		}
	}
	for _, src := range []string{"{{", "{{if}}", "{{printf .N}}", "{{end}}"} {
		if _, err := fill.Parse("t", src); err == nil {
			t.Errorf("%s is taken", src)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("{{range $i, $c := .List}}{{$c}}{{end}}")
	f.Add(`{{define "a"}}{{template "a" .}}{{end}}{{template "a"}}`)
	f.Fuzz(func(t *testing.T, src string) {
		tmpl, err := fill.Parse("t", src)
		if err != nil {
			return
		}
		_ = tmpl.Execute(&strings.Builder{}, sample) // an error is fine, a panic is not
	})
}

package pages_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline/page"
)

// elements are those that pages and reports are made of.
var elements = strings.Fields(`html head meta title link script style body a header nav ul ol li div span form input button main p footer h1 h2 h3 h4
	table caption thead tbody tr th td svg polyline line circle rect text title path g mark sup code pre b kbd label select option fieldset legend
	textarea datalist details summary section dl dt dd meter br`)

var (
	tag       = regexp.MustCompile(`^<(/?)([a-z0-9]+)((?:\s+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<]*")?)*)\s*/?>`)
	attribute = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9-]*)(?:="([^"]*)")?`)
)

// wrong is the first thing in a page that does not come from its template: a tag
// that does not end, an element or attribute that no template has, an address that
// leaves this server, or a character that nobody sees. Whatever a value did to get
// out of its place would break the strict grammar that templates keep.
func wrong(body string) error {
	if !utf8.ValidString(body) {
		return fmt.Errorf("it is no UTF-8")
	}
	s, at := strings.TrimPrefix(body, "<!doctype html>"), ""
	for s != "" {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			i = len(s)
		}
		if text := s[:i]; at != "style" && (strings.ContainsRune(text, '>') || page.Visible(text) != text) {
			return fmt.Errorf("text %.200q", text)
		}
		if s = s[i:]; s == "" {
			return nil
		}
		m := tag.FindStringSubmatch(s)
		if m == nil {
			return fmt.Errorf("no tag of ours: %.200q", s)
		}
		if at = m[2]; !slices.Contains(elements, at) {
			return fmt.Errorf("element %.200q", m[0])
		}
		if err := wrongAttribute(m[2], m[3]); err != nil {
			return fmt.Errorf("%w in %.300q", err, m[0])
		}
		if s = s[len(m[0]):]; at == "script" && m[1] == "" && !strings.HasPrefix(s, "</script>") {
			return fmt.Errorf("an inline script: %.200q", s)
		}
		if m[1] == "/" {
			at = ""
		}
	}
	return nil
}

func wrongAttribute(element, list string) error {
	for _, a := range attribute.FindAllStringSubmatch(list, -1) {
		name, value := a[1], a[2]
		switch {
		case strings.HasPrefix(name, "on"), name == "style", name == "srcdoc", name == "srcset":
			return fmt.Errorf("attribute %s", name)
		case name == "href", name == "src", name == "action", name == "formaction":
			if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") && value != "data:," || strings.HasPrefix(value, "//") {
				return fmt.Errorf("address %q", value)
			}
		case name == "value" && element == "input": // a form sends back what was there
		case page.Visible(value) != value:
			return fmt.Errorf("unseen characters in %s", name)
		}
	}
	return nil
}

// safe holds an answer to what every page promises of what others wrote.
func safe(t testing.TB, to string, a answer) {
	t.Helper()
	if err := wrong(a.body); err != nil {
		t.Errorf("%.200s: %v", to, err)
	}
}

// TestWrong: what the other tests hold pages against sees what they look for.
func TestWrong(t *testing.T) {
	for _, good := range []string{`<!doctype html><p class="x">a &lt;b&gt; c</p><br><input name="csrf" value="` + "\u202e" + `" required>`, `<a href="/items/x">y</a><script src="/assets/a.js" defer></script><style>a>b{}</style>`} {
		if err := wrong(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{`<script>alert(1)</script>`, `<p onclick="x">`, `<p title="a" onclick=x>`, `<p title='a'>`, `<img src=x>`, `<a href="javascript:x">`, `<a href="//evil.example">`, `<form action="https://evil.example">`, `<p style="x">`, "a\u202eb", "\x1b", "\xff", `a > b`, `<p title="` + "\u202e" + `">`, `</textarea`} {
		if wrong(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

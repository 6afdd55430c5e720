package quantity

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected part of the cases")

// TestCases reads testdata/*.txtar: each case is a text, and what is read of
// it. The comment of an archive gives the options.
func TestCases(t *testing.T) {
	for _, name := range []string{"catalog", "prose_en", "prose_de", "german", "expect"} {
		file := "testdata/" + name + ".txtar"
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var opt Options
		for line := range strings.SplitSeq(string(a.Comment), "\n") {
			key, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); key {
			case "language":
				opt.Language = Language(value)
			case "prose":
				opt.Prose = true
			case "expect":
				for _, d := range strings.Fields(value) {
					opt.Expect = append(opt.Expect, Dimension(d))
				}
			}
		}
		for i, f := range a.Files {
			text, want, _ := strings.Cut(string(f.Data), "\n")
			got := describe(text, opt)
			if *update {
				a.Files[i].Data = []byte(text + "\n" + got)
			} else if got != want {
				t.Errorf("%s: %s: %q\ngot\n%swant\n%s", file, f.Name, text, got, want)
			}
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func describe(text string, opt Options) string {
	var b strings.Builder
	qs := Scan(text, opt)
	for _, q := range qs {
		fmt.Fprintf(&b, "%d-%d %q %s %s", q.Start, q.End, q.Text, q.Kind, q.Value)
		if q.High != nil {
			fmt.Fprintf(&b, " to %s", q.High)
		}
		if q.Tol != nil {
			fmt.Fprintf(&b, " ± %s", q.Tol)
		}
		switch {
		case q.HasUnit():
			fmt.Fprintf(&b, " [%s] %s", q.Unit, q.Unit.Dimension)
			if c, err := q.Canonical(); err == nil && c.Unit.Code != q.Unit.Code {
				fmt.Fprintf(&b, " = %s", c.Value)
				if c.High != nil {
					fmt.Fprintf(&b, " to %s", c.High)
				}
				fmt.Fprintf(&b, " [%s]", c.Unit)
			}
		case len(q.Readings) > 0:
			var codes []string
			for _, u := range q.Readings {
				codes = append(codes, u.Code)
			}
			fmt.Fprintf(&b, " [? %s]", strings.Join(codes, " "))
		}
		if q.Alt != nil {
			fmt.Fprintf(&b, " or %s", q.Alt)
		}
		if q.Prefix != "" {
			fmt.Fprintf(&b, " after %s", q.Prefix)
		} else if q.Glued {
			b.WriteString(" glued")
		}
		b.WriteString("\n")
	}
	for _, d := range Designations(text, qs) {
		fmt.Fprintf(&b, "%s", d.Pattern)
		if d.Name != "" {
			fmt.Fprintf(&b, " %s", d.Name)
		}
		fmt.Fprintf(&b, " %d-%d %q", d.Start, d.End, d.Text)
		for _, p := range d.Parts {
			v := p.Quantity.Value.String()
			if p.Role == "series" {
				v = p.Quantity.Text
			}
			fmt.Fprintf(&b, " %s=%s%s", p.Role, v, p.Quantity.Unit)
		}
		b.WriteString("\n")
	}
	return b.String()
}

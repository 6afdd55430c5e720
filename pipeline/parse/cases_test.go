package parse_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

var update = flag.Bool("update", false, "rewrite the expected records")

// pack is the knowledge that the project ships.
var pack = sync.OnceValues(func() (*knowledge.Pack, error) {
	return knowledge.Load(os.DirFS("../../contracts/catalog"))
})

func newParser(t testing.TB) *parse.Parser {
	t.Helper()
	p, err := pack()
	if err != nil {
		t.Fatal(err)
	}
	return parse.New(p, parse.NewRules(p), parse.Options{})
}

// Each case is an item and the record that is made of it with the shipped
// knowledge: the values with the text that they came from, then the flags.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	ps := newParser(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i+1 < len(a.Files); i += 2 {
				item := pipeline.Item{ID: a.Files[i].Name, Source: strings.TrimSuffix(string(a.Files[i].Data), "\n")}
				r, err := ps.Parse(context.Background(), item)
				if err != nil {
					t.Fatal(err)
				}
				checkRecord(t, &r)
				got := render(&r)
				if *update {
					a.Files[i+1].Data = []byte(got)
				} else if want := string(a.Files[i+1].Data); got != want {
					t.Errorf("%s %q:\ngot\n%swant\n%s", a.Files[i].Name, item.Source, got, want)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// checkRecord holds what is true of every record, whatever the text.
func checkRecord(t testing.TB, r *pipeline.Record) {
	t.Helper()
	for _, a := range r.Attributes {
		if a.Provenance != pipeline.Metadata && a.In(r.Source) != a.Text {
			t.Errorf("%q: %s says %q, the span %d-%d has %q", r.Source, a.Name, a.Text, a.Start, a.End, a.In(r.Source))
		}
		if a.Confidence <= 0 || a.Confidence > 1 {
			t.Errorf("%q: %s has confidence %v", r.Source, a.Name, a.Confidence)
		}
		if a.Provenance == pipeline.Inferred && a.Value.IsNumber() {
			t.Errorf("%q: the number %s was inferred", r.Source, a.Name)
		}
	}
	if r.Attributes == nil || r.Flags == nil {
		t.Errorf("%q: nil in a record becomes null in JSON", r.Source)
	}
}

func render(r *pipeline.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Category)
	for _, a := range r.Attributes {
		unit := a.Unit
		if unit != "" {
			unit = " " + unit
		}
		by := string(a.Provenance)
		if a.Evidence != "" {
			by += " " + a.Evidence
		}
		fmt.Fprintf(&b, "  %s = %s%s <- %q, %s\n", a.Name, a.Value, unit, a.Text, by)
	}
	for _, f := range r.Flags {
		fmt.Fprintf(&b, "  ! %s\n", strings.TrimSpace(f.Code+" "+f.Attribute+": "+f.Detail))
	}
	return b.String()
}

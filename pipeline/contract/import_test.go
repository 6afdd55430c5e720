package contract

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// An import: the name of the case begins with its source. What comes out is a
// contract that parses and lints without an error.
func TestImportCases(t *testing.T) {
	eachCase(t, "import", "contract", func(t *testing.T, files map[string][]byte) string {
		source, _, _ := strings.Cut(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:], "-")
		b, err := Import(source, "input", files["input"])
		if err != nil {
			return err.Error()
		}
		for _, f := range LintSource("imported", b) {
			if f.Level == LevelError {
				t.Errorf("%s\n%s", f, b)
			}
		}
		return string(b)
	})
}

// What a target can say comes back from it: exported and imported, the fields
// are the same.
func TestExportAndImport(t *testing.T) {
	src, err := os.ReadFile("../../contracts/feeds/kicad-parts.odcs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := mustParse(t, "kicad", string(src))
	want, err := d.Feed("")
	if err != nil {
		t.Fatal(err)
	}
	for target, c := range map[string]struct {
		source  string
		ignored cmp.Option
	}{
		"jsonschema": {"jsonschema", cmpopts.IgnoreFields(Field{}, "Line", "Key", "Column")},
		"postgres":   {"sql", cmp.Options{cmpopts.IgnoreFields(Field{}, "Line", "Column"), cmpopts.IgnoreFields(Options{}, "Pattern")}},
	} {
		b, err := d.Export("", target)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Import(c.source, "x", b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mustParse(t, "back", string(back)).Feed("")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Fields, got.Fields, c.ignored); diff != "" {
			t.Errorf("%s (-exported +imported)\n%s", target, diff)
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, s := range []string{`{"type":"object","properties":{"a":{"$ref":"#/properties/a"}}}`, `{"type":"record","name":"r","fields":[{"name":"a","type":["null","r"]}]}`,
		"create table t (a int check (a between 1 and 2), primary key (a));", "models: [{name: m, columns: [{name: a, tests: [unique]}]}]", "create table \"", "create table t (a", "'", "/*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, source := range ImportSources() {
			b, err := Import(source, "f", []byte(s))
			if err != nil {
				continue
			}
			if _, found := readYAML("f", b); found != nil {
				t.Fatalf("%s wrote what is not YAML: %v\n%s", source, found, b)
			}
		}
	})
}

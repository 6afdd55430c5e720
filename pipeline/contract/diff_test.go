package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The cases of testdata/diff are the specification of comparisons. Each names
// the clause that differs between two contracts, otherwise alike, and who is
// broken by it:
//
//	# what changes
//	old: logicalType: integer, logicalTypeOptions: {maximum: 10}
//	new: logicalType: integer, logicalTypeOptions: {maximum: 20}
//	consumers: breaks
//	history: fits
//	says: …
//
// old and new are the clauses of the field f; "old object" those of its schema
// object, "old properties" all its fields, "old document" those of the document.
// -update rewrites what is said, never who is broken.
type diffCase struct {
	name  string
	lines []string
	value map[string]string
}

func readDiffCases(t *testing.T, file string) (out []diffCase) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		c := diffCase{value: map[string]string{}}
		for _, line := range strings.Split(block, "\n") {
			if name, ok := strings.CutPrefix(line, "# "); ok {
				c.name = name
			} else if k, v, ok := strings.Cut(line, ":"); ok {
				if k == "says" {
					v = c.value[k] + "\nsays:" + v
				}
				c.value[k] = strings.TrimSpace(v)
			} else {
				t.Fatalf("%s: %q is no line of a case", file, line)
			}
			if !strings.HasPrefix(line, "says:") {
				c.lines = append(c.lines, line)
			}
		}
		out = append(out, c)
	}
	return out
}

func (c diffCase) contract(t *testing.T, side string) *Document {
	t.Helper()
	var b strings.Builder
	doc := c.value[side+" document"]
	for _, line := range []string{"apiVersion: v3.1.0", "kind: DataContract", "id: t", "version: 1.0.0", "status: active"} {
		if k, _, _ := strings.Cut(line, ":"); !strings.HasPrefix(doc, k+":") {
			b.WriteString(line + "\n")
		}
	}
	for _, line := range strings.Split(doc, "; ") {
		b.WriteString(line + "\n")
	}
	join := func(s string) string {
		if s == "" {
			return ""
		}
		return ", " + s
	}
	props := c.value[side+" properties"]
	if props == "" {
		props = "{name: id, logicalType: string}, {name: f" + join(c.value[side]) + "}"
	}
	if strings.Contains(doc, "schema:") {
		return mustParse(t, c.name, b.String())
	}
	b.WriteString("schema: [{name: t" + join(c.value[side+" object"]) + ", properties: [" + props + "]}]\n")
	return mustParse(t, c.name, b.String())
}

func mustParse(t *testing.T, name, src string) *Document {
	t.Helper()
	d, err := Parse(name, []byte(src))
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return d
}

func TestDiffCases(t *testing.T) {
	files, err := filepath.Glob("testdata/diff/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	total := 0
	for _, file := range files {
		cases := readDiffCases(t, file)
		total += len(cases)
		var rewritten strings.Builder
		for i, c := range cases {
			ok := t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+c.name, func(t *testing.T) {
				old, fresh := c.contract(t, "old"), c.contract(t, "new")
				var says strings.Builder
				for mode, key := range map[Mode]string{ForConsumers: "consumers", ForHistory: "history"} {
					d, err := Diff(old, fresh, mode)
					if err != nil {
						t.Fatal(err)
					}
					got := map[bool]string{true: "breaks", false: "fits"}[d.Breaking()]
					if want := c.value[key]; got != want {
						t.Errorf("%s: %s, want %s: %+v", key, got, want, d.Changes)
					}
					if mode == ForConsumers {
						for _, x := range d.Changes {
							says.WriteString("\nsays: " + x.Place() + " " + x.Kind + ": " + x.What)
						}
					}
				}
				if *update {
					if i > 0 {
						rewritten.WriteString("\n")
					}
					rewritten.WriteString(strings.Join(c.lines, "\n") + says.String() + "\n")
				} else if says.String() != strings.TrimPrefix("\n"+c.value["says"], "\n\n") && says.String() != "\n"+c.value["says"] && says.String() != c.value["says"] {
					t.Errorf("it says %q, want %q", says.String(), c.value["says"])
				}
			})
			for range 2 { // for consumers, and for history
				Figures.Count("compat_changes", ok)
			}
		}
		if *update {
			if err := os.WriteFile(file, []byte(rewritten.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if total < 120 {
		t.Errorf("%d cases; the specification has at least 120", total)
	}
}

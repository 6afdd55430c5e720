package catalog

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

var update = flag.Bool("update", false, "rewrite the expected part of the cases")

// A case file holds:
//
//	schema: CATEGORY ATTRIBUTE KIND [unit=U] [critical|required] [tolerance=T] [implicit=V]
//	items:  ID CATEGORY "TEXT" [NAME=VALUE …]; .part .maker .pack are the source system's
//	want:   what Pairs and Clusters answer
//
// The span of an attribute is where its value stands in the text.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m, entries := readCase(t, ar)
			got := answer(t, m, entries)
			want := section(ar, "want")
			if got == want {
				return
			}
			if !*update {
				t.Fatalf("got\n%s\nwant\n%s", got, want)
			}
			for i := range ar.Files {
				if ar.Files[i].Name == "want" {
					ar.Files[i].Data = []byte(got)
				}
			}
			if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func section(ar *txtar.Archive, name string) string {
	for _, f := range ar.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func readCase(t *testing.T, ar *txtar.Archive) (*Matcher, []Entry) {
	t.Helper()
	return &Matcher{known: readSchemas(t, section(ar, "schema"))}, readItems(t, section(ar, "items"))
}

func readSchemas(t *testing.T, text string) map[string]*criteria {
	t.Helper()
	schemas := map[string]*knowledge.Schema{}
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) < 3 {
			t.Fatalf("schema line %q", line)
		}
		s := schemas[w[0]]
		if s == nil {
			s = &knowledge.Schema{Category: w[0]}
			schemas[w[0]] = s
		}
		a := knowledge.Attribute{Name: w[1], Kind: knowledge.Kind(w[2])}
		for _, o := range w[3:] {
			k, v, _ := strings.Cut(o, "=")
			switch k {
			case "critical":
				a.Critical = true
			case "required":
				a.Critical, a.Required = true, true
			case "unit":
				a.Unit = v
			case "implicit":
				a.Implicit = v
			case "tolerance":
				a.Tolerance, _ = pipeline.Number(v)
			default:
				t.Fatalf("schema option %q", o)
			}
		}
		s.Attributes = append(s.Attributes, a)
	}
	out := map[string]*criteria{}
	for n, s := range schemas {
		out[n] = criteriaOf(s)
	}
	return out
}

func readItems(t *testing.T, text string) []Entry {
	t.Helper()
	var out []Entry
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		head, rest, ok := strings.Cut(line, `"`)
		src, tail, ok2 := strings.Cut(rest, `"`)
		h := strings.Fields(head)
		if !ok || !ok2 || len(h) != 2 {
			t.Fatalf("item line %q", line)
		}
		e := Entry{Item: pipeline.Item{ID: h[0], Source: src}}
		e.Record = pipeline.Record{ID: h[0], Source: src, Category: h[1], Confidence: 1}
		for _, f := range strings.Fields(tail) {
			name, v, _ := strings.Cut(f, "=")
			switch name {
			case ".part":
				e.Item.Meta.PartNumber = v
			case ".maker":
				e.Item.Meta.Manufacturer = v
			case ".pack":
				e.Item.Meta.PackQuantity = v
			default:
				val, ok := pipeline.Number(v)
				if !ok {
					val = pipeline.Text(v)
				}
				a := pipeline.Attribute{Name: name, Value: val, Confidence: 1, Provenance: pipeline.Verbatim}
				if i := strings.Index(strings.ToLower(src), strings.ToLower(v)); i >= 0 {
					a.Span, a.Text = pipeline.Span{Start: i, End: i + len(v)}, src[i:i+len(v)]
				}
				e.Record.Attributes = append(e.Record.Attributes, a)
			}
		}
		out = append(out, e)
	}
	return out
}

// answer is what the matcher says, as text; it fails where the order of
// arrival changes it.
func answer(t *testing.T, m *Matcher, entries []Entry) string {
	t.Helper()
	ctx := context.Background()
	m.Told = true
	matches, err := m.Pairs(ctx, entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		again, err := m.Pairs(ctx, entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(matches, again) {
			t.Fatalf("another order of arrival, another answer:\n%+v\n%+v", matches, again)
		}
	}
	clusters, _, err := m.Clusters(ctx, entries, matches, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, x := range matches {
		fmt.Fprintf(&b, "%s %s %s %.3f", x.A, x.B, x.Verdict, x.Score)
		if x.Veto != "" {
			fmt.Fprintf(&b, " veto=%s", x.Veto)
		}
		b.WriteByte('\n')
		for _, why := range x.Reasons {
			fmt.Fprintf(&b, "  %s\n", why)
		}
	}
	for _, c := range clusters {
		fmt.Fprintf(&b, "cluster %s\n", strings.Join(c.Items, " "))
	}
	return b.String()
}

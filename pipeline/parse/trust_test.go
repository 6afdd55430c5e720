package parse_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
)

// metaOf reads KEY: VALUE lines.
func metaOf(t *testing.T, lines []string) (m pipeline.Meta) {
	t.Helper()
	for _, l := range lines {
		key, value, _ := strings.Cut(l, ": ")
		field, ok := map[string]*string{
			"category": &m.Category, "manufacturer": &m.Manufacturer, "part number": &m.PartNumber, "unit of measure": &m.UnitOfMeas,
			"procurement group": &m.Procurement, "material group": &m.Group, "plant": &m.Plant, "language": &m.Language, "trust": (*string)(&m.Trust),
		}[key]
		if !ok {
			t.Fatalf("no column %q", key)
		}
		*field = value
	}
	return m
}

// Each case is a text with its columns and how far these are trusted, and the
// record that is made of them.
func TestMetaCases(t *testing.T) {
	files, err := filepath.Glob("testdata/meta/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	ps := newParser(t)
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(a.Files); i += 2 {
			lines := strings.Split(strings.TrimSuffix(string(a.Files[i].Data), "\n"), "\n")
			item := pipeline.Item{ID: a.Files[i].Name, Source: lines[0], Meta: metaOf(t, lines[1:])}
			r, err := ps.Parse(context.Background(), item)
			if err != nil {
				t.Fatal(err)
			}
			if r.Meta != item.Meta {
				t.Errorf("%s: the columns became %+v", item.ID, r.Meta)
			}
			checkRecord(t, &r)
			got := render(&r)
			if *update {
				a.Files[i+1].Data = []byte(got)
			} else if want := string(a.Files[i+1].Data); got != want {
				t.Errorf("%s:\ngot\n%swant\n%s", item.ID, got, want)
			}
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A value that a column denies is less sure, and so is its record, the more the
// column is trusted.
func TestTrustAndConfidence(t *testing.T) {
	ps := newParser(t)
	confidence := func(trust pipeline.Trust) float64 {
		r, err := ps.Parse(context.Background(), pipeline.Item{ID: "x", Source: "Rillenkugellager 6205-2RS C3 SKF", Meta: pipeline.Meta{Manufacturer: "FAG", Trust: trust}})
		if err != nil {
			t.Fatal(err)
		}
		a, ok := r.Attribute("manufacturer")
		if !ok {
			t.Fatal("no manufacturer")
		}
		return a.Confidence
	}
	none, low, high := confidence("manufacturer=none"), confidence(""), confidence("manufacturer=high")
	if none != low || high >= low {
		t.Errorf("none %v, low %v, high %v", none, low, high)
	}
}

// Command gen writes the generated golden cases of reading and matching: lines
// of one sample with what the generator knows of them, in the words of the
// shipped schemas.
//
//	go run ./evals/gen            # writes evals/golden/*-generated.jsonl
//
// The seed is fixed, so the files change only with the generator. A test
// compares them.
package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

const (
	// seed of the golden cases; no figure of the benchmarks or of the demo is
	// taken on it.
	seed = 20260301
	// What is taken of the sample, spread evenly over its families.
	descriptions, duplicates, twins = 360, 200, 160
)

func main() {
	files, err := generate()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join("evals", "golden", name), text, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gen: run it at the root of the repository:", err)
			os.Exit(1)
		}
	}
}

// item is an item of a case, as evals/README.md describes it.
type item struct {
	ID   string            `json:"id,omitempty"`
	Text string            `json:"text"`
	Meta map[string]string `json:"meta,omitempty"`
}

type parseCase struct {
	ID   string            `json:"id"`
	Kind string            `json:"kind"`
	By   string            `json:"by"`
	Text string            `json:"text"`
	Meta map[string]string `json:"meta,omitempty"`
	Want parseWant         `json:"want"`
}

type parseWant struct {
	Category   string         `json:"category"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Also       map[string]any `json:"also,omitempty"`
	Partial    bool           `json:"partial"`
}

type matchCase struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	By      string `json:"by"`
	Cluster string `json:"cluster,omitempty"`
	A       item   `json:"a"`
	B       item   `json:"b"`
	Want    struct {
		Verdict string `json:"verdict"`
	} `json:"want"`
}

// generate returns the files by name.
func generate() (map[string][]byte, error) {
	s := sample.Generate(sample.Options{Seed: seed})
	meta, err := columns(s)
	if err != nil {
		return nil, err
	}
	w := writer{s: s, meta: meta, vocabulary: app.SampleVocabulary()}
	parse, err := w.parse()
	if err != nil {
		return nil, err
	}
	match, err := w.match()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"parse-generated.jsonl": parse, "match-generated.jsonl": match}, nil
}

type writer struct {
	s          *sample.Sample
	meta       map[string]map[string]string
	vocabulary sample.Vocabulary
}

// columns reads the metadata of every item from the files of the catalog.
func columns(s *sample.Sample) (map[string]map[string]string, error) {
	names := map[string]string{"plant": "plant", "language": "language", "manufacturer": "manufacturer", "manufacturer_part_number": "part_number", "unit_of_measure": "unit_of_measure"}
	out := map[string]map[string]string{}
	for _, f := range s.Files {
		if f.Feed != sample.CatalogFeed {
			continue
		}
		r := csv.NewReader(bytes.NewReader(f.Bytes))
		r.FieldsPerRecord = -1
		r.LazyQuotes = true
		rows, err := r.ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		for _, row := range rows[1:] {
			if len(row) != len(rows[0]) {
				continue // a seeded fault
			}
			m := map[string]string{}
			for i, column := range rows[0] {
				if name := names[column]; name != "" && row[i] != "" {
					m[name] = row[i]
				}
			}
			out[row[0]] = m
		}
	}
	return out, nil
}

// spread takes n of the ids: the same share of each group, in order.
func spread(groups map[string][]string, n int) []string {
	names := make([]string, 0, len(groups))
	for g := range groups {
		names = append(names, g)
	}
	sort.Strings(names)
	var out []string
	for i, g := range names {
		ids := groups[g]
		sort.Strings(ids)
		k := min(len(ids), (n-len(out))/(len(names)-i))
		for j := range k {
			out = append(out, ids[j*len(ids)/k])
		}
	}
	return out
}

func (w writer) parse() ([]byte, error) {
	groups := map[string][]string{}
	for id, it := range w.s.Truth.Items {
		if w.meta[id] != nil { // not lost in a seeded fault
			groups[it.Category] = append(groups[it.Category], id)
		}
	}
	var b bytes.Buffer
	for i, id := range spread(groups, descriptions) {
		it := w.s.Truth.Items[id]
		c := parseCase{ID: fmt.Sprintf("parse-g%03d", i+1), Kind: "clear", By: "generated", Text: it.Text,
			Meta: map[string]string{"plant": w.meta[id]["plant"], "language": w.meta[id]["language"]},
			// The generator knows what it wrote, not all that may be told.
			Want: parseWant{Category: it.Category, Partial: true, Attributes: map[string]any{}, Also: map[string]any{}}}
		if it.Thin {
			c.Kind = "thin"
		}
		for _, f := range it.Facts {
			name := f.Name
			if n, ok := w.vocabulary.Attributes[it.Category+"."+name]; ok {
				name = n
			} else if n, ok := w.vocabulary.Attributes[name]; ok {
				name = n
			}
			if name == "-" {
				continue
			}
			into := c.Want.Also
			if f.Source == sample.InText {
				into = c.Want.Attributes
			}
			into[name] = w.value(it.Category, f)
		}
		if err := line(&b, c); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// counts are attributes that are numbers without a unit.
var counts = map[string]bool{"poles": true, "phases": true, "rows": true, "cores": true, "ratio": true}

// value writes a fact as a golden case does.
func (w writer) value(category string, f sample.Fact) any {
	if f.Unit != "" && f.Unit != "HV" {
		if lo, hi, ok := strings.Cut(f.Value, "/"); ok { // 230/400 V: either stands
			return []any{lo + " " + f.Unit, hi + " " + f.Unit}
		}
		return f.Value + " " + f.Unit
	}
	if counts[f.Name] || f.Name == "hardness" {
		if n, err := strconv.ParseFloat(strings.TrimSuffix(f.Value, " HV"), 64); err == nil {
			return n
		}
	}
	for _, key := range []string{category + "." + f.Name + "=" + f.Value, f.Name + "=" + f.Value} {
		if v := w.vocabulary.Values[key]; len(v) == 1 {
			return v[0]
		} else if len(v) > 1 {
			return v
		}
	}
	return f.Value
}

func (w writer) match() ([]byte, error) {
	groups := [2]map[string][]string{{}, {}}
	add := func(k int, a, b string) {
		if w.meta[a] != nil && w.meta[b] != nil {
			g := w.s.Truth.Items[a].Category
			groups[k][g] = append(groups[k][g], a+" "+b)
		}
	}
	for _, p := range w.s.Truth.Duplicates {
		add(0, p[0], p[1])
	}
	for _, t := range w.s.Truth.NearTwins {
		a, b := w.s.Truth.Items[t.A], w.s.Truth.Items[t.B]
		// Both lines say it: a reader can tell.
		if fa, ok := a.Fact(t.Attribute); !ok || fa.Source != sample.InText {
			continue
		}
		if fb, ok := b.Fact(t.Attribute); !ok || fb.Source != sample.InText {
			continue
		}
		if t.Seeded {
			add(1, t.A, t.B)
		}
	}
	var out bytes.Buffer
	n := 0
	for k, want := range []string{"duplicate", "distinct"} {
		for _, pair := range spread(groups[k], []int{duplicates, twins}[k]) {
			a, b, _ := strings.Cut(pair, " ")
			n++
			c := matchCase{ID: fmt.Sprintf("match-g%03d", n), Kind: []string{"clear", "adversarial"}[k], By: "generated", A: w.item(a), B: w.item(b)}
			if k == 0 {
				c.Cluster = w.s.Truth.Items[a].Product
			}
			c.Want.Verdict = want
			if err := line(&out, c); err != nil {
				return nil, err
			}
		}
	}
	return out.Bytes(), nil
}

func (w writer) item(id string) item {
	return item{ID: id, Text: w.s.Truth.Items[id].Text, Meta: w.meta[id]}
}

func line(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

// twins makes 10,000 pairs that differ in exactly one number or in the sign of
// one, out of real parts (KiCad, JLC) and of the sample catalog, has both read,
// and counts how many are called duplicate.
func (b *bench) twins(ctx context.Context) error {
	sources := []struct {
		name  string
		texts func() ([]string, error)
	}{
		{"kicad", func() ([]string, error) {
			return column(filepath.Join(*data, "industrial", "kicad-symbols", "kicad_parts.csv"), "description")
		}},
		{"jlc", func() ([]string, error) {
			return column(filepath.Join(*data, "industrial", "jlcpcb-kicad", "parts_dev.csv"), "description")
		}},
		{"sample", sampleTexts},
	}
	m := &catalog.Matcher{Pack: b.pack, Embedder: embed.NewHashing(nil)}
	r := rand.New(rand.NewPCG(5, 5))
	merged, made := 0, 0
	for n, s := range sources {
		texts, err := s.texts()
		if err != nil {
			fmt.Printf("%-16s needs %v\n", "twins of "+s.name, err)
			continue
		}
		want := []int{4000, 2000, 4000}[n]
		var items []pipeline.Item
		for tries := 0; len(items) < 2*want && tries < 200*want; tries++ {
			text := texts[r.IntN(len(texts))]
			if twin, ok := changeNumber(r, text, s.name != "sample"); ok {
				items = append(items, pipeline.Item{ID: fmt.Sprintf("a%05d", tries), Source: text}, pipeline.Item{ID: fmt.Sprintf("b%05d", tries), Source: twin})
			}
		}
		entries, err := read(ctx, b.parser, items)
		if err != nil {
			return err
		}
		bad := 0
		for i := 0; i+1 < len(entries); i += 2 {
			if m.Judge(&entries[i], &entries[i+1]).Verdict == catalog.Duplicate {
				if bad++; bad <= 14 {
					fmt.Printf("  merged: %q and %q\n", items[i].Source, items[i+1].Source)
				}
			}
		}
		fmt.Printf("%-16s %d of %d near twins merged\n", s.name, bad, len(entries)/2)
		merged += bad
		made += len(entries) / 2
	}
	if made > 0 {
		b.out["near_twin_merges"] = float64(merged) / float64(made)
		b.out["near_twins"] = made
	}
	return nil
}

func column(file, name string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	for i, h := range rows[0] {
		if strings.EqualFold(h, name) {
			var out []string
			for _, row := range rows[1:] {
				out = append(out, row[i])
			}
			return out, nil
		}
	}
	return nil, fmt.Errorf("%s: no column %s", file, name)
}

// sampleTexts are the descriptions of the generated catalog.
func sampleTexts() ([]string, error) {
	s := sample.Generate(sample.Options{Seed: 4242})
	var out []string
	for _, f := range s.Files {
		if f.Feed != sample.CatalogFeed {
			continue
		}
	}
	for _, it := range s.Truth.Items {
		out = append(out, it.Text)
	}
	slices.Sort(out)
	return out, nil
}

// changeNumber changes one number of s or, where a sign means something, its
// sign: people put a hyphen before a size and mean nothing.
func changeNumber(r *rand.Rand, s string, sign bool) (string, bool) {
	var at [][2]int
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			continue
		}
		k := i
		for k < len(s) && '0' <= s[k] && s[k] <= '9' {
			k++
		}
		if k-i < 7 {
			at = append(at, [2]int{i, k})
		}
		i = k
	}
	if len(at) == 0 {
		return "", false
	}
	x := at[r.IntN(len(at))]
	if sign && r.IntN(5) == 0 && (x[0] == 0 || s[x[0]-1] == ' ') {
		return s[:x[0]] + "-" + s[x[0]:], true
	}
	n, err := strconv.Atoi(s[x[0]:x[1]])
	if err != nil {
		return "", false
	}
	changed := strconv.Itoa(n + 1 + r.IntN(9))
	if x[0] > 0 && strings.ContainsRune(".,", rune(s[x[0]-1])) && strings.TrimRight(changed, "0") == strings.TrimRight(s[x[0]:x[1]], "0") {
		return "", false // 1.1 and 1.10 are one number
	}
	return s[:x[0]] + changed + s[x[1]:], true
}

// thin pairs a maker and a noun with the same and a little more, or
// abbreviated, and counts how many go to review.
func (b *bench) thin(ctx context.Context) error {
	m := &catalog.Matcher{Pack: b.pack, Embedder: embed.NewHashing(nil)}
	var items []pipeline.Item
	for _, mk := range []string{"Bosch", "Siemens", "Festo", "Danfoss", "Grundfos", "Parker"} {
		for _, noun := range []string{"Pump", "Valve", "Sensor", "Cylinder", "Relay", "Coupling", "Filter", "Hose"} {
			for _, more := range []string{"hydraulic", "1500w", "DN50", "spare", "blue"} {
				short := noun[:1] + strings.Map(func(r rune) rune {
					if strings.ContainsRune("aeiou", r) {
						return -1
					}
					return r
				}, noun[1:])
				for _, x := range []string{noun + ", " + mk + ", " + more, strings.ToUpper(mk) + " " + short + " " + more} {
					id := strconv.Itoa(len(items))
					items = append(items, pipeline.Item{ID: "a" + id, Source: mk + " " + noun}, pipeline.Item{ID: "b" + id, Source: x})
				}
			}
		}
	}
	entries, err := read(ctx, b.parser, items)
	if err != nil {
		return err
	}
	reviewed := 0
	for i := 0; i+1 < len(entries); i += 2 {
		if m.Judge(&entries[i], &entries[i+1]).Verdict == catalog.Review {
			reviewed++
		}
	}
	b.out["thin_to_review"] = float64(reviewed) / float64(len(entries)/2)
	fmt.Printf("%-16s %d of %d pairs that say too little go to review\n", "thin", reviewed, len(entries)/2)
	return nil
}

package catalog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
)

// synthetic makes n screws of three wordings in eight categories; about one in
// four has a duplicate.
func synthetic(n int) (map[string]bool, []Entry) {
	r := rand.New(rand.NewPCG(3, 9))
	var out []Entry
	cats := map[string]bool{}
	for i := 0; len(out) < n; i++ {
		cat := fmt.Sprintf("part%d", r.IntN(8))
		cats[cat] = true
		size, length := 2+r.IntN(40), 5*(1+r.IntN(60))
		class := []string{"8.8", "10.9", "12.9", "A2-70", "A4-80"}[r.IntN(5)]
		std := []string{"DIN933", "DIN931", "DIN912", "DIN7991", "ISO4762", "ISO7380"}[r.IntN(6)]
		copies := 1
		if r.IntN(4) == 0 {
			copies = 2
		}
		for c := range copies {
			text := []string{
				fmt.Sprintf("Sechskantschraube %s M%dx%d %s verzinkt", std, size, length, class),
				fmt.Sprintf("HEX SCREW %s M%d X %d MM %s ZN", std, size, length, class),
				fmt.Sprintf("6kt-Schr. M%dx%d/%s %s", size, length, class, std),
			}[r.IntN(3)]
			e := Entry{Item: pipeline.Item{ID: fmt.Sprintf("p/%06d-%d", i, c), Source: text}}
			e.Record = pipeline.Record{ID: e.Item.ID, Source: text, Category: cat}
			for name, v := range map[string]string{"standard": std, "size": fmt.Sprint(size), "length": fmt.Sprint(length), "class": class} {
				if r.IntN(12) == 0 {
					continue
				}
				val, ok := pipeline.Number(v)
				if !ok {
					val = pipeline.Text(v)
				}
				e.Record.Attributes = append(e.Record.Attributes, pipeline.Attribute{Name: name, Value: val, Confidence: 1})
			}
			out = append(out, e)
		}
	}
	return cats, out[:n]
}

func syntheticCriteria(cats map[string]bool) map[string]*criteria {
	known := map[string]*criteria{}
	for c := range cats {
		cr := &criteria{category: c, byName: map[string]int{}}
		for _, n := range []string{"standard", "size", "length", "class"} {
			cr.add(criterion{name: n, title: n, number: n == "size" || n == "length", critical: true})
		}
		known[c] = cr
	}
	return known
}

func BenchmarkWholeCatalog(b *testing.B) {
	for _, n := range []int{5000, 20000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cats, entries := synthetic(n)
			ctx := context.Background()
			for b.Loop() {
				m := &Matcher{known: syntheticCriteria(cats)}
				ms, err := m.Pairs(ctx, entries, nil)
				if err != nil {
					b.Fatal(err)
				}
				cs, _, err := m.Clusters(ctx, entries, ms, nil)
				if err != nil || len(cs) == 0 {
					b.Fatal(len(cs), err)
				}
				b.ReportMetric(float64(len(ms)), "pairs")
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

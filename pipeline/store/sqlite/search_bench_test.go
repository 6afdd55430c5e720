package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// BenchmarkPutIndexed writes shards of 200 items of which every part number,
// id and maker's code differs, with the search index and without it; one op is one
// item. The difference is what the index costs.
func BenchmarkPutIndexed(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("index=%v", with), func(b *testing.B) {
			ctx := context.Background()
			db, err := Open(ctx, filepath.Join(b.TempDir(), "assay.db"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }() // the file goes with the benchmark
			rnd := rand.New(rand.NewPCG(1, 1))
			n := 0
			var es []catalog.Entry
			for b.Loop() {
				if es = append(es, benchItem(rnd, n)); len(es) == 200 {
					if with {
						err = db.PutEntries(ctx, es)
					} else {
						err = putUnindexed(ctx, db, es)
					}
					if err != nil {
						b.Fatal(err)
					}
					es = es[:0]
				}
				n++
			}
		})
	}
}

// putUnindexed is PutEntries without the search index.
func putUnindexed(ctx context.Context, db *DB, es []catalog.Entry) error {
	return db.writing(ctx, func(s session) error {
		for i := 0; i < len(es); i += chunk {
			part, err := arrange(ctx, s, es[i:min(i+chunk, len(es))])
			if err != nil {
				return err
			}
			if err := putItems(ctx, s, part); err != nil {
				return err
			}
			if err := putVectors(ctx, s, part, map[string]space{}); err != nil {
				return err
			}
		}
		return nil
	})
}

func benchItem(rnd *rand.Rand, n int) catalog.Entry {
	bore, width := fmt.Sprint(5+rnd.IntN(60)), fmt.Sprint(5+rnd.IntN(30))
	item := pipeline.Item{ID: fmt.Sprintf("parts/%08d", n), Source: fmt.Sprintf("BRG BALL DEEP GROOVE 62%02d-2RS %sX52X%s MM SKF C3 CODE %d", n%50, bore, width, 7*n),
		Meta: pipeline.Meta{Feed: "parts", Manufacturer: "SKF", PartNumber: fmt.Sprintf("62%02d-%d", n%50, n), Plant: "P1"}}
	r := pipeline.Record{ID: item.ID, Source: item.Source, Category: "bearing", Confidence: 0.97, Knowledge: "k", Meta: item.Meta}
	for i, a := range [][2]string{{"bore", bore}, {"outer_diameter", "52"}, {"width", width}} {
		v, _ := pipeline.Number(a[1])
		r.Attributes = append(r.Attributes, pipeline.Attribute{Name: a[0], Value: v, Unit: "mm", Text: a[1], Span: pipeline.Span{Start: 30 + i, End: 32 + i}, Provenance: pipeline.Verbatim, Confidence: 0.98})
	}
	v := make([]float32, 1024)
	for range 80 {
		v[rnd.IntN(len(v))] = rnd.Float32()
	}
	return catalog.Entry{Item: item, Record: r, Batch: "b", Seq: 1, Updated: time.Unix(int64(n), 0), Space: "hash", Vector: v}
}

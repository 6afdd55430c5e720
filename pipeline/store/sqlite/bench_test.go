package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// BenchmarkOpen is what every start of the program pays.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "assay.db")
	open(b, path, sqlite.Options{})
	for b.Loop() {
		db, err := sqlite.Open(context.Background(), path, sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutEntries writes items with a 512-d vector; one op is one item.
func BenchmarkPutEntries(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "assay.db"), sqlite.Options{})
	const shard = 200
	n := 0
	es := make([]catalog.Entry, shard)
	for b.Loop() {
		if n%shard == 0 {
			for i := range es {
				item := pipeline.Item{ID: fmt.Sprintf("parts/%08d", n+i), Source: "BRG BALL DEEP GROOVE 6205-2RS 25X52X15 MM SKF", Meta: pipeline.Meta{Feed: "parts"}}
				bore, _ := pipeline.Number("25")
				es[i] = catalog.Entry{Item: item, Batch: "b1", Seq: 1, Space: "hash", Vector: make([]float32, 512), Updated: time.Unix(1, 0),
					Record: pipeline.Record{ID: item.ID, Source: item.Source, Category: "bearing", Meta: item.Meta, Attributes: []pipeline.Attribute{
						{Name: "bore", Value: bore, Unit: "mm", Text: "25", Span: pipeline.Span{Start: 30, End: 32}, Provenance: pipeline.Verbatim, Confidence: 1},
						{Name: "outer", Value: bore, Unit: "mm", Text: "52", Span: pipeline.Span{Start: 33, End: 35}, Provenance: pipeline.Verbatim, Confidence: 1},
						{Name: "width", Value: bore, Unit: "mm", Text: "15", Span: pipeline.Span{Start: 36, End: 38}, Provenance: pipeline.Verbatim, Confidence: 1},
					}}}
			}
			if err := db.PutEntries(context.Background(), es); err != nil {
				b.Fatal(err)
			}
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
}

// BenchmarkBatch reads one line of the ledger by id.
func BenchmarkBatch(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "assay.db"), sqlite.Options{})
	ctx := context.Background()
	if err := db.PutBatch(ctx, flow.Batch{ID: "b", Created: time.Unix(1, 0)}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := db.Batch(ctx, "b"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAtomic is one small transaction.
func BenchmarkAtomic(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "assay.db"), sqlite.Options{})
	ctx := context.Background()
	n := 0
	for b.Loop() {
		n++
		if err := db.Atomic(ctx, func(tx flow.Tx) error {
			_, err := tx.PutShard(ctx, "b", n, "k", time.Unix(1, 0))
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

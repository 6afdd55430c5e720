package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
)

// BenchmarkPutEntries writes items with a 512-d vector in calls of 2,000; one
// op is one item.
func BenchmarkPutEntries(b *testing.B) {
	db := open(b, postgres.Options{Schema: fresh(b)})
	const part = 2000
	n := 0
	es := make([]catalog.Entry, part)
	for b.Loop() {
		if n%part == 0 {
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

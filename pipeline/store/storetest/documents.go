package storetest

import (
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge/documents"
)

func documentSnapshots(t *testing.T, p Place) {
	s := p(t)
	chunks := []documents.Chunk{
		{Seq: 1, Source: "a/größe.md", Version: "v1", Title: "Größen", Text: "M10\n\nund M12", Line: 3},
		{Seq: 2, Source: "b.csv", Version: "v2", Title: "b.csv", Text: "x: 1; y: 2", Line: 2},
	}
	old := documents.Snapshot{ID: "s-old", Origin: "docs", Documents: 2, Chunks: 2, Created: at(0)}
	young := documents.Snapshot{ID: "s-a", Origin: "docs", Documents: 1, Chunks: 1, Created: at(5)}
	ok(t, s.PutDocuments(ctx, young, chunks[:1]))
	ok(t, s.PutDocuments(ctx, old, chunks))
	equal(t, "snapshots, the oldest first", must(s.DocumentSnapshots(ctx))(t), []documents.Snapshot{old, young})
	equal(t, "chunks without vectors", must(s.DocumentChunks(ctx, "s-old", "space"))(t), chunks)
	equal(t, "chunks of none", len(must(s.DocumentChunks(ctx, "nothing", "space"))(t)), 0)

	// Vectors belong to a space; another one takes nothing away.
	ok(t, s.PutDocumentVectors(ctx, "s-old", "space", [][]float32{{1, 0.5, 0}, {0, -1, 0}}))
	ok(t, s.PutDocumentVectors(ctx, "s-old", "other", [][]float32{{9, 9}, {8, 8}}))
	ok(t, s.PutDocumentVectors(ctx, "s-old", "space", [][]float32{{1, 0.25, 0}, {0, -1, 0}}))
	with := append([]documents.Chunk(nil), chunks...)
	with[0].Vector, with[1].Vector = []float32{1, 0.25, 0}, []float32{0, -1, 0}
	equal(t, "chunks with vectors", must(s.DocumentChunks(ctx, "s-old", "space"))(t), with)
	code(t, "too few vectors", s.PutDocumentVectors(ctx, "s-old", "space", [][]float32{{1}}), pipeline.CodeInvalid)
	code(t, "no snapshot", s.PutDocumentVectors(ctx, "nothing", "space", nil), pipeline.CodeNotFound)
	code(t, "no id", s.PutDocuments(ctx, documents.Snapshot{}, nil), pipeline.CodeInvalid)

	// The same again is the same; it becomes the newest, and keeps its vectors.
	old.Created, old.Origin = at(9), "elsewhere"
	ok(t, s.PutDocuments(ctx, old, chunks))
	equal(t, "taken in again", must(p(t).DocumentSnapshots(ctx))(t), []documents.Snapshot{young, old})
	equal(t, "with its vectors", must(s.DocumentChunks(ctx, "s-old", "space"))(t), with)
}

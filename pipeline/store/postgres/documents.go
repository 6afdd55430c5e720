package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge/documents"
)

var _ documents.Store = (*DB)(nil)

// PutDocuments stores a snapshot with its chunks, once.
func (p *ports) PutDocuments(ctx context.Context, s documents.Snapshot, chunks []documents.Chunk) error {
	if err := goodID("snapshot", s.ID); err != nil {
		return err
	}
	return p.writing(ctx, func(t session) error {
		var n int
		known, err := one(ctx, t, []any{&n}, `SELECT chunks FROM knowledge_snapshots WHERE id = $1`, s.ID)
		if err != nil {
			return err
		}
		if _, err := t.Exec(ctx, `INSERT INTO knowledge_snapshots (id, origin, documents, chunks, created) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, created = excluded.created`,
			s.ID, clean(s.Origin), s.Documents, s.Chunks, stamp(s.Created)); err != nil || known {
			return err
		}
		rows := make([][]any, len(chunks))
		for i, c := range chunks {
			rows[i] = []any{s.ID, c.Seq, clean(c.Source), clean(c.Version), clean(c.Title), clean(c.Text), c.Line}
		}
		_, err = t.CopyFrom(ctx, pgx.Identifier{"knowledge_chunks"}, []string{"snapshot", "seq", "source", "version", "title", "body", "line"}, pgx.CopyFromRows(rows))
		return err
	})
}

// PutDocumentVectors replaces the vectors of a snapshot in a space.
func (p *ports) PutDocumentVectors(ctx context.Context, snapshot, space string, vectors [][]float32) error {
	if err := goodID("space", space); err != nil {
		return err
	}
	return p.writing(ctx, func(t session) error {
		var n int
		known, err := one(ctx, t, []any{&n}, `SELECT chunks FROM knowledge_snapshots WHERE id = $1 FOR UPDATE`, snapshot)
		switch {
		case err != nil:
			return err
		case !known:
			return notFound("snapshot", snapshot)
		case n != len(vectors):
			return pipeline.Errorf(pipeline.CodeInvalid, "snapshot %s has %d chunks, not %d", pipeline.ShortID(snapshot), n, len(vectors))
		}
		if _, err := t.Exec(ctx, `DELETE FROM knowledge_vectors WHERE snapshot = $1 AND space = $2`, snapshot, space); err != nil {
			return err
		}
		rows := make([][]any, len(vectors))
		for i, v := range vectors {
			rows[i] = []any{snapshot, space, i + 1, pgvector.NewVector(v)}
		}
		_, err = t.CopyFrom(ctx, pgx.Identifier{"knowledge_vectors"}, []string{"snapshot", "space", "seq", "vector"}, pgx.CopyFromRows(rows))
		return err
	})
}

// DocumentSnapshots returns all of them, the oldest first.
func (p *ports) DocumentSnapshots(ctx context.Context) (out []documents.Snapshot, err error) {
	err = p.reading(ctx, func(t session) error {
		return each(ctx, t, func(r pgx.Rows) error {
			var s documents.Snapshot
			var created *time.Time
			err := r.Scan(&s.ID, &s.Origin, &s.Documents, &s.Chunks, &created)
			s.Created = moment(created)
			out = append(out, s)
			return err
		}, `SELECT id, origin, documents, chunks, created FROM knowledge_snapshots ORDER BY created NULLS FIRST, id`)
	})
	return out, err
}

// DocumentChunks returns the chunks of a snapshot with their vectors in a space.
func (p *ports) DocumentChunks(ctx context.Context, snapshot, space string) (out []documents.Chunk, err error) {
	err = p.reading(ctx, func(t session) error {
		return each(ctx, t, func(r pgx.Rows) error {
			var c documents.Chunk
			var vector *pgvector.Vector
			err := r.Scan(&c.Seq, &c.Source, &c.Version, &c.Title, &c.Text, &c.Line, &vector)
			if vector != nil {
				c.Vector = vector.Slice()
			}
			out = append(out, c)
			return err
		}, `SELECT c.seq, c.source, c.version, c.title, c.body, c.line, v.vector FROM knowledge_chunks c
			LEFT JOIN knowledge_vectors v ON v.snapshot = c.snapshot AND v.seq = c.seq AND v.space = $1
			WHERE c.snapshot = $2 ORDER BY c.seq`, space, snapshot)
	})
	return out, err
}

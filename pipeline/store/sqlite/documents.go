package sqlite

import (
	"context"
	"database/sql"

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
		known, err := one(ctx, t, []any{&n}, `SELECT chunks FROM knowledge_snapshots WHERE id = ?`, s.ID)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO knowledge_snapshots (id, origin, documents, chunks, created) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, created = excluded.created`,
			s.ID, s.Origin, s.Documents, s.Chunks, micros(s.Created)); err != nil || known {
			return err
		}
		for _, c := range chunks {
			if _, err := t.exec(ctx, `INSERT INTO knowledge_chunks (snapshot, seq, source, version, title, body, line) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				s.ID, c.Seq, c.Source, c.Version, c.Title, c.Text, c.Line); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutDocumentVectors replaces the vectors of a snapshot in a space.
func (p *ports) PutDocumentVectors(ctx context.Context, snapshot, space string, vectors [][]float32) error {
	if err := goodID("space", space); err != nil {
		return err
	}
	return p.writing(ctx, func(t session) error {
		var n int
		known, err := one(ctx, t, []any{&n}, `SELECT chunks FROM knowledge_snapshots WHERE id = ?`, snapshot)
		switch {
		case err != nil:
			return err
		case !known:
			return notFound("snapshot", snapshot)
		case n != len(vectors):
			return pipeline.Errorf(pipeline.CodeInvalid, "snapshot %s has %d chunks, not %d", pipeline.ShortID(snapshot), n, len(vectors))
		}
		if _, err := t.exec(ctx, `DELETE FROM knowledge_vectors WHERE snapshot = ? AND space = ?`, snapshot, space); err != nil {
			return err
		}
		for i, v := range vectors {
			if _, err := t.exec(ctx, `INSERT INTO knowledge_vectors (snapshot, space, seq, vector) VALUES (?, ?, ?, ?)`, snapshot, space, i+1, packVector(v)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DocumentSnapshots returns all of them, the oldest first.
func (p *ports) DocumentSnapshots(ctx context.Context) (out []documents.Snapshot, err error) {
	err = p.reading(ctx, func(t session) error {
		return each(ctx, t, func(r *sql.Rows) error {
			var s documents.Snapshot
			var created sql.NullInt64
			err := r.Scan(&s.ID, &s.Origin, &s.Documents, &s.Chunks, &created)
			s.Created = moment(created)
			out = append(out, s)
			return err
		}, `SELECT id, origin, documents, chunks, created FROM knowledge_snapshots ORDER BY created, id`)
	})
	return out, err
}

// DocumentChunks returns the chunks of a snapshot with their vectors in a space.
func (p *ports) DocumentChunks(ctx context.Context, snapshot, space string) (out []documents.Chunk, err error) {
	err = p.reading(ctx, func(t session) error {
		return each(ctx, t, func(r *sql.Rows) error {
			var c documents.Chunk
			var vector sql.RawBytes
			err := r.Scan(&c.Seq, &c.Source, &c.Version, &c.Title, &c.Text, &c.Line, &vector)
			if err == nil && vector != nil {
				c.Vector, err = unpackVector(vector)
			}
			out = append(out, c)
			return err
		}, `SELECT c.seq, c.source, c.version, c.title, c.body, c.line, v.vector FROM knowledge_chunks c
			LEFT JOIN knowledge_vectors v ON v.snapshot = c.snapshot AND v.seq = c.seq AND v.space = ?
			WHERE c.snapshot = ? ORDER BY c.seq`, space, snapshot)
	})
	return out, err
}

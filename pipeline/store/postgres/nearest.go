package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// A Neighbour is an item near a vector.
type Neighbour struct {
	Item string
	// Cosine is the cosine of the angle between the two vectors, -1..1.
	Cosine float64
}

// maxIndexed is how many dimensions of half precision an HNSW index takes.
const maxIndexed = 4000

func (db *DB) space(ctx context.Context, name string) (sp space, err error) {
	err = db.reading(ctx, func(s session) error {
		found, err := one(ctx, s, []any{&sp.n, &sp.dims}, `SELECT n, dims FROM spaces WHERE name = $1`, name)
		if err == nil && !found {
			err = notFound("embedding space", name)
		}
		return err
	})
	return sp, err
}

func (sp space) index() string { return fmt.Sprintf("embeddings_hnsw_%d", sp.n) }

// IndexSpace builds the HNSW index of an embedding space while others go on
// writing; filling a space before it has one is many times faster. A space
// that has its index already is left alone. Errors: not_found, invalid (too
// many dimensions), unavailable.
func (db *DB) IndexSpace(ctx context.Context, name string) error {
	sp, err := db.space(ctx, name)
	if err != nil {
		return err
	}
	if sp.dims > maxIndexed {
		return pipeline.Errorf(pipeline.CodeInvalid, "embedding space %s has %d dimensions; an index takes %d", name, sp.dims, maxIndexed)
	}
	return db.single(ctx, func(s session) error {
		// A build that was interrupted leaves an index that is never used.
		var broken bool
		if _, err := one(ctx, s, []any{&broken}, `SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)`, sp.index()); err != nil {
			return err
		}
		if broken {
			if _, err := s.Exec(ctx, `DROP INDEX CONCURRENTLY IF EXISTS `+sp.index()); err != nil {
				return err
			}
		}
		_, err := s.Exec(ctx, fmt.Sprintf(`CREATE INDEX CONCURRENTLY IF NOT EXISTS %s ON embeddings
			USING hnsw ((vector::halfvec(%d)) halfvec_cosine_ops) WHERE space = %d`, sp.index(), sp.dims, sp.n))
		return err
	})
}

// DropSpace removes an embedding space with its vectors and its index: the end
// of a switch to another model. One that is not there is no error.
func (db *DB) DropSpace(ctx context.Context, name string) error {
	sp, err := db.space(ctx, name)
	if err != nil {
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			return nil
		}
		return err
	}
	return db.writing(ctx, func(s session) error {
		for _, q := range []string{
			`DROP INDEX IF EXISTS ` + sp.index(),
			fmt.Sprintf(`DELETE FROM embeddings WHERE space = %d`, sp.n),
			fmt.Sprintf(`DELETE FROM spaces WHERE n = %d`, sp.n),
		} {
			if _, err := s.Exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
}

// nearest is the query of Nearest: the vector, how many the index yields, how
// many are returned. The space stands in its text, not in an argument, so that
// the planner can prove the partial index applicable.
func (sp space) nearest() string {
	return fmt.Sprintf(`WITH near AS MATERIALIZED (
			SELECT e.item, e.vector FROM embeddings e
			WHERE e.space = %d AND EXISTS (SELECT 1 FROM items i WHERE i.id = e.item AND NOT i.retired)
			ORDER BY e.vector::halfvec(%d) <=> $1::vector::halfvec(%d) LIMIT $2)
		SELECT item, 1 - (vector <=> $1) AS cosine FROM near ORDER BY cosine DESC, item LIMIT $3`, sp.n, sp.dims, sp.dims)
}

// Nearest returns the n live items whose vectors in the space are nearest to v
// by cosine, the nearest first, ties by id. With an index it is approximate:
// the index yields four times as many by half precision, scanning on while
// retired items are in the way, and the full vectors order them. Errors:
// not_found, invalid (another number of dimensions), unavailable.
func (db *DB) Nearest(ctx context.Context, name string, v []float32, n int) (out []Neighbour, err error) {
	sp, err := db.space(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(v) != sp.dims {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "a vector of %d dimensions cannot be looked up in space %s, which has %d", len(v), name, sp.dims)
	}
	if n <= 0 {
		return nil, nil
	}
	err = db.wrap(ctx, pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
		for _, q := range []string{
			`SET LOCAL hnsw.iterative_scan = strict_order`,
			fmt.Sprintf(`SET LOCAL hnsw.ef_search = %d`, min(max(4*n, 100), 1000)),
		} {
			if _, err := t.Exec(ctx, q); err != nil {
				return err
			}
		}
		return each(ctx, t, func(r pgx.Rows) error {
			var x Neighbour
			err := r.Scan(&x.Item, &x.Cosine)
			out = append(out, x)
			return err
		}, sp.nearest(), pgvector.NewVector(v), 4*n, n)
	}))
	return out, err
}

// Neighbours is Nearest as the catalog asks for it.
func (db *DB) Neighbours(ctx context.Context, name string, v []float32, n int) ([]catalog.Hit, error) {
	near, err := db.Nearest(ctx, name, v, n)
	if err != nil {
		return nil, err
	}
	hits := make([]catalog.Hit, len(near))
	for i, x := range near {
		hits[i] = catalog.Hit{ID: x.Item, Similarity: float32(x.Cosine)}
	}
	return hits, nil
}

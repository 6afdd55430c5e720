package postgres

import (
	"context"
	"fmt"
	"strings"

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
		found, err := one(ctx, s, []any{&sp.n, &sp.dims, &sp.indexed}, `SELECT n, dims, indexed FROM spaces WHERE name = $1`, name)
		if err == nil && !found {
			err = notFound("embedding space", name)
		}
		return err
	})
	return sp, err
}

// index is the graph over the points of a space, points the way from a point
// to its items.
func (sp space) index() string  { return fmt.Sprintf("points_hnsw_%d", sp.n) }
func (sp space) points() string { return fmt.Sprintf("embeddings_points_%d", sp.n) }

// links is how many neighbours a point of the graph has on a level (twice as
// many on the lowest). Twice pgvector's default: texts that differ in one number
// lie so close together that a search with fewer does not leave their crowd.
const links = 32

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
	if err := db.fillPoints(ctx, sp); err != nil {
		return err
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
		_, err := s.Exec(ctx, fmt.Sprintf(`CREATE INDEX CONCURRENTLY IF NOT EXISTS %s ON points
			USING hnsw ((vector::halfvec(%d)) halfvec_cosine_ops) WITH (m = %d) WHERE space = %d`, sp.index(), sp.dims, links, sp.n))
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
			`DROP INDEX IF EXISTS ` + sp.points(),
			fmt.Sprintf(`DELETE FROM points WHERE space = %d`, sp.n),
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

// nearest is the query of a lookup: the vector, how many points the index
// yields, how many items are returned, and with inside the category. The space
// stands in its text, not in an argument, so that the planner can prove the
// partial index applicable.
func (sp space) nearest(inside bool) string {
	of := fmt.Sprintf(`embeddings e JOIN items i ON i.id = e.item AND NOT i.retired%s WHERE e.space = %d AND e.point`, within(inside), sp.n)
	return fmt.Sprintf(`WITH near AS MATERIALIZED (
			SELECT p.point, p.vector FROM points p
			WHERE p.space = %d AND EXISTS (SELECT 1 FROM %s = p.point)
			ORDER BY p.vector::halfvec(%d) <=> $1::vector::halfvec(%d) LIMIT $2),
		best AS MATERIALIZED (SELECT point, 1 - (vector <=> $1) AS cosine FROM near ORDER BY cosine DESC, point LIMIT $3)
		SELECT x.item, cosine FROM best
		CROSS JOIN LATERAL (SELECT e.item FROM %s = best.point ORDER BY e.item LIMIT $3) AS x
		ORDER BY cosine DESC, x.item LIMIT $3`, sp.n, of, sp.dims, sp.dims, of)
}

// scan is nearest without any index over vectors: it misses nothing.
func (sp space) scan(inside bool) string {
	return fmt.Sprintf(`SELECT e.item, 1 - (e.vector <=> $1) AS cosine FROM embeddings e
		JOIN items i ON i.id = e.item AND NOT i.retired%s
		WHERE e.space = %d ORDER BY cosine DESC, e.item LIMIT $2`, strings.ReplaceAll(within(inside), "$4", "$3"), sp.n)
}

func within(inside bool) string {
	if inside {
		return ` AND i.category = $4`
	}
	return ""
}

// beam is how many candidates the walk of an index keeps for each neighbour
// that is asked for: catalogs are full of texts that are nearly the same, and
// with fewer the walk ends among the wrong ones.
const beam = 40

// smallCategory is how many items of a category are compared one by one: an
// index over everything would have to be walked for longer to find as many.
const smallCategory = 5000

// Nearest returns the n live items whose vectors in the space are nearest to v
// by cosine, the nearest first, ties by id. With an index it is approximate:
// the index yields four times as many by half precision, scanning on while
// retired items are in the way, and the full vectors order them. Errors:
// not_found, invalid (another number of dimensions), unavailable.
func (db *DB) Nearest(ctx context.Context, name string, v []float32, n int) (out []Neighbour, err error) {
	return db.nearestIn(ctx, name, v, "", n)
}

// nearestIn is Nearest among the items of a category, "" for all. A category
// never makes it return fewer than there are: where the index gave up before n
// were found, the items are compared one by one.
func (db *DB) nearestIn(ctx context.Context, name string, v []float32, category string, n int) (out []Neighbour, err error) {
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
	inside := category != ""
	err = db.wrap(ctx, pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
		read := func(query string, args ...any) error {
			out = out[:0]
			return each(ctx, t, func(r pgx.Rows) error {
				var x Neighbour
				err := r.Scan(&x.Item, &x.Cosine)
				out = append(out, x)
				return err
			}, query, args...)
		}
		scan := func() error {
			args := []any{pgvector.NewVector(v), n}
			if inside {
				args = append(args, category)
			}
			return read(sp.scan(inside), args...)
		}
		if !sp.indexed {
			return scan()
		}
		if inside {
			var small bool
			if _, err := one(ctx, t, []any{&small}, `SELECT count(*) <= $2 FROM (SELECT 1 FROM items WHERE category = $1 AND NOT retired LIMIT $2 + 1) AS few`, category, smallCategory); err != nil {
				return err
			}
			if small {
				return scan()
			}
		}
		for _, q := range []string{
			`SET LOCAL hnsw.iterative_scan = strict_order`,
			fmt.Sprintf(`SET LOCAL hnsw.ef_search = %d`, min(max(beam*n, 200), 1000)),
		} {
			if _, err := t.Exec(ctx, q); err != nil {
				return err
			}
		}
		args := []any{pgvector.NewVector(v), 4 * n, n}
		if inside {
			args = append(args, category)
		}
		if err := read(sp.nearest(inside), args...); err != nil || len(out) >= n {
			return err
		}
		// The space has fewer, or the scan of the index gave up.
		return scan()
	}))
	return out, err
}

// Neighbours is Nearest as the catalog asks for it, among the items of a
// category or, with "", of all.
func (db *DB) Neighbours(ctx context.Context, name string, v []float32, category string, n int) ([]catalog.Hit, error) {
	near, err := db.nearestIn(ctx, name, v, category, n)
	if err != nil {
		return nil, err
	}
	hits := make([]catalog.Hit, len(near))
	for i, x := range near {
		hits[i] = catalog.Hit{ID: x.Item, Similarity: float32(x.Cosine)}
	}
	return hits, nil
}

// WithParts returns the live items that have one of keys (catalog.PartKeys) in
// order of id, at most n of each key. Error: unavailable.
func (db *DB) WithParts(ctx context.Context, keys []string, n int) (ids []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if err := db.fillParts(ctx); err != nil {
		return nil, err
	}
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, `SELECT DISTINCT x.id FROM unnest($1::text[]) AS k(key)
			CROSS JOIN LATERAL (SELECT id FROM items WHERE parts @> ARRAY[k.key] AND NOT retired ORDER BY id LIMIT $2) AS x ORDER BY x.id`, keys, n)
	})
	return ids, err
}

// fillParts works out the keys of items that were stored before there were any.
func (db *DB) fillParts(ctx context.Context) error {
	if db.partsFilled.Load() {
		return nil
	}
	const chunk = 1000
	for {
		n := 0
		err := db.writing(ctx, func(s session) error {
			b := &pgx.Batch{}
			err := each(ctx, s, func(r pgx.Rows) error {
				e, err := scanEntry(r)
				b.Queue(`UPDATE items SET parts = $2 WHERE id = $1`, e.Item.ID, partsOf(&e))
				return err
			}, `SELECT `+itemList+`, NULL::vector FROM items WHERE parts IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`, chunk)
			if n = b.Len(); err != nil || n == 0 {
				return err
			}
			return s.SendBatch(ctx, b).Close()
		})
		if err != nil {
			return err
		}
		if n < chunk {
			break
		}
	}
	var left bool
	err := db.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&left}, `SELECT EXISTS (SELECT 1 FROM items WHERE parts IS NULL)`)
		return err
	})
	if err == nil && !left {
		db.partsFilled.Store(true)
	}
	return err
}

// Items counts the live items, up to most.
func (db *DB) Items(ctx context.Context, most int) (n int, err error) {
	err = db.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&n}, `SELECT count(*) FROM (SELECT 1 FROM items WHERE NOT retired LIMIT $1) AS few`, most)
		return err
	})
	return n, err
}

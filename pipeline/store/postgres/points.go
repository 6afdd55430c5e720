package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"
)

// pointOf is what tells one vector from another: the first 64 bits of a
// SHA-256 over its numbers. Two vectors of one hash would be one point, and the
// second would be found by the first's place; among a million that happens once
// in tens of millions of catalogs.
func pointOf(v []float32) int64 {
	b := make([]byte, 0, 4*1024)
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	sum := sha256.Sum256(b)
	return int64(binary.LittleEndian.Uint64(sum[:])) //nolint:gosec // all 64 bits count, whatever the sign
}

// points are vectors of a space by their hashes.
type points map[int64][]float32

// add keeps what is in ps in the index. A point that another transaction is
// removing is waited for and then put back.
func (ps points) add(ctx context.Context, s session, space int) error {
	if len(ps) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	ids := make([]int64, 0, len(ps))
	for p := range ps {
		ids = append(ids, p)
	}
	slices.Sort(ids) // one order, so that two transactions do not wait for each other
	for _, p := range ids {
		b.Queue(`INSERT INTO points (space, point, vector) VALUES ($1, $2, $3)
			ON CONFLICT (space, point) DO UPDATE SET space = excluded.space WHERE false`, space, p, pgvector.NewVector(ps[p]))
	}
	return s.SendBatch(ctx, b).Close()
}

// A place is a point of a space.
type place struct {
	space int
	point int64
}

// leave deletes the embeddings of items, in one space or, with 0, in all, and
// returns the points that they had and how many there were.
func leave(ctx context.Context, s session, space int, items []string) (out []place, n int, err error) {
	err = each(ctx, s, func(r pgx.Rows) error {
		var of int
		var point *int64
		err := r.Scan(&of, &point)
		if n++; point != nil {
			out = append(out, place{of, *point})
		}
		return err
	}, `DELETE FROM embeddings WHERE item = ANY($1) AND ($2 = 0 OR space = $2) RETURNING space, point`, items, space)
	return out, n, err
}

// tidy removes those of ps that no item has any longer: a vector says something
// of its text.
func tidy(ctx context.Context, s session, ps []place) error {
	bySpace := map[int][]int64{}
	for _, p := range ps {
		bySpace[p.space] = append(bySpace[p.space], p.point)
	}
	for n, ids := range bySpace {
		if _, err := s.Exec(ctx, `DELETE FROM points p WHERE p.space = $1 AND p.point = ANY($2)
			AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.space = p.space AND e.point = p.point)`, n, ids); err != nil {
			return err
		}
	}
	return nil
}

// fillPoints gives every vector of a space its point, from now on, too: who
// writes reads the mark under a lock that this waits for.
func (db *DB) fillPoints(ctx context.Context, sp space) error {
	err := db.writing(ctx, func(s session) error {
		_, err := s.Exec(ctx, `UPDATE spaces SET indexed = true WHERE n = $1 AND NOT indexed`, sp.n)
		return err
	})
	if err != nil {
		return err
	}
	const chunk = 1000
	for after, n := "", chunk; n == chunk; {
		err := db.writing(ctx, func(s session) error {
			b := &pgx.Batch{}
			err := each(ctx, s, func(r pgx.Rows) error {
				var v pgvector.Vector
				if err := r.Scan(&after, &v); err != nil {
					return err
				}
				b.Queue(`UPDATE embeddings SET point = $3 WHERE item = $1 AND space = $2 AND point IS NULL`, after, sp.n, pointOf(v.Slice()))
				return nil
			}, `SELECT item, vector FROM embeddings WHERE space = $1 AND point IS NULL AND item > $2 ORDER BY item LIMIT $3`, sp.n, after, chunk)
			if n = b.Len(); err != nil || n == 0 {
				return err
			}
			return s.SendBatch(ctx, b).Close()
		})
		if err != nil {
			return err
		}
	}
	return db.single(ctx, func(s session) error {
		for _, q := range []string{
			fmt.Sprintf(`CREATE INDEX CONCURRENTLY IF NOT EXISTS %s ON embeddings (point, item) WHERE space = %d`, sp.points(), sp.n),
			fmt.Sprintf(`INSERT INTO points (space, point, vector)
				SELECT DISTINCT ON (e.point) %[1]d, e.point, e.vector FROM embeddings e
				WHERE e.space = %[1]d AND NOT EXISTS (SELECT 1 FROM points p WHERE p.space = %[1]d AND p.point = e.point)
				ORDER BY e.point ON CONFLICT DO NOTHING`, sp.n),
			fmt.Sprintf(`DELETE FROM points p WHERE p.space = %[1]d
				AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.space = %[1]d AND e.point = p.point)`, sp.n),
			`VACUUM (ANALYZE) embeddings`, `ANALYZE points`, // so that the way to the items needs their index alone
		} {
			if _, err := s.Exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
}

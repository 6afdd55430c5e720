package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"
)

// Explain is the plan of Nearest.
func Explain(ctx context.Context, db *DB, name string, v []float32, n int) (string, error) {
	sp, err := db.space(ctx, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = pgx.BeginFunc(ctx, db.pool, func(t pgx.Tx) error {
		return each(ctx, t, func(r pgx.Rows) error {
			var l string
			err := r.Scan(&l)
			b.WriteString(l + "\n")
			return err
		}, "EXPLAIN "+sp.nearest(false), pgvector.NewVector(v), 4*n, n)
	})
	return b.String(), err
}

// Query scans the one row of a query.
func (db *DB) Query(ctx context.Context, into any, query string) error {
	return db.plain(ctx, func(s session) error {
		_, err := one(ctx, s, []any{into}, query)
		return err
	})
}

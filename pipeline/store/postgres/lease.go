package postgres

import (
	"context"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// Acquire takes name for owner, extends it, or fails with locked and the
// holder.
func (db *DB) Acquire(ctx context.Context, name, owner string, now, until time.Time) error {
	if err := goodID("lease", name); err != nil {
		return err
	}
	if err := goodID("owner of a lease", owner); err != nil {
		return err
	}
	if !until.After(now) {
		return pipeline.Errorf(pipeline.CodeInvalid, "lease %s: ends at %s, before it begins", name, until.UTC().Format(time.RFC3339))
	}
	return db.single(ctx, func(s session) error {
		// Between the two statements the holder may let go; then it is taken.
		for {
			tag, err := s.Exec(ctx, `INSERT INTO leases AS l (name, owner, until) VALUES ($1, $2, $3)
				ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
				WHERE l.owner = excluded.owner OR l.until <= $4`, name, owner, stamp(until), stamp(now))
			if err != nil || tag.RowsAffected() > 0 {
				return err
			}
			var holder string
			var end time.Time
			held, err := one(ctx, s, []any{&holder, &end}, `SELECT owner, until FROM leases WHERE name = $1`, name)
			if err != nil {
				return err
			}
			if held {
				return pipeline.Errorf(pipeline.CodeLocked, "lease %s is held by %s until %s", name, holder, end.UTC().Format(time.RFC3339)).
					WithHint("wait until that run ends, or until the lease does")
			}
		}
	})
}

// Release ends owner's lease; one that owner does not hold is left alone.
func (db *DB) Release(ctx context.Context, name, owner string) error {
	return db.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `DELETE FROM leases WHERE name = $1 AND owner = $2`, name, owner)
		return err
	})
}

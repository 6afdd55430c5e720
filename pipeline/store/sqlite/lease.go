package sqlite

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
	return db.writing(ctx, func(s session) error {
		var holder string
		var end int64
		if _, err := one(ctx, s, []any{&holder, &end}, `SELECT owner, until FROM leases WHERE name = ?`, name); err != nil {
			return err
		}
		if holder != "" && holder != owner && db.dead != nil && db.dead(holder) {
			end = 0
		}
		if holder == "" || holder == owner || end <= now.UnixMicro() {
			_, err := s.exec(ctx, `INSERT INTO leases (name, owner, until) VALUES (?1, ?2, ?3)
				ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until`, name, owner, until.UnixMicro())
			return err
		}
		return pipeline.Errorf(pipeline.CodeLocked, "lease %s is held by %s until %s", name, holder, time.UnixMicro(end).UTC().Format(time.RFC3339)).
			WithHint("wait until that run ends, or until the lease does")
	})
}

// Release ends owner's lease; one that owner does not hold is left alone.
func (db *DB) Release(ctx context.Context, name, owner string) error {
	return db.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `DELETE FROM leases WHERE name = ? AND owner = ?`, name, owner)
		return err
	})
}

package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Scrub rewrites the file so that nothing that was deleted can be read from it,
// empties the log beside it, and removes the copies that were made before
// upgrades, which hold what the store held then.
func (db *DB) Scrub(ctx context.Context) error {
	w := db.write
	if err := db.acquire(ctx, w); err != nil {
		return err
	}
	defer func() { w.turn <- struct{}{} }()
	if w.conn == nil {
		if err := w.reset(ctx); err != nil {
			return db.wrap(ctx, "connect", err)
		}
	}
	for _, q := range []string{`VACUUM`, `PRAGMA wal_checkpoint(TRUNCATE)`} {
		if _, err := w.conn.ExecContext(ctx, q); err != nil {
			return db.wrap(ctx, "scrub", err)
		}
	}
	copies, err := filepath.Glob(db.path + ".v*.backup")
	if err != nil {
		return db.wrap(ctx, "scrub", err)
	}
	var errs []error
	for _, c := range copies {
		errs = append(errs, os.Remove(c))
	}
	return errors.Join(errs...)
}

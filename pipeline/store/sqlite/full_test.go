package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A full disk costs the transaction that met it and nothing else.
func TestFull(t *testing.T) {
	ctx := context.Background()
	db, err := Open(ctx, filepath.Join(t.TempDir(), "assay.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, db)
	limit := func(pages int) {
		t.Helper()
		if err := each(ctx, db.write, func(*sql.Rows) error { return nil }, `PRAGMA max_page_count = `+strconv.Itoa(pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite takes the present size instead: not one page more
	err = db.Atomic(ctx, func(tx flow.Tx) error {
		if _, err := tx.PutShard(ctx, "b", 1, "k", time.Now()); err != nil {
			return err
		}
		big := catalog.Entry{Item: pipeline.Item{ID: "f/1", Source: string(make([]byte, 1<<20))}}
		return tx.PutEntries(ctx, []catalog.Entry{big})
	})
	if pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("on a full disk: %v", err)
	}
	if n, err := db.ShardsDone(ctx, "b", "k"); err != nil || n != 0 {
		t.Errorf("half of the transaction stayed: %d, %v", n, err)
	}
	limit(1 << 30)
	if first, err := db.PutShard(ctx, "b", 1, "k", time.Now()); err != nil || !first {
		t.Errorf("with space again: %v, %v", first, err)
	}
}

package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

func TestLeaseOfADeadOwnerIsTakenOver(t *testing.T) {
	ctx := context.Background()
	dead := map[string]bool{}
	db, err := Open(ctx, filepath.Join(t.TempDir(), "assay.db"), Options{Dead: func(owner string) bool { return dead[owner] }})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, db)
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	until := now.Add(time.Hour)
	if err := db.Acquire(ctx, "run", "first", now, until); err != nil {
		t.Fatal(err)
	}
	if err := db.Acquire(ctx, "run", "second", now, until); pipeline.ErrorCode(err) != pipeline.CodeLocked {
		t.Fatalf("a living owner's lease: %v, want locked", err)
	}
	dead["first"] = true
	if err := db.Acquire(ctx, "run", "second", now, until); err != nil {
		t.Fatalf("a dead owner's lease: %v", err)
	}
	if err := db.Acquire(ctx, "run", "third", now, until); pipeline.ErrorCode(err) != pipeline.CodeLocked {
		t.Fatalf("the lease that was taken over: %v, want locked", err)
	}
}

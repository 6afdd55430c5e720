package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
	"github.com/assay-pipeline/assay/pipeline/store/storetest"
)

func open(t testing.TB, path string, opt sqlite.Options) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place {
		path := filepath.Join(t.TempDir(), "ä b#c?d%20.db") // what a URI would misread
		return func(t *testing.T) storetest.Store { return open(t, path, sqlite.Options{}) }
	})
}

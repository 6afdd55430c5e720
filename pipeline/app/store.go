package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge/documents"
	"github.com/assay-pipeline/assay/pipeline/store/postgres"
)

// A Store is the configured backend: what the use cases work on, the registry of
// contracts, and the runs of the evals.
type Store interface {
	flow.Store
	contract.RegistryStore
	documents.Store
	evals.Store
	io.Closer
}

// Store opens the configured store. SQLite is made and brought up to date on
// the way, after a copy; Postgres is shared, so an older schema is refused until
// Migrate brings it up. Errors: those of the backend's Open.
func (a *App) Store(ctx context.Context) (Store, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.store != nil {
		return a.store, nil
	}
	s, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	a.store = s
	a.close = append(a.close, s.Close)
	return s, nil
}

func (a *App) openStore(ctx context.Context) (Store, error) {
	// A nil *DB must not become a Store that is not nil.
	if isPostgres(a.Config.Store) {
		db, err := postgres.Open(ctx, a.Config.Store, postgres.Options{Version: a.version, Password: a.storePassword()})
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	return a.openSQLite(ctx)
}

// A Schema is what stands in the store, beside what this program knows.
type Schema struct {
	Store     string   `json:"store"`
	Version   int64    `json:"version"` // 0: nothing yet
	Latest    int64    `json:"latest"`  // that this program knows
	WrittenBy string   `json:"written_by,omitempty"`
	Pending   []string `json:"pending"` // migrations to come
	// Problem says why this program refuses the schema; nil where it works with
	// it, or would after the pending migrations.
	Problem error `json:"-"`
}

// Schema looks at the schema of the store and changes nothing. Errors: those of
// the backend.
func (a *App) Schema(ctx context.Context) (Schema, error) {
	if !isPostgres(a.Config.Store) {
		return a.sqliteSchema(ctx)
	}
	s, err := postgres.Inspect(ctx, a.Config.Store, postgres.Options{Password: a.storePassword()})
	return Schema(s), err
}

// Migrate brings the schema of the store up to date. Errors: those of the
// backend's Open.
func (a *App) Migrate(ctx context.Context) error {
	if isPostgres(a.Config.Store) {
		return postgres.Migrate(ctx, a.Config.Store, postgres.Options{Version: a.version, Password: a.storePassword()})
	}
	_, err := a.Store(ctx) // SQLite migrates itself, after a copy
	return err
}

// Look opens the store for a command that only reads: where there is none yet,
// none is made. Error: not_found, besides those of Store.
func (a *App) Look(ctx context.Context) (Store, error) {
	if !isPostgres(a.Config.Store) {
		path := a.Config.path(a.Config.Store)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no store at %s", path).
				WithHint("assay run makes it; ASSAY_STORE and --dir say where it is")
		}
	}
	return a.Store(ctx)
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

//go:build !lambda.norpc

package app

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

func (a *App) openSQLite(ctx context.Context) (Store, error) {
	db, err := sqlite.Open(ctx, a.Config.path(a.Config.Store), sqlite.Options{Version: a.version, Dead: ownerDead})
	if err != nil {
		return nil, err
	}
	return db, nil
}

func (a *App) sqliteSchema(ctx context.Context) (Schema, error) {
	s, err := sqlite.Inspect(ctx, a.Config.path(a.Config.Store))
	return Schema(s), err
}

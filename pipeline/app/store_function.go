//go:build lambda.norpc

package app

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline"
)

// openSQLite refuses: what is built for Lambda leaves SQLite out. A function's
// disk ends with it and is shared with no other, so a store there would forget;
// without it the binary is 5 MB smaller and starts sooner. A function that needs a
// scratch store hands it in.
func (a *App) openSQLite(ctx context.Context) (Store, error) {
	if a.sqlite != nil {
		return a.sqlite(ctx, a.Config.path(a.Config.Store))
	}
	return nil, noSQLite()
}

func (a *App) sqliteSchema(context.Context) (Schema, error) { return Schema{}, noSQLite() }

func noSQLite() error {
	return pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_STORE: a function built for Lambda has no SQLite").
		WithHint("set it to postgres://…, or build without the tag lambda.norpc to try the function locally")
}

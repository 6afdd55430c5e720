//go:build lambda.norpc

package app

import "github.com/assay-pipeline/assay/pipeline/gate"

// SQL is what runs the sql rules of contracts: what the function handed in, so
// that those that judge nothing do not carry a database.
func (a *App) SQL() gate.Database { return a.sql }

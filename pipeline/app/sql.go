//go:build !lambda.norpc

package app

import (
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/gate/sqlrule"
)

// SQL is what runs the sql rules of contracts.
func (a *App) SQL() gate.Database {
	if a.sql != nil {
		return a.sql
	}
	return &sqlrule.Engine{Tmp: a.Config.Tmp}
}

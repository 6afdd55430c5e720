package gate

import (
	"errors"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

var faultOrder = []codec.Fault{codec.FieldCount, codec.StrayQuote, codec.LongRecord, codec.NotUTF8, codec.NulByte,
	codec.JSONSyntax, codec.NotAnObject, codec.DoubleName}

func asError(err error) (*pipeline.Error, bool) {
	var e *pipeline.Error
	ok := errors.As(err, &e)
	return e, ok
}

// A keyed reader learns its columns from the records: JSON.
type keyed interface {
	// Seen reports for each column whether some record had it.
	Seen() []bool
	// Extra are the names that no column has.
	Extra() []string
}

// presence judges which columns the file has.
func (r *run) presence(rep *Report) {
	if r.rdr == nil || r.cols == nil {
		for _, f := range r.g.fields {
			rep.Checks[f.present].Result = ResultNotJudged
		}
		return
	}
	missing := func(i int) bool { return r.cols[i] < 0 }
	if k, ok := r.rdr.(keyed); ok {
		seen := k.Seen()
		missing = func(i int) bool { return r.rows.Read > r.bad && !seen[i] }
		r.extra = k.Extra()
	}
	for i, f := range r.g.fields {
		c := &rep.Checks[f.present]
		c.Evaluated = 1
		optional := !f.spec.Required && f.spec.Key == 0
		if optional && r.g.feed.Missing != contract.FailBatch && r.g.feed.Missing != contract.RejectRow {
			c.Severity, c.OnFail = contract.SeverityWarning, contract.Warn
		}
		if !missing(i) {
			continue
		}
		c.Failed = 1
		c.settle(true)
		c.Detail = "the file has no column " + f.spec.Column
		if r.cols[i] >= 0 {
			continue // JSON: its rows were judged, each by its missing member
		}
		for j := range rep.Checks {
			if o := &rep.Checks[j]; about(o.Field, f.spec.Name) && j != f.present && !r.g.rules[j].batch {
				o.Result, o.Detail, o.Evaluated, o.Failed, o.Samples = ResultNotJudged, "the column is missing", 0, 0, nil
			}
		}
	}
	r.undeclared(rep)
}

// undeclared judges the columns that the contract does not declare.
func (r *run) undeclared(rep *Report) {
	c := CheckResult{ID: "columns", Rule: "undeclared_columns", Severity: contract.SeverityError, OnFail: contract.FailBatch,
		Evaluated: int64(len(r.extra) + len(r.g.fields)), Failed: int64(len(r.extra)), Dimension: "conformity", Expected: "no undeclared column"}
	switch r.g.feed.Evolution {
	case contract.EvolveIgnore, contract.EvolveEvolve:
		return
	case contract.EvolveWarn:
		c.Severity, c.OnFail = contract.SeverityWarning, contract.Warn
	}
	c.settle(len(r.extra) > 0)
	if len(r.extra) > 0 {
		c.Detail = "undeclared: " + short(printable(strings.Join(r.g.shownNames(r.extra), ", ")), 200)
	}
	rep.Checks = append(rep.Checks, c)
}

package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A surrounding is the project that a file is checked in: what its foreign keys
// lead to, and the ledger for its service levels. Without a project both are
// nil, and the rules that need them are reported as not judged.
type surrounding struct {
	feed  *contract.Feed
	lake  *lake.Lake
	store flow.Store
	refs  gate.References
	sql   gate.Database
	// at is the moment of the judgement: one, so that a report does not depend
	// on how long it took.
	at time.Time
}

// surroundings looks for the configured lake and store, where f asks for them.
// Neither is made.
func (c *cli) surroundings(ctx context.Context, a *app.App, f *contract.Feed) (*surrounding, error) {
	now, err := c.clock()
	if err != nil {
		return nil, err
	}
	s := &surrounding{feed: f, sql: a.SQL(), at: now().UTC()}
	if len(f.Relations) == 0 && len(f.SLA) == 0 {
		return s, nil
	}
	l, err := a.Lake()
	switch {
	case pipeline.ErrorCode(err) == pipeline.CodeNotFound:
		return s, nil
	case err != nil:
		return nil, err
	}
	s.lake = l
	if len(f.Relations) > 0 {
		set, err := a.Contracts()
		if err != nil {
			return nil, err
		}
		s.refs = &flow.Published{Lake: l, Contracts: set}
	}
	if len(f.SLA) > 0 {
		store, err := a.Look(ctx)
		switch {
		case pipeline.ErrorCode(err) == pipeline.CodeNotFound:
		case err != nil:
			return nil, err
		default:
			s.store = store
		}
	}
	return s, nil
}

// options adds the surrounding to those of one judgement.
func (s *surrounding) options(ctx context.Context, file string, opt gate.Options) (gate.Options, error) {
	opt.SQL, opt.References = s.sql, s.refs
	opt.Now = func() time.Time { return s.at }
	obj := lake.Object{Key: filepath.ToSlash(file), Modified: s.at}
	if st, err := os.Stat(file); err == nil {
		obj.Modified = st.ModTime()
	}
	opt.EventTime = flow.EventTime(obj)
	if s.store == nil {
		return opt, nil
	}
	var err error
	opt.Ledger, err = flow.Facts(ctx, s.store, s.lake, s.feed, &flow.Batch{EventTime: opt.EventTime}, s.at)
	return opt, err
}

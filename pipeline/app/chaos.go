package app

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// Scratch makes a lake and a store in dir that share nothing with those of the
// configuration.
func (a *App) Scratch(ctx context.Context, dir string) (*chaos.Scratch, error) {
	root := filepath.Join(dir, "lake")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "scratch: %w", err)
	}
	cfg := a.Config
	cfg.Dir, cfg.Lake, cfg.Store, cfg.Tmp = dir, "file:lake", "sqlite:assay.db", dir
	// Experiments bring their own contracts; a folder below the project would not
	// be found from here.
	cfg.Contracts, cfg.Knowledge = "embed:", "embed:"
	sub := Open(cfg, Options{Now: a.now, Owner: a.owner, Version: a.version, SQL: a.sql, SQLite: a.sqlite})
	ingest, err := sub.Ingest(ctx)
	if err != nil {
		return nil, err
	}
	return &chaos.Scratch{Lake: ingest.Lake, Store: ingest.Store, Close: sub.Close, Ingest: func(c flow.Contracts, now func() time.Time) *flow.Ingest {
		in := *ingest
		in.Contracts, in.Now = c, now
		return &in
	}}, nil
}

// GoodBatches are the landed files of the feed's last published batches, the
// newest first, at most n. It only reads. Error: not_found where there is none.
func (a *App) GoodBatches(ctx context.Context, feed string, n int) ([]chaos.Batch, error) {
	l, err := a.Lake()
	if err != nil {
		return nil, err
	}
	s, err := a.Look(ctx)
	if err != nil {
		return nil, err
	}
	past, err := s.Batches(ctx, flow.BatchFilter{Feed: feed, Stage: flow.Done, Latest: true, Limit: 50})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(past, func(x, y flow.Batch) int { return int(y.Seq - x.Seq) })
	var out []chaos.Batch
	for _, b := range past {
		if len(out) == n {
			break
		}
		obj, err := l.Stat(ctx, b.Key)
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			continue // archived, or past its lifetime
		}
		if err != nil {
			return nil, err
		}
		if b.Rows.Accepted == 0 {
			continue
		}
		out = append(out, chaos.Batch{EventTime: b.EventTime, Input: gate.Input{Name: b.Key, Size: obj.Size,
			Open: func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
				r, _, err := l.Open(ctx, b.Key, off, n)
				return r, err
			}}})
	}
	if len(out) == 0 {
		return nil, chaos.NoGoodBatch(feed)
	}
	return out, nil
}

// ContractOf is the document that a feed's contract stands in.
func (a *App) ContractOf(feed string) (*contract.Document, *contract.Feed, error) {
	set, err := a.Contracts()
	if err != nil {
		return nil, nil, err
	}
	f, err := set.Feed(feed)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range set.Documents() {
		if d.File() == f.File {
			return d, f, nil
		}
	}
	return nil, f, nil
}

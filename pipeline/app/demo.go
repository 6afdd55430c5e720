//go:build !lambda.norpc

package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

// DemoOptions of one demo.
type DemoOptions struct {
	Seed uint64
	// Items and Transactions; 0 = the generator's defaults.
	Items, Transactions int
	// Dir is where the demo's project is left; it must not exist or be empty.
	Dir string
	// Stage, where set, is told what begins.
	Stage func(format string, args ...any)
	// Batch, where set, is told of each decided batch.
	Batch func(flow.Batch)
	// Workers as in Config; 0 is one per core.
	Workers int
}

// A DemoResult is what a demo did.
type DemoResult struct {
	Figures sample.Figures `json:"figures"`
	Batches []flow.Batch   `json:"batches"`
	Items   int            `json:"items"`
	// Transitions of the breakers, in order.
	Transitions []breaker.Transition `json:"transitions"`
	Duplicates  int                  `json:"duplicates"`
	Reviews     int                  `json:"reviews"`
	Clusters    int                  `json:"clusters"`
	// Generate and Pipeline are wall times.
	Generate time.Duration `json:"generate_ns"`
	Pipeline time.Duration `json:"pipeline_ns"`
}

// Demo generates a sample, lets each file land at its own time, takes it
// through the whole pipeline on the embedded backends, and scores what came
// out against the truth that the generator knows.
func Demo(ctx context.Context, opt DemoOptions) (*DemoResult, error) {
	stage := opt.Stage
	if stage == nil {
		stage = func(string, ...any) {}
	}
	started := time.Now()
	s := sample.Generate(sample.Options{Seed: opt.Seed, Items: opt.Items, Transactions: opt.Transactions})
	res := &DemoResult{Items: len(s.Truth.Items), Generate: time.Since(started)}
	stage("generated %d items of three plants in two languages, and %d files of orders with %d seeded faults (seed %d)",
		len(s.Truth.Items), orderFiles(s), len(s.Truth.Faults), opt.Seed)

	var clock time.Time
	cfg, err := ReadConfig(nil, opt.Dir)
	if err != nil {
		return nil, err
	}
	cfg.Contracts, cfg.Knowledge = "embed:", "embed:"
	if opt.Workers > 0 {
		cfg.Workers = opt.Workers
	}
	if err := os.MkdirAll(filepath.Join(cfg.path(cfg.Lake), lake.Landing), 0o755); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", opt.Dir, err)
	}
	a := Open(cfg, Options{Now: func() time.Time { return clock }})
	defer a.Close()
	r, err := a.Run(ctx)
	if err != nil {
		return nil, err
	}
	r.Batch = opt.Batch
	started = time.Now()
	for _, f := range s.Files {
		// Each file lands in the morning after the day that it is about, which
		// is also when the breaker looks at its clock.
		if at := f.EventTime.Add(30 * time.Hour); at.After(clock) {
			clock = at
		}
		if err := land(cfg.path(cfg.Lake), f); err != nil {
			return nil, err
		}
		one, err := r.Once(ctx, "")
		if err != nil {
			return nil, err
		}
		if one.Dead > 0 {
			return nil, pipeline.Errorf(pipeline.CodeInternal, "%d messages were given up: %s", one.Dead, one.DeadReason)
		}
		res.Batches = append(res.Batches, one.Batches...)
	}
	res.Pipeline = time.Since(started)
	outcome, err := a.demoOutcome(ctx, res)
	if err != nil {
		return nil, err
	}
	res.Figures = sample.Evaluate(opt.Seed, &s.Truth, outcome, vocabulary)
	return res, nil
}

func orderFiles(s *sample.Sample) int {
	n := 0
	for _, f := range s.Files {
		if f.Feed == sample.OrdersFeed {
			n++
		}
	}
	return n
}

// land puts a generated file into the landing zone.
func land(root string, f sample.File) error {
	file := filepath.Join(root, lake.Landing, f.Feed, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", filepath.Dir(file), err)
	}
	if err := os.WriteFile(file, f.Bytes, 0o644); err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", file, err)
	}
	return nil
}

// demoOutcome reads back what the pipeline stored, through the same ports that
// everybody else uses.
func (a *App) demoOutcome(ctx context.Context, res *DemoResult) (sample.Outcome, error) {
	var o sample.Outcome
	l, err := a.Lake()
	if err != nil {
		return o, err
	}
	db, err := a.Store(ctx)
	if err != nil {
		return o, err
	}
	for _, b := range res.Batches {
		rejects, err := demoRejects(ctx, l, b)
		if err != nil {
			return o, err
		}
		o.Batches = append(o.Batches, sample.Judged{
			Feed: b.Feed, File: filepath.Base(b.Key), Decision: b.Decision, Rows: b.Rows, Rejects: rejects,
		})
	}
	entries, err := flow.LiveEntries(ctx, db, catalog.Query{Feed: sample.CatalogFeed})
	if err != nil {
		return o, err
	}
	for _, e := range entries {
		o.Records = append(o.Records, e.Record)
	}
	matches, err := db.Matches(ctx, nil)
	if err != nil {
		return o, err
	}
	for _, m := range matches {
		o.Pairs = append(o.Pairs, sample.Judgement{A: m.A, B: m.B, Verdict: string(m.Verdict)})
		switch m.Verdict {
		case catalog.Duplicate:
			res.Duplicates++
		case catalog.Review:
			res.Reviews++
		}
	}
	clusters, err := db.Clusters(ctx, nil)
	if err != nil {
		return o, err
	}
	res.Clusters = len(clusters)
	for _, c := range clusters {
		o.Clusters = append(o.Clusters, c.Items)
	}
	for _, feed := range []string{sample.CatalogFeed, sample.OrdersFeed} {
		_, ts, err := db.BreakerHistory(ctx, flow.FeedBreaker(feed))
		if err != nil {
			return o, err
		}
		for _, t := range ts {
			res.Transitions = append(res.Transitions, t)
			if t.To == breaker.Open {
				o.Tripped = append(o.Tripped, feed)
			}
		}
	}
	return o, nil
}

// demoRejects reads the rejects of a batch as a data team would: from the CSV
// in quarantine.
func demoRejects(ctx context.Context, l *lake.Lake, b flow.Batch) ([]sample.Reject, error) {
	if b.Rows.Rejected == 0 {
		return nil, nil
	}
	key := lake.QuarantineKey(b.Feed, b.ID, "rejects.csv")
	raw, err := l.ReadObject(ctx, key)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(raw))
	header, err := r.Read()
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s: %w", key, err)
	}
	at := map[string]int{}
	for i, name := range header {
		at[name] = i
	}
	for _, name := range []string{"row", "code", "column"} {
		if _, ok := at[name]; !ok {
			return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s has no column %s", key, name)
		}
	}
	var rejects []sample.Reject
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rejects, nil
		}
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s: %w", key, err)
		}
		row, err := strconv.ParseInt(rec[at["row"]], 10, 64)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s: row %q: %w", key, rec[at["row"]], err)
		}
		rejects = append(rejects, sample.Reject{Row: row, Code: rec[at["code"]], Column: rec[at["column"]]})
	}
}

// DemoFolder prepares dir for a demo: what an earlier demo left there is
// removed, and nothing else ever is.
func DemoFolder(dir string) error {
	marker := filepath.Join(dir, demoMarker)
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", dir, err)
	case len(entries) > 0:
		if _, err := os.Stat(marker); err != nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s is not empty and was not made by a demo", dir).WithHint("name another folder with --keep")
		}
		for _, name := range []string{"lake", ".assay"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", dir, err)
			}
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", dir, err)
	}
	if err := os.WriteFile(marker, []byte(fmt.Sprintln("assay demo made this folder and replaces it when it runs again")), 0o644); err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", marker, err)
	}
	return nil
}

const demoMarker = "assay-demo.txt"

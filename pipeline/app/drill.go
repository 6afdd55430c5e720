package app

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// DrillBatches is how many of a feed's last good batches a drill draws from.
const DrillBatches = 5

// A drill's report lies in the lake, at reports/FEED/drill-TIME/report.json:
// beside those of the batches, and with their lifetime.
const drillPrefix = "drill-"

// Drills are the kept reports of a feed's drills, the oldest first. Errors:
// corrupt, unavailable.
func Drills(ctx context.Context, l *lake.Lake, feed string) ([]*chaos.Report, error) {
	var out []*chaos.Report
	for o, err := range l.List(ctx, lake.ReportKey(feed, drillPrefix, "json")[:len(lake.Reports)+1+len(feed)+1+len(drillPrefix)]) {
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(o.Key, "/report.json") {
			continue
		}
		b, err := l.ReadObject(ctx, o.Key)
		if err != nil {
			return nil, err
		}
		rep := &chaos.Report{}
		if err := json.Unmarshal(b, rep); err != nil {
			return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s: %w", o.Key, err)
		}
		out = append(out, rep)
	}
	slices.SortStableFunc(out, func(a, b *chaos.Report) int { return a.At.Compare(b.At) })
	return out, nil
}

// A Drill attacks the contracts whose last drill is too long ago.
type Drill struct {
	// Feed, where set, is the only one.
	Feed string
	// Every is how long a drill counts.
	Every time.Duration
	// Attack runs the experiments of one feed.
	Attack func(ctx context.Context, feed string) (*chaos.Report, error)
	// Skipped, where set, is told of feeds that cannot be drilled, and why; Done of
	// each report.
	Skipped func(err error)
	Done    func(*chaos.Report)
	Now     func() time.Time
}

// Drill runs d and keeps the reports. Errors: not_found and invalid for the feed
// that d names, unavailable.
func (a *App) Drill(ctx context.Context, d Drill) ([]*chaos.Report, error) {
	l, err := a.Lake()
	if err != nil {
		return nil, err
	}
	set, err := a.Contracts()
	if err != nil {
		return nil, err
	}
	feeds := set.Feeds()
	if d.Feed != "" {
		if _, err := set.Feed(d.Feed); err != nil {
			return nil, err
		}
		feeds = []string{d.Feed}
	}
	var reports []*chaos.Report
	for _, feed := range feeds {
		past, err := Drills(ctx, l, feed)
		if err != nil {
			return reports, err
		}
		if n := len(past); n > 0 && d.Now().Sub(past[n-1].At) < d.Every {
			continue
		}
		rep, err := d.Attack(ctx, feed)
		if code := pipeline.ErrorCode(err); err != nil && d.Feed == "" && (code == pipeline.CodeInvalid || code == pipeline.CodeNotFound) {
			if d.Skipped != nil {
				d.Skipped(err)
			}
			continue
		}
		if err != nil {
			return reports, err
		}
		rep.At = d.Now().UTC()
		b, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return reports, pipeline.Errorf(pipeline.CodeInternal, "drill of %s: %w", feed, err)
		}
		if err := l.WriteObject(ctx, lake.ReportKey(feed, drillPrefix+rep.At.Format("20060102T150405Z"), "json"), b); err != nil {
			return reports, err
		}
		reports = append(reports, rep)
		if d.Done != nil {
			d.Done(rep)
		}
	}
	return reports, nil
}

// Attack runs the experiments against the contract of a feed of this
// configuration, with its last good batches. Errors: not_found, invalid.
func (a *App) Attack(ctx context.Context, feed string, seed uint64, clean int) (*chaos.Report, error) {
	opt := chaos.Options{Tmp: a.Config.Tmp, Memory: int64(a.Config.Memory), Seed: seed, Clean: clean, Open: a.Scratch, Now: a.now}
	var err error
	if opt.Document, opt.Feed, err = a.ContractOf(feed); err != nil {
		return nil, err
	}
	if opt.Batches, err = a.GoodBatches(ctx, opt.Feed.Name, DrillBatches); err != nil {
		return nil, err
	}
	return chaos.Run(ctx, opt)
}

package flow

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// A History is what the checks of a feed found over time, with the breaker's
// transitions between.
type History struct {
	Feed  string    `json:"feed"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Batches are those of the time, the oldest first.
	Batches []HistoryBatch `json:"batches"`
	// Checks are in the order of the contract, those that are gone last.
	Checks      []CheckHistory       `json:"checks"`
	Transitions []breaker.Transition `json:"transitions"`
	// Fields are the profiles of the columns over time, in the order of the last
	// report.
	Fields []FieldHistory `json:"-"`
}

// A FieldHistory is the profile of one column over the batches of a history.
type FieldHistory struct {
	Field, Type string
	Points      []FieldPoint
}

// A FieldPoint is a column in one batch: shares are of the rows, 0 to 1. Mean is
// nil of what is no number.
type FieldPoint struct {
	Batch          string
	At             time.Time
	Nulls, Invalid float64
	Distinct       int
	Mean           *float64
}

// A HistoryBatch is one batch of a history.
type HistoryBatch struct {
	Batch    string            `json:"batch"`
	At       time.Time         `json:"at"`
	Key      string            `json:"key"`
	Stage    Stage             `json:"stage"`
	Verdict  pipeline.Verdict  `json:"verdict"`
	Decision pipeline.Decision `json:"decision"`
	Rows     pipeline.Rows     `json:"rows"`
	// NoReport: the report has outlived its time.
	NoReport bool `json:"no_report,omitempty"`
}

// A CheckHistory is one check over the batches of a history.
type CheckHistory struct {
	ID       string `json:"id"`
	Field    string `json:"field,omitempty"`
	Severity string `json:"severity"`
	// Passed and Failed count rows (or batches, for a check that judges those),
	// Dropped the rows that were rejected for it; over all points.
	Passed  int64        `json:"passed"`
	Failed  int64        `json:"failed"`
	Dropped int64        `json:"dropped"`
	Points  []CheckPoint `json:"points"`
	// Rule and Detail are those of the last report.
	Rule   string `json:"-"`
	Detail string `json:"-"`
}

// A CheckPoint is a check in one batch.
type CheckPoint struct {
	Batch   string    `json:"batch"`
	At      time.Time `json:"at"`
	Result  string    `json:"result"`
	Passed  int64     `json:"passed"`
	Failed  int64     `json:"failed"`
	Dropped int64     `json:"dropped"`
}

// Rate is the failed share, 0 to 1.
func (p CheckPoint) Rate() float64 {
	if p.Passed+p.Failed == 0 {
		return 0
	}
	return float64(p.Failed) / float64(p.Passed+p.Failed)
}

// History reads what was found in feed since a time. Check "" is every check.
func (o *Overview) History(ctx context.Context, feed string, since time.Time, check string) (*History, error) {
	if _, err := o.Contracts.Feed(feed); err != nil && pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		// A feed without a contract may have a past all the same.
		if bs, berr := o.Store.Batches(ctx, BatchFilter{Feed: feed, Limit: 1}); berr != nil || len(bs) == 0 {
			return nil, cmp.Or(berr, err)
		}
	}
	h := &History{Feed: feed, Since: since.UTC(), Until: stamp(o.Now), Batches: []HistoryBatch{}, Checks: []CheckHistory{}, Transitions: []breaker.Transition{}}
	bs, err := o.Store.Batches(ctx, BatchFilter{Feed: feed, Since: since, Limit: 100_000})
	if err != nil {
		return nil, err
	}
	at, fields := map[string]int{}, map[string]*FieldHistory{}
	for _, b := range bs {
		if b.Stage == Duplicate || b.Stage == Staged {
			continue
		}
		line := HistoryBatch{Batch: b.ID, At: b.Created, Key: b.Key, Stage: b.Stage, Verdict: b.Verdict, Decision: b.Decision, Rows: b.Rows}
		if b.Report == "" {
			line.NoReport = true
			h.Batches = append(h.Batches, line)
			continue
		}
		r, err := ReadReport(ctx, o.Lake, b.Report)
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			line.NoReport = true
		} else if err != nil {
			return nil, err
		} else {
			h.add(r, b, check, at)
			h.profile(r, b, fields)
		}
		h.Batches = append(h.Batches, line)
	}
	_, ts, err := o.Store.BreakerHistory(ctx, FeedBreaker(feed))
	if err != nil {
		return nil, err
	}
	for _, t := range ts {
		if !t.At.Before(since) {
			h.Transitions = append(h.Transitions, t)
		}
	}
	slices.SortStableFunc(h.Transitions, func(a, b breaker.Transition) int { return a.At.Compare(b.At) })
	return h, nil
}

// profile adds the columns of a report.
func (h *History) profile(r *gate.Report, b Batch, fields map[string]*FieldHistory) {
	if r.Profile == nil {
		return
	}
	h.Fields = h.Fields[:0]
	for _, p := range r.Profile.Fields {
		f := fields[p.Field]
		if f == nil {
			f = &FieldHistory{Field: p.Field}
			fields[p.Field] = f
		}
		f.Type = p.Type
		rows := float64(max(p.Rows, 1))
		f.Points = append(f.Points, FieldPoint{Batch: b.ID, At: b.Created, Nulls: float64(p.Nulls) / rows, Invalid: float64(p.Invalid) / rows, Distinct: p.Distinct, Mean: p.Mean})
		h.Fields = append(h.Fields, *f)
	}
}

func (h *History) add(r *gate.Report, b Batch, check string, at map[string]int) {
	for _, c := range r.Checks {
		if check != "" && c.ID != check || c.Result == gate.ResultNotJudged {
			continue
		}
		i, known := at[c.ID]
		if !known {
			i = len(h.Checks)
			at[c.ID] = i
			h.Checks = append(h.Checks, CheckHistory{ID: c.ID, Field: c.Field})
		}
		k := &h.Checks[i]
		k.Severity, k.Rule, k.Detail = string(c.Severity), c.Rule, c.Detail
		p := CheckPoint{Batch: b.ID, At: b.Created, Result: c.Result, Passed: max(0, c.Evaluated-c.Failed), Failed: c.Failed}
		if c.OnFail == "reject_row" {
			p.Dropped = c.Failed
		}
		k.Points = append(k.Points, p)
		k.Passed, k.Failed, k.Dropped = k.Passed+p.Passed, k.Failed+p.Failed, k.Dropped+p.Dropped
	}
}

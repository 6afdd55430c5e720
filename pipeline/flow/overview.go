package flow

import (
	"context"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// An Overview says how every feed is, on one screen.
type Overview struct {
	Lake      *lake.Lake
	Store     Store
	Contracts Contracts
	// Feeds are those to look at; nil means all that Known names.
	Feeds []string
	Known func() []string
	Zone  *time.Location
	Now   func() time.Time
}

// Names are the feeds that are looked at, as the contracts stand now.
func (o *Overview) Names() []string {
	if o.Feeds == nil && o.Known != nil {
		return o.Known()
	}
	return o.Feeds
}

// A FeedState is one line of the overview.
type FeedState struct {
	Feed string `json:"feed"`
	// Breaker is the position of the feed's breaker, Cause why it is not closed.
	Breaker breaker.Position `json:"breaker"`
	Cause   string           `json:"cause,omitempty"`
	// Batch is the newest that arrived; Age is of the published data in seconds,
	// -1 where nothing was published.
	Batch      string           `json:"batch,omitempty"`
	BatchAt    time.Time        `json:"batch_at,omitzero"`
	BatchStage Stage            `json:"batch_stage,omitempty"`
	Verdict    pipeline.Verdict `json:"verdict,omitempty"`
	Published  time.Time        `json:"published,omitzero"`
	Age        int64            `json:"age_seconds"`
	// RejectRate is that of the newest batch, 0 to 1.
	RejectRate float64 `json:"reject_rate"`
	Held       int     `json:"held"`
	Waiting    int     `json:"waiting"`
	// Due is when the next batch is due, as the contract has it.
	Due time.Time `json:"due,omitzero"`
	// Open is what the last sweep found amiss.
	Open []Lapse `json:"open,omitempty"`
	// Problem says why the feed has no usable contract.
	Problem string `json:"problem,omitempty"`
}

// List returns every feed with a contract, by name.
func (o *Overview) List(ctx context.Context) ([]FeedState, error) {
	now := stamp(o.Now)
	sweeps, err := o.Store.Sweeps(ctx)
	if err != nil {
		return nil, err
	}
	open := map[string][]Lapse{}
	for _, s := range sweeps {
		open[s.Feed] = s.Open
	}
	counts, err := o.Store.UndecidedBatches(ctx)
	if err != nil {
		return nil, err
	}
	held, waiting := map[string]int{}, map[string]int{}
	for _, c := range counts {
		switch c.Stage {
		case Held:
			held[c.Feed] = c.N
		case Waiting:
			waiting[c.Feed] = c.N
		}
	}
	names := o.Names()
	out := make([]FeedState, 0, len(names))
	for _, name := range names {
		s := FeedState{Feed: name, Open: open[name], Held: held[name], Waiting: waiting[name]}
		st, err := o.Store.LoadBreaker(ctx, FeedBreaker(name))
		if err != nil {
			return nil, err
		}
		if _, err := o.fill(ctx, &s, st, now, 0); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// fill says of a feed what its contract, its breaker (as stored) and its batches
// say, and returns the reject rates of its newest batches, the oldest first.
func (o *Overview) fill(ctx context.Context, s *FeedState, st breaker.State, now time.Time, rates int) ([]float64, error) {
	s.Breaker, s.Age = breaker.Closed, -1
	f, err := o.Contracts.Feed(s.Feed)
	if err != nil {
		s.Problem = err.Error()
	} else if p, err := BreakerPolicy(f); err == nil {
		st, _ = p.Tick(st, now)
	}
	if st.Position != "" {
		s.Breaker, s.Cause = st.Position, st.Cause
	}
	last, err := o.batches(ctx, s, now, rates)
	if err != nil || f == nil {
		return last, err
	}
	cal := f.Schedule.Calendar(o.Zone)
	switch {
	case f.Schedule.Cron != "":
		s.Due = cal.Next(now)
	case f.Schedule.Every > 0 && !s.BatchAt.IsZero():
		s.Due = cal.Add(s.BatchAt, f.Schedule.Every)
	}
	return last, nil
}

func (o *Overview) batches(ctx context.Context, s *FeedState, now time.Time, rates int) ([]float64, error) {
	newest, err := o.Store.Batches(ctx, BatchFilter{Feed: s.Feed, Latest: true, Limit: max(10, rates)})
	if err != nil {
		return nil, err
	}
	var last []float64
	for _, b := range newest {
		if b.Stage == Duplicate {
			continue
		}
		rate := 0.0
		if b.Rows.Read > 0 {
			rate = float64(b.Rows.Rejected) / float64(b.Rows.Read)
		}
		if s.Batch == "" {
			s.Batch, s.BatchAt, s.BatchStage, s.Verdict, s.RejectRate = b.ID, b.Created, b.Stage, b.Verdict, rate
		}
		if b.Stage != Staged && len(last) < rates {
			last = append(last, rate)
		}
		if b.Stage == Done && s.Published.IsZero() {
			s.Published = b.Updated
		}
	}
	slices.Reverse(last)
	if s.Published.IsZero() && len(newest) == max(10, rates) {
		done, err := o.Store.Batches(ctx, BatchFilter{Feed: s.Feed, Stage: Done, Latest: true, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(done) > 0 {
			s.Published = done[0].Updated
		}
	}
	if !s.Published.IsZero() {
		s.Age = max(0, int64(now.Sub(s.Published)/time.Second))
	}
	return last, nil
}

// A WaitingBatch is one line of what waits for a person.
type WaitingBatch struct {
	Batch   Batch     `json:"batch"`
	Reason  string    `json:"reason"`
	Expires time.Time `json:"expires"`
	// Decided says what was decided and is not carried out yet.
	Decided string `json:"decided,omitempty"`
}

// Waiting returns the first n batches that wait for a person, the oldest first,
// and how many there are. Feed "" is every feed.
func (o *Overview) Waiting(ctx context.Context, feed string, n int) ([]WaitingBatch, int, error) {
	total, err := o.Store.CountBatches(ctx, BatchFilter{Feed: feed, Stage: Waiting})
	if err != nil || total == 0 || n <= 0 {
		return nil, total, err
	}
	bs, err := o.Store.Batches(ctx, BatchFilter{Feed: feed, Stage: Waiting, Limit: n})
	if err != nil {
		return nil, 0, err
	}
	out := make([]WaitingBatch, 0, len(bs))
	for _, b := range bs {
		w := WaitingBatch{Batch: b, Reason: b.Reason}
		e, err := o.Store.Review(ctx, ApprovalID(b.ID))
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			return nil, 0, err
		}
		if err == nil {
			if a, err := ApprovalOf(e); err == nil {
				w.Expires, w.Reason = a.Expires, e.Reason
			}
			if e.State == review.Decided {
				w.Decided = e.Decision + " by " + e.Decider
			}
		}
		out = append(out, w)
	}
	return out, total, nil
}

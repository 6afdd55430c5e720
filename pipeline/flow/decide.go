package flow

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// Quality is the signal of a feed's breaker that the gate's reports feed.
const Quality = "quality"

// FeedBreaker is the key of a feed's quality breaker.
func FeedBreaker(feed string) breaker.Key {
	return breaker.Key{Scope: "feed:" + feed, Signal: Quality}
}

// An outcome is what report and breaker together make of a batch.
type outcome struct {
	decision pipeline.Decision
	reason   string
	position breaker.Position // that the decision saw
	degraded bool
	at       time.Time
	// ask, where not empty, is why a person has to release the batch.
	ask string
	// samples are what the breaker is told: the batch, and before it what moved
	// the breaker for it.
	samples []breaker.Sample
}

// DegradedConfidence is the _assay_confidence of rows that were published while
// the breaker was open with the fallback degraded; of all others it is 1.
const DegradedConfidence = 0.5

// decide asks the breaker, publishes where it may, and commits. whole: the batch
// can be judged again by this process, where its rows were written with another
// confidence than they turn out to have.
func (in *Ingest) decide(ctx context.Context, b Batch, f *contract.Feed, report *gate.Report, files []lake.File, whole bool) (Batch, error) {
	policy, err := BreakerPolicy(f)
	if err != nil {
		return in.unjudged(ctx, b, err.Error())
	}
	in.trace(StepDecide)
	state, err := in.Store.LoadBreaker(ctx, FeedBreaker(b.Feed))
	if err != nil {
		return Batch{}, err
	}
	if old, err := in.guardSnapshot(ctx, b, f, report); err != nil {
		return Batch{}, err
	} else if old && b.Replays > 0 && b.ReleasedBy == "" {
		// It was held while a newer one was published: there is nothing to wait
		// for any more.
		b.Stage, b.Reason, b.Updated = Replaced, report.Reason, stamp(in.Now)
		return b, in.Store.PutBatch(ctx, b)
	}
	o := judgeWith(policy, state, b, f, report, stamp(in.Now))
	if why, needed := asks(f, b, report, o); needed {
		o.decision, o.ask, o.reason = pipeline.Hold, why, "waits for an approval: "+why
	}
	if !o.decision.Published() {
		return in.commit(ctx, b, f, report, o, nil)
	}
	if whole && o.degraded != in.expectDegraded(policy, state, b) {
		// The batch itself moved the breaker, after its rows were written.
		if report, files, err = in.gate(ctx, f, b, confidence(o.degraded)); err != nil {
			return Batch{}, err
		}
	}
	// 2. The manifest swap: the commit point.
	in.trace(StepPublish)
	m, err := in.publish(ctx, b, f, o, files)
	if err != nil {
		return Batch{}, err
	}
	return in.commit(ctx, b, f, report, o, m)
}

// expectDegraded reports whether a batch will be published as degraded, as far
// as can be told before it is judged.
func (in *Ingest) expectDegraded(p breaker.Policy, state breaker.State, b Batch) bool {
	state, _ = p.Tick(state, stamp(in.Now))
	return p.Degrades(state) && b.ReleasedBy == ""
}

// expected is the confidence that the rows of b will have, as far as can be told
// before it is judged.
func (in *Ingest) expected(ctx context.Context, f *contract.Feed, b Batch) (float64, error) {
	policy, err := BreakerPolicy(f)
	if err != nil {
		return 0, err
	}
	state, err := in.Store.LoadBreaker(ctx, FeedBreaker(b.Feed))
	if err != nil {
		return 0, err
	}
	return confidence(in.expectDegraded(policy, state, b)), nil
}

func confidence(degraded bool) float64 {
	if degraded {
		return DegradedConfidence
	}
	return 1
}

// guardSnapshot has a snapshot held that would do damage by being what it is:
// one that is older than the published one, or one without a row that would
// empty the feed. What a snapshot lacks is deleted, so neither can be taken at
// its word. It changes the report's own decision, so that the breaker sees it
// as a held batch too. It reports whether the batch is older than what is
// published.
func (in *Ingest) guardSnapshot(ctx context.Context, b Batch, f *contract.Feed, report *gate.Report) (old bool, err error) {
	if f.Load != contract.Snapshot || !report.Decision.Published() {
		return false, nil
	}
	m, err := in.Lake.Current(ctx, b.Feed)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	prev, err := in.Store.Batch(ctx, m.Batch)
	switch code := pipeline.ErrorCode(err); {
	case code == pipeline.CodeNotFound: // a compaction made the manifest
	case err != nil:
		return false, err
	case prev.ID != b.ID && b.EventTime.Before(prev.EventTime):
		report.Decision = pipeline.Hold
		report.Reason = fmt.Sprintf("this snapshot is of %s, the published one of %s", b.EventTime.Format(time.DateTime), prev.EventTime.Format(time.DateTime))
		return true, nil
	}
	if report.Rows.Accepted == 0 && m.Rows > 0 {
		report.Decision = pipeline.Hold
		report.Reason = fmt.Sprintf("a snapshot without an accepted row would delete all %d rows of the feed", m.Rows)
	}
	return false, nil
}

// judgeWith folds the batch into the breaker's state and says what happens to
// it. The batch that trips a breaker is the first one to be held. The breaker is
// told of every batch once, when it is first judged, and again when a held one is
// released; one that stays held is no news to it.
func judgeWith(p breaker.Policy, state breaker.State, b Batch, f *contract.Feed, report *gate.Report, at time.Time) outcome {
	state, _ = p.Tick(state, at)
	o := outcome{decision: report.Decision, position: state.Position, at: at}
	if o.position == "" {
		o.position = breaker.Closed
	}
	sample := sampleOf(b, f, report, at)
	switch {
	case b.ReleasedBy != "":
		return released(o, b, report)
	case b.Replays > 0:
		return judgeAgain(o, p, state, sample, report)
	}
	o.samples = []breaker.Sample{sample}
	if o.decision == pipeline.Hold {
		o.reason = report.Reason
		return o
	}
	after, _ := p.Step(state, sample)
	switch {
	case p.Degrades(after):
		o.degraded, o.reason = true, "degraded: "+after.Cause
	case p.Stops(after):
		o.decision, o.reason = pipeline.Hold, "breaker open: "+after.Cause
	}
	return o
}

// released: a person decided, whatever the contract and the breaker say. The
// breaker is not told: it is to judge the feed, not the person.
func released(o outcome, b Batch, report *gate.Report) outcome {
	o.decision = pipeline.PublishAccepted
	if report.Rows.Rejected == 0 {
		o.decision = pipeline.Publish
	}
	o.reason = "released by " + b.ReleasedBy
	if b.ReleaseReason != "" {
		o.reason += ": " + b.ReleaseReason
	}
	return o
}

// judgeAgain judges a batch that was held. It is released where it is good by
// itself and would not open the breaker; a breaker that batches opened is tried
// again with it, since somebody mended contract or data, while one that was
// opened by a person stays open.
func judgeAgain(o outcome, p breaker.Policy, state breaker.State, sample breaker.Sample, report *gate.Report) outcome {
	if o.decision == pipeline.Hold {
		o.reason = report.Reason
		return o
	}
	var told []breaker.Sample
	if p.Stops(state) {
		if state.Actor != "" && state.Actor != breaker.Itself {
			o.decision, o.reason = pipeline.Hold, "breaker open: "+state.Cause
			return o
		}
		retry := retryOf(sample)
		told = append(told, retry)
		state, _ = p.Step(state, retry)
		o.position = state.Position
	}
	after, _ := p.Step(state, sample)
	switch {
	case p.Degrades(after):
		o.degraded, o.reason = true, "degraded: "+after.Cause
	case p.Stops(after):
		o.decision, o.reason = pipeline.Hold, "judged again: "+after.Cause
		return o
	}
	told = append(told, sample)
	o.samples = told
	return o
}

// retryOf is the signal that has an open breaker tried again with the batch of
// sample.
func retryOf(sample breaker.Sample) breaker.Sample {
	return breaker.Sample{
		Batch: sample.Batch + "/retry", At: sample.At, Command: breaker.Retry, Actor: "replay",
		Reason: "held batch " + pipeline.ShortID(sample.Batch) + " is good now",
	}
}

// sampleID names what the breaker is told of a batch: each judgement that it is
// told of is a sample of its own.
func sampleID(b Batch) string {
	if b.Replays == 0 {
		return b.ID
	}
	return fmt.Sprintf("%s/%d", b.ID, b.Replays)
}

// sampleOf translates a report for the breaker. What a breaker calls the null
// rate is the highest one of any required field: nulls elsewhere are allowed.
func sampleOf(b Batch, f *contract.Feed, report *gate.Report, at time.Time) breaker.Sample {
	metrics := maps.Clone(report.Metrics)
	worst := 0.0
	for _, field := range f.Fields {
		if field.Required {
			worst = max(worst, report.Metrics[breaker.NullRate+"."+field.Name])
		}
	}
	metrics[breaker.NullRate] = worst
	return breaker.Sample{
		Batch:      sampleID(b),
		At:         at,
		Rows:       report.Rows.Read,
		Published:  report.Decision.Published(),
		Metrics:    metrics,
		Violations: report.Violations,
	}
}

// BreakerPolicy is the policy of a feed's contract over the defaults. Error:
// invalid, for a contract that was not compiled by the contract room.
func BreakerPolicy(f *contract.Feed) (breaker.Policy, error) {
	p, c := breaker.Default(), f.Breaker
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"cooldown", c.Cooldown, &p.Cooldown}, {"maxCooldown", c.MaxCooldown, &p.MaxCooldown}} {
		if d.text == "" {
			continue
		}
		v, err := contract.ParseDuration(d.text)
		if err != nil {
			return p, pipeline.Errorf(pipeline.CodeInvalid, "%s: assay.breaker.%s: %w", f.File, d.name, err).WithHint("write it like 30m, 2h or 1d")
		}
		*d.to = v
	}
	p.MaxCooldown = max(p.MaxCooldown, p.Cooldown)
	if c.Mode != "" {
		p.Mode = breaker.Mode(c.Mode)
	}
	if c.Fallback != "" {
		p.Fallback = breaker.Fallback(c.Fallback)
	}
	if c.Window > 0 {
		p.Window = c.Window
	}
	if c.Probes > 0 {
		p.Probes = c.Probes
	}
	if c.MinRows > 0 {
		p.MinRows = c.MinRows
	}
	for _, sla := range f.SLA {
		if sla.Property == "frequency" {
			p = p.Fresh(sla.Within)
		}
	}
	if c.Freshness != "" {
		age, err := contract.ParseDuration(c.Freshness)
		if err != nil {
			return p, pipeline.Errorf(pipeline.CodeInvalid, "%s: assay.breaker.freshness: %w", f.File, err).WithHint("write it like 30m, 2h or 1d")
		}
		p = p.MaxAge(age)
	}
	if c.MaxNullRate != nil {
		p = p.Limit(breaker.NullRate, *c.MaxNullRate)
	}
	switch {
	case c.MaxReject != nil:
		p = p.Limit(breaker.RejectRate, *c.MaxReject)
	case f.MaxRejectRate > contract.DefaultMaxRejectRate:
		// A contract that tolerates more rejects in a batch tolerates them in
		// the breaker, unless it says otherwise.
		p = p.Limit(breaker.RejectRate, f.MaxRejectRate)
	}
	return p, nil
}

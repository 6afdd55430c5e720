package flow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A judgement is one feed in one sweep.
type judgement struct {
	*Sweep
	f   *contract.Feed
	cal contract.Calendar
	now time.Time
	// st is the state so far, found the new lapses, moved the breaker's changes.
	st    SweepState
	found []Lapse
	moved []breaker.Transition
	next  time.Time
}

// lookAgain is the longest time between two looks at a feed.
const lookAgain = 24 * time.Hour

func (j *judgement) judge(ctx context.Context) error {
	j.next = j.now.Add(lookAgain)
	last, err := j.latest(ctx)
	if err != nil {
		return err
	}
	// Whatever came after a due moment ends the lapse.
	j.st.Open = slices.DeleteFunc(slices.Clone(j.st.Open), func(l Lapse) bool {
		return (l.Kind == LapseSchedule || l.Kind == LapseFrequency) && last.Created.After(l.Due) ||
			l.Kind == LapseVolume && j.now.Sub(l.Due) > lookAgain
	})
	if j.f.Schedule.Cron != "" {
		err = j.slots(ctx, last)
	} else {
		if j.f.Schedule.Every > 0 {
			if err := j.gap(ctx, last); err != nil {
				return err
			}
		}
		err = j.days(ctx)
	}
	if err != nil {
		return err
	}
	if err := j.freshness(ctx); err != nil {
		return err
	}
	if err := j.levels(ctx); err != nil {
		return err
	}
	j.st.Next = j.next
	return nil
}

// by asks for the next look at t.
func (j *judgement) by(t time.Time) {
	if t.After(j.now) && t.Before(j.next) {
		j.next = t
	}
}

// report notes a lapse, once for each kind and due moment.
func (j *judgement) report(l Lapse) {
	l.Due = l.Due.UTC()
	for i, o := range j.st.Open {
		if o.Kind == l.Kind {
			if o.Due.Equal(l.Due) {
				return
			}
			j.st.Open = slices.Delete(j.st.Open, i, i+1)
			break
		}
	}
	j.st.Open = append(j.st.Open, l)
	j.found = append(j.found, l)
}

// came reports whether a batch is one that arrived: what is a resend of another
// is not, and what could not be judged did not bring its rows.
func came(b Batch) bool { return b.Stage != Duplicate && b.Stage != Staged && b.Stage != Unjudged }

// latest is the newest batch that arrived, or none.
func (j *judgement) latest(ctx context.Context) (Batch, error) {
	for limit := 4; ; limit *= 16 {
		bs, err := j.Ingest.Store.Batches(ctx, BatchFilter{Feed: j.f.Name, Latest: true, Limit: limit})
		if err != nil {
			return Batch{}, err
		}
		for _, b := range bs {
			if came(b) {
				return b, nil
			}
		}
		if len(bs) < limit {
			return Batch{}, nil
		}
	}
}

// arrivals are the batches that came after from, up to and including to.
func (j *judgement) arrivals(ctx context.Context, from, to time.Time) ([]Batch, error) {
	bs, err := j.Ingest.Store.Batches(ctx, BatchFilter{Feed: j.f.Name, Since: from, Limit: 100_000})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(bs, func(b Batch) bool { return !came(b) || !b.Created.After(from) || b.Created.After(to) }), nil
}

// slots judges the due moments of the cron schedule since the last sweep. A
// batch belongs to the due moment that it is nearest to, where the grace is
// part of the moment: what comes early counts, and what comes late for one does
// not pass for the next.
func (j *judgement) slots(ctx context.Context, last Batch) error {
	grace := j.f.Schedule.Grace
	// A moment whose grace ended with the last sweep was still in time then.
	due := j.cal.Next(j.st.Checked.Add(-grace - time.Microsecond))
	for ; !due.IsZero() && due.Add(grace).Before(j.now); due = j.cal.Next(due) {
		from := j.slotStart(due)
		got, err := j.arrivals(ctx, from, due.Add(grace))
		if err != nil {
			return err
		}
		if len(got) == 0 {
			detail, err := j.silence(ctx, last, from)
			if err != nil {
				return err
			}
			j.report(Lapse{Kind: LapseSchedule, Due: due, Expected: "a batch by " + j.local(due.Add(grace)), Detail: detail})
			continue
		}
		if err := j.volume(ctx, due, got); err != nil {
			return err
		}
	}
	if !due.IsZero() {
		// A microsecond later it is not in time any more.
		j.by(due.Add(grace + time.Microsecond))
	}
	return nil
}

// slotStart is from when on a batch is one for due.
func (j *judgement) slotStart(due time.Time) time.Time {
	prev := j.cal.Prev(due)
	if prev.IsZero() {
		return j.st.Since.Add(-lookAgain)
	}
	end := prev.Add(j.f.Schedule.Grace)
	if end.After(due) {
		return prev // a grace longer than the gap
	}
	return end.Add(due.Sub(end) / 2)
}

// local writes a time as the people of the feed say it.
func (j *judgement) local(t time.Time) string {
	return t.In(j.cal.Location()).Format("Mon 2006-01-02 15:04 MST")
}

// silence says what is known instead of a batch.
func (j *judgement) silence(ctx context.Context, last Batch, since time.Time) (string, error) {
	detail := "nothing ever came"
	if last.ID != "" {
		detail = "the last batch came " + j.local(last.Created)
	}
	for o, err := range j.Ingest.Lake.Landed(ctx, j.f.Name) {
		if err != nil {
			return "", err
		}
		if o.Modified.Before(since) {
			continue
		}
		if settled, err := j.Ingest.settled(ctx, j.f.Name, o); err != nil {
			return "", err
		} else if !settled {
			return detail + "; " + o.Key + " landed and was not taken: assay run judges it", nil
		}
	}
	return detail, nil
}

// gap judges the frequency: a batch at least every so often, on the days that
// count.
func (j *judgement) gap(ctx context.Context, last Batch) error {
	from := j.st.Since
	if last.ID != "" {
		from = last.Created
	}
	due := j.cal.Add(from, j.f.Schedule.Every)
	if !j.now.After(due.Add(j.f.Schedule.Grace)) {
		j.by(due.Add(j.f.Schedule.Grace + time.Microsecond))
		return nil
	}
	detail, err := j.silence(ctx, last, from)
	if err != nil {
		return err
	}
	j.report(Lapse{Kind: LapseFrequency, Due: due, Expected: "a batch every " + contract.Span(j.f.Schedule.Every), Detail: detail})
	return nil
}

// volume judges the rows that came for one due moment: by the bounds of the
// schedule, and, where several batches or none of the usual size came together,
// by the volume rules of the contract over the due moments before.
func (j *judgement) volume(ctx context.Context, due time.Time, got []Batch) error {
	rows := rowsOf(got)
	if l, bad := j.bounds(due, rows); bad {
		j.report(l)
		return nil
	}
	for _, c := range j.f.Checks {
		if c.Metric != "volume" || len(got) == 1 {
			continue // the gate judged the one batch
		}
		window := c.Window
		if window == 0 {
			window = historyOf
		}
		var past []int64
		at := due
		for range window {
			at = j.cal.Prev(at)
			if at.IsZero() {
				break
			}
			before, err := j.arrivals(ctx, j.slotStart(at), at.Add(j.f.Schedule.Grace))
			if err != nil {
				return err
			}
			if len(before) > 0 {
				past = append(past, rowsOf(before))
			}
		}
		const enough = 3 // of them make a mean
		if len(past) < enough {
			continue
		}
		var sum int64
		for _, n := range past {
			sum += n
		}
		mean := float64(sum) / float64(len(past))
		if float64(rows) < mean*(1-c.Tolerance) || float64(rows) > mean*(1+c.Tolerance) {
			j.report(Lapse{Kind: LapseVolume, Due: due, Expected: fmt.Sprintf("about %.0f rows, as the last %d times", mean, len(past)),
				Detail: fmt.Sprintf("%d rows in %d batches", rows, len(got))})
			return nil
		}
	}
	return nil
}

func rowsOf(bs []Batch) (n int64) {
	for _, b := range bs {
		n += b.Rows.Read
	}
	return n
}

func (j *judgement) bounds(due time.Time, rows int64) (Lapse, bool) {
	s := j.f.Schedule
	l := Lapse{Kind: LapseVolume, Due: due, Detail: fmt.Sprintf("%d rows came", rows)}
	switch {
	case s.MinRows != nil && rows < *s.MinRows:
		l.Expected = fmt.Sprintf("at least %d rows", *s.MinRows)
	case s.MaxRows != nil && rows > *s.MaxRows:
		l.Expected = fmt.Sprintf("at most %d rows", *s.MaxRows)
	default:
		return l, false
	}
	return l, true
}

// days judges the rows of whole days, for a feed without due moments. A day on
// which nothing came is a matter of the frequency.
func (j *judgement) days(ctx context.Context) error {
	if j.f.Schedule.MinRows == nil && j.f.Schedule.MaxRows == nil {
		return nil
	}
	midnight := func(t time.Time, days int) time.Time {
		y, m, d := t.In(j.cal.Location()).Date()
		return time.Date(y, m, d+days, 0, 0, 0, 0, j.cal.Location())
	}
	for day := midnight(j.st.Checked, 0); ; day = midnight(day, 1) {
		end := midnight(day, 1)
		if end.After(j.now) {
			j.by(end)
			return nil
		}
		if day.Before(j.st.Since) || !j.cal.Working(day) || !end.After(j.st.Checked) {
			continue
		}
		got, err := j.arrivals(ctx, day.Add(-time.Microsecond), end.Add(-time.Microsecond))
		if err != nil {
			return err
		}
		if l, bad := j.bounds(end, rowsOf(got)); bad && len(got) > 0 {
			j.report(l)
		}
	}
}

// freshness tells the breaker how old what is published is, where its policy
// has a limit, and that is passed: once for each batch that was the last.
func (j *judgement) freshness(ctx context.Context) error {
	policy, err := BreakerPolicy(j.f)
	if err != nil {
		j.Ingest.Log.Warn("freshness not judged", "feed", j.f.Name, "error", err)
		return nil
	}
	i := slices.IndexFunc(policy.Thresholds, func(t breaker.Threshold) bool { return t.Metric == breaker.Freshness })
	if i < 0 {
		return nil
	}
	limit := time.Duration(policy.Thresholds[i].Limit * float64(time.Second))
	last, err := j.Ingest.Store.Batches(ctx, BatchFilter{Feed: j.f.Name, Stage: Done, Latest: true, Limit: 1})
	if err != nil || len(last) == 0 {
		return err // a feed that never published has no old data
	}
	age := j.cal.Elapsed(last[0].Updated, j.now)
	if age <= limit {
		j.by(j.cal.Add(last[0].Updated, limit).Add(time.Microsecond))
		j.close(LapseFreshness)
		return nil
	}
	due := j.cal.Add(last[0].Updated, limit)
	if slices.ContainsFunc(j.st.Open, func(l Lapse) bool { return l.Kind == LapseFreshness && l.Due.Equal(due) }) {
		return nil
	}
	j.close(LapseFreshness)
	// The breaker's own event tells of it.
	j.st.Open = append(j.st.Open, Lapse{Kind: LapseFreshness, Due: due, Expected: "data of the last " + contract.Span(limit), Detail: "published " + j.local(last[0].Updated)})
	sample := breaker.Sample{Batch: pipeline.ContentID("freshness", j.f.Name, last[0].ID), At: j.now, Watch: true,
		Metrics: map[string]float64{breaker.Freshness: age.Seconds()}}
	after, ts, err := j.fold(ctx, FeedBreaker(j.f.Name), j.f.Name, policy, sample, true)
	if err != nil {
		return err
	}
	j.moved = append(j.moved, ts...)
	if len(ts) > 0 {
		return j.Ingest.mark(ctx, j.f.Name, after)
	}
	return nil
}

func (j *judgement) close(kind string) {
	j.st.Open = slices.DeleteFunc(j.st.Open, func(l Lapse) bool { return l.Kind == kind })
}

// levels judges the service levels over past batches once a day, and reports
// when one begins to fail.
func (j *judgement) levels(ctx context.Context) error {
	for _, sla := range j.f.SLA {
		if sla.Property != LapseAvailability {
			continue // latency is judged with each batch, frequency above
		}
		today := j.cal.Midnight(j.now)
		j.by(j.cal.Midnight(j.now.Add(36 * time.Hour)))
		if !today.After(j.st.Checked) && j.st.Checked.After(j.st.Since) {
			continue // judged today
		}
		bs, err := j.arrivals(ctx, j.now.Add(-sla.Lookback()), j.now)
		if err != nil {
			return err
		}
		facts := contract.Facts{Now: j.now}
		for _, b := range bs {
			facts.Batches = append(facts.Batches, contract.Delivery{Event: b.EventTime, Decided: b.Updated, Published: b.Stage == Done})
		}
		r := sla.Judge(facts)
		failing := slices.Contains(j.st.Failing, sla.Property)
		switch {
		case r.Unjudged != "":
		case !r.Holds && !failing:
			j.st.Failing = append(j.st.Failing, sla.Property)
			j.report(Lapse{Kind: sla.Property, Due: today, Expected: r.Expected, Detail: r.Detail})
		case r.Holds && failing:
			j.st.Failing = slices.DeleteFunc(slices.Clone(j.st.Failing), func(p string) bool { return p == sla.Property })
			j.close(sla.Property)
		}
	}
	return nil
}

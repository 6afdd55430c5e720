package contract

import (
	"fmt"
	"time"
)

// Facts are what a ledger knows of a feed: what its service levels are judged
// by.
type Facts struct {
	Now time.Time
	// Batches are those that were decided, in the order of their decision, as
	// far back as Lookback asks.
	Batches []Delivery
	// Batch is the one being judged, nil in a sweep between batches. It is not
	// among Batches.
	Batch *Delivery
}

// A Delivery is one batch as its ledger tells of it.
type Delivery struct {
	// Event is when the data came about, Decided when it was published or held.
	Event, Decided time.Time
	Published      bool
	// Lost: it was published, and its rows were removed since by more than
	// being replaced (a lifetime, an erasure).
	Lost bool
}

// AvailabilityDays is the window over which availability is a percentage.
const AvailabilityDays = 30

// Lookback is how far back the batches of Facts have to go for s.
func (s SLA) Lookback() time.Duration {
	switch s.Property {
	case "availability":
		return AvailabilityDays * day
	case "retention":
		return s.Within
	}
	return 0 // the last published batch is enough
}

// A ServiceResult is what became of one service level.
type ServiceResult struct {
	// Unjudged says why it could not be judged, "" where it was.
	Unjudged string
	Holds    bool
	// Detail says what was measured, Expected what was promised.
	Detail, Expected string
}

// Judge says whether the feed keeps the service level. With a batch, latency is
// from its event to now and frequency the gap to the published one before it;
// without one, they are those of the last published batch, and frequency fails
// once the next one is overdue. Availability and retention look at the ledger
// alone.
func (s SLA) Judge(f Facts) ServiceResult {
	switch s.Property {
	case "latency":
		return s.latency(f)
	case "frequency":
		return s.frequency(f)
	case "retention":
		return s.retention(f)
	case "availability":
		return s.availability(f)
	}
	return ServiceResult{Unjudged: "the ledger does not answer " + s.Property}
}

// lastPublished is the newest event among the published batches.
func (f Facts) lastPublished() (last Delivery, ok bool) {
	for _, b := range f.Batches {
		if b.Published && (!ok || !b.Event.Before(last.Event)) {
			last, ok = b, true
		}
	}
	return last, ok
}

func (s SLA) latency(f Facts) ServiceResult {
	r := ServiceResult{Expected: "published within " + Span(s.Within)}
	d := f.Batch
	at := f.Now
	if d == nil {
		last, ok := f.lastPublished()
		if !ok {
			r.Unjudged = "no batch is published yet"
			return r
		}
		d, at = &last, last.Decided
	}
	took := max(0, at.Sub(d.Event))
	r.Holds, r.Detail = took <= s.Within, "it took "+Span(took)
	return r
}

func (s SLA) frequency(f Facts) ServiceResult {
	r := ServiceResult{Expected: "a batch every " + Span(s.Within)}
	last, ok := f.lastPublished()
	if !ok {
		r.Unjudged = "no earlier batch is published"
		return r
	}
	at, words := f.Now, "the last batch is %s old"
	if f.Batch != nil {
		at, words = f.Batch.Event, "%s since the batch before"
	}
	gap := max(0, at.Sub(last.Event))
	r.Holds, r.Detail = gap <= s.Within, fmt.Sprintf(words, Span(gap))
	return r
}

func (s SLA) retention(f Facts) ServiceResult {
	r := ServiceResult{Expected: "batches are kept " + Span(s.Within)}
	var kept, lost int
	for _, b := range f.Batches {
		if !b.Published || f.Now.Sub(b.Decided) > s.Within {
			continue
		}
		kept++
		if b.Lost {
			lost++
		}
	}
	if kept == 0 {
		r.Unjudged = "no batch was published in that time"
		return r
	}
	r.Holds, r.Detail = lost == 0, fmt.Sprintf("%d of %d batches of that time are gone", lost, kept)
	return r
}

func (s SLA) availability(f Facts) ServiceResult {
	r := ServiceResult{Expected: fmt.Sprintf("%g %% of the batches of %d days are published", s.Percent, AvailabilityDays)}
	var all, published int
	for _, b := range f.Batches {
		if f.Now.Sub(b.Decided) > AvailabilityDays*day {
			continue
		}
		all++
		if b.Published {
			published++
		}
	}
	if all == 0 {
		r.Unjudged = fmt.Sprintf("there is no batch of the last %d days", AvailabilityDays)
		return r
	}
	r.Holds = float64(published)*100 >= s.Percent*float64(all)
	r.Detail = fmt.Sprintf("%d of %d batches were published", published, all)
	return r
}

// Span writes a duration in the largest units that fit: 2d 3h, 45m, 30s.
func Span(d time.Duration) string {
	d = d.Round(time.Second)
	if d < 0 {
		return "-" + Span(-d)
	}
	out := ""
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		n := d / u.size
		if n == 0 {
			if out != "" {
				break // two neighbouring units are precise enough
			}
			continue
		}
		d -= n * u.size
		if out != "" {
			return out + fmt.Sprintf(" %d%s", n, u.name)
		}
		out = fmt.Sprintf("%d%s", n, u.name)
	}
	if out == "" {
		return "0s"
	}
	return out
}

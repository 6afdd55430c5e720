package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// A Sweep looks where nothing happens: absence sends no event. It judges every
// feed by the schedule and the service levels of its contract, moves cooldowns
// on, ends leases and approvals, applies lifetimes, and sends what the outbox
// still holds.
//
// It may run at any time, twice, or late. What was due since the last sweep is
// judged once, whenever the next one comes, from the times at which the ledger
// saw batches; its state and its events are written in one transaction.
type Sweep struct {
	Ingest *Ingest
	// Feeds names the feeds to judge.
	Feeds []string
	// Zone is the time zone of schedules that name none.
	Zone *time.Location
	// Relay and Notify, where set, send what was found.
	Relay  *Relay
	Notify *Notifier
	// Keep are the lifetimes; nil applies none.
	Keep *Lifetimes
}

// A FeedLapse is a promise that one feed did not keep.
type FeedLapse struct {
	Feed string `json:"feed"`
	Lapse
}

// A SweepResult is what one sweep found and did.
type SweepResult struct {
	// Feeds were judged; Lapses are new since the last sweep.
	Feeds  int         `json:"feeds"`
	Lapses []FeedLapse `json:"lapses"`
	// Breakers are the changes of position.
	Breakers []breaker.Transition `json:"breakers"`
	// Leases of reviewers that ended; Approvals that were carried out or expired.
	Leases    int     `json:"leases"`
	Approvals []Batch `json:"approvals"`
	// Sent are the entries of the outbox, Told and Dead the notices.
	Sent int `json:"sent"`
	Told int `json:"told"`
	Dead int `json:"dead"`
	// Indexed are the items that were taken into the search index.
	Indexed int `json:"indexed,omitempty"`
	// Removed counts what lifetimes removed, by zone or store.
	Removed map[string]int `json:"removed,omitempty"`
	// Problems are feeds that could not be judged, each with the reason.
	Problems []string `json:"problems,omitempty"`
}

// Once sweeps. Errors: locked (another sweep runs), unavailable.
func (s *Sweep) Once(ctx context.Context) (SweepResult, error) {
	res := SweepResult{Lapses: []FeedLapse{}, Breakers: []breaker.Transition{}, Approvals: []Batch{}}
	in := s.Ingest
	done, err := in.alone(ctx, "sweep")
	if err != nil {
		return res, err
	}
	defer done()
	if err := s.tick(ctx, &res); err != nil {
		return res, err
	}
	if err := s.feeds(ctx, &res); err != nil {
		return res, err
	}
	if res.Approvals, err = in.Settle(ctx); err != nil {
		return res, err
	}
	if err := s.leases(ctx, &res); err != nil {
		return res, err
	}
	if res.Indexed, err = IndexWaiting(ctx, in.Store, indexedPerSweep); err != nil {
		return res, err
	}
	if dear, err := model.Dearer(ctx, in.Store, stamp(in.Now), s.Zone); err != nil {
		return res, err
	} else if dear != nil {
		if err := AnnounceBudget(ctx, in.Store, *dear); err != nil {
			return res, err
		}
	}
	if s.Keep != nil {
		if res.Removed, err = s.Keep.apply(ctx, in); err != nil {
			return res, err
		}
	}
	if s.Relay != nil {
		if res.Sent, err = s.Relay.Drain(ctx); err != nil {
			return res, err
		}
	}
	if s.Notify != nil {
		told, err := s.Notify.Deliver(ctx)
		res.Told, res.Dead = told.Sent, told.Dead
		if err != nil {
			return res, err
		}
	}
	return res, nil
}

// tick moves the cooldowns on.
func (s *Sweep) tick(ctx context.Context, res *SweepResult) error {
	in := s.Ingest
	now := stamp(in.Now)
	states, err := in.Store.Breakers(ctx)
	if err != nil {
		return err
	}
	for _, st := range states {
		if st.Position != breaker.Open || st.Until.IsZero() || now.Before(st.Until) {
			continue
		}
		policy := breaker.Default()
		feed, ofFeed := strings.CutPrefix(st.Key.Scope, "feed:")
		if ofFeed {
			if f, err := in.Contracts.Feed(feed); err == nil {
				if p, err := BreakerPolicy(f); err == nil {
					policy = p
				}
			}
		}
		after, ts, err := s.fold(ctx, st.Key, feed, policy, breaker.Sample{At: now}, false)
		if err != nil {
			return err
		}
		res.Breakers = append(res.Breakers, ts...)
		if ofFeed && st.Key.Signal == Quality {
			if err := in.mark(ctx, feed, after); err != nil {
				return err
			}
		}
	}
	return nil
}

// fold moves a breaker by the clock, and by a sample where there is one.
func (s *Sweep) fold(ctx context.Context, key breaker.Key, feed string, p breaker.Policy, sample breaker.Sample, step bool) (breaker.State, []breaker.Transition, error) {
	var after breaker.State
	var moved []breaker.Transition
	err := s.Ingest.Store.Atomic(ctx, func(tx Tx) error {
		state, err := tx.LoadBreaker(ctx, key)
		if err != nil {
			return err
		}
		after, moved = p.Tick(state, sample.At)
		if step {
			var ts []breaker.Transition
			after, ts = p.Step(after, sample)
			moved = append(moved, ts...)
		} else if len(moved) == 0 {
			return nil
		}
		if err := tx.SaveBreaker(ctx, after, sample, moved); err != nil {
			return err
		}
		var out []Outgoing
		for _, t := range moved {
			e, err := breakerEvent(feed, t)
			if err != nil {
				return err
			}
			out = append(out, Outgoing{Event: &e})
		}
		return tx.PutOutgoing(ctx, out...)
	})
	return after, moved, err
}

// leases opens the entries whose reviewers let their leases end.
func (s *Sweep) leases(ctx context.Context, res *SweepResult) error {
	in := s.Ingest
	now := stamp(in.Now)
	held, err := in.Store.Reviews(ctx, review.Filter{State: review.Leased, Limit: 10_000})
	if err != nil {
		return err
	}
	for _, e := range held {
		if e.Until.After(now) {
			continue
		}
		e.History = append(e.History, review.Step{At: now, Actor: Clock, Action: "release", Note: "the lease of " + e.Holder + " ended"})
		e.State, e.Holder, e.Until = review.Open, "", time.Time{}
		switch _, err := in.Store.UpdateReview(ctx, e); pipeline.ErrorCode(err) {
		case "":
			res.Leases++
		case pipeline.CodeConflict, pipeline.CodeNotFound: // somebody took it meanwhile
		default:
			return err
		}
	}
	return nil
}

// feeds judges every feed that something can be amiss with by now.
func (s *Sweep) feeds(ctx context.Context, res *SweepResult) error {
	in := s.Ingest
	now := stamp(in.Now)
	stored, err := in.Store.Sweeps(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]SweepState, len(stored))
	for _, st := range stored {
		known[st.Feed] = st
	}
	var states []SweepState
	var out []Outgoing
	for _, name := range s.Feeds {
		f, err := in.Contracts.Feed(name)
		if err != nil {
			res.Problems = append(res.Problems, name+": "+err.Error())
			continue
		}
		st, seen := known[name]
		hash := scheduleHash(f)
		if !seen {
			st = SweepState{Feed: name, Since: now, Checked: now}
		}
		if seen && st.Contract == hash && now.Before(st.Next) && len(st.Open) == 0 {
			continue
		}
		st.Contract = hash
		j := judgement{Sweep: s, f: f, cal: f.Schedule.Calendar(s.Zone), now: now, st: st}
		if err := j.judge(ctx); err != nil {
			return err
		}
		res.Feeds++
		res.Breakers = append(res.Breakers, j.moved...)
		j.st.Checked = now
		states = append(states, j.st)
		for _, l := range j.found {
			res.Lapses = append(res.Lapses, FeedLapse{name, l})
			e, err := pipeline.NewEvent(pipeline.SLAMissed, source(name), name+"/"+l.Kind, name, now, SLAData{Feed: name, ContractID: f.ContractID,
				ContractVersion: f.Version, Owner: f.Owner, Kind: l.Kind, Due: l.Due, Expected: l.Expected, Detail: l.Detail})
			if err != nil {
				return err
			}
			out = append(out, Outgoing{Event: &e})
			in.Log.Warn("promise not kept", "feed", name, "kind", l.Kind, "due", l.Due, "detail", l.Detail)
		}
	}
	if len(states) == 0 {
		return nil
	}
	return in.Store.Atomic(ctx, func(tx Tx) error {
		if err := tx.PutSweeps(ctx, states...); err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, out...)
	})
}

// scheduleHash names all that Next is computed from.
func scheduleHash(f *contract.Feed) string {
	s := f.Schedule
	bound := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return time.Duration(*n).String()
	}
	parts := []string{s.Cron, s.Every.String(), s.Timezone, s.Days, s.Grace.String(), bound(s.MinRows), bound(s.MaxRows), f.Breaker.Freshness}
	return pipeline.ContentID(slices.Concat(parts, s.Holidays)...)
}

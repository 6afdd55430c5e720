package review

import (
	"context"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Queue is how people and programs work through the entries of a store: take
// one, decide it, take the decision back. Given the Tx of a transaction as its
// store, it works inside that transaction.
type Queue struct {
	Store Store
	Now   func() time.Time
}

// rounds bounds how often a change is tried again after somebody else changed
// the entry first. Each round somebody made progress.
const rounds = 50

// Claim leases the most pressing free entry that f selects to holder: one that
// is open, or whose lease has ended. Two holders never get the same entry.
// Errors: not_found (nothing is waiting), invalid, unavailable.
func (q Queue) Claim(ctx context.Context, holder string, lease time.Duration, f Filter) (Entry, error) {
	if err := named(holder); err != nil {
		return Entry{}, err
	}
	if lease <= 0 {
		return Entry{}, pipeline.Errorf(pipeline.CodeInvalid, "review: a lease of %s ends before it begins", lease)
	}
	f.State, f.After, f.Limit = "", "", 20
	for range rounds {
		now := q.Now()
		f.Free = now
		free, err := q.Store.Reviews(ctx, f)
		if err != nil {
			return Entry{}, err
		}
		if len(free) == 0 {
			return Entry{}, pipeline.Errorf(pipeline.CodeNotFound, "review: nothing is waiting").
				WithHint("what others hold comes back when their leases end")
		}
		for _, e := range free {
			e.take(holder, now.Add(lease))
			e, err = q.Store.UpdateReview(ctx, e)
			if pipeline.ErrorCode(err) == pipeline.CodeConflict {
				continue // somebody else was faster
			}
			return e, err
		}
	}
	return Entry{}, pipeline.Errorf(pipeline.CodeLocked, "review: others took every entry that was free").WithHint("try again")
}

// Take leases the entry id to holder, or extends the lease that holder has.
// Errors: not_found, locked (another holds it), conflict (it is decided).
func (q Queue) Take(ctx context.Context, id, holder string, lease time.Duration) (Entry, error) {
	if err := named(holder); err != nil {
		return Entry{}, err
	}
	if lease <= 0 {
		return Entry{}, pipeline.Errorf(pipeline.CodeInvalid, "review %s: a lease of %s ends before it begins", id, lease)
	}
	return q.change(ctx, id, func(e *Entry, now time.Time) (bool, error) {
		if e.State == Decided {
			return false, e.alreadyDecided()
		}
		if err := e.freeFor(holder, now); err != nil {
			return false, err
		}
		e.take(holder, now.Add(lease))
		return true, nil
	})
}

// Decide records who's decision. The entry need not be leased, but must not be
// leased to another. Deciding the same again changes nothing. Errors:
// not_found, locked (another holds it), conflict (decided otherwise before),
// invalid.
func (q Queue) Decide(ctx context.Context, id, who, decision, note string) (Entry, error) {
	if err := named(who); err != nil {
		return Entry{}, err
	}
	if decision == "" {
		return Entry{}, pipeline.Errorf(pipeline.CodeInvalid, "review %s: the decision is empty", id)
	}
	return q.change(ctx, id, func(e *Entry, now time.Time) (bool, error) {
		if e.State == Decided {
			if e.Decision == decision && e.Decider == who {
				return false, nil
			}
			return false, e.alreadyDecided()
		}
		if err := e.freeFor(who, now); err != nil {
			return false, err
		}
		e.State, e.Holder, e.Until = Decided, "", time.Time{}
		e.Decision, e.Decider, e.Note, e.Decided = decision, who, note, now
		e.History = append(e.History, Step{At: now, Actor: who, Action: "decide", Decision: decision, Note: note})
		return true, nil
	})
}

// Undo takes a decision back: the entry is open again, the decision stays in
// its history. Errors: not_found, conflict (it is not decided).
func (q Queue) Undo(ctx context.Context, id, who, note string) (Entry, error) {
	if err := named(who); err != nil {
		return Entry{}, err
	}
	return q.change(ctx, id, func(e *Entry, now time.Time) (bool, error) {
		if e.State != Decided {
			return false, pipeline.Errorf(pipeline.CodeConflict, "review %s is not decided, so there is nothing to undo", id)
		}
		e.History = append(e.History, Step{At: now, Actor: who, Action: "undo", Decision: e.Decision, Note: note})
		e.State, e.Holder, e.Until = Open, "", time.Time{}
		e.Decision, e.Decider, e.Note, e.Decided = "", "", "", time.Time{}
		return true, nil
	})
}

// Release gives up holder's lease, so that others can take the entry at once.
// An entry that nobody holds stays as it is. Errors: not_found, locked (another
// holds it), conflict (it is decided).
func (q Queue) Release(ctx context.Context, id, holder string) (Entry, error) {
	if err := named(holder); err != nil {
		return Entry{}, err
	}
	return q.change(ctx, id, func(e *Entry, now time.Time) (bool, error) {
		switch e.State {
		case Decided:
			return false, e.alreadyDecided()
		case Open:
			return false, nil
		}
		if err := e.freeFor(holder, now); err != nil {
			return false, err
		}
		e.History = append(e.History, Step{At: now, Actor: holder, Action: "release"})
		e.State, e.Holder, e.Until = Open, "", time.Time{}
		return true, nil
	})
}

// change reads an entry, lets edit judge and change it, and stores it; when
// somebody else changed it in between, edit judges what stands there now.
func (q Queue) change(ctx context.Context, id string, edit func(e *Entry, now time.Time) (bool, error)) (Entry, error) {
	for range rounds {
		e, err := q.Store.Review(ctx, id)
		if err != nil {
			return Entry{}, err
		}
		write, err := edit(&e, q.Now().UTC())
		if err != nil {
			return Entry{}, err
		}
		if !write {
			return e, nil
		}
		e, err = q.Store.UpdateReview(ctx, e)
		if pipeline.ErrorCode(err) != pipeline.CodeConflict {
			return e, err
		}
	}
	return Entry{}, pipeline.Errorf(pipeline.CodeConflict, "review %s is being changed by others", id).WithHint("try again")
}

func (e *Entry) take(holder string, until time.Time) {
	e.State, e.Holder, e.Until = Leased, holder, until.UTC()
}

// freeFor reports, as an error, that somebody other than who holds e at now.
func (e *Entry) freeFor(who string, now time.Time) error {
	if e.State == Leased && e.Holder != who && e.Until.After(now) {
		return pipeline.Errorf(pipeline.CodeLocked, "review %s is leased to %s until %s", e.ID, e.Holder, e.Until.UTC().Format(time.RFC3339)).
			WithHint("take another, or wait until the lease ends")
	}
	return nil
}

func (e *Entry) alreadyDecided() error {
	return pipeline.Errorf(pipeline.CodeConflict, "review %s was decided %s by %s at %s", e.ID, e.Decision, e.Decider, e.Decided.UTC().Format(time.RFC3339)).
		WithHint("undo that decision first")
}

func named(who string) error {
	if who == "" {
		return pipeline.Errorf(pipeline.CodeInvalid, "review: nobody is named; a lease and a decision need a person or a program")
	}
	return nil
}

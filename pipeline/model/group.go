package model

import (
	"context"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// Bounds of what waits to be settled while a group is open.
const (
	// groupMost is how many questions are reserved for, and settled, at once.
	groupMost = 32
	// groupWait is how long an answer waits at most: what a crash loses is what
	// was answered in it.
	groupWait = time.Second
	// A group reserves at most the groupShare-th part of a day's bound ahead,
	// and holds back no more of what its questions did not use.
	groupShare = 100
)

// A ledger is what a client has not yet settled.
type ledger struct {
	mu sync.Mutex
	// groups that are open; settled alone where there is none.
	groups int
	// What waits: calls, answers by their key, and for budgets the difference
	// between what was reserved and what was used, on day.
	calls   []Call
	answers map[string]Answered
	day     string
	tokens  int64
	micros  int64
	items   int64
	saved   Saved
	// purse is reserved in the store, on day, and not yet taken by a question.
	purse  purse
	writes sync.Mutex // one settlement at a time
	timer  *time.Timer
}

// A purse is part of a day's budget.
type purse struct{ tokens, micros int64 }

// Group opens a group: until its end, questions share reservations and
// settlements, of 32 questions or of a second, so that a store is not asked
// twice for each of them. The promises are the same but for a crash, which
// loses what waited: such a question is asked again, and what was reserved for
// it stays spent. end settles what waits; call it once. A nil error says that
// every answer given so far is in the store.
func (c *Client) Group() (end func(ctx context.Context) error) {
	c.book.mu.Lock()
	c.book.groups++
	c.book.mu.Unlock()
	return func(ctx context.Context) error {
		c.book.mu.Lock()
		c.book.groups--
		wait := c.book.figures()
		c.book.mu.Unlock()
		if wait {
			return nil
		}
		return c.settle(ctx)
	}
}

// figures reports whether nothing waits but figures, for which nobody has to.
func (l *ledger) figures() bool {
	return len(l.calls) == 0 && l.tokens == 0 && l.micros == 0 && l.items == 0 && l.purse == purse{}
}

// Close writes what waits. The client may be used afterwards.
func (c *Client) Close(ctx context.Context) error { return c.settle(ctx) }

// waiting finds an answer that is not yet in the store.
func (l *ledger) waiting(key string) (Answered, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.answers[key]
	return a, ok
}

// ahead takes a question's reservation from the purse. Where that does not
// hold enough, it says for how many questions to fill it, 0 outside a group.
func (l *ledger) ahead(res reservation, limits Limits) (taken bool, questions int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.groups == 0 {
		return false, 0
	}
	if l.day == res.day && l.purse.tokens >= res.tokens && l.purse.micros >= res.micros {
		l.purse.tokens -= res.tokens
		l.purse.micros -= res.micros
		return true, 0
	}
	questions = groupMost
	for _, b := range []struct{ one, most int64 }{{res.tokens, limits.DayTokens}, {res.micros, limits.DayMicros}} {
		if b.most >= 0 && b.one > 0 {
			questions = min(questions, b.most/groupShare/b.one)
		}
	}
	return false, max(1, questions)
}

// fill adds what was reserved ahead on a day; false where the ledger is on
// another day and its owner has to give it back.
func (l *ledger) fill(day string, p purse) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.day == "" {
		l.day = day
	}
	if l.day != day {
		return false
	}
	l.purse.tokens += p.tokens
	l.purse.micros += p.micros
	return true
}

// later leaves a settlement to the group and reports whether it is time to
// write, false where there is no group.
func (c *Client) later(s Settlement, rest settling) (waits, full bool) {
	l := c.book
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.groups == 0 || l.day != "" && l.day != rest.day {
		return false, false
	}
	l.day = rest.day
	l.tokens += rest.tokens
	l.micros += rest.micros
	l.items += rest.items
	l.calls = append(l.calls, s.Calls...)
	for _, a := range s.Answers {
		if l.answers == nil {
			l.answers = map[string]Answered{}
		}
		l.answers[a.Key] = a
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(groupWait, func() { _ = c.settle(context.Background()) }) // who ends the group hears of an error
	}
	return true, len(l.calls) >= groupMost || ample(-l.tokens, c.Limits.DayTokens) || ample(-l.micros, c.Limits.DayMicros)
}

// ample reports whether what a group holds back is worth giving back at once,
// since others may spend it.
func ample(held, most int64) bool { return most >= 0 && held > most/groupShare }

// settle writes what waits, in one transaction, and gives back the purse.
func (c *Client) settle(ctx context.Context) error {
	l := c.book
	l.writes.Lock()
	defer l.writes.Unlock()
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	day, calls := l.day, l.calls
	rest := settling{tokens: l.tokens - l.purse.tokens, micros: l.micros - l.purse.micros, items: l.items, saved: l.saved}
	s := Settlement{Day: day, Calls: calls}
	for _, call := range calls {
		if a, ok := l.answers[call.Key]; ok && a.Call == call.ID {
			s.Answers = append(s.Answers, a)
		}
	}
	l.day, l.calls, l.tokens, l.micros, l.items, l.saved, l.purse = "", nil, 0, 0, 0, Saved{}, purse{}
	l.mu.Unlock()
	if day == "" {
		return nil
	}
	err := c.write(ctx, s, rest, day)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		for _, a := range s.Answers {
			if l.answers[a.Key].Call == a.Call {
				delete(l.answers, a.Key)
			}
		}
		return nil
	}
	// All of it waits for the next time. Where another day has begun meanwhile,
	// that one bears it.
	if l.day == "" {
		l.day = day
	}
	l.calls = append(calls, l.calls...)
	l.tokens += rest.tokens
	l.micros += rest.micros
	l.items += rest.items
	l.saved = l.saved.add(rest.saved)
	return err
}

// write writes a settlement and tells of the budgets.
func (c *Client) write(ctx context.Context, s Settlement, rest settling, day string) error {
	s.Day, s.Spendings = day, append(c.spendings(rest.tokens, rest.micros), Spending{Account: accountItems, Amount: rest.items})
	s.Spendings = append(s.Spendings, rest.saved.spendings()...)
	for i := range s.Spendings {
		s.Spendings[i].Most = -1 // what was used was used
	}
	// What was paid for is written down even if the caller has gone.
	ctx = context.WithoutCancel(ctx)
	if err := c.Store.Settle(ctx, s); err != nil {
		return pipeline.Errorf(pipeline.ErrorCode(err), "logging calls of %s: %w", c.Model, err)
	}
	c.alert(ctx, accountTokens, day, c.Limits.DayTokens)
	c.alert(ctx, accountMicros, day, c.Limits.DayMicros)
	return nil
}

package model

import (
	"context"
	"time"
)

// Accounts of what was not asked.
const (
	accountKept       = "model.kept"
	accountKeptTokens = "model.kept_tokens"
	accountKeptMicros = "model.kept_micros"
	accountRules      = "model.rules"
)

// Saved is what a model was not asked, since its answer was kept or since the
// rules had left nothing open.
type Saved struct {
	// Answers were kept from an earlier call. Tokens and Micros are what that call
	// used for the reply, so what asking again would have cost; a model without a
	// price saves no money that is known.
	Answers int64 `json:"answers"`
	Tokens  int64 `json:"tokens"`
	Micros  int64 `json:"micros"`
	// Items were read by the rules alone while a model stood by.
	Items int64 `json:"items"`
}

// Any reports whether anything was saved.
func (s Saved) Any() bool { return s != Saved{} }

func (s Saved) add(t Saved) Saved {
	return Saved{s.Answers + t.Answers, s.Tokens + t.Tokens, s.Micros + t.Micros, s.Items + t.Items}
}

func (s Saved) spendings() []Spending {
	var out []Spending
	for _, x := range []Spending{{accountKept, s.Answers, -1}, {accountKeptTokens, s.Tokens, -1}, {accountKeptMicros, s.Micros, -1}, {accountRules, s.Items, -1}} {
		if x.Amount != 0 {
			out = append(out, x)
		}
	}
	return out
}

// SavedSince is what was saved on a day and those after it.
func SavedSince(ctx context.Context, s Store, day string) (out Saved, err error) {
	for account, into := range map[string]*int64{accountKept: &out.Answers, accountKeptTokens: &out.Tokens, accountKeptMicros: &out.Micros, accountRules: &out.Items} {
		if *into, err = s.SpentSince(ctx, account, day); err != nil {
			return Saved{}, err
		}
	}
	return out, nil
}

// Spared counts an item about which nothing had to be asked.
func (c *Client) Spared(ctx context.Context) { c.spare(ctx, Saved{Items: 1}) }

// keptOne counts an answer that was kept.
func (c *Client) keptOne(ctx context.Context, u Usage) {
	micros, _ := c.cost(u)
	c.spare(ctx, Saved{Answers: 1, Tokens: int64(u.Total()), Micros: micros})
}

// spare counts what was saved. It is written with the next settlement, after
// groupWait, or by Close: it is a figure, no promise, and no question waits or fails for it.
func (c *Client) spare(ctx context.Context, s Saved) {
	day := c.Now().In(c.Limits.Zone).Format(time.DateOnly)
	l := c.book
	l.mu.Lock()
	if l.day != "" && l.day != day {
		l.mu.Unlock()
		_ = c.Store.Spend(ctx, day, s.spendings()...)
		return
	}
	l.day, l.saved = day, l.saved.add(s)
	if l.timer == nil {
		l.timer = time.AfterFunc(groupWait, func() { _ = c.settle(context.Background()) }) //nolint:contextcheck // it outlives the question
	}
	l.mu.Unlock()
}

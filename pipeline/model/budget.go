package model

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// Accounts of a day's budget.
const (
	accountMicros = "model.micros"
	accountTokens = "model.tokens"
	// accountItems counts the items that a model was asked about.
	accountItems = "model.items"
)

// AccountItem names what is no sum but a quotient: micro-dollars per item.
const AccountItem = "model.item_micros"

// An Alert says that a day's budget has reached a level.
type Alert struct {
	// Account is model.micros or model.tokens, or model.item_micros for what an
	// item costs: Spent is that of the day, Most that of the days before.
	Account string `json:"account"`
	Day     string `json:"day"`
	// Percent is 50, 80 or 100 of a budget; 150, 200 or 300 of what items cost
	// before.
	Percent int       `json:"percent"`
	Spent   int64     `json:"spent"`
	Most    int64     `json:"most"`
	At      time.Time `json:"at"`
}

// levels of a budget at which somebody is told, in percent.
var levels = []int{50, 80, 100}

// A Meter bounds the tokens of questions that belong together: those of one
// item, those of one batch. It is safe for concurrent use.
type Meter struct {
	// Name is what it meters, for the message; Most the bound in tokens.
	Name string
	Most int64

	mu   sync.Mutex
	used int64
}

// Used are the tokens so far, reservations included.
func (m *Meter) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

func (m *Meter) take(n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+n > m.Most {
		return pipeline.Errorf(pipeline.CodeLimit, "%s: %d of %d tokens are used, and the next question may need %d", m.Name, m.used, m.Most, n)
	}
	m.used += n
	return nil
}

func (m *Meter) add(n int64) {
	m.mu.Lock()
	m.used += n
	m.mu.Unlock()
}

// A reservation is what was taken before a question was sent.
type reservation struct {
	day    string
	micros int64
	tokens int64
}

// reserve takes the most that q may use from meters and budgets, or nothing.
// The day's budgets live in the store, so that every process of a deployment
// spends from the same ones; one that dies leaves its reservation spent, which
// errs on the side of the budget.
func (c *Client) reserve(ctx context.Context, q Question, most Usage) (res reservation, err error) {
	res = reservation{day: c.Now().In(c.Limits.Zone).Format(time.DateOnly), tokens: int64(most.Total())}
	var undo []func()
	defer func() {
		if err != nil {
			for _, u := range undo {
				u()
			}
		}
	}()
	for _, m := range q.Meters {
		if err := m.take(res.tokens); err != nil {
			return res, err
		}
		undo = append(undo, func() { m.add(-res.tokens) })
	}
	res.micros, _ = c.cost(most)
	if err = c.take(ctx, res); err == nil {
		return res, nil
	}
	if pipeline.ErrorCode(err) == pipeline.CodeLimit {
		return res, pipeline.Errorf(pipeline.CodeLimit, "the budget of %s does not allow a question that may use %d tokens and cost %s: %w", res.day, res.tokens, Money(res.micros), err).
			WithHint("raise the budget, or wait for the next day; items are parsed by the rules meanwhile")
	}
	return res, pipeline.Errorf(pipeline.ErrorCode(err), "the budget of %s: %w", res.day, err)
}

// take takes a reservation from what was reserved ahead or from the store, for
// as many questions as the group may reserve for. Near the bound it takes for
// this question alone.
func (c *Client) take(ctx context.Context, res reservation) error {
	taken, n := c.book.ahead(res, c.Limits)
	if taken {
		return nil
	}
	if n > 1 {
		err := c.Store.Spend(ctx, res.day, c.spendings(n*res.tokens, n*res.micros)...)
		if err == nil {
			if more := (purse{(n - 1) * res.tokens, (n - 1) * res.micros}); !c.book.fill(res.day, more) {
				return c.write(ctx, Settlement{}, settling{tokens: -more.tokens, micros: -more.micros}, res.day)
			}
			return nil
		}
		if pipeline.ErrorCode(err) != pipeline.CodeLimit {
			return err
		}
	}
	err := c.Store.Spend(ctx, res.day, c.spendings(res.tokens, res.micros)...)
	if n == 0 || pipeline.ErrorCode(err) != pipeline.CodeLimit {
		return err
	}
	// What the group has not used may be enough.
	if err := c.settle(ctx); err != nil {
		return err
	}
	return c.Store.Spend(ctx, res.day, c.spendings(res.tokens, res.micros)...)
}

func (c *Client) spendings(tokens, micros int64) []Spending {
	return []Spending{{accountTokens, tokens, c.Limits.DayTokens}, {accountMicros, micros, c.Limits.DayMicros}}
}

// release corrects a reservation to what an attempt really used and adds the
// difference to what has to be settled.
func (c *Client) release(q Question, res reservation, a Attempt, s *settling) {
	tokens := int64(a.Usage.Total())
	for _, m := range q.Meters {
		m.add(tokens - res.tokens)
	}
	if s.day != res.day { // midnight between two attempts: the later day bears the rest
		s.day = res.day
	}
	s.tokens += tokens - res.tokens
	s.micros += a.Micros - res.micros
}

// settling are the differences between what was reserved and what was used.
type settling struct {
	day            string
	tokens, micros int64
	items          int64
	saved          Saved
}

// alert tells, once per client and level, of what the day's sum has reached.
// Clients of other processes tell the same: the receiver knows an alert by its
// account, day and percent.
func (c *Client) alert(ctx context.Context, account, day string, most int64) {
	if c.Alert == nil || most <= 0 {
		return
	}
	sum, err := c.Store.Spent(ctx, account, day)
	if err != nil {
		return // the next question says so
	}
	for _, level := range levels {
		if float64(sum) < float64(most)*float64(level)/100 {
			break
		}
		if _, told := c.told.LoadOrStore(account+day+strconv.Itoa(level), true); !told {
			c.Alert(ctx, Alert{Account: account, Day: day, Percent: level, Spent: sum, Most: most, At: c.Now().UTC()})
		}
	}
}

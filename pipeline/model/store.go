package model

import (
	"context"
	"time"
)

// A Call is one line of the call log: one question with all of its attempts.
// Prompt and Reply are as they were sent, scrubbed of personal data.
type Call struct {
	ID string `json:"id"`
	// Key is that of the question (see Question.Key).
	Key     string    `json:"key"`
	At      time.Time `json:"at"`
	Model   string    `json:"model"` // PROVIDER:NAME as configured
	Purpose string    `json:"purpose"`
	// Item and Batch are what the question was asked for.
	Item  string `json:"item,omitempty"`
	Batch string `json:"batch,omitempty"`
	// Versions of prompt, schema and knowledge; ids of what was retrieved.
	Prompt    string   `json:"prompt,omitempty"`
	Schema    string   `json:"schema,omitempty"`
	Knowledge string   `json:"knowledge,omitempty"`
	Retrieved []string `json:"retrieved,omitempty"`

	// Fixed is the id of what is the same in many calls, the system prompt and
	// the schema; it is kept once (see Store.PutFixed), and Request is without.
	Fixed    string    `json:"fixed,omitempty"`
	Request  Request   `json:"request"`
	Reply    Reply     `json:"reply"`
	Attempts []Attempt `json:"attempts"`
	// Usage and Micros are the sums over the attempts. Priced is false where no
	// price is known.
	Usage  Usage `json:"usage"`
	Micros int64 `json:"micros"`
	Priced bool  `json:"priced"`
	// Error is empty where the question was answered.
	Error string `json:"error,omitempty"`
}

// An Attempt is one exchange with a provider.
type Attempt struct {
	Status    int           `json:"status,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
	Usage     Usage         `json:"usage"`
	Micros    int64         `json:"micros"`
	Latency   time.Duration `json:"latency"`
	Error     string        `json:"error,omitempty"`
}

// A CallFilter selects calls, newest first.
type CallFilter struct {
	Item, Batch, Model string
	Since              time.Time
	Limit              int // 0 = 100
}

// A Sum is what calls of one group cost.
type Sum struct {
	// Group is the model, batch, item or day that was asked for.
	Group  string `json:"group"`
	Calls  int64  `json:"calls"`
	Failed int64  `json:"failed"`
	Usage  Usage  `json:"usage"`
	Micros int64  `json:"micros"`
	// Unpriced counts calls whose price is not known.
	Unpriced int64 `json:"unpriced"`
}

// A Store keeps calls, answers and what was spent. Errors: not_found, limit
// (Spend), unavailable.
type Store interface {
	// Settle writes what came of questions in one transaction: the differences
	// to what was reserved, the calls, and the answers that are to be kept. A
	// call is inserted or replaced by id, an answer by key.
	Settle(ctx context.Context, s Settlement) error
	Call(ctx context.Context, id string) (Call, error)
	Calls(ctx context.Context, f CallFilter) ([]Call, error)
	// SumCalls sums calls since a time by model, feed (of the item), batch, item,
	// purpose or day (UTC), the dearest first.
	SumCalls(ctx context.Context, by string, since time.Time) ([]Sum, error)
	// DeleteCalls deletes calls and answers made before a time and reports how
	// many calls went.
	DeleteCalls(ctx context.Context, before time.Time) (int, error)

	// Answer finds the answer to a question.
	Answer(ctx context.Context, key string) (Answered, error)

	// PutFixed keeps the fixed part of questions under its id; Fixed finds it.
	PutFixed(ctx context.Context, id string, f Fixed) error
	Fixed(ctx context.Context, id string) (Fixed, error)

	// Spend adds to the accounts of a day, to all of them or, where one would go
	// beyond its bound, to none: then it says limit. A negative amount is never
	// refused.
	Spend(ctx context.Context, day string, spendings ...Spending) error
	// Spent is the sum of an account's day, 0 where nothing was spent.
	Spent(ctx context.Context, account, day string) (int64, error)
	// SpentSince is the sum of an account over a day and those after it.
	SpentSince(ctx context.Context, account, day string) (int64, error)
}

// A Spending is an amount for one account, of micro-dollars or tokens. Most
// bounds the account's sum after it; negative is no bound.
type Spending struct {
	Account string
	Amount  int64
	Most    int64
}

// A Settlement is what came of questions.
type Settlement struct {
	Day       string
	Spendings []Spending
	Calls     []Call
	Answers   []Answered
}

// Fixed is the part of a request that many questions share.
type Fixed struct {
	System string  `json:"system"`
	Schema *Schema `json:"schema,omitempty"`
}

// An Answered is an answer that is kept, so that the same question is not asked
// twice.
type Answered struct {
	Key   string    `json:"key"`
	Item  string    `json:"item,omitempty"`
	Call  string    `json:"call"`
	Reply Reply     `json:"reply"`
	At    time.Time `json:"at"`
}

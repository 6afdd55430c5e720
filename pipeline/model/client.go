package model

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Question is a request and what it is asked for.
type Question struct {
	// Purpose is extract, classify, schema or judge; for the log and the costs.
	Purpose string
	Request Request
	// Item and Batch are what it is asked for; Prompt, Schema and Knowledge the
	// versions that made it; Retrieved the ids of what it cites.
	Item, Batch               string
	Prompt, Schema, Knowledge string
	Retrieved                 []string
	// Fixed is FixedID of System and Schema, for who asks often and knows it.
	Fixed string
	// First: it is the first one that asks about the item's values; items are
	// counted by it.
	First bool
	// Fresh asks the model even where the answer is kept, and leaves that one
	// alone.
	Fresh bool
	// Meters bound it together with other questions: those of one item, of one
	// batch.
	Meters []*Meter
}

// Key names a question by model, prompt version, schema version and everything
// that is sent: the same key has the same answer.
func (q Question) Key(model string) string {
	parts := []string{"question", model, q.Prompt, q.Schema, q.fixed(), strconv.Itoa(q.Request.MaxTokens), strconv.FormatFloat(q.Request.Temperature, 'g', -1, 64)}
	for _, m := range q.Request.Messages {
		parts = append(parts, string(m.Role), m.Text)
	}
	return pipeline.ContentID(parts...)
}

func (q Question) fixed() string {
	if q.Fixed != "" {
		return q.Fixed
	}
	return FixedID(q.Request.System, q.Request.Schema)
}

// FixedID names the part of a request that many questions share.
func FixedID(system string, s *Schema) string {
	if s == nil {
		return pipeline.ContentID("fixed", system)
	}
	return pipeline.ContentID("fixed", system, s.Name, string(s.JSON))
}

// estimate is a guess, from above for European languages, of the tokens that a
// request uses before anybody counted them: three bytes to a token, and what
// the providers wrap around it.
func (q Question) estimate() int {
	n := len(q.Request.System)
	for _, m := range q.Request.Messages {
		n += len(m.Text) + 12
	}
	if q.Request.Schema != nil {
		n += len(q.Request.Schema.JSON)
	}
	return n/3 + 32
}

// An Answer is a reply and what it took. Where a question failed, Attempts,
// Usage and Micros still say what that cost.
type Answer struct {
	Reply Reply
	// Call is the id in the call log.
	Call string
	// Kept: the answer was in the store, and nothing was sent.
	Kept     bool
	Attempts []Attempt
	Usage    Usage
	Micros   int64
	Priced   bool
}

// A Client asks one model within limits. Its fields are set before the first
// question; it is safe for concurrent use afterwards.
type Client struct {
	Chat  Chat
	Store Store
	// Model is PROVIDER:NAME, for log, price and key.
	Model  string
	Prices Prices
	Limits Limits
	// Alert is told when a day's budget reaches 50, 80 and 100 percent.
	Alert func(ctx context.Context, a Alert)
	Now   func() time.Time
	// Sleep waits between attempts; nil is a timer that ends with ctx.
	Sleep func(ctx context.Context, d time.Duration) error
	// Rand gives numbers in [0,1) for the jitter; nil is the runtime's.
	Rand func() float64

	gate chan struct{}
	wire circuitbreaker.CircuitBreaker[any]
	told *sync.Map // alerts that were given
	kept *sync.Map // ids of fixed parts that are in the store
	book *ledger   // what is not yet settled
}

// Limits of a Client; zero values mean the default beside them.
type Limits struct {
	Timeout     time.Duration // of one attempt; 60 s
	Tries       int           // attempts per question; 3
	Patience    time.Duration // longest wait that a Retry-After may ask for; 30 s
	Concurrency int           // questions at a time; 4
	// Failures in a row after which the provider is left alone for Rest.
	Failures int           // 5
	Rest     time.Duration // 30 s
	// DayMicros bounds the money of a day, DayTokens its tokens, for all models
	// of the deployment together; negative is no bound, 0 allows nothing.
	DayMicros int64
	DayTokens int64
	// Zone decides when a day begins; nil is UTC.
	Zone *time.Location
}

// NewClient returns a Client with defaults filled in.
func NewClient(c Client) *Client {
	l := &c.Limits
	l.Timeout = def(l.Timeout, 60*time.Second)
	l.Tries = def(l.Tries, 3)
	l.Patience = def(l.Patience, 30*time.Second)
	l.Concurrency = def(l.Concurrency, 4)
	l.Failures = def(l.Failures, 5)
	l.Rest = def(l.Rest, 30*time.Second)
	if l.Zone == nil {
		l.Zone = time.UTC
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Rand == nil {
		c.Rand = rand.Float64 //nolint:forbidigo // jitter only: no result depends on it
	}
	c.told, c.kept, c.book = new(sync.Map), new(sync.Map), new(ledger)
	c.gate = make(chan struct{}, l.Concurrency)
	c.wire = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(l.Failures)). //nolint:gosec // a small number of the configuration
		WithSuccessThreshold(1).WithDelay(l.Rest).Build()
	return &c
}

func def[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// Ask answers a question: from the store where the answer is kept, else from
// the model. Errors: those of Chat, limit where a budget or meter is used up,
// unavailable where the store or the provider cannot be reached.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	key := q.Key(c.Model)
	if !q.Fresh {
		if a, ok := c.book.waiting(key); ok {
			c.keptOne(ctx, a.Reply.Usage)
			return Answer{Reply: a.Reply, Call: a.Call, Kept: true, Priced: true}, nil
		}
		kept, err := c.Store.Answer(ctx, key)
		if err == nil {
			c.keptOne(ctx, kept.Reply.Usage)
			return Answer{Reply: kept.Reply, Call: kept.Call, Kept: true, Priced: true}, nil
		}
		if pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			return Answer{}, pipeline.Errorf(pipeline.ErrorCode(err), "looking for the answer of %s: %w", c.Model, err)
		}
	}
	select {
	case c.gate <- struct{}{}:
		defer func() { <-c.gate }()
	case <-ctx.Done():
		return Answer{}, pipeline.Errorf(pipeline.ErrorCode(ctx.Err()), "waiting to ask %s: %w", c.Model, ctx.Err())
	}
	at := c.Now().UTC()
	var ans Answer
	var rest settling
	asked := c.attempts(ctx, q, &ans, &rest)
	if len(ans.Attempts) == 0 {
		return ans, asked // nothing was sent: there is nothing to log
	}
	id := []string{"call", key, q.Item, q.Batch, at.Format(time.RFC3339Nano)}
	for _, a := range ans.Attempts {
		id = append(id, a.RequestID) // two calls of one moment are two calls
	}
	ans.Call = pipeline.ContentID(id...)
	// What was paid for is written down even if the caller has gone.
	if err := c.log(context.WithoutCancel(ctx), q, key, at, &ans, rest, asked); err != nil {
		return ans, errors.Join(asked, err)
	}
	return ans, asked
}

// log settles a question: call, answer and the rest of the budget together, so
// that after a crash either all of it is known or none.
func (c *Client) log(ctx context.Context, q Question, key string, at time.Time, ans *Answer, rest settling, asked error) error {
	call := Call{
		ID: ans.Call, Key: key, At: at, Model: c.Model, Purpose: q.Purpose, Item: q.Item, Batch: q.Batch,
		Prompt: q.Prompt, Schema: q.Schema, Knowledge: q.Knowledge, Retrieved: q.Retrieved, Fixed: q.fixed(),
		Request: q.Request, Reply: ans.Reply, Attempts: ans.Attempts, Usage: ans.Usage, Micros: ans.Micros, Priced: ans.Priced,
	}
	if _, known := c.kept.Load(call.Fixed); !known {
		if err := c.Store.PutFixed(ctx, call.Fixed, Fixed{System: q.Request.System, Schema: q.Request.Schema}); err != nil {
			return pipeline.Errorf(pipeline.ErrorCode(err), "logging a call of %s: %w", c.Model, err)
		}
		c.kept.Store(call.Fixed, true)
	}
	call.Request.System, call.Request.Schema = "", nil
	if asked != nil {
		call.Error = pipeline.ErrorMessage(asked)
	}
	if q.First {
		rest.items = 1
	}
	s := Settlement{Calls: []Call{call}}
	if asked == nil && !q.Fresh {
		s.Answers = []Answered{{Key: key, Item: q.Item, Call: ans.Call, Reply: ans.Reply, At: at}}
	}
	switch waits, full := c.later(s, rest); { //nolint:contextcheck // what waits is written by a later call, with the context of that one
	case !waits:
		return c.write(ctx, s, rest, rest.day)
	case full:
		return c.settle(ctx)
	}
	return nil
}

// attempts sends q until it is answered, refused or out of tries.
func (c *Client) attempts(ctx context.Context, q Question, ans *Answer, rest *settling) error {
	for try := 1; ; try++ {
		if !c.wire.TryAcquirePermit() {
			return pipeline.Errorf(pipeline.CodeUnavailable, "%s failed %d times in a row and is left alone for %s more", c.Model, c.Limits.Failures, c.wire.RemainingDelay().Round(time.Second))
		}
		done, err := c.attempt(ctx, q, ans, rest)
		if done {
			return err
		}
		wait, again := c.wait(err, try)
		if !again {
			return err
		}
		if cause := c.Sleep(ctx, wait); cause != nil {
			return pipeline.Errorf(pipeline.ErrorCode(cause), "waiting for %s after %q: %w", c.Model, pipeline.ErrorMessage(err), cause)
		}
	}
}

// attempt reserves, sends and settles once. It reports done where another
// attempt makes no sense.
func (c *Client) attempt(ctx context.Context, q Question, ans *Answer, rest *settling) (done bool, err error) {
	permit := true // the breaker's, to be given back with a result
	defer func() {
		if permit {
			c.wire.RecordSuccess()
		}
	}()
	most := Usage{In: q.estimate(), Out: q.Request.MaxTokens}
	res, err := c.reserve(ctx, q, most)
	if err != nil {
		return true, err
	}
	ctxTry, cancel := context.WithTimeoutCause(ctx, c.Limits.Timeout, errTimeout)
	defer cancel()
	start := c.Now()
	reply, err := c.Chat.Complete(ctxTry, q.Request)
	took := c.Now().Sub(start)
	a := Attempt{Latency: took, Usage: reply.Usage, RequestID: reply.RequestID}
	var f *Failure
	switch {
	case err == nil:
		a.Status = 200
		if reply.Latency == 0 {
			reply.Latency = took
		}
		if a.Usage.Total() == 0 { // a server that does not count
			a.Usage = Usage{In: most.In, Out: len(reply.Text)/3 + 1}
		}
	case errors.As(err, &f):
		a.Status, a.RequestID, a.Usage = f.Status, f.RequestID, f.Usage
	case errors.Is(context.Cause(ctxTry), errTimeout) && ctx.Err() == nil:
		f = Fail(0, 0, "", "%s did not answer within %s", c.Model, c.Limits.Timeout)
		err = f
	default:
		f = &Failure{Err: err}
	}
	if f != nil {
		a.Error = pipeline.ErrorMessage(err)
		if f.Status == 0 && f.Retry && !f.Unsent && a.Usage.Total() == 0 {
			// It went out and nobody said what it used: the provider may bill it.
			a.Usage.In = most.In
		}
		if f.Retry && f.Status != 429 {
			permit = false
			c.wire.RecordFailure()
		}
	}
	a.Micros, ans.Priced = c.cost(a.Usage)
	ans.Attempts = append(ans.Attempts, a)
	ans.Usage = ans.Usage.Add(a.Usage)
	ans.Micros += a.Micros
	c.release(q, res, a, rest)
	if err != nil {
		return !f.Retry || ctx.Err() != nil, err
	}
	if reply.Model == "" {
		reply.Model = c.Model
	}
	ans.Reply = reply
	return true, nil
}

var errTimeout = errors.New("the time of an attempt is over")

// wait says how long to wait before try+1, and whether there is one.
func (c *Client) wait(err error, try int) (time.Duration, bool) {
	var f *Failure
	if !errors.As(err, &f) || !f.Retry || try >= c.Limits.Tries {
		return 0, false
	}
	if f.After > 0 {
		return f.After, f.After <= c.Limits.Patience
	}
	// Full jitter over an exponential ceiling, so that many clients spread.
	ceiling := min(500*time.Millisecond<<(try-1), c.Limits.Patience)
	return time.Duration(c.Rand() * float64(ceiling)), true
}

func (c *Client) cost(u Usage) (int64, bool) {
	p, ok := c.Prices.Of(c.Model)
	if !ok {
		return 0, false
	}
	return p.Micros(u), true
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w", ctx.Err())
	}
}

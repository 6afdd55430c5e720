package localrt

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Pool is one function in several environments at once.
type Pool struct {
	f    Function
	idle chan *Environment
	all  []*Environment

	invocations, failures atomic.Int64
	peak                  atomic.Int64
}

// NewPool returns a function that handles up to n events at once. Processes
// start as events need them.
func NewPool(f Function, n int) *Pool {
	p := &Pool{f: f, idle: make(chan *Environment, n)}
	for range n {
		e := NewEnvironment(f)
		p.all = append(p.all, e)
		p.idle <- e
	}
	return p
}

// Size is how many events are handled at once.
func (p *Pool) Size() int { return len(p.all) }

// Environment i of the pool, for who wants to disturb it.
func (p *Pool) Environment(i int) *Environment { return p.all[i] }

// Invoke hands an event to an idle environment, and waits for one. Errors: those
// of Environment.Invoke.
func (p *Pool) Invoke(ctx context.Context, event []byte) (Result, error) {
	var e *Environment
	select {
	case e = <-p.idle:
	case <-ctx.Done():
		return Result{}, pipeline.Errorf(pipeline.ErrorCode(ctx.Err()), "%s: %w", p.f.Name, ctx.Err())
	}
	defer func() { p.idle <- e }()
	res, err := e.Invoke(ctx, event)
	p.invocations.Add(1)
	if err != nil || res.Failure != nil {
		p.failures.Add(1)
	}
	p.saw(res.Memory)
	return res, err
}

func (p *Pool) saw(memory int64) {
	for {
		old := p.peak.Load()
		if memory <= old || p.peak.CompareAndSwap(old, memory) {
			return
		}
	}
}

// Stats are the figures of a pool so far.
type Stats struct {
	Invocations, Failures int64
	// Peak memory of any environment, in bytes.
	Peak int64
}

// Stats returns the figures so far.
func (p *Pool) Stats() Stats { return Stats{p.invocations.Load(), p.failures.Load(), p.peak.Load()} }

// Close ends all processes, side by side.
func (p *Pool) Close() {
	var wg sync.WaitGroup
	for _, e := range p.all {
		wg.Go(func() { p.saw(e.Close()) })
	}
	wg.Wait()
}

// A Message is one message of a queue, leased to its receiver.
type Message struct {
	ID   string
	Body string
	// Receipt is what the queue wants back.
	Receipt string
	// Received counts the deliveries, this one included.
	Received int
	// Attributes travel beside the body.
	Attributes map[string]string
}

// A Queue leases messages for a time: what is not deleted by then is received
// again, or moved to the dead letters.
type Queue interface {
	// Receive leases up to n messages; it may wait a while for the first.
	Receive(ctx context.Context, n int) ([]Message, error)
	// Delete ends messages for good.
	Delete(ctx context.Context, ms []Message) error
	// Failed is told of messages that have to come again, and why; a queue whose
	// leases end by themselves need do nothing.
	Failed(ctx context.Context, ms []Message, why string) error
}

// A Mapping feeds a function from a queue.
type Mapping struct {
	Queue Queue
	Pool  *Pool
	// ARN of the queue, as it stands in events.
	ARN string
	// Batch is the most messages in one event, 1 where nothing is said.
	Batch int
	// Partial: the function names the messages that failed
	// (ReportBatchItemFailures); else an error fails all and success none.
	Partial bool
	// Done, where set, is told of each invocation.
	Done func(Result)
	Log  *slog.Logger
}

// Run polls until ctx ends, and waits for what is in work. It returns nil then,
// and the error of the queue or this machine otherwise.
func (m *Mapping) Run(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range m.Pool.Size() {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := m.once(ctx); err != nil && ctx.Err() == nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

func (m *Mapping) log() *slog.Logger {
	if m.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return m.Log
}

// once handles one batch of messages.
func (m *Mapping) once(ctx context.Context) error {
	ms, err := m.Queue.Receive(ctx, max(m.Batch, 1))
	if err != nil || len(ms) == 0 {
		return err
	}
	event, err := m.event(ms)
	if err != nil {
		return err
	}
	res, err := m.Pool.Invoke(ctx, event)
	if err != nil {
		return err
	}
	if m.Done != nil {
		m.Done(res)
	}
	good, bad, why := m.sort(ms, res)
	// Also a poller that is told to stop says what was done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if len(bad) > 0 {
		m.log().Warn("messages failed", "function", m.Pool.f.Name, "messages", len(bad), "of", len(ms), "why", why)
		if err := m.Queue.Failed(ctx, bad, why); err != nil {
			return err
		}
	}
	if len(good) == 0 {
		return nil
	}
	return m.Queue.Delete(ctx, good)
}

// sort tells what was handled from what has to come again.
func (m *Mapping) sort(ms []Message, res Result) (good, bad []Message, why string) {
	if res.Failure != nil {
		return nil, ms, res.Failure.Error()
	}
	if !m.Partial {
		return ms, nil, ""
	}
	var out struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(res.Response, &out); err != nil {
		return nil, ms, "the response does not read: " + err.Error()
	}
	failed := map[string]bool{}
	for _, f := range out.BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	known := 0
	for _, msg := range ms {
		if failed[msg.ID] {
			bad = append(bad, msg)
			known++
		} else {
			good = append(good, msg)
		}
	}
	if known != len(failed) {
		// As Lambda does: a report that does not fit the event fails all of it.
		return nil, ms, "the response names messages that were not in the event"
	}
	return good, bad, "reported as failed"
}

// event is the event of SQS for messages.
func (m *Mapping) event(ms []Message) ([]byte, error) {
	type attribute struct {
		StringValue string `json:"stringValue"`
		DataType    string `json:"dataType"`
	}
	type record struct {
		MessageID         string               `json:"messageId"`
		ReceiptHandle     string               `json:"receiptHandle"`
		Body              string               `json:"body"`
		Attributes        map[string]string    `json:"attributes"`
		MessageAttributes map[string]attribute `json:"messageAttributes"`
		EventSource       string               `json:"eventSource"`
		EventSourceARN    string               `json:"eventSourceARN"`
		AWSRegion         string               `json:"awsRegion"`
	}
	var out struct{ Records []record }
	for _, msg := range ms {
		r := record{
			MessageID: msg.ID, ReceiptHandle: msg.Receipt, Body: msg.Body, EventSource: "aws:sqs", EventSourceARN: m.ARN, AWSRegion: m.Pool.f.region(),
			Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(msg.Received)}, MessageAttributes: map[string]attribute{},
		}
		for k, v := range msg.Attributes {
			r.MessageAttributes[k] = attribute{v, "String"}
		}
		out.Records = append(out.Records, r)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "event: %w", err)
	}
	return b, nil
}

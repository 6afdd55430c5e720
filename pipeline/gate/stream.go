package gate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// An Event is the judgement of one event of a window.
type Event struct {
	// Number counts the events of the stream from 1.
	Number   int64    `json:"event"`
	Accepted bool     `json:"accepted"`
	Reasons  []Reason `json:"reasons,omitempty"`
}

// A Reason is why an event is rejected. Value is masked in classified fields.
type Reason struct {
	Code     string `json:"code"`
	Column   string `json:"column,omitempty"`
	Rule     string `json:"rule"`
	Value    string `json:"value,omitempty"`
	Expected string `json:"expected,omitempty"`
}

// A Window is a run of events that were judged together.
type Window struct {
	// Number counts the windows of the stream from 1; First is the number of its
	// first event.
	Number int64 `json:"window"`
	First  int64 `json:"first_event"`
	// From and To are when its first event came and when it was closed.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Content is a hash of its events, in order.
	Content string `json:"content"`
	Report  *Report
	Events  []Event
}

// Events judges events, one JSON object each, by themselves and as a window:
// per event as rows are judged, per window by the checks over a batch. Unique
// keys hold within the window. Whoever takes events off a queue calls it with
// what it received. Errors: those of Judge, and invalid for a feed that is not
// JSON Lines.
func (g *Gate) Events(ctx context.Context, name string, events [][]byte, opt Options) (*Report, []Event, error) {
	if g.feed.Format != contract.JSONL {
		return nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "the feed %s is %s: events are JSON Lines", g.feed.Name, g.feed.Format).
			WithHint("set assay.kind: stream, or assay.format: jsonl")
	}
	out := make([]Event, len(events))
	var buf bytes.Buffer
	for i, e := range events {
		out[i] = Event{Number: int64(i + 1), Accepted: true}
		e = bytes.TrimSpace(e)
		if len(e) == 0 {
			e = []byte("null") // an event all the same: it is no object
		}
		for _, c := range e {
			if c == '\n' || c == '\r' {
				c = ' ' // between tokens, since a JSON text has none within a string
			}
			buf.WriteByte(c)
		}
		buf.WriteByte('\n')
	}
	if opt.Output == nil {
		opt.Output, opt.RejectsOnly = discard{}, true
	}
	told := opt.Rejected
	opt.Rejected = func(r Reject) {
		if i := r.Row - 1; i >= 0 && i < int64(len(out)) {
			out[i].Accepted = false
			out[i].Reasons = append(out[i].Reasons, Reason{r.Code, r.Column, r.Rule, r.Value, r.Expected})
		}
		if told != nil {
			told(r)
		}
	}
	b := buf.Bytes()
	rep, err := g.Judge(ctx, Input{Name: name, Size: int64(len(b)), Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		part := b[off:]
		if n >= 0 {
			part = part[:min(n, int64(len(part)))]
		}
		return io.NopCloser(bytes.NewReader(part)), nil
	}}, opt)
	return rep, out, err
}

// discard is an Output for whom only the reasons matter.
type discard struct{}

func (discard) Create(context.Context, string) (io.WriteCloser, error) {
	return nopClose{io.Discard}, nil
}

// A Stream judges events as they come, in windows.
type Stream struct {
	Gate *Gate
	// Count closes a window after so many events, Every so long after its first
	// one; 0 for no such limit. Where both are 0, Count is 1000.
	Count int
	Every time.Duration
	// Now is the clock; it also stands in each window.
	Now func() time.Time
	// Options of each window's judgement.
	Options Options
}

// windowBytes closes a window whatever else: it is held in memory.
const windowBytes = 32 << 20

// Judge reads events, one per line, until r ends or ctx is done, and calls each
// with every window. It returns the error of each, or that of reading. What
// came before a cancellation is judged still.
func (s *Stream) Judge(ctx context.Context, name string, r io.Reader, each func(Window) error) error {
	if s.Count == 0 && s.Every == 0 {
		s.Count = 1000
	}
	type read struct {
		line []byte
		err  error
	}
	lines, stop := make(chan read), make(chan struct{})
	defer close(stop)
	go func() {
		defer close(lines)
		br := bufio.NewReaderSize(r, 64<<10)
		limit := s.Gate.dialect.MaxRecordBytes
		if limit <= 0 {
			limit = 1 << 20
		}
		for {
			line, err := readLine(br, limit)
			if len(bytes.TrimSpace(line)) > 0 {
				select {
				case lines <- read{line: line}:
				case <-stop:
					return
				}
			}
			if err != nil {
				select {
				case lines <- read{err: err}:
				case <-stop:
				}
				return
			}
		}
	}()

	var events [][]byte
	var from time.Time
	size, next, number := 0, int64(1), int64(0)
	flush := func() error {
		if len(events) == 0 {
			return nil
		}
		number++
		w := Window{Number: number, First: next, From: from, To: s.Now()}
		parts := make([]string, len(events))
		for i, e := range events {
			parts[i] = string(e)
		}
		w.Content = pipeline.ContentID(parts...)
		var err error
		// The last window is judged even after a cancellation.
		if w.Report, w.Events, err = s.Gate.Events(context.WithoutCancel(ctx), name, events, s.Options); err != nil {
			return err
		}
		for i := range w.Events {
			w.Events[i].Number += next - 1
		}
		for i := range w.Report.Checks {
			for j := range w.Report.Checks[i].Samples {
				x := &w.Report.Checks[i].Samples[j]
				x.Row, x.Line = x.Row+next-1, 0
			}
		}
		next += int64(len(events))
		events, size = nil, 0
		return each(w)
	}
	var timer <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return errors.Join(flush(), ctx.Err())
		case <-timer:
			timer = nil
			if err := flush(); err != nil {
				return err
			}
		case got, ok := <-lines:
			if !ok || got.err != nil {
				if err := flush(); err != nil {
					return err
				}
				if !ok || errors.Is(got.err, io.EOF) {
					return nil
				}
				return pipeline.Errorf(pipeline.CodeUnavailable, "%s: reading failed: %w", name, got.err)
			}
			if len(events) == 0 {
				from = s.Now()
				if s.Every > 0 {
					timer = time.After(s.Every)
				}
			}
			events = append(events, got.line)
			size += len(got.line)
			if s.Count > 0 && len(events) >= s.Count || size >= windowBytes {
				timer = nil
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
}

// readLine reads a line. Of one that is longer than limit, what is beyond a
// byte more is skipped: the gate rejects it as too long.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if room := limit + 2 - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A machine runs a document of the Amazon States Language
// (https://states-language.net/spec.html), as far as the documents of this
// project use it: Task (lambda:invoke), Choice, distributed Map with an
// ItemReader, Pass, Succeed and Fail, with payload templates, paths, Retry and
// Catch. A field that it does not know is an error when the document is read:
// what is not understood is not run as if it were not there.
type machine struct {
	doc document
	// invoke calls the function of a Task with a payload.
	invoke func(ctx context.Context, function string, payload []byte) ([]byte, error)
	// read gets the object of an ItemReader.
	read func(ctx context.Context, bucket, key string) ([]byte, error)
	// pause waits before a retry.
	pause func(ctx context.Context, d time.Duration) error

	retries atomic.Int64
	most    atomic.Int64 // children of a Map at once
	mu      sync.Mutex
	visited map[string]int
}

// dataLimit bounds what passes between states, in bytes.
const dataLimit = 256 << 10

// A stateError is an error by the name that Retry and Catch know.
type stateError struct{ name, cause string }

func (e *stateError) Error() string { return e.name + ": " + e.cause }

// run runs the document from its start on an input.
func (m *machine) run(ctx context.Context, input any) (any, error) {
	if m.doc.TimeoutSeconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(m.doc.TimeoutSeconds)*time.Second)
		defer cancel()
	}
	return m.states(ctx, m.doc, input)
}

func (m *machine) states(ctx context.Context, d document, data any) (any, error) {
	for name := d.StartAt; ; {
		s := d.States[name]
		m.mu.Lock()
		m.visited[name]++
		m.mu.Unlock()
		out, next, err := m.state(ctx, s, data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if b, err := json.Marshal(out); err != nil || len(b) > dataLimit {
			return nil, fmt.Errorf("%s: %w", name, errors.Join(err, &stateError{"States.DataLimitExceeded", fmt.Sprint(len(b), " bytes")}))
		}
		if next == "" {
			return out, nil
		}
		data, name = out, next
	}
}

// state runs one state with its retries, and follows its catchers.
func (m *machine) state(ctx context.Context, s state, data any) (out any, next string, err error) {
	attempts := make([]int, len(s.Retry))
	for {
		out, next, err = m.once(ctx, s, data)
		var failed *stateError
		if err == nil || s.Type == "Fail" || !errors.As(err, &failed) {
			return out, next, err
		}
		i := slices.IndexFunc(s.Retry, func(r retrier) bool { return matches(r.ErrorEquals, failed.name) })
		if i >= 0 && attempts[i] < or(s.Retry[i].MaxAttempts, 3) {
			r := s.Retry[i]
			wait := or(r.IntervalSeconds, 1) * math.Pow(or(r.BackoffRate, 2), float64(attempts[i]))
			if r.MaxDelaySeconds != nil {
				wait = min(wait, *r.MaxDelaySeconds)
			}
			attempts[i]++
			m.retries.Add(1)
			if err := m.pause(ctx, time.Duration(wait*float64(time.Second))); err != nil {
				return nil, "", err
			}
			continue
		}
		for _, c := range s.Catch {
			if matches(c.ErrorEquals, failed.name) {
				out, err := place(data, c.ResultPath, map[string]any{"Error": failed.name, "Cause": failed.cause})
				return out, c.Next, err
			}
		}
		return nil, "", err
	}
}

func or[T any](p *T, def T) T {
	if p != nil {
		return *p
	}
	return def
}

func matches(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return n == name || n == "States.ALL" && name != "States.DataLimitExceeded" && name != "States.Runtime" ||
			n == "States.TaskFailed" && name != "States.Timeout"
	})
}

func (m *machine) once(ctx context.Context, s state, data any) (any, string, error) {
	in, err := through(data, s.InputPath)
	if err != nil {
		return nil, "", err
	}
	var result any
	switch s.Type {
	case "Succeed":
		out, err := through(in, s.OutputPath)
		return out, "", err
	case "Fail":
		return nil, "", m.failed(s, in)
	case "Choice":
		for _, c := range s.Choices {
			ok, err := holds(c, in)
			if err != nil {
				return nil, "", err
			}
			if ok {
				return in, c.Next, nil
			}
		}
		if s.Default == "" {
			return nil, "", &stateError{"States.NoChoiceMatched", ""}
		}
		return in, s.Default, nil
	case "Pass":
		if result, err = template(s.Parameters, in); err == nil && s.Result != nil {
			err = json.Unmarshal(s.Result, &result)
		}
	case "Task":
		result, err = m.task(ctx, s, in)
	case "Map":
		result, err = m.fan(ctx, s, in)
	}
	if err != nil {
		return nil, "", err
	}
	if s.ResultSelector != nil {
		if result, err = template(s.ResultSelector, result); err != nil {
			return nil, "", err
		}
	}
	out, err := place(data, s.ResultPath, result)
	if err == nil {
		out, err = through(out, s.OutputPath)
	}
	return out, s.Next, err
}

func (m *machine) failed(s state, in any) error {
	e := &stateError{s.Error, s.Cause}
	for p, to := range map[string]*string{s.ErrorPath: &e.name, s.CausePath: &e.cause} {
		if p == "" {
			continue
		}
		v, err := at(in, p)
		if err != nil {
			return err
		}
		*to = fmt.Sprint(v)
	}
	return e
}

// task invokes a function. Its result is that of lambda:invoke.
func (m *machine) task(ctx context.Context, s state, in any) (any, error) {
	params, err := template(s.Parameters, in)
	if err != nil {
		return nil, err
	}
	p, ok := params.(map[string]any)
	if !ok {
		return nil, &stateError{"States.Runtime", "the parameters are no object"}
	}
	for k := range p {
		if k != "FunctionName" && k != "Payload" {
			return nil, fmt.Errorf("lambda:invoke: parameter %s is not known", k)
		}
	}
	payload, err := json.Marshal(p["Payload"])
	if err != nil {
		return nil, err
	}
	b, err := m.invoke(ctx, fmt.Sprint(p["FunctionName"]), payload)
	if err != nil {
		return nil, err
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("the response of %s: %w", p["FunctionName"], err)
	}
	return map[string]any{"Payload": out, "StatusCode": 200.0, "ExecutedVersion": "$LATEST"}, nil
}

// fan runs one child for each item.
func (m *machine) fan(ctx context.Context, s state, in any) (any, error) {
	params, err := template(s.ItemReader.Parameters, in)
	if err != nil {
		return nil, err
	}
	p, ok := params.(map[string]any)
	if !ok || len(p) != 2 {
		return nil, &stateError{"States.ItemReaderFailed", fmt.Sprint("parameters ", params)}
	}
	b, err := m.read(ctx, fmt.Sprint(p["Bucket"]), fmt.Sprint(p["Key"]))
	if err != nil {
		return nil, &stateError{"States.ItemReaderFailed", err.Error()}
	}
	var items []any
	if err := json.Unmarshal(b, &items); err != nil {
		return nil, &stateError{"States.ItemReaderFailed", err.Error()}
	}
	if len(items) == 0 {
		return nil, &stateError{"States.ItemReaderFailed", "no items"}
	}
	limit := s.MaxConcurrency
	if limit == 0 {
		limit = 10000
	}
	results := make([]any, len(items))
	failures := make([]error, len(items))
	slots := make(chan struct{}, limit)
	var wg sync.WaitGroup
	var running atomic.Int64
	for i, item := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			n := running.Add(1)
			defer running.Add(-1)
			for most := m.most.Load(); n > most && !m.most.CompareAndSwap(most, n); most = m.most.Load() {
			}
			if s.ItemSelector != nil {
				failures[i] = errors.New("ItemSelector is not known yet")
				return
			}
			results[i], failures[i] = m.states(ctx, *s.ItemProcessor, item)
		})
	}
	wg.Wait()
	failed := 0
	for _, err := range failures {
		if err != nil {
			failed++
		}
	}
	if share := 100 * float64(failed) / float64(len(items)); share > s.ToleratedFailurePercentage {
		return nil, &stateError{"States.ExceedToleratedFailureThreshold", fmt.Sprintf("%d of %d items failed: %v", failed, len(items), errors.Join(failures...))}
	}
	return results, nil
}

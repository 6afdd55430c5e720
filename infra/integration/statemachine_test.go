package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
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

type document struct {
	Comment        string
	StartAt        string
	TimeoutSeconds int
	QueryLanguage  string
	Version        string
	States         map[string]state
	// Of an ItemProcessor.
	ProcessorConfig *processorConfig
}

type processorConfig struct{ Mode, ExecutionType string }

type state struct {
	Type, Comment, Next        string
	End                        bool
	InputPath, OutputPath      *string
	Resource                   string
	Parameters, ResultSelector json.RawMessage
	ResultPath                 path
	Result                     json.RawMessage
	TimeoutSeconds             int
	Retry                      []retrier
	Catch                      []catcher
	Choices                    []choice
	Default                    string
	ItemReader                 *itemReader
	ItemSelector               json.RawMessage
	ItemProcessor              *document
	Label                      string
	MaxConcurrency             int
	ToleratedFailurePercentage float64
	Error, Cause               string
	ErrorPath, CausePath       string
}

// fields are those that a state of a type may have, besides Type and Comment.
var fields = map[string]string{
	"Task":    "Next End InputPath OutputPath Resource Parameters ResultSelector ResultPath TimeoutSeconds Retry Catch",
	"Choice":  "InputPath OutputPath Choices Default",
	"Map":     "Next End InputPath OutputPath ItemReader ItemSelector ItemProcessor Label MaxConcurrency ToleratedFailurePercentage ResultSelector ResultPath Retry Catch",
	"Pass":    "Next End InputPath OutputPath Parameters Result ResultPath",
	"Succeed": "InputPath OutputPath",
	"Fail":    "Error Cause ErrorPath CausePath",
}

// A path is a reference path, null, or absent.
type path struct {
	set  bool
	null bool
	text string
}

func (p *path) UnmarshalJSON(b []byte) error {
	p.set = true
	if string(b) == "null" {
		p.null = true
		return nil
	}
	return json.Unmarshal(b, &p.text)
}

type retrier struct {
	Comment         string
	ErrorEquals     []string
	IntervalSeconds *float64
	BackoffRate     *float64
	MaxAttempts     *int
	MaxDelaySeconds *float64
	JitterStrategy  string
}

type catcher struct {
	Comment     string
	ErrorEquals []string
	ResultPath  path
	Next        string
}

type choice struct {
	Comment, Next, Variable  string
	StringEquals             *string
	BooleanEquals            *bool
	NumericEquals            *float64
	NumericGreaterThan       *float64
	NumericGreaterThanEquals *float64
	NumericLessThan          *float64
	NumericLessThanEquals    *float64
	IsPresent, IsNull        *bool
	And, Or                  []choice
	Not                      *choice
}

type itemReader struct {
	Resource     string
	ReaderConfig struct{ InputType string }
	Parameters   json.RawMessage
}

// readMachine reads a document, strictly. Substitutions are those of the
// template: ${Name}.
func readMachine(text []byte, substitutions map[string]string) (*machine, error) {
	for k, v := range substitutions {
		text = bytes.ReplaceAll(text, []byte("${"+k+"}"), []byte(v))
	}
	if i := bytes.Index(text, []byte("${")); i >= 0 {
		return nil, fmt.Errorf("a substitution without a value: %.40s", text[i:])
	}
	m := &machine{visited: map[string]int{}, pause: func(ctx context.Context, d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m.doc); err != nil {
		return nil, err
	}
	if m.doc.ProcessorConfig != nil {
		return nil, errors.New("a document has no ProcessorConfig")
	}
	return m, check(text, m.doc)
}

// check sees that the states hold together and have only fields of their type.
func check(text []byte, d document) error {
	if d.QueryLanguage != "" && d.QueryLanguage != "JSONPath" {
		return fmt.Errorf("query language %s is not known", d.QueryLanguage)
	}
	var raw struct {
		States map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	if _, ok := d.States[d.StartAt]; !ok {
		return fmt.Errorf("StartAt %q is no state", d.StartAt)
	}
	reached := map[string]bool{d.StartAt: true}
	for name, s := range d.States {
		known, ok := fields[s.Type]
		if !ok {
			return fmt.Errorf("%s: type %q is not known", name, s.Type)
		}
		for field := range raw.States[name] {
			if field != "Type" && field != "Comment" && !slices.Contains(strings.Fields(known), field) {
				return fmt.Errorf("%s: a %s has no field %s", name, s.Type, field)
			}
		}
		next := []string{s.Next, s.Default}
		for _, c := range s.Catch {
			next = append(next, c.Next)
		}
		for _, c := range s.Choices {
			next = append(next, c.Next)
		}
		for _, n := range next {
			if n == "" {
				continue
			}
			if _, ok := d.States[n]; !ok {
				return fmt.Errorf("%s: %q is no state", name, n)
			}
			reached[n] = true
		}
		if ends := s.End || s.Type == "Succeed" || s.Type == "Fail" || s.Type == "Choice"; ends == (s.Next != "") {
			return fmt.Errorf("%s needs one of Next and End", name)
		}
		for i, r := range s.Retry {
			if err := checkNames(r.ErrorEquals, i == len(s.Retry)-1); err != nil {
				return fmt.Errorf("%s: Retry: %w", name, err)
			}
			if r.JitterStrategy != "" && r.JitterStrategy != "FULL" && r.JitterStrategy != "NONE" {
				return fmt.Errorf("%s: JitterStrategy %q", name, r.JitterStrategy)
			}
			if r.MaxDelaySeconds != nil && (*r.MaxDelaySeconds <= 0 || r.IntervalSeconds != nil && *r.MaxDelaySeconds <= *r.IntervalSeconds) {
				return fmt.Errorf("%s: MaxDelaySeconds has to be more than IntervalSeconds", name)
			}
		}
		for i, c := range s.Catch {
			if err := checkNames(c.ErrorEquals, i == len(s.Catch)-1); err != nil {
				return fmt.Errorf("%s: Catch: %w", name, err)
			}
		}
		if s.Type == "Task" && s.Resource != "arn:aws:states:::lambda:invoke" {
			return fmt.Errorf("%s: resource %q is not known", name, s.Resource)
		}
		if s.Type != "Map" {
			continue
		}
		p := s.ItemProcessor
		if p == nil || p.ProcessorConfig == nil || p.ProcessorConfig.Mode != "DISTRIBUTED" || p.ProcessorConfig.ExecutionType != "STANDARD" && p.ProcessorConfig.ExecutionType != "EXPRESS" {
			return fmt.Errorf("%s: only a distributed Map is known", name)
		}
		if s.ItemReader == nil || s.ItemReader.Resource != "arn:aws:states:::s3:getObject" || s.ItemReader.ReaderConfig.InputType != "JSON" {
			return fmt.Errorf("%s: only a JSON object of S3 is read", name)
		}
		var in struct{ ItemProcessor json.RawMessage }
		b, err := json.Marshal(raw.States[name])
		if err == nil {
			err = json.Unmarshal(b, &in)
		}
		if err == nil {
			err = check(in.ItemProcessor, *p)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name := range d.States {
		if !reached[name] {
			return fmt.Errorf("no state leads to %s", name)
		}
	}
	return nil
}

// checkNames: States.ALL stands alone, and last.
func checkNames(names []string, last bool) error {
	if len(names) == 0 {
		return errors.New("ErrorEquals is empty")
	}
	if slices.Contains(names, "States.ALL") && (len(names) > 1 || !last) {
		return errors.New("States.ALL has to stand alone and last")
	}
	return nil
}

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

// through narrows data to a path.
func through(data any, p *string) (any, error) {
	if p == nil {
		return data, nil
	}
	return at(data, *p)
}

// at is the value at a reference path: $, $.a.b.
func at(data any, p string) (any, error) {
	if p == "$" {
		return data, nil
	}
	rest, ok := strings.CutPrefix(p, "$.")
	if !ok || strings.ContainsAny(p, "[]*?@()") || strings.HasPrefix(p, "$$") {
		return nil, fmt.Errorf("the path %q is not understood", p)
	}
	for _, name := range strings.Split(rest, ".") {
		o, ok := data.(map[string]any)
		if !ok {
			return nil, &stateError{"States.Runtime", p + " is not there"}
		}
		if data, ok = o[name]; !ok {
			return nil, &stateError{"States.Runtime", p + " is not there"}
		}
	}
	return data, nil
}

// place puts a result into data at a path; without one it is all of it, at null
// it is dropped.
func place(data any, p path, result any) (any, error) {
	switch {
	case p.null:
		return data, nil
	case !p.set || p.text == "$":
		return result, nil
	}
	rest, ok := strings.CutPrefix(p.text, "$.")
	if !ok {
		return nil, fmt.Errorf("the result path %q is not understood", p.text)
	}
	o, ok := data.(map[string]any)
	if !ok && data != nil {
		return nil, &stateError{"States.ResultPathMatchFailure", p.text}
	}
	out := maps.Clone(o)
	if out == nil {
		out = map[string]any{}
	}
	name, deeper, nested := strings.Cut(rest, ".")
	if nested {
		inner, err := place(out[name], path{set: true, text: "$." + deeper}, result)
		out[name] = inner
		return out, err
	}
	out[name] = result
	return out, nil
}

// template fills a payload template: fields whose names end in .$ are paths.
func template(raw json.RawMessage, in any) (any, error) {
	if raw == nil {
		return in, nil
	}
	var t any
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, err
	}
	return fill(t, in)
}

func fill(t, in any) (any, error) {
	switch t := t.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range t {
			name, isPath := strings.CutSuffix(k, ".$")
			if !isPath {
				inner, err := fill(v, in)
				if err != nil {
					return nil, err
				}
				out[k] = inner
				continue
			}
			p, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("%s is no path", k)
			}
			inner, err := at(in, p)
			if err != nil {
				return nil, err
			}
			out[name] = inner
		}
		return out, nil
	case []any:
		out := make([]any, len(t))
		for i := range t {
			inner, err := fill(t[i], in)
			if err != nil {
				return nil, err
			}
			out[i] = inner
		}
		return out, nil
	}
	return t, nil
}

// holds tells whether a choice is true of data.
func holds(c choice, data any) (bool, error) {
	switch {
	case c.And != nil || c.Or != nil:
		want := c.Or != nil
		for _, inner := range append(c.And, c.Or...) {
			if ok, err := holds(inner, data); err != nil || ok == want {
				return want, err
			}
		}
		return !want, nil
	case c.Not != nil:
		ok, err := holds(*c.Not, data)
		return !ok, err
	}
	v, err := at(data, c.Variable)
	if c.IsPresent != nil {
		return (err == nil) == *c.IsPresent, nil
	}
	if err != nil {
		return false, err
	}
	number, isNumber := v.(float64)
	text, isText := v.(string)
	boolean, isBool := v.(bool)
	switch {
	case c.IsNull != nil:
		return (v == nil) == *c.IsNull, nil
	case c.StringEquals != nil:
		return isText && text == *c.StringEquals, nil
	case c.BooleanEquals != nil:
		return isBool && boolean == *c.BooleanEquals, nil
	case c.NumericEquals != nil:
		return isNumber && number == *c.NumericEquals, nil
	case c.NumericGreaterThan != nil:
		return isNumber && number > *c.NumericGreaterThan, nil
	case c.NumericGreaterThanEquals != nil:
		return isNumber && number >= *c.NumericGreaterThanEquals, nil
	case c.NumericLessThan != nil:
		return isNumber && number < *c.NumericLessThan, nil
	case c.NumericLessThanEquals != nil:
		return isNumber && number <= *c.NumericLessThanEquals, nil
	}
	return false, errors.New("a choice without a comparison")
}

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

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

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/laketest"
	"github.com/assay-pipeline/assay/pipeline/lake/s3lake"
)

// The tests below are about what the other tests stand on.

// TestDiskStore: the store that streams from disk passes what every lake has to.
func TestDiskStore(t *testing.T) {
	laketest.Run(t, func(t *testing.T, n int) []lake.Driver {
		s := newDiskStore(t)
		ds := make([]lake.Driver, n)
		for i := range ds {
			d, err := s3lake.New(s3Client(s.url), "lake", "some/prefix")
			if err != nil {
				t.Fatal(err)
			}
			ds[i] = d
		}
		return ds
	})
}

func largeFile(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "statemachine", "large-file.asl.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestUnknownFields: what the reader does not know is not run as if it were not
// there, at any depth.
func TestUnknownFields(t *testing.T) {
	names := map[string]string{"IngestFunction": "ingest"}
	if _, err := readMachine(largeFile(t), names); err != nil {
		t.Fatal(err)
	}
	if _, err := readMachine(largeFile(t), nil); err == nil {
		t.Error("a substitution without a value passes")
	}
	var doc any
	if err := json.Unmarshal(largeFile(t), &doc); err != nil {
		t.Fatal(err)
	}
	tried := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			// Payloads and selectors hold what they like.
			v["Surprise"] = 1
			b, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := readMachine(b, names); err == nil {
				t.Errorf("an unknown field passes in %.80s", fmt.Sprint(v))
			}
			delete(v, "Surprise")
			tried++
			for k, inner := range v {
				if k != "Parameters" && k != "ResultSelector" && k != "Payload" {
					walk(inner)
				}
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(doc)
	if tried < 20 {
		t.Errorf("only %d places were tried", tried)
	}
	for name, change := range map[string][2]string{
		"a field of another type":   {`"Type": "Succeed"`, `"Type": "Succeed", "Next": "Plan"`},
		"a state that is not there": {`"Next": "Merge"`, `"Next": "Murge"`},
		"neither Next nor End":      {`"End": true`, `"End": false`},
		"a resource":                {"states:::lambda:invoke", "states:::sqs:sendMessage"},
		"States.ALL beside others":  {`["States.ALL"]`, `["States.ALL", "Assay.conflict"]`},
		"an inline Map":             {`"DISTRIBUTED"`, `"INLINE"`},
		"an input type":             {`"InputType": "JSON"`, `"InputType": "CSV"`},
	} {
		text := string(largeFile(t))
		if !strings.Contains(text, change[0]) {
			t.Errorf("%s: the document has no %s", name, change[0])
			continue
		}
		if _, err := readMachine([]byte(strings.ReplaceAll(text, change[0], change[1])), names); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestMachine: retries, catches, choices and maps do what the specification says.
func TestMachine(t *testing.T) {
	document := `{"StartAt": "First", "States": {
		"First": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
			"Parameters": {"FunctionName": "f", "Payload": {"do.$": "$.do", "fixed": 1}},
			"ResultSelector": {"n.$": "$.Payload.n"}, "ResultPath": "$.first",
			"Retry": [{"ErrorEquals": ["Never"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 3, "MaxDelaySeconds": 10}],
			"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Bad"}], "Next": "Many"},
		"Many": {"Type": "Choice", "Choices": [{"And": [{"Variable": "$.first.n", "NumericGreaterThan": 1}, {"Not": {"Variable": "$.do", "StringEquals": "none"}}], "Next": "Each"}], "Default": "Done"},
		"Each": {"Type": "Map", "MaxConcurrency": 2, "ToleratedFailurePercentage": 0,
			"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key.$": "$.do"}},
			"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "One", "States": {
				"One": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload": {"item.$": "$"}}, "ResultSelector": {"n.$": "$.Payload.n"}, "End": true}}},
			"ResultPath": "$.each", "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Bad"}], "Next": "Done"},
		"Done": {"Type": "Succeed"},
		"Bad": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}}}`
	run := func(do string, invoke func(call int, payload string) (string, error)) (string, []time.Duration, error) {
		m, err := readMachine([]byte(document), nil)
		if err != nil {
			t.Fatal(err)
		}
		var waits []time.Duration
		m.pause = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
		calls := make(chan int, 1)
		calls <- 0
		m.invoke = func(_ context.Context, name string, payload []byte) ([]byte, error) {
			n := <-calls
			calls <- n + 1
			out, err := invoke(n, name+" "+string(payload))
			return []byte(out), err
		}
		m.read = func(_ context.Context, bucket, key string) ([]byte, error) {
			return []byte(`["` + bucket + `", "` + key + `", 3]`), nil
		}
		out, err := m.run(t.Context(), map[string]any{"do": do})
		b, jerr := json.Marshal(out)
		if jerr != nil {
			t.Fatal(jerr)
		}
		return string(b), waits, err
	}
	var first string
	got, _, err := run("x", func(call int, payload string) (string, error) {
		if call == 0 {
			first = payload
		}
		return `{"n": 2, "more": true}`, nil
	})
	if want := `{"do":"x","each":[{"n":2},{"n":2},{"n":2}],"first":{"n":2}}`; err != nil || got != want || first != `f {"do":"x","fixed":1}` {
		t.Errorf("%s %v, want %s; the first call had %s", got, err, want, first)
	}
	if got, _, err := run("none", func(int, string) (string, error) { return `{"n": 2}`, nil }); err != nil || strings.Contains(got, "each") {
		t.Errorf("Default: %s %v", got, err)
	}
	busy := func(until int, name string) func(int, string) (string, error) {
		return func(call int, _ string) (string, error) {
			if call < until {
				return "", &stateError{name, "later"}
			}
			return `{"n": 1}`, nil
		}
	}
	if _, waits, err := run("x", busy(3, "Busy")); err != nil || fmt.Sprint(waits) != "[2s 6s 10s]" {
		t.Errorf("retries: %v %v", waits, err)
	}
	if _, waits, err := run("x", busy(4, "Busy")); err == nil || !strings.Contains(err.Error(), "Busy: later") || len(waits) != 3 {
		t.Errorf("retries that end: %v %v", waits, err)
	}
	if _, waits, err := run("x", busy(1, "Never")); err == nil || len(waits) != 0 {
		t.Errorf("an error that is never retried: %v %v", waits, err)
	}
	_, _, err = run("x", func(call int, payload string) (string, error) {
		if strings.Contains(payload, `"item":3`) {
			return "", &stateError{"Odd", "item"}
		}
		return `{"n": 5}`, nil
	})
	if err == nil || !strings.Contains(err.Error(), "States.ExceedToleratedFailureThreshold") {
		t.Errorf("a child that fails: %v", err)
	}
}

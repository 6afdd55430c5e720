package localrt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/assay-pipeline/assay/pipeline"
)

// A command is the event of the function that this test binary is.
type command struct {
	Do   string          `json:"do"`
	Text string          `json:"text"`
	Body json.RawMessage `json:"-"`
}

func TestMain(m *testing.M) {
	switch os.Getenv("LOCALRT_FUNCTION") {
	case "":
		os.Exit(m.Run())
	case "ends":
		fmt.Println("no configuration")
		os.Exit(3)
	case "sigterm":
		lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() {
			_ = os.WriteFile(os.Getenv("LOCALRT_FILE"), []byte("ended"), 0o600) // the test looks for it
			os.Exit(0)
		}))
	case "queue":
		lambda.Start(handleQueue)
	case "http":
		lambda.Start(handleHTTP)
	default:
		lambda.Start(handle)
	}
}

func handle(ctx context.Context, c command) (map[string]string, error) {
	switch c.Do {
	case "fail":
		return nil, errors.New(c.Text)
	case "panic":
		panic(c.Text)
	case "exit":
		os.Exit(7)
	case "hang":
		time.Sleep(time.Minute)
	case "large":
		return map[string]string{"text": strings.Repeat("x", PayloadLimit)}, nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]string{
			"request": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "name": lambdacontext.FunctionName, "memory": fmt.Sprint(lambdacontext.MemoryLimitInMB),
			"left": time.Until(deadline).String(), "trace": os.Getenv("_X_AMZN_TRACE_ID"), "own": os.Getenv("OWN"), "home": os.Getenv("LOCALRT_OUTSIDE"),
		}, nil
	}
	return map[string]string{"text": c.Text, "pid": fmt.Sprint(os.Getpid())}, nil
}

// handleQueue fails the messages whose body says so.
func handleQueue(_ context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	var res events.SQSEventResponse
	for _, r := range e.Records {
		switch r.Body {
		case "exit":
			os.Exit(7)
		case "fail":
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		case "stranger":
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: "nobody"})
		}
		if r.Attributes["ApproximateReceiveCount"] == "" || r.EventSource != "aws:sqs" {
			return res, errors.New("not an event of SQS")
		}
	}
	return res, nil
}

func function(kind string, env ...string) Function {
	return Function{Name: "probe", Bootstrap: os.Args[0], Timeout: 5 * time.Second, Memory: 256, Env: append(env, "LOCALRT_FUNCTION="+kind, "AWS_REGION=eu-central-1")}
}

func environment(t *testing.T, f Function) *Environment {
	t.Helper()
	e := NewEnvironment(f)
	t.Cleanup(func() { e.Close() })
	return e
}

func invoke(t *testing.T, e *Environment, c command) (Result, map[string]string) {
	t.Helper()
	event, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.Invoke(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]string
	if res.Failure == nil {
		if err := json.Unmarshal(res.Response, &out); err != nil {
			t.Fatalf("%s: %v", res.Response, err)
		}
	}
	return res, out
}

func TestInvoke(t *testing.T) {
	t.Setenv("LOCALRT_OUTSIDE", "not for the function")
	e := environment(t, function("probe", "OWN=mine"))
	first, a := invoke(t, e, command{Text: "grüße"})
	second, b := invoke(t, e, command{Text: "2"})
	if a["text"] != "grüße" || b["text"] != "2" || a["pid"] != b["pid"] || first.RequestID == second.RequestID {
		t.Errorf("%v %v", a, b)
	}
	if first.Init <= 0 || second.Init != 0 || first.Duration <= 0 {
		t.Errorf("init %v then %v, duration %v", first.Init, second.Init, first.Duration)
	}
	if _, err := os.Stat("/proc/self/status"); err == nil && (second.Memory < 1<<20 || second.Memory > 1<<30) {
		t.Errorf("memory %d bytes", second.Memory)
	}
	res, c := invoke(t, e, command{Do: "context"})
	left, err := time.ParseDuration(c["left"])
	if err != nil || left <= 0 || left > 5*time.Second {
		t.Errorf("deadline in %s", c["left"])
	}
	if c["request"] != res.RequestID || c["arn"] != "arn:aws:lambda:eu-central-1:000000000000:function:probe" || c["name"] != "probe" || c["memory"] != "256" ||
		!strings.HasPrefix(c["trace"], "Root=1-") || c["own"] != "mine" || c["home"] != "" {
		t.Errorf("%v", c)
	}
}

func TestFailures(t *testing.T) {
	e := environment(t, function("probe"))
	_, before := invoke(t, e, command{})
	if res, _ := invoke(t, e, command{Do: "fail", Text: "no such feed"}); res.Failure == nil || res.Failure.Message != "no such feed" || res.Failure.Type != "errorString" {
		t.Errorf("an error: %v", res.Failure)
	}
	if _, after := invoke(t, e, command{}); after["pid"] != before["pid"] {
		t.Error("an error ended the process")
	}
	if res, _ := invoke(t, e, command{Do: "panic", Text: "oh"}); res.Failure == nil || res.Failure.Message != "oh" {
		t.Errorf("a panic: %v", res.Failure)
	}
	if res, _ := invoke(t, e, command{Do: "large"}); res.Failure == nil || res.Failure.Type != ResponseTooLarge {
		t.Errorf("a large response: %v", res.Failure)
	}
	if res, _ := invoke(t, e, command{Do: "exit"}); res.Failure == nil || res.Failure.Type != Exited || !strings.Contains(res.Failure.Message, "7") {
		t.Errorf("an exit: %v", res.Failure)
	}
	if res, after := invoke(t, e, command{Text: "again"}); after["text"] != "again" || after["pid"] == before["pid"] || res.Init <= 0 {
		t.Errorf("after an exit: %v", after)
	}
	if _, err := e.Invoke(t.Context(), bytes.Repeat([]byte(" "), PayloadLimit+1)); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("a large event: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	f := function("probe")
	f.Timeout = 300 * time.Millisecond
	e := environment(t, f)
	_, before := invoke(t, e, command{})
	res, _ := invoke(t, e, command{Do: "hang"})
	if res.Failure == nil || res.Failure.Type != TimedOut || !strings.Contains(res.Failure.Message, "0.30 seconds") || res.Duration < f.Timeout || res.Duration > 3*time.Second {
		t.Errorf("%v after %v", res.Failure, res.Duration)
	}
	if _, after := invoke(t, e, command{}); after["pid"] == before["pid"] {
		t.Error("the process that hung was used again")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	e2 := environment(t, function("probe"))
	if _, err := e2.Invoke(ctx, []byte(`{"do":"hang"}`)); err == nil {
		t.Error("a caller that gave up waits on")
	}
}

func TestCannotStart(t *testing.T) {
	res, err := environment(t, function("ends")).Invoke(t.Context(), []byte("{}"))
	if err != nil || res.Failure == nil || res.Failure.Type != Exited || !strings.Contains(res.Failure.Message, "before it asked") {
		t.Errorf("%+v, %v", res.Failure, err)
	}
	f := function("probe")
	f.Bootstrap = filepath.Join(t.TempDir(), "bootstrap")
	if _, err := environment(t, f).Invoke(t.Context(), []byte("{}")); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("no program: %v", err)
	}
	if _, err := environment(t, function("ends")).Start(t.Context()); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("Start: %v", err)
	}
}

func TestKillInTheMiddle(t *testing.T) {
	e := environment(t, function("probe"))
	invoke(t, e, command{})
	time.AfterFunc(100*time.Millisecond, e.Kill)
	if res, _ := invoke(t, e, command{Do: "hang"}); res.Failure == nil || res.Failure.Type != Exited {
		t.Errorf("%v", res.Failure)
	}
	if _, out := invoke(t, e, command{Text: "on"}); out["text"] != "on" {
		t.Error("the environment does not go on")
	}
	e.Close()
	e.Kill() // of nothing
}

func TestSIGTERM(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	e := environment(t, function("sigterm", "LOCALRT_FILE="+file))
	invoke(t, e, command{})
	began := time.Now()
	e.Close()
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the process was not told: %v", err)
	}
	if d := time.Since(began); d >= ShutdownTimeout {
		t.Errorf("it took %v to end", d)
	}
}

// A box is a queue in memory: what is received is away until it fails.
type box struct {
	mu      sync.Mutex
	waiting []Message
	deleted []string
	failed  []string
	most    int
	empty   func()
}

func (b *box) Receive(ctx context.Context, n int) ([]Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ms := slices.Clone(b.waiting[:min(n, len(b.waiting))])
	b.waiting = b.waiting[len(ms):]
	for i := range ms {
		ms[i].Received++
	}
	b.most = max(b.most, len(ms))
	if len(ms) == 0 {
		time.Sleep(time.Millisecond)
	}
	return ms, ctx.Err()
}

func (b *box) Delete(_ context.Context, ms []Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range ms {
		b.deleted = append(b.deleted, m.ID)
	}
	b.settled()
	return nil
}

func (b *box) settled() {
	if len(b.deleted)+len(b.failed) == 23 {
		b.empty()
	}
}

// Failed gives a message three deliveries.
func (b *box) Failed(_ context.Context, ms []Message, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range ms {
		if m.Received < 3 {
			b.waiting = append(b.waiting, m)
		} else {
			b.failed = append(b.failed, m.ID)
		}
	}
	b.settled()
	return nil
}

// Each message is handled or given up; poison takes only itself with it where
// the function says which it was.
func TestMapping(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b := &box{empty: cancel}
	for i := range 20 {
		b.waiting = append(b.waiting, Message{ID: fmt.Sprint("good", i), Body: "good"})
	}
	for i := range 3 {
		b.waiting = append(b.waiting, Message{ID: fmt.Sprint("bad", i), Body: "fail"})
	}
	pool := NewPool(function("queue"), 3)
	defer pool.Close()
	m := &Mapping{Queue: b, Pool: pool, ARN: "arn:aws:sqs:eu-central-1:000000000000:q", Batch: 4, Partial: true}
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	slices.Sort(b.failed)
	if len(b.deleted) != 20 || !slices.Equal(b.failed, []string{"bad0", "bad1", "bad2"}) || b.most > 4 {
		t.Errorf("deleted %v, failed %v, at most %d at once", b.deleted, b.failed, b.most)
	}
	if s := pool.Stats(); s.Invocations < 6 || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
	for body, why := range map[string]string{"exit": Exited, "stranger": "were not in the event"} {
		ms := []Message{{ID: "a", Body: "good"}, {ID: "b", Body: body}}
		event, err := m.event(ms)
		if err != nil {
			t.Fatal(err)
		}
		res, err := pool.Invoke(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		if good, bad, got := m.sort(ms, res); len(good) != 0 || len(bad) != 2 || !strings.Contains(got, why) {
			t.Errorf("%s: good %v, bad %v: %s", body, good, bad, got)
		}
	}
}

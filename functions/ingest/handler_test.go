package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// project is a folder as assay init writes it, with one landed file.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	scaffold := filepath.Join("..", "..", "cmd", "assay", "scaffold")
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join(scaffold, "contracts"))); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(scaffold, "landing", "parts-2026-03-02.csv"))
	if err != nil {
		t.Fatal(err)
	}
	landing := filepath.Join(dir, "lake", "landing", "parts")
	if err := os.MkdirAll(landing, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(landing, "parts 2026-03-02.csv"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// handle is an invocation outside SQS.
func handle(ctx context.Context, h *handler, event json.RawMessage) (response, error) {
	out, err := h.Handle(ctx, event)
	res, _ := out.(response)
	return res, err
}

func TestHandleEvent(t *testing.T) {
	ctx := context.Background()
	h, err := newHandler(ctx, nil, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	event, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := handle(ctx, h, event)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Batches) != 1 {
		t.Fatalf("%d batches, want 1", len(first.Batches))
	}
	b := first.Batches[0]
	if b.Stage != flow.Done || b.Rows != (pipeline.Rows{Read: 6, Accepted: 4, Rejected: 2}) || b.Decision != pipeline.PublishAccepted {
		t.Errorf("batch: %+v", b)
	}
	// The event comes twice; nothing changes.
	again, err := handle(ctx, h, event)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Batches[0]; got.ID != b.ID || got.Seq != b.Seq || !got.Updated.Equal(b.Updated) {
		t.Errorf("the second delivery changed the batch: %+v, was %+v", got, b)
	}
	direct, err := handle(ctx, h, json.RawMessage(`{"bucket": "assay-lake", "key": "landing/parts/parts 2026-03-02.csv"}`))
	if err != nil || direct.Batches[0].ID != b.ID {
		t.Errorf("direct invocation: %+v, %v", direct, err)
	}
}

func TestHandleWhatCanNeverSucceed(t *testing.T) {
	ctx := context.Background()
	h, err := newHandler(ctx, nil, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, event := range map[string]string{
		"not JSON":  `landing/parts/x.csv`,
		"no object": `{"Records": []}`,
		"bad key":   `{"Records": [{"s3": {"object": {"key": "landing/parts/%zz.csv"}}}]}`,
	} {
		_, err := h.Handle(ctx, json.RawMessage(event))
		if e, ok := errors.AsType[messages.InvokeResponse_Error](err); !ok || e.Type != "Assay.invalid" || e.Message == "" {
			t.Errorf("%s: %v, want Assay.invalid", name, err)
		}
	}
	// An object that is gone, or that landed nowhere, ends here with a reason:
	// the event must not come again for ever.
	for _, key := range []string{"landing/parts/gone.csv", "elsewhere/x.csv"} {
		res, err := handle(ctx, h, json.RawMessage(`{"bucket": "b", "key": "`+key+`"}`))
		if err != nil || len(res.Batches) != 1 || res.Batches[0].Stage != flow.Unjudged || res.Batches[0].Reason == "" {
			t.Errorf("%s: %+v, %v", key, res, err)
		}
	}
}

func TestNewHandlerReportsConfiguration(t *testing.T) {
	if _, err := newHandler(context.Background(), []string{"ASSAY_MEMORY=lots"}, t.TempDir(), app.Options{}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("%v, want invalid", err)
	}
}

const (
	body  = `{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "landing/parts/parts+2026-03-02.csv"}}}]}`
	bus   = `{"detail-type": "Object Created", "source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": {"key": "landing/parts/parts 2026-03-02.csv", "size": 512}}}`
	plain = `{"bucket": "b", "key": "landing/parts/parts 2026-03-02.csv"}`
	trial = `{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}`
)

// The same object by every way that an object can be told of.
func TestHandleWays(t *testing.T) {
	ctx := context.Background()
	h, err := newHandler(ctx, nil, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var id string
	for name, event := range map[string]string{"S3": body, "EventBridge": bus, "direct": plain} {
		res, err := handle(ctx, h, json.RawMessage(event))
		if err != nil || len(res.Batches) != 1 || res.Batches[0].Stage != flow.Done {
			t.Fatalf("%s: %+v, %v", name, res, err)
		}
		if id == "" {
			id = res.Batches[0].ID
		}
		if res.Batches[0].ID != id {
			t.Errorf("%s: batch %s, want %s", name, res.Batches[0].ID, id)
		}
	}
	// Through SQS, what cannot be read is named alone; the rest is done.
	var q events.SQSEvent
	for i, text := range []string{body, bus, plain, trial, "poison", `{"Records": [{"s3": {"object": {"key": "landing/parts/%zz.csv"}}}]}`, `{"bucket": "b", "key": "landing/parts/gone.csv"}`} {
		q.Records = append(q.Records, events.SQSMessage{MessageId: string(rune('a' + i)), EventSource: "aws:sqs", Body: text})
	}
	raw, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Handle(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, f := range out.(events.SQSEventResponse).BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	if got := strings.Join(failed, ""); got != "ef" {
		t.Errorf("messages that come again: %s, want ef, the poison ones", got)
	}
}

// TestLedgerSaysWhatIsStuck: what fails for the third time, or ended without an
// answer before, has its reason in the ledger before it comes to the dead letters;
// a delivery that succeeds has the last word.
func TestLedgerSaysWhatIsStuck(t *testing.T) {
	h, err := newHandler(context.Background(), nil, project(t), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const key = "landing/parts/parts 2026-03-02.csv"
	deliver := func(ctx context.Context, try int) (again bool) {
		t.Helper()
		raw, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
			MessageId: "a", EventSource: "aws:sqs", Body: `{"bucket": "", "key": "` + key + `"}`, Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(try)},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := h.Handle(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		return len(out.(events.SQSEventResponse).BatchItemFailures) > 0
	}
	ledger := func() (out []string) {
		t.Helper()
		bs, err := h.ingest.Store.Batches(context.Background(), flow.BatchFilter{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range bs {
			out = append(out, string(b.Stage)+" "+b.Reason)
		}
		return out
	}
	late, cancel := context.WithTimeout(context.Background(), margin/2) // no time is left
	defer cancel()
	if !deliver(late, 2) || len(ledger()) != 0 {
		t.Errorf("the second try: %v", ledger())
	}
	if again := deliver(late, 3); !again || len(ledger()) != 1 || !strings.Contains(ledger()[0], "unjudged try 3: ") || !strings.Contains(ledger()[0], "time of the invocation is over") {
		t.Errorf("the third: %v", ledger())
	}
	if again := deliver(late, 5); !again || !strings.Contains(ledger()[0], "unjudged try 5: ") {
		t.Errorf("the fifth: %v", ledger())
	}
	if again := deliver(context.Background(), 6); again || len(ledger()) != 2 || !strings.Contains(strings.Join(ledger(), "\n"), "done") {
		t.Errorf("redriven: %v", ledger())
	}
	for _, c := range []struct {
		why  string
		keep bool
		want string
	}{{"killed", true, "killed"}, {"killed again", true, "killed"}, {"try 5: out of reach", false, "try 5: out of reach"}} {
		if b, err := h.ingest.Stuck(context.Background(), "landing/parts/other.csv", c.why, c.keep); err != nil || b.Stage != flow.Unjudged || b.Reason != c.want {
			t.Errorf("%+v: %+v, %v", c, b, err)
		}
	}
	if _, err := h.ingest.Stuck(context.Background(), key, "no", false); err != nil || strings.Contains(strings.Join(ledger(), ""), " no") {
		t.Errorf("what is done is not stuck: %v, %v", ledger(), err)
	}
}

// An event about another bucket, or about an object outside the lake's prefix, is
// never looked up inside the lake.
func TestForeignObjects(t *testing.T) {
	cfg := app.Config{Lake: "s3://ours/team/a"}
	for _, c := range []struct{ bucket, key, want string }{
		{"ours", "team/a/landing/f/x.csv", "landing/f/x.csv"},
		{"", "team/a/landing/f/x.csv", "landing/f/x.csv"},
		{"theirs", "team/a/landing/f/x.csv", ""},
		{"ours", "team/b/landing/f/x.csv", ""},
		{"ours", "landing/f/x.csv", ""},
	} {
		got, err := cfg.Object(c.bucket, c.key)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s/%s: %q, %v", c.bucket, c.key, got, err)
		}
		if c.want != "" {
			if b, at := cfg.Location(got); b != "ours" || at != c.key {
				t.Errorf("%s: back to %s/%s", c.key, b, at)
			}
		}
	}
}

// The steps of the state machine, each twice, end as one invocation does.
func TestSteps(t *testing.T) {
	ctx := context.Background()
	dir := project(t)
	h, err := newHandler(ctx, nil, dir, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	step := func(event string, into any) error {
		t.Helper()
		var out any
		for range 2 {
			var err error
			if out, err = h.Handle(ctx, json.RawMessage(event)); err != nil {
				return err
			}
		}
		b, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		return json.Unmarshal(b, into)
	}
	var p plan
	if err := step(`{"step": "plan", "bucket": "b", "key": "landing/parts/parts 2026-03-02.csv", "range_bytes": 64}`, &p); err != nil {
		t.Fatal(err)
	}
	if p.Next != "parts" || p.Ranges < 2 || p.Batch == "" {
		t.Fatalf("plan: %+v", p)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "lake", filepath.FromSlash(p.Parts.Key)))
	if err != nil {
		t.Fatal(err)
	}
	var parts []struct {
		Batch string `json:"batch"`
		Range int    `json:"range"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) != p.Ranges {
		t.Fatalf("%d parts, want %d (%v)", len(parts), p.Ranges, err)
	}
	var b flow.Batch
	if err := step(`{"step": "stopped", "batch": "`+p.Batch+`", "error": "Assay.denied", "cause": "{\"errorMessage\": \"no\"}"}`, &b); err != nil || !strings.HasSuffix(b.Reason, "Assay.denied: no") || b.Stage != flow.Staged {
		t.Fatalf("stopped: %+v, %v", b, err)
	}
	if err := step(`{"step": "merge", "batch": "`+p.Batch+`"}`, &b); err == nil || !strings.Contains(err.Error(), "judge all ranges") {
		t.Errorf("merge before the parts: %v", err)
	}
	for _, x := range parts {
		var done flow.PartDone
		in, err := json.Marshal(map[string]any{"step": "part", "batch": x.Batch, "range": x.Range})
		if err != nil {
			t.Fatal(err)
		}
		if err := step(string(in), &done); err != nil {
			t.Fatal(err)
		}
	}
	b = flow.Batch{}
	if err := step(`{"step": "merge", "batch": "`+p.Batch+`"}`, &b); err != nil || b.Stage != flow.Done || b.Rows.Read != 6 || b.Reason != "" {
		t.Fatalf("merge: %+v, %v", b, err)
	}
	if err := step(`{"step": "plan", "bucket": "b", "key": "landing/parts/parts 2026-03-02.csv"}`, &p); err != nil || p.Next != "nothing" {
		t.Errorf("plan of what is decided: %+v, %v", p, err)
	}
	if err := step(`{"step": "dance"}`, &p); err == nil {
		t.Error("an unknown step is taken")
	}
}

package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/assay-pipeline/assay/pipeline"
)

func busClient(endpoint string) *eventbridge.Client {
	return eventbridge.New(eventbridge.Options{
		Region: "eu-central-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// events makes n events of each feed, interleaved.
func eventsOf(t testing.TB, n int, feeds ...string) []pipeline.Event {
	t.Helper()
	var out []pipeline.Event
	for i := range n {
		for _, feed := range feeds {
			e, err := pipeline.NewEvent(pipeline.BatchPublished, "assay/feed/"+feed, fmt.Sprint(feed, "-", i), feed, at.Add(time.Duration(i)*time.Second), map[string]int{"n": i})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
	}
	return out
}

// A bus is EventBridge's protocol, with faults on purpose: what it takes, in
// order.
type bus struct {
	taken  []pipeline.Event
	calls  int
	refuse func(call, entry int) string
}

func (b *bus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.calls++
	var in struct {
		Entries []struct{ Source, DetailType, Detail, EventBusName string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" || len(in.Entries) > 10 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	out := struct {
		FailedEntryCount int
		Entries          []map[string]string
	}{}
	for i, e := range in.Entries {
		if code := b.refuse(b.calls, i); code != "" {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, map[string]string{"ErrorCode": code, "ErrorMessage": "on purpose"})
			continue
		}
		var event pipeline.Event
		if err := json.Unmarshal([]byte(e.Detail), &event); err != nil || event.Type != e.DetailType || event.Source != e.Source {
			http.Error(w, "the detail is not the event", http.StatusBadRequest)
			return
		}
		b.taken = append(b.taken, event)
		out.Entries = append(out.Entries, map[string]string{"EventId": fmt.Sprint(len(b.taken))})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out) // the client sees what is missing
}

func publisher(t *testing.T, b *bus) *EventBridge {
	t.Helper()
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	p := NewEventBridge(busClient(srv.URL), "assay")
	p.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return p
}

// Entries that are refused for the moment come again, none is lost or taken
// twice, and each feed keeps its order, whichever entries were refused.
func TestEntriesThatAreRefusedComeAgainInOrder(t *testing.T) {
	for seed := range uint64(20) {
		dice := rand.New(rand.NewPCG(seed, 1))
		b := &bus{refuse: func(int, int) string {
			if dice.IntN(3) == 0 {
				return "ThrottlingException"
			}
			return ""
		}}
		p := publisher(t, b)
		want := eventsOf(t, 7, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m")
		if err := p.Publish(context.Background(), want); pipeline.ErrorCode(err) == pipeline.CodeUnavailable {
			continue // refused six times in a row: that is another test
		} else if err != nil {
			t.Fatal(err)
		}
		if len(b.taken) != len(want) {
			t.Fatalf("%d events taken, want %d", len(b.taken), len(want))
		}
		last := map[string]time.Time{}
		for _, e := range b.taken {
			if !e.Time.After(last[e.Key]) {
				t.Fatalf("seed %d: an event of feed %s came out of order", seed, e.Key)
			}
			last[e.Key] = e.Time
		}
	}
}

// What the bus refuses counts also where it takes it later: availability counts
// what has to be tried again as failed.
func TestRefusedEntriesAreCounted(t *testing.T) {
	partial := &bus{refuse: func(call, entry int) string {
		if call == 1 && entry == 1 {
			return "InternalFailure"
		}
		return ""
	}}
	p := publisher(t, partial)
	refused := 0
	p.Refused = func(n int) { refused += n }
	if err := p.Publish(context.Background(), eventsOf(t, 3, "a", "b", "c")); err != nil || refused != 1 || len(partial.taken) != 9 && len(partial.taken) != 3 {
		t.Errorf("%v, %d refused, %d taken, want one refused and all taken", err, refused, len(partial.taken))
	}
	partial.calls = 0
	p.client = busClient("http://127.0.0.1:1")
	if err := p.Publish(context.Background(), eventsOf(t, 1, "a")); err == nil || refused < 2 {
		t.Errorf("%v, %d refused, want a whole call to count too", err, refused)
	}
}

func TestBusFaults(t *testing.T) {
	ctx := context.Background()
	events := eventsOf(t, 2, "a", "b")
	throttled := &bus{refuse: func(int, int) string { return "ThrottlingException" }}
	if err := publisher(t, throttled).Publish(ctx, events); pipeline.ErrorCode(err) != pipeline.CodeUnavailable || throttled.calls != putTries {
		t.Errorf("throttled for ever: %v after %d calls", err, throttled.calls)
	}
	never := &bus{refuse: func(int, int) string { return "MalformedDetail" }}
	if err := publisher(t, never).Publish(ctx, events); pipeline.ErrorCode(err) != pipeline.CodeInvalid || never.calls != 1 {
		t.Errorf("malformed: %v after %d calls", err, never.calls)
	}
	fine := &bus{refuse: func(int, int) string { return "" }}
	if err := publisher(t, fine).Publish(ctx, nil); err != nil || fine.calls != 0 {
		t.Errorf("nothing to publish: %v, %d calls", err, fine.calls)
	}
	large := eventsOf(t, 1, "a")
	large[0].Data = json.RawMessage(`"` + strings.Repeat("x", entryBytes) + `"`)
	if err := publisher(t, fine).Publish(ctx, large); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("too large: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port where nobody answers
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := NewEventBridge(busClient(nobody), "assay").Publish(ctx, events); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("nobody there: %v", err)
	}
}

// moto starts moto's server, which speaks EventBridge and SQS.
func moto(t *testing.T) string {
	t.Helper()
	exe, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("needs moto's server: pip install 'moto[server]'")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, exe, "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
	})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close() // it listens
			return "http://" + addr
		}
	}
	t.Skip("moto_server did not listen within 20 s")
	return ""
}

// sqs calls SQS's query interface and returns the answer.
func sqs(t *testing.T, endpoint string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260301/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=x")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", form.Get("Action"), res.Status, b)
	}
	return string(b)
}

// What is put on a bus reaches the target of a rule that matches its type.
func TestEventsReachARule(t *testing.T) {
	endpoint := moto(t)
	ctx := t.Context()
	c := busClient(endpoint)
	bus, rule := "assay", "published"
	if err := NewEventBridge(c, "nowhere").Publish(ctx, eventsOf(t, 1, "a")); err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound && pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("no such bus: %v", err)
	}
	if _, err := c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &bus}); err != nil {
		t.Fatal(err)
	}
	queue := regexp.MustCompile(`<QueueUrl>(.*)</QueueUrl>`).FindStringSubmatch(sqs(t, endpoint, url.Values{"Action": {"CreateQueue"}, "QueueName": {"q"}}))
	if queue == nil {
		t.Fatal("no queue was made")
	}
	pattern := `{"detail-type": ["assay.batch.published"]}`
	if _, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: &rule, EventBusName: &bus, EventPattern: &pattern}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutTargets(ctx, target(rule, bus, "arn:aws:sqs:eu-central-1:123456789012:q")); err != nil {
		t.Fatal(err)
	}
	want := eventsOf(t, 12, "orders")
	if err := NewEventBridge(c, bus).Publish(ctx, want); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 20 {
		body := sqs(t, endpoint, url.Values{"Action": {"ReceiveMessage"}, "QueueUrl": {queue[1]}, "MaxNumberOfMessages": {"10"}})
		for _, m := range regexp.MustCompile(`&quot;id&quot;: ?&quot;([0-9a-f]{32})&quot;`).FindAllStringSubmatch(body, -1) {
			got = append(got, m[1])
		}
		if len(got) >= len(want) {
			break
		}
	}
	var ids []string
	for _, e := range want {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), ids) {
		t.Errorf("%d events reached the queue, want %d", len(got), len(ids))
	}
}

func target(rule, bus, arn string) *eventbridge.PutTargetsInput {
	return &eventbridge.PutTargetsInput{Rule: &rule, EventBusName: &bus, Targets: []types.Target{{Id: aws.String("queue"), Arn: &arn}}}
}

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/localrt"
)

const goodFile = "id,text,price\na,washer M8,1\nb,nut M8,2\n"

// land puts an object without telling anybody.
func (w *world) land(s *diskStore, key, body string) {
	w.t.Helper()
	file := s.file(w.bucket, key)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// latest is the last line of the ledger about a key.
func (w *world) latest(key string) flow.Batch {
	var last flow.Batch
	for _, b := range w.batches()[key] {
		if b.Landing >= last.Landing {
			last = b
		}
	}
	return last
}

func (w *world) settled(key string, stage flow.Stage) flow.Batch {
	w.t.Helper()
	w.until(key+" is "+string(stage), 3*time.Minute, func() bool { return w.latest(key).Stage == stage })
	return w.latest(key)
}

// send puts a message into a queue as it is.
func (w *world) send(queue, body string) {
	w.t.Helper()
	if _, err := w.sqs.SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(w.queues[queue]), MessageBody: &body}); err != nil {
		w.t.Fatal(err)
	}
}

// TestBadInput: whatever an event may be wrong about ends in the ledger with a
// reason, or in the dead letters where there is no object to speak of, and
// delivering it again works once the cause is gone.
func TestBadInput(t *testing.T) {
	dir := contracts(t, "plain", "frozen")
	w := newWorld(t, dir, 8, 3)
	disk := w.onDisk()
	pool := w.pool("ingest", 2, func(f *localrt.Function) { f.Timeout = 20 * time.Second })
	stop := w.serve(w.feed("landing", pool, 1), w.feed("parse", w.pool("parse", 1), 10))

	// A function that hangs in the middle of its work is killed at its timeout.
	// The message comes again; the lease of the feed ends by itself.
	frozen := "landing/frozen/f.csv"
	w.land(disk, frozen, goodFile)
	var timedOut localrt.Result
	var hung sync.WaitGroup
	hung.Go(func() {
		f := w.function("ingest")
		f.Timeout = 5 * time.Second
		e := localrt.NewEnvironment(f)
		defer e.Close()
		if _, err := e.Start(t.Context()); err != nil {
			t.Error(err)
			return
		}
		time.AfterFunc(30*time.Millisecond, func() { _ = syscall.Kill(e.PID(), syscall.SIGSTOP) })
		res, err := e.Invoke(t.Context(), fmt.Appendf(nil, `{"bucket": %q, "key": %q}`, w.bucket, frozen))
		if err != nil {
			t.Error(err)
		}
		timedOut = res
	})

	// An object that is gone, and then lands after all.
	gone := "landing/plain/gone.csv"
	w.notify(1, gone)
	if b := w.settled(gone, flow.Unjudged); !strings.Contains(b.Reason, "not there") || b.Verdict != pipeline.VerdictError {
		t.Errorf("an object that is gone: %+v", b)
	}
	w.land(disk, gone, goodFile+"c,bolt M8,3\n")
	w.notify(1, gone)
	w.settled(gone, flow.Done)

	// Keys with all that S3 encodes.
	odd := []string{
		"landing/plain/two words.csv", "landing/plain/a+b.csv", "landing/plain/a%2Fb.csv", "landing/plain/größe-東京.csv", "landing/plain/100%.csv", "landing/plain/sub folder/a=1&b.csv",
	}
	for i, key := range odd {
		w.land(disk, key, fmt.Sprintf("id,text,price\nk%d,washer M8,1\n", i))
	}
	w.notify(2, odd...)
	for _, key := range odd {
		w.settled(key, flow.Done)
	}

	// A feed without a contract; when there is one, the event is delivered again.
	stranger := "landing/stranger/s.csv"
	w.land(disk, stranger, goodFile)
	w.notify(1, stranger)
	if b := w.settled(stranger, flow.Unjudged); !strings.Contains(b.Reason, "no contract") {
		t.Errorf("a feed without a contract: %+v", b)
	}

	// A thousand records in one event.
	var many []string
	for i := range 100 {
		key := fmt.Sprintf("landing/plain/many-%03d.csv", i)
		w.land(disk, key, fmt.Sprintf("id,text,price\nm%03d,washer M8,1\n", i))
		for range 10 {
			many = append(many, key)
		}
	}
	// Six times as long as it takes on an idle machine.
	patient := w.pool("ingest", 1, func(f *localrt.Function) { f.Timeout = 2 * time.Minute })
	res, err := patient.Invoke(t.Context(), s3Event(w.bucket, many...))
	if err != nil || res.Failure != nil {
		t.Fatalf("a thousand records: %v %v", res.Failure, err)
	}
	var answer struct{ Batches []flow.Batch }
	if err := json.Unmarshal(res.Response, &answer); err != nil || len(answer.Batches) != 1000 {
		t.Errorf("a thousand records: %d answers, %v", len(answer.Batches), err)
	}
	for _, b := range answer.Batches {
		if b.Stage != flow.Done {
			t.Errorf("%s: %s", b.Key, b.Stage)
		}
	}

	// Poison takes nothing with it, and waits where a person sees it.
	for _, body := range []string{"not JSON", `{"Records": []}`, `{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "landing/plain/%zz.csv"}}}]}`} {
		w.send("landing", body)
	}
	w.send("parse", `{"id": "p", "topic": "parse", "body": "no shard"}`)
	w.until("poison is in the dead letters", 2*time.Minute, func() bool {
		a, _ := w.depth("landing-dead")
		b, _ := w.depth("parse-dead")
		return a == "3" && b == "1"
	})
	// Redriven by the replay function, it comes to the same end.
	redrive := func() string {
		t.Helper()
		res, err := w.pool("replay", 1).Invoke(t.Context(), fmt.Appendf(nil, `{"redrive": {"from": %q, "to": %q, "most": 100}}`, w.queues["landing-dead"], w.queues["landing"]))
		if err != nil || res.Failure != nil {
			t.Errorf("redrive: %v %v", res.Failure, err)
		}
		return string(res.Response)
	}
	if moved := redrive(); !strings.Contains(moved, `"moved":3`) {
		t.Errorf("redrive: %s", moved)
	}

	// A credential that expired: said in the ledger, and the message comes again by
	// itself until there is another.
	expired := "landing/plain/expired.csv"
	w.land(disk, expired, "id,text,price\nx,washer M8,1\n")
	disk.withhold(func(key string) (int, string) {
		if key == expired {
			return 403, "ExpiredToken"
		}
		return 0, ""
	})
	w.notify(1, expired)
	if b := w.settled(expired, flow.Unjudged); b.Reason == "" {
		t.Errorf("an expired credential: %+v", b)
	}
	disk.withhold(nil)
	w.settled(expired, flow.Done)

	hung.Wait()
	if timedOut.Failure == nil || timedOut.Failure.Type != localrt.TimedOut {
		t.Errorf("a function that hangs: %+v", timedOut.Failure)
	}
	w.notify(1, frozen)
	w.settled(frozen, flow.Done)
	w.until("poison is in the dead letters again", 2*time.Minute, func() bool { n, _ := w.depth("landing-dead"); return n == "3" })

	// What a policy forbids, or what S3 throttles without end, is given up after three
	// tries, with the reason in the ledger; with the cause mended, the dead letters
	// that are moved back are judged.
	stuck := map[string]string{"landing/plain/forbidden.csv": "AccessDenied", "landing/plain/throttled.csv": "SlowDown"}
	for key := range stuck {
		w.land(disk, key, fmt.Sprintf("id,text,price\n%.3s,washer M8,1\n", stuck[key]))
	}
	disk.withhold(func(key string) (int, string) {
		switch code := stuck[key]; code {
		case "AccessDenied":
			return 403, code
		case "SlowDown":
			return 503, code
		}
		return 0, ""
	})
	for key := range stuck {
		w.notify(1, key)
	}
	w.until("they are given up", 3*time.Minute, func() bool { n, _ := w.depth("landing-dead"); return n == "5" })
	for key, code := range stuck {
		if b := w.latest(key); b.Stage != flow.Unjudged || !strings.Contains(b.Reason, code) {
			t.Errorf("an object that S3 does not give (%s): %+v", code, b)
		}
	}
	disk.withhold(nil)
	if moved := redrive(); !strings.Contains(moved, `"moved":5`) {
		t.Errorf("redrive: %s", moved)
	}
	for key := range stuck {
		w.settled(key, flow.Done)
	}
	// Of what a rule and the clock could not hand over, the objects are moved.
	w.queue("clock-dead", nil)
	refused := "landing/plain/refused.csv"
	w.land(disk, refused, "id,text,price\nz,washer M8,1\n")
	w.send("clock-dead", `{"time": "2026-03-02T06:00:00Z"}`)
	w.send("clock-dead", fmt.Sprintf(`{"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": %q}, "object": {"key": %q}}}`, w.bucket, refused))
	res, err = w.pool("replay", 1).Invoke(t.Context(), fmt.Appendf(nil, `{"redrive": {"from": %q, "to": %q, "only": "Object Created", "most": 100}}`, w.queues["clock-dead"], w.queues["landing"]))
	if err != nil || res.Failure != nil || !strings.Contains(string(res.Response), `"moved":1`) {
		t.Errorf("redrive of objects: %s %v %v", res.Response, res.Failure, err)
	}
	w.settled(refused, flow.Done)
	stop()

	// The contract has come.
	if err := os.WriteFile(filepath.Join(dir, "feeds", "stranger.odcs.yaml"), fmt.Appendf(nil, plainContract, "stranger"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.notify(1, stranger)
	w.serve(w.feed("landing", w.pool("ingest", 1), 1))
	w.settled(stranger, flow.Done)
}

// withhold answers requests for keys with an error where there is a status for them;
// nil ends that.
func (s *diskStore) withhold(why func(key string) (status int, code string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = func(r *http.Request) (int, string) {
		p, err := url.PathUnescape(r.URL.EscapedPath())
		if err != nil || why == nil {
			return 0, ""
		}
		_, key, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/") // behind the bucket
		return why(key)
	}
}

func s3Event(bucket string, keys ...string) []byte {
	var records []map[string]any
	for _, key := range keys {
		records = append(records, map[string]any{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-03-02T06:00:00.000Z",
			"s3": map[string]any{"bucket": map[string]any{"name": bucket}, "object": map[string]any{"key": url.QueryEscape(key)}}})
	}
	b, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		panic(err) // strings marshal
	}
	return b
}

// TestThrottling: every service refuses a quarter of what it is asked, and still
// each object is judged once and told of.
func TestThrottling(t *testing.T) {
	w := newWorld(t, contracts(t, "plain"), 8, 10)
	target, err := url.Parse(w.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(7, 7))
	var refused atomic.Int64
	kinds := map[string]bool{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	busy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		service, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		bad := dice.IntN(4) == 0 || !kinds[service]
		if bad {
			kinds[service] = true
		}
		mu.Unlock()
		if !bad {
			proxy.ServeHTTP(rw, r)
			return
		}
		refused.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if service == "" { // S3
			rw.Header().Set("Content-Type", "application/xml")
			rw.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(rw, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>") // the client sees
			return
		}
		rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(rw, `{"__type":"ThrottlingException","message":"Rate exceeded"}`) // as above
	}))
	defer busy.Close()
	for i, kv := range w.env {
		w.env[i] = strings.Replace(kv, "AWS_ENDPOINT_URL="+w.endpoint, "AWS_ENDPOINT_URL="+busy.URL, 1)
	}
	landed, err := os.ReadFile(filepath.Join("..", "..", "cmd", "assay", "scaffold", "landing", "parts-2026-03-02.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i := range 4 {
		key := fmt.Sprintf("landing/plain/t%d.csv", i)
		w.put(key, fmt.Appendf(nil, "id,text,price\nt%d,washer M8,1\n", i))
		keys = append(keys, key)
	}
	w.put("landing/parts/parts.csv", bytes.TrimSpace(landed))
	keys = append(keys, "landing/parts/parts.csv")
	stop := w.serve(w.feed("landing", w.pool("ingest", 2), 1), w.feed("parse", w.pool("parse", 1), 10))
	relay := w.pool("relay", 1)
	for _, key := range keys {
		w.settled(key, flow.Done)
	}
	w.until("all is sent", 3*time.Minute, func() bool {
		if _, err := relay.Invoke(t.Context(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		out, err := w.store.Outgoing(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(out) == 0 && w.empty("landing") && w.empty("parse")
	})
	stop()
	told := w.told()
	for _, key := range keys {
		bs := w.batches()[key]
		published := 0
		for _, b := range bs {
			for _, typ := range told[b.ID] {
				if typ == pipeline.BatchPublished {
					published++
				}
			}
		}
		if published != 1 {
			t.Errorf("%s was announced %d times: %+v", key, published, bs)
		}
	}
	if refused.Load() < 20 || len(kinds) < 3 {
		t.Errorf("%d requests were refused, of %v", refused.Load(), kinds)
	}
	for _, dead := range []string{"landing-dead", "parse-dead"} {
		if !w.empty(dead) {
			t.Errorf("%s is not empty", dead)
		}
	}
}

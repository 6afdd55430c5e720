package integration

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/localrt"
)

var deliveries = flag.Int("deliveries", 300, "objects of TestDeliveries; the figure is that of 2000")

// plainContract judges rows of id, text and price.
const plainContract = `apiVersion: v3.1.0
kind: DataContract
id: %[1]s
version: 1.0.0
status: active
customProperties:
  - {property: assay.load, value: append}
  - {property: assay.maxRejectRate, value: 50%%}
  - {property: assay.breaker, value: {mode: observe}}
schema:
  - name: %[1]s
    properties:
      - {name: id, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: text, logicalType: string, required: true}
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0}}
`

// contracts writes a folder with plain contracts for feeds.
func contracts(t testing.TB, feeds ...string) string {
	t.Helper()
	dir := scaffold(t)
	for _, feed := range feeds {
		if err := os.WriteFile(filepath.Join(dir, "feeds", feed+".odcs.yaml"), fmt.Appendf(nil, plainContract, feed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// onDisk moves the lake of a world to a store that streams from disk.
func (w *world) onDisk() *diskStore {
	s := newDiskStore(w.t)
	w.env = append(w.env, "AWS_ENDPOINT_URL_S3="+s.url)
	setenv(w.t, "AWS_ENDPOINT_URL_S3", s.url)
	w.s3 = s3Client(s.url)
	return s
}

// notify sends notifications of S3 about keys, as many to a message as given.
func (w *world) notify(perMessage int, keys ...string) {
	w.t.Helper()
	type object map[string]any
	var entries []sqstypes.SendMessageBatchRequestEntry
	flush := func() {
		if len(entries) == 0 {
			return
		}
		if _, err := w.sqs.SendMessageBatch(w.t.Context(), &sqs.SendMessageBatchInput{QueueUrl: aws.String(w.queues["landing"]), Entries: entries}); err != nil {
			w.t.Fatal(err)
		}
		entries = nil
	}
	for group := range slices.Chunk(keys, perMessage) {
		var records []object
		for _, key := range group {
			records = append(records, object{
				"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": region, "eventTime": "2026-03-02T06:00:00.000Z", "eventName": "ObjectCreated:Put",
				"s3": object{"bucket": object{"name": w.bucket}, "object": object{"key": url.QueryEscape(key)}},
			})
		}
		body, err := json.Marshal(object{"Records": records})
		if err != nil {
			w.t.Fatal(err)
		}
		entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(len(entries))), MessageBody: aws.String(string(body))})
		if len(entries) == 10 {
			flush()
		}
	}
	flush()
}

// TestDeliveries: many objects, each told of one to three times and in any
// order, to eight runtimes at once, of which three are killed in the middle of
// their work. Every object is judged once; nothing is lost or doubled, and the
// dead letters stay empty.
//
// What a killed runtime held (its messages, the lease of its feed) comes free by
// time alone, so this takes minutes, however few the objects are.
func TestDeliveries(t *testing.T) {
	n := *deliveries
	perFeed := max(n/40, 1)
	var feeds []string
	for i := range (n + perFeed - 1) / perFeed {
		feeds = append(feeds, fmt.Sprintf("feed-%02d", i))
	}
	w := newWorld(t, contracts(t, feeds...), 75, 10)
	w.env = append(w.env, "ASSAY_LOG=warn")
	disk := w.onDisk()
	dice := rand.New(rand.NewPCG(uint64(n), 3))
	var events, keys []string
	for i := range n {
		feed := feeds[i%len(feeds)]
		key := fmt.Sprintf("landing/%s/file-%05d.csv", feed, i)
		var b bytes.Buffer
		fmt.Fprintf(&b, "id,text,price\na%05d,washer M8,1\nb%05d,nut M8,-1\nc%05d,bolt M8,2.5\n", i, i, i)
		if err := os.MkdirAll(filepath.Dir(disk.file(w.bucket, key)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(disk.file(w.bucket, key), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		for range 1 + dice.IntN(3) {
			events = append(events, key)
		}
	}
	dice.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	// A few hundred at a time: moto walks through all that waits with each request.
	// What is kept back for later is told of nonetheless in any order.
	const atOnce = 300
	waits := events
	sent := 0
	more := func() {
		n := min(atOnce, len(waits))
		w.notify(1, waits[:n]...)
		waits = waits[n:]
		sent += n
	}
	more()

	pool := w.pool("ingest", 8, func(f *localrt.Function) { f.Timeout = 70 * time.Second })
	mapping := w.feed("landing", pool, 1)
	var done, exited, timedOut atomic.Int64
	mapping.Done = func(r localrt.Result) {
		done.Add(1)
		if r.Failure != nil {
			switch r.Failure.Type {
			case localrt.Exited:
				exited.Add(1)
			case localrt.TimedOut:
				timedOut.Add(1)
			default:
				t.Errorf("a runtime failed: %v", r.Failure)
			}
		}
	}
	began := time.Now()
	quiet := w.listen()
	stop := w.serve(mapping)
	// Soon after each other, since each stops a feed until its lease ends.
	for i, share := range []int64{10, 11, 12} {
		w.until("runtimes work", 5*time.Minute, func() bool {
			if len(waits) > 0 && int64(sent)-done.Load() < atOnce/2 {
				more()
			}
			return done.Load() >= int64(len(events))*share/100
		})
		for exited.Load() <= int64(i) { // until one was in the middle of an event
			pool.Environment(2*i + dice.IntN(2)).Kill()
			time.Sleep(20 * time.Millisecond)
		}
	}
	t.Logf("%d killed after %d events and %.1f s", exited.Load(), done.Load(), time.Since(began).Seconds())
	// Slow is not lost: only when nothing happens for longer than a message that a
	// killed runtime held stays away is that the end.
	for last, since := int64(-1), time.Now(); len(waits) > 0 || !w.empty("landing"); time.Sleep(time.Second) {
		if n := done.Load(); n != last {
			last, since = n, time.Now()
		} else if time.Since(since) > 5*time.Minute {
			t.Fatalf("nothing happens, and %d of %d events were not worked off", int64(len(events))-done.Load(), len(events))
		}
		if time.Since(began) > 15*time.Minute {
			t.Fatalf("after 15 minutes %d of %d events were not worked off", int64(len(events))-done.Load(), len(events))
		}
		if len(waits) > 0 && int64(sent)-done.Load() < atOnce/2 {
			more()
		}
	}
	took := time.Since(began)
	stop()
	// A runtime that was killed while it told the world left that to the relay.
	relay := w.pool("relay", 1)
	w.until("all is told", 5*time.Minute, func() bool {
		if res, err := relay.Invoke(t.Context(), []byte("{}")); err != nil {
			t.Fatal(err)
		} else if res.Failure != nil {
			t.Logf("relay: %v", res.Failure) // out of time, say; it goes on where it stopped
		}
		left, err := w.store.Outgoing(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 0
	})

	quiet()
	if exited.Load() < 3 {
		t.Errorf("%d runtimes were killed in the middle", exited.Load())
	}
	var lost, doubled int
	batches := w.batches()
	seqs := map[string]bool{}
	var rows pipeline.Rows
	for _, key := range keys {
		bs := batches[key]
		switch {
		case len(bs) == 0 || bs[0].Stage != flow.Done:
			lost++
			t.Logf("%s: %+v", key, bs)
			continue
		case len(bs) > 1:
			doubled++
			t.Logf("%s: %+v", key, bs)
		}
		b := bs[0]
		if id := fmt.Sprint(b.Feed, b.Seq); b.Seq == 0 || seqs[id] {
			t.Errorf("%s has the place %d of its feed, as another has", key, b.Seq)
		} else {
			seqs[id] = true
		}
		rows = rows.Add(b.Rows)
	}
	// The feeds hold every accepted row once.
	l, err := w.app.Lake()
	if err != nil {
		t.Fatal(err)
	}
	var published int64
	for _, feed := range feeds {
		m, err := l.Current(t.Context(), feed)
		if err != nil {
			t.Fatal(err)
		}
		held := map[string]bool{}
		for _, f := range m.Files {
			if held[f.Batch] {
				doubled++
			}
			held[f.Batch] = true
			published += f.Rows
		}
	}
	if want := (pipeline.Rows{Read: int64(3 * n), Accepted: int64(2 * n), Rejected: int64(n)}); rows != want || published != want.Accepted {
		t.Errorf("%+v, %d rows published, want %+v", rows, published, want)
	}
	// And each batch was announced, under one id.
	announced := 0
	for _, types := range w.told() {
		for _, typ := range types {
			if typ == pipeline.BatchPublished {
				announced++
			}
		}
	}
	if announced != n {
		t.Errorf("%d batches were announced, want %d", announced, n)
	}
	dead := 0
	if !w.empty("landing-dead") {
		waiting, leased := w.depth("landing-dead")
		t.Errorf("dead letters: %s, %s leased", waiting, leased)
		dead = 1
	}
	if lost > 0 || doubled > 0 {
		t.Errorf("%d of %d objects were lost, %d doubled", lost, n, doubled)
	}
	s := pool.Stats()
	t.Logf("%d objects by %d events, %d runtimes killed in the middle, %d timed out: %d invocations in %.0f s, peak %d MB",
		n, len(events), exited.Load(), timedOut.Load(), s.Invocations, took.Seconds(), s.Peak>>20)
	figure(t, map[string]any{"delivered": n - lost, "judged_once": n - lost - doubled, "dlq": dead, "deliveries_seconds": round(took.Seconds())})
}

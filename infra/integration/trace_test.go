package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A collector keeps the spans that it is sent.
type collector struct {
	mu    sync.Mutex
	spans []span
}

type span struct {
	Service                             string
	TraceID, SpanID, ParentSpanID, Name string
	StartTimeUnixNano, EndTimeUnixNano  string
	Attributes                          []struct{ Key string }
	Status                              struct{ Code int }
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var doc struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes []struct {
					Value struct{ StringValue string }
				}
			}
			ScopeSpans []struct{ Spans []span }
		}
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range doc.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				s.Service = rs.Resource.Attributes[0].Value.StringValue
				c.spans = append(c.spans, s)
			}
		}
	}
}

// of are the spans of a trace, as SERVICE NAME, with the span that each is below.
func (c *collector) of(trace string) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]bool{}
	for _, s := range c.spans {
		if s.TraceID == trace {
			out[s.Service+" "+s.Name] = s.ParentSpanID != ""
		}
	}
	return out
}

// TestTrace follows one trace from the event of S3 through both queues and the
// outbox to the event that goes out.
func TestTrace(t *testing.T) {
	const trace = "5759e988bd862e3fe1be46a994272793"
	c := &collector{}
	s := httptest.NewServer(c)
	defer s.Close()
	w := newWorld(t, scaffold(t), visibility, 5)
	w.env = append(w.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+s.URL)
	landed, err := os.ReadFile(filepath.Join("..", "..", "cmd", "assay", "scaffold", "landing", "parts-2026-03-02.csv"))
	if err != nil {
		t.Fatal(err)
	}
	w.put("landing/parts/traced.csv", landed)
	event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": "1", "eventSource": "aws:sqs", "eventSourceARN": arn("landing"), "body": string(s3Event(w.bucket, "landing/parts/traced.csv")),
		"attributes": map[string]any{"AWSTraceHeader": "Root=1-" + trace[:8] + "-" + trace[8:] + ";Parent=53995c3f42cd8ad8;Sampled=1"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := w.pool("ingest", 1).Invoke(t.Context(), event); err != nil || res.Failure != nil || strings.Contains(string(res.Response), `"itemIdentifier"`) {
		t.Fatalf("%s %v %v", res.Response, res.Failure, err)
	}
	stop := w.serve(w.feed("parse", w.pool("parse", 1), 10))
	relay, sweep := w.pool("relay", 1), w.pool("sweep", 1)
	want := []string{"assay-ingest judge", "assay-ingest publish " + pipeline.BatchPublished, "assay-ingest send " + flow.TopicParse, "assay-parse " + flow.TopicParse}
	w.until("the trace is whole", 2*time.Minute, func() bool {
		if _, err := relay.Invoke(t.Context(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		spans := c.of(trace)
		for _, name := range want {
			if !spans[name] { // not there, or below nothing
				return false
			}
		}
		return true
	})
	stop()
	if _, err := sweep.Invoke(t.Context(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	// What went out says the same trace.
	carried := false
	q := &sqsQueue{client: w.sqs, url: w.queues["events"]}
	for ms, err := q.Receive(t.Context(), 10); len(ms) > 0 || err != nil; ms, err = q.Receive(t.Context(), 10) {
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ms {
			carried = carried || strings.Contains(m.Body, pipeline.BatchPublished) && strings.Contains(m.Body, "00-"+trace+"-")
		}
		if err := q.Delete(t.Context(), ms); err != nil {
			t.Fatal(err)
		}
	}
	if !carried {
		t.Error("no event left with the trace of the object that caused it")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	services := map[string]bool{}
	for _, s := range c.spans {
		services[s.Service] = true
	}
	for _, name := range []string{"assay-ingest", "assay-parse", "assay-relay", "assay-sweep"} {
		if !services[name] {
			t.Errorf("no span of %s", name)
		}
	}
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/model"
)

var morning = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// Each line is what CloudWatch's embedded metric format asks for: every metric
// that is declared stands in the line as a number, every dimension as a text.
func TestMetrics(t *testing.T) {
	var buf bytes.Buffer
	a := Open(Config{Metrics: "emf:Assay/dev"}, Options{Function: "ingest", Metrics: &buf, Now: func() time.Time { return morning }})
	m := a.Metrics()
	m.Attempt(true)
	m.Attempt(false)
	m.Refused(3)
	m.Decided(context.Background(), flow.Batch{Feed: "orders", Stage: flow.Done, Rows: pipeline.Rows{Read: 10, Accepted: 7, Rejected: 3}, Created: morning, Updated: morning.Add(90 * time.Second)},
		[]flow.FailedCheck{{Rule: "required", Failed: 2}, {Rule: "unique", Failed: 1}, {Rule: "required", Failed: 1}}, breaker.HalfOpen)
	sums := map[string]float64{}
	for line := range strings.Lines(buf.String()) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var head struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(line), &head); err != nil || head.AWS.Timestamp != morning.UnixMilli() || len(head.AWS.CloudWatchMetrics) != 1 {
			t.Fatalf("%s: %v", line, err)
		}
		d := head.AWS.CloudWatchMetrics[0]
		if d.Namespace != "Assay/dev" {
			t.Errorf("namespace %q", d.Namespace)
		}
		for _, set := range d.Dimensions {
			for _, k := range set {
				if _, ok := doc[k].(string); !ok {
					t.Errorf("dimension %s is no text in %s", k, line)
				}
			}
		}
		for _, x := range d.Metrics {
			v, ok := doc[x.Name].(float64)
			if !ok {
				t.Errorf("metric %s is no number in %s", x.Name, line)
			}
			sums[x.Name] += v
		}
	}
	for name, want := range map[string]float64{"BatchAttempts": 2, "BatchesSettled": 1, "EventEntriesFailed": 3, "RowsRejected": 3, "RejectsByCheck": 4, "BreakerOpen": 0.5, "FreshnessSeconds": 90} {
		if sums[name] != want {
			t.Errorf("%s is %v, want %v", name, sums[name], want)
		}
	}
	var none *Metrics
	none.Attempt(true)
	none.Refused(1)
	none.Decided(context.Background(), flow.Batch{}, nil, breaker.Open)
}

// A trace goes from the header of the event through the context to the collector,
// and names no more than ids.
func TestTracer(t *testing.T) {
	var got []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s", r.URL.Path, r.Header.Get("Content-Type"))
		}
		got, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	a := Open(Config{Traces: s.URL}, Options{Function: "parse", Now: func() time.Time { return morning }})
	tr := a.Tracer()
	parent := FromXRay("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	if parent != "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01" {
		t.Fatalf("parent %q", parent)
	}
	ctx, end := tr.Start(pipeline.WithTrace(context.Background(), parent), "outer", "assay.feed", "orders", "assay.batch", "")
	inner, endInner := tr.Start(ctx, "inner")
	out := flow.Outgoing{Message: &flow.Message{ID: "m"}}.Traced(inner)
	endInner(pipeline.Errorf(pipeline.CodeUnavailable, "a value that no span may hold"))
	end(nil)
	tr.Flush(ctx)
	var doc struct {
		ResourceSpans []struct {
			ScopeSpans []struct{ Spans []otlpSpan }
		}
	}
	if err := json.Unmarshal(got, &doc); err != nil || strings.Contains(string(got), "no span may hold") {
		t.Fatalf("%s: %v", got, err)
	}
	spans := doc.ResourceSpans[0].ScopeSpans[0].Spans
	if len(spans) != 2 || spans[0].Parent != spans[1].Span || spans[1].Parent != "53995c3f42cd8ad8" || spans[0].Trace != "5759e988bd862e3fe1be46a994272793" ||
		spans[0].Status != (otlpStatus{2, "unavailable"}) || spans[1].Status.Code != 1 || len(spans[1].Attributes) != 1 {
		t.Errorf("%+v", spans)
	}
	if out.Message.Trace != "00-5759e988bd862e3fe1be46a994272793-"+spans[0].Span+"-01" {
		t.Errorf("what left carries %q", out.Message.Trace)
	}
	for _, bad := range []string{"", "Root=1-2;Parent=3", "Root=1-5759e988-bd862e3fe1be46a994272793", "x"} {
		if p := FromXRay(bad); p != "" {
			t.Errorf("%q: %q", bad, p)
		}
	}
	// Where nobody listens, or nothing is to be traced, work goes on.
	s.Close()
	_, end = tr.Start(ctx, "lost")
	end(errors.New("x"))
	tr.Flush(ctx)
	_, end = (*Tracer)(nil).Start(ctx, "none")
	end(nil)
	(*Tracer)(nil).Flush(ctx)
}

// settledStore is a store that keeps nothing but what settled.
type settledStore struct {
	model.Store
	err error
}

func (s settledStore) Settle(context.Context, model.Settlement) error { return s.err }

// What a model call cost stands on its span and in the metrics; what it was
// asked, and what a provider said of that, does not.
func TestModelCosts(t *testing.T) {
	var out bytes.Buffer
	a := Open(Config{Traces: "http://127.0.0.1:1", Metrics: "emf:Assay"}, Options{Function: "parse", Metrics: &out, Now: func() time.Time { return morning }})
	ctx := pipeline.WithTrace(context.Background(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01")
	calls := []model.Call{
		{ID: "c1", At: morning, Model: "openai:m", Purpose: "extract", Usage: model.Usage{In: 900, Out: 80, Cached: 512}, Micros: 1250, Priced: true,
			Attempts: []model.Attempt{{Latency: time.Second}, {Latency: 2 * time.Second}}},
		{ID: "c2", At: morning, Model: "openai:m", Purpose: "classify", Error: "the provider said: secret text"},
	}
	if err := (counted{settledStore{}, a.metrics, a.tracer}).Settle(ctx, model.Settlement{Calls: calls}); err != nil {
		t.Fatal(err)
	}
	spans := a.tracer.spans
	if len(spans) != 2 || spans[0].Parent != "53995c3f42cd8ad8" || spans[0].End != nanos(morning.Add(3*time.Second)) || spans[1].Status.Code != 2 {
		t.Fatalf("%+v", spans)
	}
	got := map[string]string{}
	for _, x := range spans[0].Attributes {
		got[x.Key] = x.Value.String
	}
	for k, want := range map[string]string{"assay.model": "openai:m", "assay.tokens.in": "900", "assay.tokens.out": "80", "assay.tokens.cached": "512", "assay.dollars": "0.001250", "assay.attempts": "2"} {
		if got[k] != want {
			t.Errorf("%s is %q, want %q", k, got[k], want)
		}
	}
	all, err := json.Marshal(spans)
	if err != nil || strings.Contains(string(all), "secret") || !strings.Contains(out.String(), `"Dollars":0.00125`) {
		t.Errorf("%s\n%s", all, out.String())
	}
	// What was not kept was not counted: the client settles again.
	if err := (counted{settledStore{err: errors.New("gone")}, a.metrics, a.tracer}).Settle(ctx, model.Settlement{Calls: calls}); err == nil || len(a.tracer.spans) != 2 {
		t.Errorf("%v, %d spans", err, len(a.tracer.spans))
	}
}

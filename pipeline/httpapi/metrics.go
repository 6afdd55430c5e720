package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// bounds of the histogram of answers, in seconds.
var bounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25}

// figures count what this process answered.
type figures struct {
	mu     sync.Mutex
	counts map[[2]string]int64 // by operation and status
	times  map[string]*histogram
}

type histogram struct {
	buckets []int64
	sum     float64
	count   int64
}

func newFigures() *figures {
	return &figures{counts: map[[2]string]int64{}, times: map[string]*histogram{}}
}

func (f *figures) observe(operation string, status int, took time.Duration) {
	if operation == "" {
		operation = "none" // no route: never named by the path, which anybody may make up
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[[2]string{operation, strconv.Itoa(status)}]++
	h := f.times[operation]
	if h == nil {
		h = &histogram{buckets: make([]int64, len(bounds))}
		f.times[operation] = h
	}
	s := took.Seconds()
	h.sum += s
	h.count++
	if i, _ := slices.BinarySearch(bounds, s); i < len(bounds) {
		h.buckets[i]++
	}
}

func (f *figures) write(b *bytes.Buffer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	head(b, "assay_http_requests_total", "counter", "Requests by operation and status.")
	keys := slices.SortedFunc(maps.Keys(f.counts), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, k := range keys {
		line(b, "assay_http_requests_total", float64(f.counts[k]), "operation", k[0], "code", k[1])
	}
	const name = "assay_http_request_seconds"
	head(b, name, "histogram", "Time to answer.")
	for _, op := range slices.Sorted(maps.Keys(f.times)) {
		h := f.times[op]
		n := int64(0)
		for i, bound := range bounds {
			n += h.buckets[i]
			line(b, name+"_bucket", float64(n), "operation", op, "le", strconv.FormatFloat(bound, 'g', -1, 64))
		}
		line(b, name+"_bucket", float64(h.count), "operation", op, "le", "+Inf")
		line(b, name+"_sum", h.sum, "operation", op)
		line(b, name+"_count", float64(h.count), "operation", op)
	}
}

// writeMetrics writes what this process counted and how the pipeline is. The
// figures of the pipeline come from the store, so every process says the same.
func (s *Server) writeMetrics(ctx context.Context, b *bytes.Buffer) error {
	feeds, err := s.opt.Overview.List(ctx)
	if err != nil {
		return err
	}
	head(b, "assay_info", "gauge", "The program.")
	line(b, "assay_info", 1, "version", s.opt.Version)
	s.figures.write(b)
	head(b, "assay_feed_breaker_open", "gauge", "1 while the breaker of the feed is open, 0.5 while it is half-open.")
	for _, f := range feeds {
		v := 0.0
		switch f.Breaker {
		case breaker.Open:
			v = 1
		case breaker.HalfOpen:
			v = 0.5
		}
		line(b, "assay_feed_breaker_open", v, "feed", f.Feed)
	}
	for _, g := range []struct {
		name, help string
		of         func(flow.FeedState) float64
	}{
		{"assay_feed_held_batches", "Batches that are held.", func(f flow.FeedState) float64 { return float64(f.Held) }},
		{"assay_feed_waiting_batches", "Batches that wait for a person.", func(f flow.FeedState) float64 { return float64(f.Waiting) }},
		{"assay_feed_reject_rate", "Share of rejected rows of the newest batch.", func(f flow.FeedState) float64 { return f.RejectRate }},
		{"assay_feed_lapses", "Promises of the feed that are not kept.", func(f flow.FeedState) float64 { return float64(len(f.Open)) }},
		{"assay_feed_age_seconds", "Age of the published data; -1 where there is none.", func(f flow.FeedState) float64 { return float64(f.Age) }},
	} {
		head(b, g.name, "gauge", g.help)
		for _, f := range feeds {
			line(b, g.name, g.of(f), "feed", f.Feed)
		}
	}
	if err := s.answerMetrics(ctx, b); err != nil {
		return err
	}
	head(b, "assay_queue_messages", "gauge", "Messages of the local queue, by topic.")
	for _, topic := range []string{flow.TopicParse, flow.TopicMatch, flow.TopicReplay} {
		waiting, dead, err := s.opt.Ingest.Store.Depth(ctx, topic)
		if err != nil {
			return err
		}
		line(b, "assay_queue_messages", float64(waiting), "topic", topic, "state", "waiting")
		line(b, "assay_queue_messages", float64(dead), "topic", topic, "state", "dead")
	}
	return nil
}

// answerMetrics writes how the answers are: what canary queries found in the live
// indexes when they were asked last, and the breakers that evaluations move.
func (s *Server) answerMetrics(ctx context.Context, b *bytes.Buffer) error {
	store := s.opt.Ingest.Store
	var runs []observe.CanaryRun
	for _, set := range []string{flow.ItemCanaries, flow.KnowledgeCanaries, flow.SearchCanaries} {
		last, err := store.CanaryRuns(ctx, set, 1)
		if err != nil {
			return err
		}
		runs = append(runs, last...)
	}
	for _, g := range []struct {
		name, help string
		of         func(observe.CanaryRun) float64
	}{
		{"assay_canary_precision", "Precision at k of the canary queries of a live index.", func(r observe.CanaryRun) float64 { return r.Precision }},
		{"assay_canary_latency_seconds", "95th percentile of the time that canary queries took.", func(r observe.CanaryRun) float64 { return r.LatencyMS / 1000 }},
		{"assay_canary_error_rate", "Share of canary queries that failed.", func(r observe.CanaryRun) float64 { return r.Errors }},
	} {
		if len(runs) > 0 {
			head(b, g.name, "gauge", g.help)
		}
		for _, r := range runs {
			line(b, g.name, g.of(r), "set", r.Set)
		}
	}
	states, err := store.Breakers(ctx)
	if err != nil {
		return err
	}
	first := true
	for _, st := range states {
		if st.Key.Signal != flow.EvalSignal {
			continue
		}
		if first {
			head(b, "assay_answers_breaker_open", "gauge", "1 while a breaker of the answers is open, 0.5 while it is half-open.")
			first = false
		}
		line(b, "assay_answers_breaker_open", map[breaker.Position]float64{breaker.Open: 1, breaker.HalfOpen: 0.5}[st.Position], "scope", st.Key.Scope)
	}
	return nil
}

func head(b *bytes.Buffer, name, kind, help string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

var label = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// line writes one sample; labels are names and values in turn.
func line(b *bytes.Buffer, name string, value float64, labels ...string) {
	b.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(labels[i] + `="` + label.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

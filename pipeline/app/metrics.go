package app

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// Metrics writes what a function counts in CloudWatch's embedded metric format:
// one JSON line per call, from which CloudWatch makes metrics without a request.
// A nil *Metrics writes nothing. No value, text or key of a row is in a line.
type Metrics struct {
	mu        sync.Mutex
	w         io.Writer
	namespace string
	function  string
	now       func() time.Time
}

// A Measure is one number under the name of its metric.
type Measure struct {
	Name  string
	Unit  string // of CloudWatch: Count, Seconds, Milliseconds, Percent, None
	Value float64
}

// Put writes measures, once as they are and once by the dimensions where there
// are any.
func (m *Metrics) Put(dimensions map[string]string, measures ...Measure) {
	if m == nil || len(measures) == 0 {
		return
	}
	type metric struct {
		Name string `json:"Name"`
		Unit string `json:"Unit"`
	}
	sets := [][]string{{}}
	if len(dimensions) > 0 {
		sets = append(sets, slices.Sorted(maps.Keys(dimensions)))
	}
	line := map[string]any{"function": m.function}
	for k, v := range dimensions {
		line[k] = v
	}
	metrics := make([]metric, len(measures))
	for i, x := range measures {
		metrics[i] = metric{x.Name, x.Unit}
		line[x.Name] = x.Value
	}
	line["_aws"] = map[string]any{
		"Timestamp":         m.now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{"Namespace": m.namespace, "Dimensions": sets, "Metrics": metrics}},
	}
	b, err := json.Marshal(line)
	if err != nil {
		return // numbers that are none, such as 0/0, are not worth a failure
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.w.Write(append(b, '\n')) // nobody to tell
}

// Attempt counts one try to take a landed object to its end: judged, decided,
// and announced. Each try counts, so that what succeeds at the third is two
// failures of three.
func (m *Metrics) Attempt(settled bool) {
	n := 0.0
	if settled {
		n = 1
	}
	m.Put(nil, Measure{"BatchAttempts", "Count", 1}, Measure{"BatchesSettled", "Count", n})
}

// Refused counts entries that the event bus did not take.
func (m *Metrics) Refused(n int) {
	if m != nil {
		m.Put(map[string]string{"Function": m.function}, Measure{"EventEntriesFailed", "Count", float64(n)})
	}
}

// Decided counts a decided batch: its rows, what they were rejected for, the
// position of the breaker (0 closed, 0.5 half-open, 1 open), and, where it was
// published, how long that took since it landed.
func (m *Metrics) Decided(_ context.Context, b flow.Batch, failed []flow.FailedCheck, at breaker.Position) {
	if m == nil {
		return
	}
	position := map[breaker.Position]float64{breaker.Open: 1, breaker.HalfOpen: 0.5}[at]
	held := 0.0
	if b.Stage == flow.Held {
		held = 1
	}
	measures := []Measure{
		{"RowsRead", "Count", float64(b.Rows.Read)}, {"RowsAccepted", "Count", float64(b.Rows.Accepted)}, {"RowsRejected", "Count", float64(b.Rows.Rejected)},
		{"BatchesHeld", "Count", held}, {"BreakerOpen", "None", position},
	}
	if b.Stage == flow.Done && b.Replays == 0 {
		measures = append(measures, Measure{"FreshnessSeconds", "Seconds", max(b.Updated.Sub(b.Created).Seconds(), 0)})
	}
	m.Put(map[string]string{"Feed": b.Feed}, measures...)
	by := map[string]int64{}
	for _, c := range failed {
		by[c.Rule] += c.Failed
	}
	for _, rule := range slices.Sorted(maps.Keys(by)) {
		m.Put(map[string]string{"Check": rule}, Measure{"RejectsByCheck", "Count", float64(by[rule])})
	}
}

// counted is the store of model calls that also counts and traces them: what
// they cost stands in the metrics and on their spans.
type counted struct {
	model.Store
	metrics *Metrics
	tracer  *Tracer
}

// Settle implements model.Store.
func (c counted) Settle(ctx context.Context, s model.Settlement) error {
	if err := c.Store.Settle(ctx, s); err != nil {
		return err
	}
	for _, x := range s.Calls {
		var took time.Duration
		for _, a := range x.Attempts {
			took += a.Latency
		}
		failed, dollars := "", ""
		if x.Error != "" {
			failed = "model" // the message may hold what a provider said of the prompt
		}
		if x.Priced {
			dollars = strconv.FormatFloat(float64(x.Micros)/1e6, 'f', 6, 64)
		}
		c.tracer.Add(ctx, "model.call", x.At, x.At.Add(took), failed,
			"assay.model", x.Model, "assay.purpose", x.Purpose, "assay.batch", x.Batch, "assay.call", x.ID,
			"assay.attempts", strconv.Itoa(len(x.Attempts)), "assay.tokens.in", strconv.Itoa(x.Usage.In),
			"assay.tokens.out", strconv.Itoa(x.Usage.Out), "assay.tokens.cached", strconv.Itoa(x.Usage.Cached), "assay.dollars", dollars)
		if c.metrics == nil {
			continue
		}
		c.metrics.Put(map[string]string{"Model": x.Model}, Measure{"Tokens", "Count", float64(x.Usage.In + x.Usage.Out)},
			Measure{"Dollars", "None", float64(x.Micros) / 1e6}, Measure{"ModelCalls", "Count", 1})
	}
	return nil
}

// Metrics is where this process counts; nil where ASSAY_METRICS names nothing.
func (a *App) Metrics() *Metrics { return a.metrics }

package flow

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// ProbeBytes is how much of a batch is judged first while its feed's breaker is
// half-open. Where the rates of that much are beyond the policy's limits, the
// batch is held and the breaker opens again, without reading the rest.
const ProbeBytes = 1 << 20

// probeOrGate judges the batch, or as much of it as it takes to see that the
// feed is not well yet.
func (in *Ingest) probeOrGate(ctx context.Context, f *contract.Feed, b Batch) (*gate.Report, []lake.File, error) {
	policy, err := BreakerPolicy(f)
	if err != nil {
		return nil, nil, err
	}
	state, err := in.Store.LoadBreaker(ctx, FeedBreaker(b.Feed))
	if err != nil {
		return nil, nil, err
	}
	if ticked, _ := policy.Tick(state, stamp(in.Now)); ticked.Position == breaker.HalfOpen && b.Replays == 0 && !policy.Observing() {
		report, err := in.probe(ctx, f, b, policy, ticked)
		if err != nil {
			return nil, nil, err
		}
		if report != nil {
			in.trace(StepReport)
			return report, nil, in.writeReport(ctx, b, report)
		}
	}
	return in.gate(ctx, f, b, confidence(in.expectDegraded(policy, state, b)))
}

// probe judges the beginning of a batch, and returns its report where that is
// beyond the limits; nil where it is not, or where the file is too small, or
// cannot be cut (compressed, Parquet, another encoding than UTF-8). Checks over
// the whole file say nothing about a part, so rates alone count.
func (in *Ingest) probe(ctx context.Context, f *contract.Feed, b Batch, p breaker.Policy, state breaker.State) (*gate.Report, error) {
	if b.Size <= ProbeBytes || !cuttable(f, b.Key) {
		return nil, nil
	}
	whole := in.input(b)
	r, err := whole.Open(ctx, 0, ProbeBytes)
	if err != nil {
		return nil, err
	}
	head, err := io.ReadAll(r)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(head, '\n') + 1
	if end == 0 {
		return nil, nil // a record longer than the probe
	}
	head = head[:end]
	report, err := in.look(ctx, f, b, gate.Input{
		Name: b.Key, Size: int64(len(head)),
		Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
			part := head[min(off, int64(len(head))):]
			if n >= 0 {
				part = part[:min(n, int64(len(part)))]
			}
			return io.NopCloser(bytes.NewReader(part)), nil
		},
	})
	if err != nil {
		return nil, err
	}
	sample := rates(sampleOf(b, f, report, stamp(in.Now)))
	after, _ := p.Step(state, sample)
	if after.Position != breaker.Open {
		return nil, nil
	}
	report.Decision, report.Verdict = pipeline.Hold, pipeline.Failed
	report.Violations = nil // checks over a part are no checks
	report.Reason = fmt.Sprintf("half-open: the first %d rows were judged: %s; the rest was not", report.Rows.Read, strings.TrimPrefix(after.Cause, "probe: "))
	report.Metrics = sample.Metrics
	return report, nil
}

// cuttable reports whether the beginning of a file, up to the end of a line, is
// a file of the same kind.
func cuttable(f *contract.Feed, key string) bool {
	enc := strings.ToLower(strings.NewReplacer("_", "-", " ", "").Replace(f.Dialect.Encoding))
	return codec.Compression(codec.Dialect{Compression: f.Dialect.Compression}, key) == "" && strings.HasSuffix(strings.ToLower(key), ".csv") &&
		(enc == "" || enc == "utf-8" || enc == "utf8")
}

// rates is s with those metrics alone that a part of a file has as well.
func rates(s breaker.Sample) breaker.Sample {
	s.Metrics = maps.Clone(s.Metrics)
	maps.DeleteFunc(s.Metrics, func(name string, _ float64) bool {
		return name != breaker.RejectRate && name != breaker.NullRate && !strings.HasPrefix(name, breaker.NullRate+".")
	})
	s.Violations, s.Published = nil, true
	return s
}

// look judges and writes nothing.
func (in *Ingest) look(ctx context.Context, f *contract.Feed, b Batch, input gate.Input) (*gate.Report, error) {
	g, err := gate.Compile(f)
	if err != nil {
		return nil, err
	}
	history, err := in.history(ctx, f, b)
	if err != nil {
		return nil, err
	}
	at := stamp(in.Now)
	report, err := g.Judge(ctx, input, gate.Options{
		Batch: b.ID, Memory: in.Memory, Tmp: in.Tmp, Now: func() time.Time { return at }, EventTime: b.EventTime, History: history,
		Keys: in.keysFor(g, b),
	})
	if err != nil {
		return nil, err
	}
	return report, report.Problem.Err()
}

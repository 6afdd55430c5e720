package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/localrt"
)

var (
	largeMB = flag.Int("large-mb", 24, "size of the file of TestLargeFile, in MB; the figure is that of 5000")
	peakMB  = flag.Int("peak-mb", 0, "size of the file of TestPeakMemory, in MB; 0 leaves it out, the figure is that of 1000")
)

// sensorContract has a check of each kind that costs something.
const sensorContract = `apiVersion: v3.1.0
kind: DataContract
id: readings
version: 1.0.0
status: active
customProperties:
  - {property: assay.load, value: append}
  - {property: assay.maxRejectRate, value: 10%}
  - {property: assay.breaker, value: {mode: observe}}
schema:
  - name: readings
    properties:
      - {name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}
      - {name: sensor, logicalType: string, required: true, logicalTypeOptions: {pattern: "^S-[0-9]{4}$", maxLength: 6}}
      - {name: at, logicalType: timestamp, required: true}
      - {name: value, logicalType: number, logicalTypeOptions: {minimum: -50, maximum: 150}}
      - {name: unit, logicalType: string, required: true, quality: [{id: known-unit, metric: invalidValues, arguments: {validValues: [C, K, F]}, mustBe: 0, severity: error, dimension: conformity}]}
      - {name: note, logicalType: string, logicalTypeOptions: {maxLength: 60}}
`

// writeReadings writes a file of about size bytes: readings of sensors, of which
// one in a few hundred has a fault, and some have line breaks within quotes. It
// returns the rows.
func writeReadings(t testing.TB, file string, size int64) int64 {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	dice := rand.New(rand.NewPCG(uint64(size), 12))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	line := append(make([]byte, 0, 256), "id,sensor,at,value,unit,note\n"...)
	var rows, written int64
	for {
		n, err := w.Write(line)
		if err != nil {
			t.Fatal(err)
		}
		if written += int64(n); written >= size {
			break
		}
		id, value, unit, note := rows, dice.IntN(20000)-5000, "C", "the usual"
		switch dice.IntN(1000) {
		case 0:
			value = 99999 // beyond the range
		case 1:
			unit = "X"
		case 2:
			id = rows / 2 // a key that was there
		case 3, 4, 5:
			note = "\"two\nlines, \"\"quoted\"\"\""
		}
		line = strconv.AppendInt(line[:0], id, 10)
		line = append(line, ",S-"...)
		line = append(line, byte('0'+dice.IntN(10)), byte('0'+dice.IntN(10)), byte('0'+dice.IntN(10)), byte('0'+dice.IntN(10)), ',')
		line = at.Add(time.Duration(rows)*time.Second).AppendFormat(line, "2006-01-02T15:04:05Z")
		line = append(line, ',')
		line = strconv.AppendFloat(line, float64(value)/100, 'f', 2, 64)
		line = append(line, ',')
		line = append(append(append(append(line, unit...), ','), note...), '\n')
		rows++
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return rows
}

// newLake deploys no more than judging needs: a store, and a lake on disk.
func newLake(t testing.TB, s *diskStore, bucket string) *world {
	t.Helper()
	dir := scaffold(t)
	if err := os.WriteFile(filepath.Join(dir, "feeds", "readings.odcs.yaml"), []byte(sensorContract), 0o644); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bucket: bucket, queues: map[string]string{}, log: &logBuffer{}, s3: s3Client(s.url)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the functions wrote:\n%s", w.log)
		}
	})
	w.env = []string{
		"AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL_S3=" + s.url,
		"ASSAY_LAKE=s3://" + bucket, "ASSAY_STORE=" + schema(t), "ASSAY_EVENTS=file:events.jsonl", "ASSAY_TMP=" + t.TempDir(),
		"ASSAY_CONTRACTS=dir:" + filepath.Join(dir, "feeds"), "ASSAY_KNOWLEDGE=dir:" + filepath.Join(dir, "catalog"),
	}
	w.openStore()
	return w
}

const largeKey = "landing/readings/large.csv"

// whole judges the large file in one process with one core.
func (w *world) whole() (flow.Batch, localrt.Result) {
	w.t.Helper()
	e := localrt.NewEnvironment(w.single("ingest"))
	defer e.Close()
	if _, err := e.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	res, err := e.Invoke(w.t.Context(), fmt.Appendf(nil, `{"bucket": %q, "key": %q}`, w.bucket, largeKey))
	if err != nil || res.Failure != nil {
		w.t.Fatalf("%v %v", res.Failure, err)
	}
	var out struct{ Batches []flow.Batch }
	if err := json.Unmarshal(res.Response, &out); err != nil || len(out.Batches) != 1 || out.Batches[0].Stage != flow.Done {
		w.t.Fatalf("%s %v", res.Response, err)
	}
	return out.Batches[0], res
}

// single is a function that has one core.
func (w *world) single(name string) localrt.Function {
	f := w.function(name)
	f.Timeout = time.Hour
	f.Env = append(f.Env, "GOMAXPROCS=1")
	return f
}

// inRanges runs the state machine over the large file on a pool.
func (w *world) inRanges(s *diskStore, pool *localrt.Pool, rangeBytes int64, change func(call int, payload []byte) error) (flow.Batch, *machine) {
	w.t.Helper()
	text := largeFile(w.t)
	if rangeBytes > 0 {
		text = regexp.MustCompile(`"range_bytes": \d+`).ReplaceAll(text, fmt.Appendf(nil, `"range_bytes": %d`, rangeBytes))
	}
	m, err := readMachine(text, map[string]string{"IngestFunction": "ingest"})
	if err != nil {
		w.t.Fatal(err)
	}
	calls := make(chan int, 1)
	calls <- 0
	m.pause = func(ctx context.Context, d time.Duration) error { return ctx.Err() } // retries are not waited for
	m.invoke = func(ctx context.Context, _ string, payload []byte) ([]byte, error) {
		call := <-calls
		calls <- call + 1
		if change != nil {
			if err := change(call, payload); err != nil {
				return nil, err
			}
		}
		res, err := pool.Invoke(ctx, payload)
		if err != nil {
			return nil, err
		}
		w.t.Logf("%s: %.2f s", payload, res.Duration.Seconds())
		if f := res.Failure; f != nil {
			cause, err := json.Marshal(f)
			if err != nil {
				return nil, err
			}
			return nil, &stateError{f.Type, string(cause)}
		}
		return res.Response, nil
	}
	m.read = func(_ context.Context, bucket, key string) ([]byte, error) { return os.ReadFile(s.file(bucket, key)) }
	event := map[string]any{
		"detail-type": "Object Created", "source": "aws.s3",
		"detail": map[string]any{"bucket": map[string]any{"name": w.bucket}, "object": map[string]any{"key": largeKey}},
	}
	if _, err := m.run(w.t.Context(), event); err != nil {
		w.t.Fatal(err)
	}
	bs := w.batches()[largeKey]
	if len(bs) != 1 || bs[0].Stage != flow.Done {
		w.t.Fatalf("%+v", bs)
	}
	return bs[0], m
}

// report is the report of a batch, without what two runs cannot share: the
// batch's id, the names and sizes of its data files, and the time it took.
func (w *world) report(b flow.Batch) []byte {
	w.t.Helper()
	raw := bytes.ReplaceAll(w.object(b.Report), []byte(b.ID), []byte("BATCH"))
	raw = regexp.MustCompile(`(?s)\n *"files": \[.*?\],?`).ReplaceAll(raw, nil)
	raw = regexp.MustCompile(`\n *"duration_seconds": [^\n]*`).ReplaceAll(raw, nil)
	return raw
}

// TestLargeFile: a file that is judged in ranges, side by side and driven by the
// document of the state machine, gets the report that one process writes.
func TestLargeFile(t *testing.T) {
	s := newDiskStore(t)
	a, b := newLake(t, s, "whole"), newLake(t, s, "ranges")
	file := filepath.Join(s.root, "large.csv")
	rows := writeReadings(t, file, int64(*largeMB)*1e6)
	for _, w := range []*world{a, b} {
		dst := s.file(w.bucket, largeKey)
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(file, dst); err != nil {
			t.Fatal(err)
		}
	}
	rangeBytes := int64(0) // what the document says
	if *largeMB < 2000 {
		rangeBytes = int64(*largeMB) * 1e6 / 16
	}
	pool := localrt.NewPool(b.single("ingest"), 8)
	defer pool.Close()
	for i := range pool.Size() { // both begin warm
		if _, err := pool.Environment(i).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	one, res := a.whole()
	began := time.Now()
	many, m := b.inRanges(s, pool, rangeBytes, nil)
	side := time.Since(began)

	if one.Rows.Read != rows || one.Rows.Rejected == 0 || many.Rows != one.Rows || many.Verdict != one.Verdict || many.Decision != one.Decision {
		t.Errorf("%d rows were written; whole: %+v, in ranges: %+v", rows, one, many)
	}
	want, got := a.report(one), b.report(many)
	same := bytes.Equal(want, got)
	if !same {
		t.Errorf("the reports differ:\n%s", firstDifference(want, got))
	}
	for _, name := range []string{"rejects.csv"} {
		x, y := a.object(lake.QuarantineKey("readings", one.ID, name)), b.object(lake.QuarantineKey("readings", many.ID, name))
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs:\n%s", name, firstDifference(x, y))
		}
	}
	if m.visited["JudgePart"] < 8 || m.visited["Merge"] != 1 || m.most.Load() < 8 {
		t.Errorf("states %v, %d at once", m.visited, m.most.Load())
	}
	speedup := res.Duration.Seconds() / side.Seconds()
	t.Logf("%d MB, %d rows: one process %.1f s and %d MB, %d ranges over 8 %.1f s and %d MB each: %.2f times",
		*largeMB, rows, res.Duration.Seconds(), res.Memory>>20, m.visited["JudgePart"], side.Seconds(), pool.Stats().Peak>>20, speedup)
	figure(t, map[string]any{"large_mb": *largeMB, "large_speedup": round(speedup), "large_same_report": same})
}

// TestLargeFileRetries: steps that fail on the way, runtimes that are killed and
// a contract that changes are followed as the document says, to the same end.
func TestLargeFileRetries(t *testing.T) {
	s := newDiskStore(t)
	w := newLake(t, s, "ranges")
	dst := s.file(w.bucket, largeKey)
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		t.Fatal(err)
	}
	rows := writeReadings(t, dst, 4e6)
	pool := localrt.NewPool(w.single("ingest"), 4)
	defer pool.Close()
	batch, m := w.inRanges(s, pool, 5e5, func(call int, payload []byte) error {
		switch call {
		case 0, 3, 6:
			return &stateError{"Lambda.TooManyRequestsException", "throttled"}
		case 4:
			time.AfterFunc(5*time.Millisecond, func() { pool.Environment(0).Kill() })
			time.AfterFunc(25*time.Millisecond, func() { pool.Environment(1).Kill() })
		}
		return nil
	})
	if batch.Rows.Read != rows || m.retries.Load() < 3 {
		t.Errorf("%+v after %d retries", batch, m.retries.Load())
	}
}

// TestPeakMemory: the memory of ingest does not grow with the file.
func TestPeakMemory(t *testing.T) {
	if *peakMB == 0 {
		t.Skip("-peak-mb asks for it")
	}
	s := newDiskStore(t)
	w := newLake(t, s, "peak")
	dst := s.file(w.bucket, largeKey)
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		t.Fatal(err)
	}
	writeReadings(t, dst, int64(*peakMB)*1e6)
	_, res := w.whole()
	t.Logf("%d MB: %.1f s, %d MB of memory", *peakMB, res.Duration.Seconds(), res.Memory>>20)
	figure(t, map[string]any{"peak_file_mb": *peakMB, "peak_mb_1gb": res.Memory >> 20})
}

func round(x float64) float64 { return float64(int(x*100+0.5)) / 100 }

func firstDifference(a, b []byte) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	cut := func(x []byte) []byte { return x[max(0, i-200):min(len(x), i+200)] }
	return fmt.Sprintf("at byte %d\n%s\n----\n%s", i, cut(a), cut(b))
}

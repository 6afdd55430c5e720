package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/dirlake"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

func input(name string, b []byte) gate.Input {
	return gate.Input{Name: name, Size: int64(len(b)), Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		part := b[off:]
		if n >= 0 {
			part = part[:min(n, int64(len(part)))]
		}
		return io.NopCloser(bytes.NewReader(part)), nil
	}}
}

func parse(t testing.TB, name string, src []byte) (*contract.Document, *contract.Feed) {
	t.Helper()
	d, err := contract.Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Feed("")
	if err != nil {
		t.Fatal(err)
	}
	return d, f
}

// orders is the sample feed of orders: its contract and one day of it.
func orders(t testing.TB) chaos.Options {
	t.Helper()
	src, err := library.FS.ReadFile("feeds/orders.odcs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	opt := chaos.Options{Open: scratch(t), Tmp: t.TempDir(), Seed: 1, Clean: 14}
	opt.Document, opt.Feed = parse(t, "orders.odcs.yaml", src)
	for _, f := range sample.Generate(sample.Options{Seed: 1, Items: 300, Transactions: 9000}).Files {
		if f.Feed == sample.OrdersFeed && len(opt.Batches) == 0 {
			opt.Batches = append(opt.Batches, chaos.Batch{Input: input(f.Name, f.Bytes), EventTime: f.EventTime})
		}
	}
	return opt
}

func scratch(t testing.TB) func(context.Context, string) (*chaos.Scratch, error) {
	t.Helper()
	cfg, err := app.ReadConfig(nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return app.Open(cfg, app.Options{}).Scratch
}

// empty fails where something is left of the scratch space.
func empty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the scratch space: %v, %v", left, err)
	}
}

// TestSampleFeed: the contract of the orders catches every fault in its
// strongest form by the detector that was named, and no clean batch trips.
func TestSampleFeed(t *testing.T) {
	opt := orders(t)
	rep, err := chaos.Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	empty(t, opt.Tmp)
	if !rep.Passed() {
		var b strings.Builder
		_ = rep.WriteText(&b)
		t.Fatal(b.String())
	}
	if len(rep.Experiments) < 60 || rep.MutationScore < 0.8 || rep.MutationScore > 1 {
		t.Errorf("%d experiments, score %v", len(rep.Experiments), rep.MutationScore)
	}
	names := map[string]int{}
	for _, e := range rep.Experiments {
		names[e.Name]++
		if e.Detected && e.Outcome == chaos.Missed || e.Detected != (e.DetectedBy != "") {
			t.Errorf("%+v", e)
		}
		if e.Name == "nulls" && e.Strength == "strong" {
			if e.Damaged < 100 || e.Read != 0 || e.Decision != "hold" || e.Recovery == nil || !e.Recovery.Closed || strings.Join(e.Recovery.Path, " ") != "open half-open closed" {
				t.Errorf("%+v %+v", e, e.Recovery)
			}
		}
		if e.Name == "column-retyped" && e.Strength == "weak" && (e.Read != 0 || e.Decision != "publish_accepted") {
			t.Errorf("%+v", e)
		}
	}
	for name, n := range names {
		if n != len(chaos.Strengths) {
			t.Errorf("%s ran %d times", name, n)
		}
	}
	for _, want := range []string{"column-added", "column-removed", "column-renamed", "column-retyped", "columns-reordered", "nulls", "staleness", "cadence-change",
		"shift", "scale", "unit-change", "category-mix", "words-to-numbers", "new-status", "dates-to-epoch", "duplicate-rows", "duplicate-delivery",
		"truncation", "encoding-change", "volume-drop", "partial-upload"} {
		if names[want] == 0 {
			t.Errorf("%s did not run", want)
		}
	}
	reports(t, rep)
}

// reports: every form of the report says the same.
func reports(t *testing.T, rep *chaos.Report) {
	t.Helper()
	var doc struct {
		Experiments []map[string]any `json:"experiments"`
		Score       *float64         `json:"mutation_score"`
		Trips       *int             `json:"clean_trips"`
	}
	var b bytes.Buffer
	if err := rep.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil || doc.Score == nil || doc.Trips == nil || len(doc.Experiments) != len(rep.Experiments) {
		t.Fatal(err, doc)
	}
	for _, key := range []string{"name", "strength", "expected_detector", "detected_by", "detected", "latency_batches"} {
		if _, ok := doc.Experiments[0][key]; !ok {
			t.Errorf("an experiment has no %s", key)
		}
	}
	b.Reset()
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	if err := rep.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b.Bytes(), &suite); err != nil || suite.Tests != len(rep.Experiments)+1 || (suite.Failures == 0) != rep.Passed() {
		t.Errorf("%v %+v", err, suite)
	}
	for _, write := range []func(io.Writer) error{rep.WriteText, rep.WriteHTML} {
		b.Reset()
		if err := write(&b); err != nil || !strings.Contains(b.String(), rep.Line()) {
			t.Errorf("%v: %.200s", err, b.String())
		}
	}
}

const bare = `apiVersion: v3.1.0
kind: DataContract
id: bare
version: 1.0.0
status: active
schema:
  - name: readings
    properties:
      - {name: id, logicalType: string}
      - {name: at, logicalType: date}
      - {name: state, logicalType: string}
      - {name: value, logicalType: number}
customProperties:
  - {property: assay.evolution, value: ignore}
  - {property: assay.format, value: jsonl}
`

// readings is a batch that the bare contract accepts.
func readings(n int) []byte {
	var b bytes.Buffer
	d := rand.New(rand.NewPCG(7, 7))
	enc := json.NewEncoder(&b)
	for i := range n {
		state := []string{"HIGH_RISK", "LIMITED_RISK", "MINIMAL_RISK"}[min(int(d.ExpFloat64()), 2)]
		_ = enc.Encode(map[string]any{"id": "r" + string(rune('a'+i%26)) + time.Unix(int64(i), 0).UTC().Format("150405"), "at": "2026-03-01", "state": state, "value": float64(int(d.NormFloat64()*1000)) / 100})
	}
	return b.Bytes()
}

// TestProposals: a contract that says next to nothing misses most faults; what
// is proposed for them catches them, and trips no clean batch.
func TestProposals(t *testing.T) {
	opt := chaos.Options{Open: scratch(t), Tmp: t.TempDir(), Seed: 3, Clean: 14,
		Batches: []chaos.Batch{{Input: input("readings.jsonl", readings(1200)), EventTime: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}}}
	opt.Document, opt.Feed = parse(t, "bare.odcs.yaml", []byte(bare))
	rep, err := chaos.Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	caught, of := rep.PatchesCaught()
	if rep.Passed() || of < 8 || caught*10 < of*9 || rep.CleanTrips+rep.PatchedTrips > 0 {
		var b strings.Builder
		_ = rep.WriteText(&b)
		t.Errorf("%d of %d caught\n%s", caught, of, b.String())
	}
	for _, p := range rep.Proposals {
		if !strings.HasPrefix(p.Patch, "--- a/bare.odcs.yaml\n+++ b/bare.odcs.yaml\n@@ ") || !strings.Contains(p.Patch, "\n+") {
			t.Errorf("no patch: %q", p.Patch)
		}
	}
	i := slices.IndexFunc(rep.Skipped, func(s chaos.Skipped) bool { return s.Name == "frequency" })
	if i < 0 || !strings.Contains(rep.Skipped[i].Reason, "states none") {
		t.Errorf("that there is no frequency is not said: %v", rep.Skipped)
	}
}

// TestSame: the same seed gives the same report, whatever runs beside it.
func TestSame(t *testing.T) {
	var first string
	for workers := range 2 {
		opt := orders(t)
		opt.Only, opt.Workers, opt.Clean = []string{"nulls", "shift", "encoding-change", "volume-drop"}, 1+3*workers, 3
		rep, err := chaos.Run(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		_ = rep.WriteJSON(&b)
		if first == "" {
			first = b.String()
		} else if b.String() != first {
			t.Errorf("one worker\n%s\nfour\n%s", first, b.String())
		}
	}
}

// TestBadInput: what cannot be attacked is said, and nothing is left behind.
func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*chaos.Options)
		want   string
	}{
		"no good batch":  {func(o *chaos.Options) { o.Batches = nil }, "no published batch"},
		"no such fault":  {func(o *chaos.Options) { o.Only = []string{"rain"} }, "there is no fault rain"},
		"cannot have it": {func(o *chaos.Options) { o.Only = []string{"stale-rows"} }, "cannot have the fault"},
		"few rows": {func(o *chaos.Options) {
			o.Batches[0].Input = input("x.csv", []byte("order_id,order_date\n"))
		}, "0 rows that the contract accepts"},
		"not a file of it": {func(o *chaos.Options) { o.Batches[0].Input = input("x.csv", []byte("a,b\n1,2\n")) }, "none of the contract's columns"},
		"no such column": {func(o *chaos.Options) {
			o.Own = []chaos.Own{{Name: "x", Detector: "a.b", Column: "nowhere", Clear: true}}
		}, "there is no column nowhere"},
		"documents": {func(o *chaos.Options) {
			f := *o.Feed
			f.Kind = contract.KindText
			o.Feed = &f
		}, "faults are put into rows"},
		"no scratch": {func(o *chaos.Options) { o.Tmp = filepath.Join(o.Tmp, "nowhere") }, "no scratch space"},
	} {
		opt := orders(t)
		dir := opt.Tmp
		c.change(&opt)
		rep, err := chaos.Run(t.Context(), opt)
		if err == nil || rep != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		empty(t, dir)
	}
}

// full is a driver on a disk that becomes full.
type full struct {
	*dirlake.Dir
	left *int64
}

func (f full) Put(ctx context.Context, key string, r io.Reader, c lake.Condition) (lake.Object, error) {
	o, err := f.Dir.Put(ctx, key, io.TeeReader(r, meter{f.left}), c)
	if err != nil && *f.left < 0 {
		return o, &os.PathError{Op: "write", Path: key, Err: syscall.ENOSPC}
	}
	return o, err
}

type meter struct{ left *int64 }

func (m meter) Write(p []byte) (int, error) {
	if *m.left -= int64(len(p)); *m.left < 0 {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

// TestDiskFull: in the middle of the run there is no space left.
func TestDiskFull(t *testing.T) {
	opt := orders(t)
	opt.Workers = 1
	open := opt.Open
	opt.Open = func(ctx context.Context, dir string) (*chaos.Scratch, error) {
		s, err := open(ctx, dir)
		if err != nil {
			return nil, err
		}
		d, err := dirlake.New(filepath.Join(dir, "lake"))
		if err != nil {
			return nil, err
		}
		left := int64(3 << 20)
		s.Lake = lake.New(full{d, &left}, lake.Options{Now: time.Now})
		build := s.Ingest
		s.Ingest = func(c flow.Contracts, now func() time.Time) *flow.Ingest {
			in := build(c, now)
			in.Lake = s.Lake
			return in
		}
		return s, nil
	}
	_, err := chaos.Run(t.Context(), opt)
	if err == nil || pipeline.ErrorCode(err) != pipeline.CodeUnavailable || !strings.Contains(err.Error(), "scratch space is full") {
		t.Errorf("%v", err)
	}
	empty(t, opt.Tmp)
}

// TestCanceled: an interrupted run leaves nothing behind.
func TestCanceled(t *testing.T) {
	opt := orders(t)
	ctx, cancel := context.WithCancel(t.Context())
	opt.Step = func(done, _ int) {
		if done > 3 {
			cancel()
		}
	}
	if _, err := chaos.Run(ctx, opt); err == nil {
		t.Error("a canceled run has a report")
	}
	empty(t, opt.Tmp)
}

// TestOwnFaults: described in YAML, and in Go.
func TestOwnFaults(t *testing.T) {
	own, err := chaos.ReadFaults("own.yaml", []byte(`
faults:
  - {name: wrong-currency, detector: currency.enum, column: currency, set: CHF, share: [1%, 0.05, 20%]}
  - {name: no-mail, detector: email.nullValues, column: email, clear: true}
  - {name: halved, detector: volume, drop: true, share: [10%, 50%, 90%]}
  - {name: late, detector: overdue, delay: [1h, 12h, 3d]}
  - {name: prefixed, detector: order_id.pattern, column: order_id, replace: {from: SO-, to: PO-}}
  - {name: dearer, detector: unit_price.maximum, column: unit_price, scale: 1000, share: [50%, 80%, 100%]}
`))
	if err != nil {
		t.Fatal(err)
	}
	own = append(own, chaos.Own{Fault: &chaos.Fault{Name: "shouting", Column: "status", Levels: [3]string{"a", "b", "c"},
		Detectors: []chaos.Detector{{Rule: "enum", Field: "status"}},
		Rows: func(level int, t *chaos.Table, _ *rand.Rand) int {
			c := t.Column("status")
			for i := range t.Rows {
				t.Rows[i][c].Text = strings.ToUpper(t.Rows[i][c].Text)
			}
			return len(t.Rows)
		}}})
	opt := orders(t)
	opt.Own, opt.Clean = own, 1
	for _, o := range own {
		if o.Fault != nil {
			opt.Only = append(opt.Only, o.Fault.Name)
		} else {
			opt.Only = append(opt.Only, o.Name)
		}
	}
	rep, err := chaos.Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range rep.Experiments {
		got[e.Name] += e.Outcome + " "
	}
	for name, want := range map[string]string{"wrong-currency": "named named named", "no-mail": "missed missed missed", "halved": "missed missed named",
		"late": "named named named", "prefixed": "named named named", "dearer": "named named named", "shouting": "named named named"} {
		if strings.TrimSpace(got[name]) != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
}

func TestReadFaults(t *testing.T) {
	for src, want := range map[string]string{
		"":                                  "there are no faults",
		"faults: 3":                         "own.yaml",
		"faults:\n  - {nam: x}":             "line 2: ",
		"faults:\n  - {name: [x]}":          "line 2: ",
		"faults:\n  - {name: x}\nmore: 1":   "more",
		"faults:\n  - \"a\xff\"":            "own.yaml",
		"faults: [{name: x, scale: \"a\"}]": "own.yaml",
	} {
		if _, err := chaos.ReadFaults("own.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", src, err)
		}
	}
	opt := orders(t)
	for src, want := range map[string]string{
		"{name: x, column: note, clear: true}":                          "names no detector",
		"{name: x, detector: a, column: note}":                          "0 actions",
		"{name: x, detector: a, column: note, clear: true, drop: true}": "2 actions",
		"{name: x, detector: a, column: note, scale: 2}":                "holds no numbers",
		"{name: x, detector: a, clear: true}":                           "names no column",
		"{name: x, detector: a, column: nt, clear: true}":               "own.yaml, line 1: fault x: there is no column nt",
		"{name: x, detector: a, drop: true, share: [1%]}":               "write three",
		"{name: x, detector: a, drop: true, share: [1%, 2%, 300%]}":     "no share",
		"{name: x, detector: a, delay: [1h, 2h, soon]}":                 "no duration",
		"{name: x, detector: a, delay: [1h]}":                           "write three",
		"{detector: a, drop: true}":                                     "has no name",
	} {
		own, err := chaos.ReadFaults("own.yaml", []byte("faults: ["+src+"]"))
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		opt.Own = own
		if _, err := chaos.Run(t.Context(), opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func FuzzReadFaults(f *testing.F) {
	f.Add([]byte("faults:\n  - {name: a, detector: b.c, column: d, set: e, share: [1%, 2%, 3%]}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		own, err := chaos.ReadFaults("own.yaml", src)
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid || err == nil && len(own) == 0 {
			t.Fatal(own, err)
		}
	})
}

package flow_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

const approvalAlways = "  - {property: assay.approval, value: always}\n"

func (w *world) decide(batch, decision, who string) (flow.Batch, error) {
	return w.run.Ingest.Decide(context.Background(), batch, decision, who, "looked at it")
}

func (w *world) waiting(name string, rows ...string) flow.Batch {
	w.t.Helper()
	w.land(name, rows...)
	bs := w.once()
	if len(bs) != 1 || bs[0].Stage != flow.Waiting {
		w.t.Fatalf("not waiting: %+v", bs)
	}
	return bs[0]
}

func wantCode(t *testing.T, what string, err error, want pipeline.Code, words string) {
	t.Helper()
	if pipeline.ErrorCode(err) != want || err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %q (%v), want %q with %q", what, pipeline.ErrorCode(err), err, want, words)
	}
}

func TestApproval(t *testing.T) {
	for _, c := range []struct {
		reason, when string
		rows         []string
		stage        flow.Stage
	}{
		{"a good one where all are asked for", "always", []string{"1,a,1"}, flow.Waiting},
		{"a good one where warnings are asked for", "on_warn", []string{"1,a,1"}, flow.Done},
		{"a bad row where warnings are asked for", "on_warn", []string{"1,a,1", "2,,1"}, flow.Waiting},
		{"a good one where holds are asked for", "on_hold", []string{"1,a,1"}, flow.Done},
		{"a hold", "on_hold", []string{"1,,1"}, flow.Waiting},
		{"a hold that nobody is asked about", "never", []string{"1,,1"}, flow.Held},
	} {
		t.Run(c.reason, func(t *testing.T) {
			w := newWorld(t, "  - {property: assay.approval, value: "+c.when+"}\n  - {property: assay.maxRejectRate, value: 0.6}\n")
			w.land("1.csv", c.rows...)
			if bs := w.once(); bs[0].Stage != c.stage {
				t.Errorf("%s (%s), want %s", bs[0].Stage, bs[0].Reason, c.stage)
			}
		})
	}
}

func TestApprove(t *testing.T) {
	w := newWorld(t, approvalAlways)
	b := w.waiting("1.csv", "1,screw M8,2", "2,nut M8,1")
	if got := w.curated(); got != nil {
		t.Fatalf("published without an approval: %v", got)
	}
	w.now = w.now.Add(23 * time.Hour)
	done, err := w.decide(b.ID, flow.Approved, "ann")
	if err != nil || done.Stage != flow.Done || done.ReleasedBy != "ann" {
		t.Fatalf("%+v %v", done, err)
	}
	w.once() // parse what was released
	if got := w.curated(); !slices.Equal(got, []string{"1=2", "2=1"}) {
		t.Errorf("curated: %v", got)
	}
	if got := w.items(); len(got) != 2 {
		t.Errorf("items: %v", got)
	}
	_, err = w.decide(b.ID, flow.Refused, "bob")
	wantCode(t, "the other way round", err, pipeline.CodeConflict, "was approved by ann")
	_, err = w.decide(b.ID, flow.Approved, "ann")
	wantCode(t, "a second time", err, pipeline.CodeConflict, "was approved by ann")
	_, err = w.run.Ingest.Decide(context.Background(), b.ID, flow.Approved, "ann", "")
	wantCode(t, "without a reason", err, pipeline.CodeInvalid, "without a name and a reason")
	_, err = w.decide("nothing", flow.Approved, "ann")
	wantCode(t, "no batch", err, pipeline.CodeNotFound, "")
}

func TestReject(t *testing.T) {
	w := newWorld(t, approvalAlways)
	b := w.waiting("1.csv", "1,screw M8,2")
	done, err := w.decide(b.ID, flow.Refused, "ann")
	if err != nil || done.Stage != flow.Rejected {
		t.Fatalf("%+v %v", done, err)
	}
	if w.curated() != nil {
		t.Error("a rejected batch was published")
	}
	landed, err := os.ReadFile(filepath.Join(w.dir, "lake", lake.LandingKey("parts", "1.csv")))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(w.dir, "lake", lake.RawKey("parts", b.ID, "landed-1.csv")))
	if err != nil || string(kept) != string(landed) {
		t.Errorf("quarantine holds %q (%v)", kept, err)
	}
	why, err := os.ReadFile(filepath.Join(w.dir, "lake", lake.QuarantineKey("parts", b.ID, "rejection.json")))
	if err != nil || !strings.Contains(string(why), `"by": "ann"`) || !strings.Contains(string(why), "looked at it") {
		t.Errorf("%s %v", why, err)
	}
	if bs := w.once(); len(bs) != 0 {
		t.Errorf("judged again: %+v", bs)
	}
}

// TestApprovalExpires: after its time a batch is rejected, whoever looks first,
// and a late answer is told so.
func TestApprovalExpires(t *testing.T) {
	for _, first := range []string{"sweep", "reviewer"} {
		t.Run(first, func(t *testing.T) {
			w := newWorld(t, "  - {property: assay.approval, value: {when: always, expiry: 2h}}\n")
			b := w.waiting("1.csv", "1,screw M8,2")
			w.now = w.now.Add(2*time.Hour - time.Microsecond)
			if moved, err := w.run.Ingest.Settle(context.Background()); err != nil || len(moved) != 0 {
				t.Fatalf("before its time: %v %v", moved, err)
			}
			w.now = w.now.Add(time.Microsecond)
			if first == "sweep" {
				moved, err := w.run.Ingest.Settle(context.Background())
				if err != nil || len(moved) != 1 || moved[0].Stage != flow.Rejected {
					t.Fatalf("%v %v", moved, err)
				}
				_, err = w.decide(b.ID, flow.Approved, "ann")
				wantCode(t, "late", err, pipeline.CodeConflict, "was rejected by clock")
			} else {
				got, err := w.decide(b.ID, flow.Approved, "ann")
				wantCode(t, "late", err, pipeline.CodeConflict, "expired at 2026-03-01T08:00:00Z")
				if got.Stage != flow.Rejected {
					t.Errorf("it is %s", got.Stage)
				}
			}
			if w.curated() != nil {
				t.Error("published after it expired")
			}
		})
	}
}

// TestApprovalRace: reviewers who decide at once: one decision holds, and every
// other one is told whose.
func TestApprovalRace(t *testing.T) {
	w := newWorld(t, approvalAlways)
	b := w.waiting("1.csv", "1,screw M8,2")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.decide(b.ID, []string{flow.Approved, flow.Refused}[i%2], string(rune('a'+i)))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantCode(t, "a loser", err, pipeline.CodeConflict, "was ")
	}
	if won != 1 {
		t.Errorf("%d decisions hold", won)
	}
	if _, err := w.run.Ingest.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	got, err := w.db.Batch(context.Background(), b.ID)
	if err != nil || got.Stage != flow.Done && got.Stage != flow.Rejected || (got.Stage == flow.Done) != (w.curated() != nil) {
		t.Errorf("%+v %v", got, err)
	}
}

// TestApprovalContract: the contract went, or changed, while a batch waited.
func TestApprovalContract(t *testing.T) {
	w := newWorld(t, approvalAlways)
	b := w.waiting("1.csv", "1,screw M8,2")
	w.contract(strings.ReplaceAll(feedContract(approvalAlways), "name: parts", "name: pieces"))
	w.open()
	_, err := w.decide(b.ID, flow.Approved, "ann")
	wantCode(t, "renamed", err, pipeline.CodeInvalid, "has no contract any more")
	w.contract(strings.ReplaceAll(feedContract(approvalAlways), "minimum: 0", "minimum: 5"))
	w.open()
	_, err = w.decide(b.ID, flow.Approved, "ann")
	wantCode(t, "changed", err, pipeline.CodeConflict, "the contract of parts changed")
	w.contract(feedContract(approvalAlways))
	w.open()
	if done, err := w.decide(b.ID, flow.Approved, "ann"); err != nil || done.Stage != flow.Done {
		t.Errorf("nothing was lost meanwhile: %+v %v", done, err)
	}
}

// TestApprovalStagedGone: the staged files were collected as garbage; the same
// bytes are judged again, and other bytes are not taken for them.
func TestApprovalStagedGone(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		w := newWorld(t, approvalAlways)
		b := w.waiting("1.csv", "1,screw M8,2")
		if _, err := w.lk.GC(context.Background(), 0, false); err != nil {
			t.Fatal(err)
		}
		if replaced {
			w.land("1.csv", "7,another,7")
		}
		_, err := w.decide(b.ID, flow.Approved, "ann")
		if replaced {
			wantCode(t, "replaced", err, pipeline.CodeNotFound, "are gone")
			continue
		}
		if err != nil || !slices.Equal(w.curated(), []string{"1=2"}) {
			t.Errorf("%v %v", w.curated(), err)
		}
	}
}

// TestApprovalKeepsItsReport: who decides has no database for sql rules, and
// stages the rows again; the report that was approved stays.
func TestApprovalKeepsItsReport(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, approvalAlways)
	w.contract(feedContract(approvalAlways) + "    quality:\n      - {name: few, type: sql, query: SELECT COUNT(*) FROM parts, mustBeLessThan: 9}\n")
	w.open()
	b := w.waiting("1.csv", "1,screw M8,2")
	before, err := w.lk.ReadObject(ctx, b.Report)
	if err != nil || !strings.Contains(string(before), `"few"`) {
		t.Fatalf("%s %v", before, err)
	}
	if _, err := w.lk.GC(ctx, 0, false); err != nil {
		t.Fatal(err)
	}
	w.run.Ingest.SQL = nil
	if _, err := w.decide(b.ID, flow.Approved, "ann"); err != nil {
		t.Fatal(err)
	}
	after, err := w.lk.ReadObject(ctx, b.Report)
	if err != nil || string(after) != string(before) {
		t.Errorf("%v\n%s\n%s", err, before, after)
	}
	w.want("rows", w.curated(), []string{"1=2"})
}

// TestApprovalSnapshot: an older snapshot does not replace a newer one.
func TestApprovalSnapshot(t *testing.T) {
	w := newWorld(t, approvalAlways+"  - {property: assay.load, value: snapshot}\n")
	old := w.waiting("2026-03-01.csv", "1,screw M8,2")
	newer := w.waiting("2026-03-02.csv", "1,screw M8,3")
	if _, err := w.decide(newer.ID, flow.Approved, "ann"); err != nil {
		t.Fatal(err)
	}
	_, err := w.decide(old.ID, flow.Approved, "ann")
	wantCode(t, "the older", err, pipeline.CodeConflict, "would replace the newer")
}

// TestNothingRunsWhileItWaits: between the question and its answer there is no
// message, no lease, no goroutine and no write.
func TestNothingRunsWhileItWaits(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, approvalAlways)
	before := runtime.NumGoroutine()
	b := w.waiting("1.csv", "1,screw M8,2")
	for _, topic := range []string{flow.TopicParse, flow.TopicMatch} {
		if n, dead, err := w.db.Depth(ctx, topic); err != nil || n+dead != 0 {
			t.Errorf("%s: %d messages (%v)", topic, n+dead, err)
		}
	}
	if out, err := w.db.Outgoing(ctx, 10); err != nil || len(out) != 0 {
		t.Errorf("the outbox holds %v (%v)", out, err)
	}
	// Whoever wants them gets the leases: nobody holds one.
	for _, l := range []string{"run", "feed/parts"} {
		if err := w.db.Acquire(ctx, l, "test", w.now, w.now.Add(time.Second)); err != nil {
			t.Errorf("lease %s: %v", l, err)
		}
		if err := w.db.Release(ctx, l, "test"); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(2 * time.Second)
	for runtime.NumGoroutine() > before+1 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before+1 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	size := func() int64 {
		var sum int64
		for _, name := range []string{"assay.db", "assay.db-wal"} {
			if st, err := os.Stat(filepath.Join(w.dir, ".assay", name)); err == nil {
				sum += st.Size() + st.ModTime().UnixNano()
			}
		}
		return sum
	}
	was := size()
	time.Sleep(300 * time.Millisecond)
	if size() != was {
		t.Error("the store was written while the batch waited")
	}
	if got, err := w.db.Batch(ctx, b.ID); err != nil || got.Stage != flow.Waiting {
		t.Errorf("%+v %v", got, err)
	}
}

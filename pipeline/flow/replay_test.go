package flow_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// release releases and checks that nothing stood in the way.
func (w *world) release(r flow.Release) []flow.Replayed {
	w.t.Helper()
	out, err := w.run.Ingest.Release(context.Background(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range out {
		if o.Err != nil {
			w.t.Errorf("batch %s: %v", o.Key, o.Err)
		}
	}
	return out
}

func (w *world) position() breaker.Position {
	w.t.Helper()
	s, err := w.db.LoadBreaker(context.Background(), flow.FeedBreaker("parts"))
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Position
}

// folds checks that the breaker is the fold of its stored samples.
func (w *world) folds(p breaker.Policy) {
	w.t.Helper()
	ctx, key := context.Background(), flow.FeedBreaker("parts")
	samples, _, err := w.db.BreakerHistory(ctx, key)
	if err != nil {
		w.t.Fatal(err)
	}
	folded := breaker.State{Key: key}
	for _, s := range samples {
		folded, _ = p.Tick(folded, s.At)
		folded, _ = p.Step(folded, s)
	}
	stored, err := w.db.LoadBreaker(ctx, key)
	if err != nil {
		w.t.Fatal(err)
	}
	folded.Version = stored.Version
	w.want("the breaker as the fold of its samples", stored, folded)
}

const touchy = `  - {property: assay.breaker, value: {cooldown: 1h, probes: 1, minRows: 1, maxRejectRate: 5%}}`

// policyOf is the policy of touchy.
func policyOf() breaker.Policy {
	p := breaker.Default()
	p.Probes, p.MinRows, p.Cooldown, p.MaxCooldown = 1, 1, time.Hour, 24*time.Hour
	return p
}

func TestReplayAfterTheContractWasMended(t *testing.T) {
	w := newWorld(t, touchy)
	w.land("2026-03-01.csv", "a,washer,-1", "b,nut,-2")
	w.land("2026-03-02.csv", "c,washer,-1", "d,nut,2")
	w.once()
	w.want("position", w.position(), breaker.Open)
	w.want("rows", len(w.curated()), 0)

	// Nothing has changed: nothing is released, and the breaker hears nothing.
	out := w.release(flow.Release{})
	w.want("batches judged again", len(out), 2)
	for _, o := range out {
		w.want("stage", o.Stage, flow.Held)
	}
	samples, _, err := w.db.BreakerHistory(context.Background(), flow.FeedBreaker("parts"))
	if err != nil {
		t.Fatal(err)
	}
	w.want("samples", len(samples), 2)

	// The contract was wrong: prices may be negative.
	w.contract(strings.Replace(feedContract(touchy), "{minimum: 0}", "{minimum: -5}", 1))
	w.open()
	w.now = w.now.Add(time.Minute) // well before the end of the cooldown
	dry := w.release(flow.Release{Dry: true})
	w.want("a dry replay", []bool{dry[0].Released(), dry[1].Released()}, []bool{true, true})
	w.want("rows after a dry replay", len(w.curated()), 0)
	out = w.release(flow.Release{Feed: "parts"})
	w.want("released", []string{out[0].Key, out[1].Key}, []string{"landing/parts/2026-03-01.csv", "landing/parts/2026-03-02.csv"})
	w.want("stages", []flow.Stage{out[0].Stage, out[1].Stage}, []flow.Stage{flow.Done, flow.Done})
	w.want("places in the order", []int64{out[0].Seq, out[1].Seq}, []int64{3, 4})
	w.want("the position that the first saw", out[0].Breaker, string(breaker.HalfOpen))
	w.want("rows", w.curated(), []string{"a=-1", "b=-2", "c=-1", "d=2"})
	w.want("position", w.position(), breaker.Closed)
	w.folds(policyOf())
	w.once()
	w.want("items", w.items(), []string{"parts/a", "parts/b", "parts/c", "parts/d"})
	w.want("what is left", len(w.release(flow.Release{})), 0)
	// The rejects of the first judgement are none any more.
	if _, err := os.Stat(filepath.Join(w.dir, "lake", "quarantine", "parts", out[0].ID, "rejects.csv")); err == nil {
		t.Error("the rejects of the first judgement are still in quarantine")
	}
}

func TestReplayStopsAtABreakerThatAPersonOpened(t *testing.T) {
	w := newWorld(t, touchy)
	ctx := context.Background()
	if _, err := w.run.Ingest.Signal(ctx, "parts", breaker.Trip, "anna", "prices in cents"); err != nil {
		t.Fatal(err)
	}
	w.land("2026-03-01.csv", "a,washer,1")
	b := w.once()[0]
	w.want("stage", b.Stage, flow.Held)
	out := w.release(flow.Release{Batches: []string{b.ID}})
	if out[0].Stage != flow.Held || !strings.Contains(out[0].Reason, "tripped by anna") {
		t.Errorf("%+v", out[0])
	}
	// A person may release it all the same, and the breaker stays as it is.
	out = w.release(flow.Release{Batches: []string{b.ID}, By: "ben", Reason: "these are right"})
	w.want("stage", out[0].Stage, flow.Done)
	w.want("reason", out[0].Reason, "released by ben: these are right")
	w.want("position", w.position(), breaker.Open)
	w.folds(policyOf())
	stored, err := w.db.Batch(ctx, b.ID)
	if err != nil || stored.ReleasedBy != "ben" {
		t.Errorf("who released it: %+v, %v", stored, err)
	}
	if _, err := w.run.Ingest.Release(ctx, flow.Release{Batches: []string{b.ID}}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("a batch that is not held: %v", err)
	}
	if _, err := w.run.Ingest.Release(ctx, flow.Release{Batches: []string{"nothing"}}); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("a batch that is not: %v", err)
	}
}

func TestHeldBatchesComeBackWhenTheBreakerCloses(t *testing.T) {
	w := newWorld(t, strings.Replace(touchy, "minRows: 1,", "minRows: 1, replay: auto,", 1))
	w.land("2026-03-01.csv", "bad,washer,-1")
	w.once()
	w.now = w.now.Add(10 * time.Minute)
	w.land("2026-03-02.csv", "a,washer,1")
	w.land("2026-03-03.csv", "b,washer,1")
	w.once() // open still: both are held, and good by themselves
	w.want("rows while open", len(w.curated()), 0)
	w.now = w.now.Add(time.Hour)
	w.land("2026-03-04.csv", "c,washer,1")
	res, err := w.run.Once(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.want("the probe", res.Batches[0].Stage, flow.Done)
	w.want("batches judged again", len(res.Replayed), 3)
	w.want("rows", w.curated(), []string{"a=1", "b=1", "c=1"})
	w.want("items", w.items(), []string{"parts/a", "parts/b", "parts/c"})
	w.want("position: the bad one is no news", w.position(), breaker.Closed)
	held, err := w.run.Ingest.Held(context.Background(), "")
	if err != nil || len(held) != 1 || held[0].Key != "landing/parts/2026-03-01.csv" {
		t.Errorf("what is held: %+v, %v", held, err)
	}
	w.folds(policyOf())
}

// TestAskReplay: a process that does not judge asks for one batch; what it asks
// for twice, or when the batch is not held any more, changes nothing.
func TestAskReplay(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, touchy)
	w.land("2026-03-01.csv", "a,washer,-1")
	w.land("2026-03-02.csv", "b,nut,-2")
	held := w.once()
	w.contract(strings.Replace(feedContract(touchy), "{minimum: 0}", "{minimum: -5}", 1))
	w.open()
	for range 2 {
		w.now = w.now.Add(time.Minute)
		if err := w.run.Ingest.AskReplay(ctx, held[1]); err != nil {
			t.Fatal(err)
		}
	}
	res, err := w.run.Once(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	w.want("batches judged again", len(res.Replayed), 1)
	w.want("rows", w.curated(), []string{"b=-2"})
	other, err := w.db.Batch(ctx, held[0].ID)
	if err != nil || other.Stage != flow.Held || other.Replays != 0 {
		t.Errorf("the batch that nobody asked for: %+v, %v", other, err)
	}
}

func TestAReleaseNeverPutsAnOlderRowOverANewerOne(t *testing.T) {
	for mode, want := range map[string][]string{
		"upsert":   {"a=1", "b=2", "c=3"},
		"snapshot": {"b=2", "c=3"},
		"append":   {"a=1", "b=1", "b=2", "c=3"},
	} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, touchy+"\n  - {property: assay.load, value: "+mode+"}")
			ctx := context.Background()
			if _, err := w.run.Ingest.Signal(ctx, "parts", breaker.Trip, "anna", "x"); err != nil {
				t.Fatal(err)
			}
			w.land("2026-03-01.csv", "a,washer,1", "b,nut,1")
			w.once()
			if _, err := w.run.Ingest.Signal(ctx, "parts", breaker.Reset, "anna", "x"); err != nil {
				t.Fatal(err)
			}
			w.land("2026-03-02.csv", "b,nut,2", "c,screw,3")
			w.once()
			out := w.release(flow.Release{})
			if mode == "snapshot" {
				w.want("an older snapshot", out[0].Stage, flow.Replaced)
			} else {
				w.want("stage", out[0].Stage, flow.Done)
			}
			w.once()
			w.want("rows", w.curated(), want)
			w.want("what is held", len(w.release(flow.Release{})), 0)
		})
	}
}

func TestWhatStandsInTheWayOfAReplay(t *testing.T) {
	w := newWorld(t, touchy)
	ctx := context.Background()
	if _, err := w.run.Ingest.Signal(ctx, "parts", breaker.Trip, "anna", "x"); err != nil {
		t.Fatal(err)
	}
	w.land("2026-03-01.csv", "a,washer,1")
	w.land("2026-03-02.csv", "b,washer,1")
	w.land("2026-03-03.csv", "c,washer,1")
	w.once()
	if _, err := w.run.Ingest.Signal(ctx, "parts", breaker.Reset, "anna", "x"); err != nil {
		t.Fatal(err)
	}

	// The contract was deleted: the batches stay held, and it is said.
	if err := os.Remove(filepath.Join(w.dir, "contracts", "feeds", "parts.odcs.yaml")); err != nil {
		t.Fatal(err)
	}
	w.open()
	out, err := w.run.Ingest.Release(ctx, flow.Release{})
	if err != nil || len(out) != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, o := range out {
		if pipeline.ErrorCode(o.Err) != pipeline.CodeInvalid || !strings.Contains(o.Err.Error(), "is held, and cannot be judged again") || o.Stage != flow.Held {
			t.Errorf("without a contract: %+v, %v", o.Batch, o.Err)
		}
	}
	held, err := w.run.Ingest.Held(ctx, "parts")
	if err != nil || len(held) != 3 {
		t.Fatalf("what is held without a contract: %d, %v", len(held), err)
	}
	w.contract(feedContract(touchy))
	w.open()

	// One file is gone, another has other content now.
	if err := os.Remove(filepath.Join(w.dir, "lake", "landing", "parts", "2026-03-01.csv")); err != nil {
		t.Fatal(err)
	}
	w.land("2026-03-02.csv", "b,washer,9")
	out, err = w.run.Ingest.Release(ctx, flow.Release{})
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, o := range out {
		codes = append(codes, fmt.Sprint(pipeline.ErrorCode(o.Err), " ", o.Stage))
	}
	w.want("what became of each", codes, []string{"not_found held", "conflict held", " done"})
	// The next run judges the new content, which takes the place of the old.
	bs := w.once()
	w.want("the new content", []any{len(bs), bs[0].Stage}, []any{1, flow.Done})
	old, err := w.db.Batch(ctx, out[1].ID)
	if err != nil || old.Stage != flow.Replaced {
		t.Errorf("the old content: %+v, %v", old, err)
	}
	w.want("rows", w.curated(), []string{"b=9", "c=1"})
}

func TestAProbeIsJudgedByItsBeginningFirst(t *testing.T) {
	w := newWorld(t, touchy+"\n  - {property: assay.load, value: append}\n  - {property: assay.maxRejectRate, value: 100%}")
	w.land("2026-03-01.csv", "a,washer,-1")
	w.once()
	w.want("position", w.position(), breaker.Open)
	big := func(day, bad, n int) {
		rows := make([]string, n)
		for i := range rows {
			price := 1
			if i < bad {
				price = -1
			}
			rows[i] = fmt.Sprintf("d%d-%06d,%s,%d", day, i, strings.Repeat("washer ", 10), price)
		}
		w.land(fmt.Sprintf("2026-03-%02d.csv", day), rows...)
	}
	w.now = w.now.Add(2 * time.Hour)
	judge := func(day int) flow.Batch {
		b, err := w.run.Ingest.Object(context.Background(), fmt.Sprintf("landing/parts/2026-03-%02d.csv", day))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	big(2, 20_000, 40_000) // more than a probe, bad at its beginning
	b := judge(2)
	w.want("stage", b.Stage, flow.Held)
	if !strings.HasPrefix(b.Reason, "half-open: the first ") || !strings.HasSuffix(b.Reason, "; the rest was not") {
		t.Errorf("reason %q", b.Reason)
	}
	if b.Rows.Read == 0 || b.Rows.Read >= 40_000 || !b.Rows.Balanced() {
		t.Errorf("rows of the probe: %+v", b.Rows)
	}
	w.want("position", w.position(), breaker.Open)
	w.folds(policyOf())

	// A good beginning is not the end of it: then the whole is the probe.
	w.now = w.now.Add(48 * time.Hour)
	big(3, 0, 40_000)
	b = judge(3)
	w.want("stage", b.Stage, flow.Done)
	w.want("rows", b.Rows.Accepted, int64(40_000))
	w.want("position", w.position(), breaker.Closed)
	w.folds(policyOf())
}

func TestRowsOfADegradedBatchCarryLessConfidence(t *testing.T) {
	w := newWorld(t, `  - {property: assay.maxRejectRate, value: 90%}
  - {property: assay.breaker, value: {fallback: degraded, minRows: 1, maxRejectRate: 10%, cooldown: 1h}}`)
	ctx := context.Background()
	confidences := func(id string) (out []string) {
		m, err := w.lk.Current(ctx, "parts")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.Files {
			r, _, err := w.lk.ReaderAt(ctx, f.Key)
			if err != nil {
				t.Fatal(err)
			}
			err = codec.ReadRows(ctx, r, f.Size, 0, f.Rows, []string{"id", "_assay_confidence"}, func(_ int64, v []string) error {
				if v[0] == id {
					out = append(out, v[1])
				}
				return nil
			})
			_ = r.Close()
			if err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	w.land("2026-03-01.csv", "good,washer,1")
	w.once()
	w.want("while closed", confidences("good"), []string{"1"})
	w.land("2026-03-02.csv", "first,washer M8,1", "x,nut,-1") // the one that opens it
	w.once()
	w.want("the batch that opened it", confidences("first"), []string{"0.5"})
	w.land("2026-03-03.csv", "later,washer M9,1")
	w.once()
	w.want("a batch while it is open", confidences("later"), []string{"0.5"})

	entries, err := flow.LiveEntries(ctx, w.db, catalog.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var degraded []string
	for _, e := range entries {
		if e.Item.Degraded {
			degraded = append(degraded, e.Item.ID)
		}
	}
	w.want("degraded items", degraded, []string{"parts/first", "parts/later"})
	asked, err := w.db.Reviews(ctx, review.Filter{Kind: review.Record})
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, e := range asked {
		subjects = append(subjects, e.Subject+": "+e.Reason)
	}
	slices.Sort(subjects)
	w.want("records that people look at", subjects, []string{
		"parts/first: from a batch that was published while the breaker was open",
		"parts/later: from a batch that was published while the breaker was open",
	})
}

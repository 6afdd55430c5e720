package flow_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A world is a project on the embedded backends, with a clock of its own.
type world struct {
	t   *testing.T
	dir string
	now time.Time
	app *app.App
	run *flow.Run
	db  flow.Store
	lk  *lake.Lake
	// environ are settings of a test.
	environ []string
}

// feedContract is a contract of the feed parts with what a test adds to it.
func feedContract(extra string) string {
	return `apiVersion: v3.1.0
kind: DataContract
id: parts
version: 1.0.0
status: active
customProperties:
  - {property: assay.catalog, value: {id: id, text: text}}
` + extra + `
schema:
  - name: parts
    properties:
      - {name: id, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: text, logicalType: string, required: true}
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0}}
`
}

func newWorld(t *testing.T, extra string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)}
	w.contract(feedContract(extra))
	w.open()
	return w
}

func (w *world) contract(text string) {
	w.t.Helper()
	w.write(filepath.Join("contracts", "feeds", "parts.odcs.yaml"), text)
}

func (w *world) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// open (re)builds everything from the configuration, as a new process would.
func (w *world) open() {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Join(w.dir, "lake"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	cfg, err := app.ReadConfig(append([]string{"ASSAY_KNOWLEDGE=embed:"}, w.environ...), w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.app = app.Open(cfg, app.Options{Now: func() time.Time { return w.now }})
	w.t.Cleanup(func() { _ = w.app.Close() })
	if w.run, err = w.app.Run(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.db = w.run.Store
	w.lk = w.run.Ingest.Lake
}

// land puts a file with rows "id,text,price" into the landing zone.
func (w *world) land(name string, rows ...string) {
	w.t.Helper()
	w.write(filepath.Join("lake", "landing", "parts", name), "id,text,price\n"+strings.Join(rows, "\n")+"\n")
}

// once runs and returns the decided batches.
func (w *world) once() []flow.Batch {
	w.t.Helper()
	res, err := w.run.Once(context.Background(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	if res.Dead != 0 {
		w.t.Fatalf("%d messages given up: %s", res.Dead, res.DeadReason)
	}
	return res.Batches
}

// curated is the rows that a reader sees now, as "id=price", sorted.
func (w *world) curated() []string {
	w.t.Helper()
	ctx := context.Background()
	m, err := w.lk.Current(ctx, "parts")
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var rows []string
	for _, f := range m.Files {
		r, _, err := w.lk.ReaderAt(ctx, f.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		err = codec.ReadRows(ctx, r, f.Size, 0, f.Rows, []string{"id", "price"}, func(_ int64, v []string) error {
			rows = append(rows, v[0]+"="+v[1])
			return nil
		})
		_ = r.Close()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if int64(len(rows)) != m.Rows {
		w.t.Errorf("the manifest counts %d rows, its files hold %d", m.Rows, len(rows))
	}
	slices.Sort(rows)
	return rows
}

func (w *world) items() []string {
	w.t.Helper()
	entries, err := flow.LiveEntries(context.Background(), w.db, catalog.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Item.ID)
	}
	return ids
}

func (w *world) want(what string, got, want any) {
	w.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestLoadModes(t *testing.T) {
	for mode, want := range map[string][]string{
		"append":   {"a=1", "b=2", "b=3", "c=4"},
		"snapshot": {"b=3", "c=4"},
		"upsert":   {"a=1", "b=3", "c=4"},
	} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, "  - {property: assay.load, value: "+mode+"}")
			w.land("2026-03-01.csv", "a,washer,1", "b,nut,2")
			w.once()
			w.want("after the first file", w.curated(), []string{"a=1", "b=2"})
			w.land("2026-03-02.csv", "b,nut,3", "c,screw,4")
			w.once()
			w.want("after the second file", w.curated(), want)
			items := []string{"parts/a", "parts/b", "parts/c"}
			if mode == "snapshot" {
				items = items[1:] // what a snapshot lacks left the catalog
			}
			w.want("items in the catalog", w.items(), items)
			// Nothing is left to do, and doing nothing changes nothing.
			w.want("batches of a third run", len(w.once()), 0)
			w.want("after the third run", w.curated(), want)
		})
	}
}

func TestUpsertRewritesOnlyFilesThatHoldAKey(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: upsert}")
	w.land("2026-03-01.csv", "a,washer,1", "b,nut,2")
	w.once()
	w.land("2026-03-02.csv", "c,screw,3")
	w.once()
	before, err := w.lk.Current(context.Background(), "parts")
	if err != nil {
		t.Fatal(err)
	}
	w.land("2026-03-03.csv", "c,screw,4")
	w.once()
	after, err := w.lk.Current(context.Background(), "parts")
	if err != nil {
		t.Fatal(err)
	}
	w.want("the file without the key", after.Files[0], before.Files[0])
	w.want("rows", w.curated(), []string{"a=1", "b=2", "c=4"})
}

func TestTheSameBytesUnderAnotherNameAreADuplicate(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: append}")
	w.land("2026-03-01.csv", "a,washer,1")
	w.once()
	w.land("2026-03-01-again.csv", "a,washer,1")
	bs := w.once()
	if len(bs) != 1 || bs[0].Stage != flow.Duplicate || !strings.Contains(bs[0].Reason, "2026-03-01.csv") {
		t.Errorf("the resend: %+v", bs)
	}
	w.want("rows", w.curated(), []string{"a=1"})
}

func TestABadDayOpensTheBreakerAndAGoodOneClosesIt(t *testing.T) {
	w := newWorld(t, `  - {property: assay.breaker, value: {cooldown: 1h, probes: 1, minRows: 2}}`)
	day := func(d int, prices ...string) []flow.Batch {
		w.now = time.Date(2026, 3, d, 6, 0, 0, 0, time.UTC)
		var rows []string
		for i, p := range prices {
			rows = append(rows, fmt.Sprintf("d%d-%d,washer,%s", d, i, p))
		}
		w.land(fmt.Sprintf("2026-03-%02d.csv", d), rows...)
		return w.once()
	}
	status := func() string {
		s, err := w.lk.Status(context.Background(), "parts")
		if err != nil {
			t.Fatal(err)
		}
		return s.State
	}
	day(1, "1", "2")
	good := w.curated()
	w.want("status", status(), "closed")

	bs := day(2, "-1", "-2", "3")
	w.want("the bad day", bs[0].Stage, flow.Held)
	w.want("what readers see on the bad day", w.curated(), good)
	w.want("status", status(), "open")

	// Ten minutes later a good file comes: the breaker is open still.
	w.now = w.now.Add(10 * time.Minute)
	w.land("2026-03-02-later.csv", "later,washer,1", "later2,nut,2")
	bs = w.once()
	w.want("a good batch while open", bs[0].Stage, flow.Held)
	if !strings.Contains(bs[0].Reason, "breaker open") {
		t.Errorf("reason %q does not name the breaker", bs[0].Reason)
	}

	bs = day(3, "1", "2")
	w.want("the next day", bs[0].Stage, flow.Done)
	w.want("the position that the decision saw", bs[0].Breaker, string(breaker.HalfOpen))
	w.want("status", status(), "closed")
	w.want("rows", w.curated(), []string{"d1-0=1", "d1-1=2", "d3-0=1", "d3-1=2"})

	samples, transitions, err := w.db.BreakerHistory(context.Background(), flow.FeedBreaker("parts"))
	if err != nil {
		t.Fatal(err)
	}
	var moves []string
	for _, tr := range transitions {
		moves = append(moves, string(tr.From)+" → "+string(tr.To))
	}
	w.want("transitions", moves, []string{"closed → open", "open → half-open", "half-open → closed"})
	w.want("samples", len(samples), 4)

	// The stored state is the fold of the stored samples.
	p := breaker.Default()
	p.Probes, p.MinRows, p.Cooldown = 1, 2, time.Hour
	var folded breaker.State
	folded.Key = flow.FeedBreaker("parts")
	for _, s := range samples {
		folded, _ = p.Tick(folded, s.At)
		folded, _ = p.Step(folded, s)
	}
	stored, err := w.db.LoadBreaker(context.Background(), flow.FeedBreaker("parts"))
	if err != nil {
		t.Fatal(err)
	}
	w.want("position by folding", folded.Position, stored.Position)
}

func TestDegradedPublishesWithAWarning(t *testing.T) {
	w := newWorld(t, `  - {property: assay.maxRejectRate, value: 90%}
  - {property: assay.breaker, value: {fallback: degraded, minRows: 1, maxRejectRate: 10%, cooldown: 1h}}`)
	w.land("2026-03-01.csv", "a,washer,1", "b,nut,-1")
	bs := w.once()
	w.want("stage", bs[0].Stage, flow.Done)
	m, err := w.lk.Current(context.Background(), "parts")
	if err != nil {
		t.Fatal(err)
	}
	if !m.Degraded {
		t.Error("the manifest is not marked as degraded")
	}
	entries, err := flow.LiveEntries(context.Background(), w.db, catalog.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || !entries[0].Item.Degraded {
		t.Errorf("items of a degraded batch carry the mark: %+v", entries)
	}
}

func TestAFeedWithoutContractWaitsForOne(t *testing.T) {
	w := newWorld(t, "")
	w.write(filepath.Join("lake", "landing", "tools", "tools.csv"), "id,text,price\nx,drill,1\n")
	bs := w.once()
	if len(bs) != 1 || bs[0].Stage != flow.Unjudged || !strings.Contains(bs[0].Reason, "no contract") {
		t.Fatalf("without a contract: %+v", bs)
	}
	w.want("a second run does nothing", len(w.once()), 0)
	w.write(filepath.Join("contracts", "feeds", "tools.odcs.yaml"), strings.ReplaceAll(feedContract(""), "parts", "tools"))
	w.open()
	bs = w.once()
	if len(bs) != 1 || bs[0].Stage != flow.Done {
		t.Errorf("with a contract: %+v", bs)
	}
}

func TestDeliveriesAtOnceJudgeOnce(t *testing.T) {
	w := newWorld(t, "")
	w.land("2026-03-01.csv", "a,washer,1", "b,nut,2")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			in := *w.run.Ingest
			in.Owner = fmt.Sprintf("deliverer-%d", i)
			_, errs[i] = in.Object(context.Background(), "landing/parts/2026-03-01.csv")
		})
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		switch pipeline.ErrorCode(err) {
		case "":
			done++
		case pipeline.CodeLocked: // comes again later
		default:
			t.Error(err)
		}
	}
	if done == 0 {
		t.Fatal("nobody judged it")
	}
	w.once()
	w.want("rows", w.curated(), []string{"a=1", "b=2"})
	samples, _, err := w.db.BreakerHistory(context.Background(), flow.FeedBreaker("parts"))
	if err != nil {
		t.Fatal(err)
	}
	w.want("samples", len(samples), 1)
}

func TestShards(t *testing.T) {
	w := newWorld(t, "")
	var rows []string
	for i := range 2*flow.ShardItems + 1 {
		rows = append(rows, fmt.Sprintf("p%04d,washer M%d,1", i, i))
	}
	w.land("2026-03-01.csv", rows...)
	res, err := w.run.Once(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.want("shards", res.Shards, 3)
	w.want("matches", res.Matched, 1)
	w.want("items", len(w.items()), len(rows))
}

func TestACorrectedFileIsAnotherBatch(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: upsert}")
	w.land("2026-03-01.csv", "a,washer,1")
	first := w.once()
	w.land("2026-03-01.csv", "a,washer,9")
	second := w.once()
	if len(second) != 1 || second[0].ID == first[0].ID || second[0].Seq != 2 {
		t.Fatalf("the corrected file: %+v", second)
	}
	w.want("rows", w.curated(), []string{"a=9"})
	// The first content comes back under the same name: a third batch, since
	// it was not what lay there last.
	w.land("2026-03-01.csv", "a,washer,1")
	third := w.once()
	if len(third) != 1 || third[0].ID == first[0].ID || third[0].Seq != 3 || third[0].Landing != 3 {
		t.Fatalf("the content that came back: %+v", third)
	}
	w.want("rows", w.curated(), []string{"a=1"})
	again, err := w.run.Ingest.Object(context.Background(), third[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	w.want("its event, delivered again", again.ID, third[0].ID)
}

func TestALakeThatCannotBeWrittenSettlesNothing(t *testing.T) {
	w := newWorld(t, "")
	w.land("2026-03-01.csv", "a,washer,1")
	// Not even root can make a folder where a file stands.
	w.write(filepath.Join("lake", "data"), "in the way")
	if _, err := w.run.Once(context.Background(), ""); pipeline.ErrorCode(err) != pipeline.CodeDenied {
		t.Fatalf("%v, want denied", err)
	}
	if err := os.Remove(filepath.Join(w.dir, "lake", "data")); err != nil {
		t.Fatal(err)
	}
	bs := w.once()
	if len(bs) != 1 || bs[0].Stage != flow.Done {
		t.Errorf("after the lake was mended: %+v", bs)
	}
	w.want("rows", w.curated(), []string{"a=1"})
}

func TestRulesOverThePastSeeThePast(t *testing.T) {
	w := newWorld(t, "")
	w.contract(strings.Replace(feedContract("  - {property: assay.load, value: append}"), "  - name: parts\n", `  - name: parts
    quality:
      - {id: steady, type: custom, engine: assay, implementation: {volume: 50%}, severity: error}
`, 1))
	w.open()
	many := func(day, n int) []flow.Batch {
		var rows []string
		for i := range n {
			rows = append(rows, fmt.Sprintf("d%d-%d,washer,1", day, i))
		}
		w.land(fmt.Sprintf("2026-03-%02d.csv", day), rows...)
		return w.once()
	}
	for day := 1; day <= 3; day++ {
		if bs := many(day, 40); bs[0].Stage != flow.Done {
			t.Fatalf("day %d: %+v", day, bs)
		}
	}
	if bs := many(4, 5); bs[0].Verdict != pipeline.Failed || bs[0].Stage != flow.Held {
		t.Errorf("a day with an eighth of the rows: %+v", bs[0])
	}
}

func TestAFileWithoutAUsableNameDoesNotKeepTheOthersWaiting(t *testing.T) {
	w := newWorld(t, "")
	w.land("good.csv", "1,WASHER M8,1")
	odd := filepath.Join(w.dir, "lake", "landing", "parts", "\xff\xfe.csv")
	if err := os.WriteFile(odd, []byte("id,text,price\n2,WASHER M9,1\n"), 0o644); err != nil {
		t.Skip("needs a file system that takes any bytes as a name: ", err)
	}
	res, err := w.run.Once(context.Background(), "")
	if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "is not UTF-8") {
		t.Errorf("the odd name is not said: %v", err)
	}
	if len(res.Batches) != 1 || res.Batches[0].Stage != flow.Done || res.Shards != 1 {
		t.Errorf("batches %+v, %d shards parsed", res.Batches, res.Shards)
	}
}

func TestASnapshotThatWouldDoDamageIsHeld(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: snapshot}")
	w.land("2026-03-04.csv", "a,washer,1", "b,nut,2")
	w.once()
	good := w.curated()
	for name, why := range map[string]string{"2026-01-01.csv": "this snapshot is of 2026-01-01", "2026-03-05.csv": "would delete all 2 rows"} {
		if name == "2026-01-01.csv" {
			w.land(name, "a,washer,1")
		} else {
			w.write(filepath.Join("lake", "landing", "parts", name), "id,text,price\n")
		}
		bs := w.once()
		if len(bs) != 1 || bs[0].Stage != flow.Held || !strings.Contains(bs[0].Reason, why) {
			t.Errorf("%s: %+v", name, bs)
		}
		w.want("rows after "+name, w.curated(), good)
	}
	w.want("items", w.items(), []string{"parts/a", "parts/b"})
	samples, _, err := w.db.BreakerHistory(context.Background(), flow.FeedBreaker("parts"))
	if err != nil {
		t.Fatal(err)
	}
	var published []bool
	for _, s := range samples {
		published = append(published, s.Published)
	}
	w.want("what the breaker was told was published", published, []bool{true, false, false})
}

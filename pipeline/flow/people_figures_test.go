package flow_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/dirlake"
	"github.com/assay-pipeline/assay/pipeline/review"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

var peopleFigures = flag.Bool("people", false, "measure the figures of sweep, notifications, status and forget at full size")

// A kind of feed in the simulation: its contract, and, in words of its own, when
// its producer sends.
type feedKind struct {
	name, schedule, sla, zone string
	grace                     time.Duration
	volume                    bool
	// sends are the planned moments from a day on, in the producer's clock.
	sends func(day time.Time) []time.Time
	// late is how long after the grace a late file comes.
	late time.Duration
}

func local(loc *time.Location, hours ...int) func(time.Time) []time.Time {
	return func(day time.Time) (out []time.Time) {
		y, m, d := day.Date()
		for _, h := range hours {
			out = append(out, time.Date(y, m, d, h, 0, 0, 0, loc))
		}
		return out
	}
}

func weekdays(f func(time.Time) []time.Time) func(time.Time) []time.Time {
	return func(day time.Time) []time.Time {
		if w := day.Weekday(); w == time.Saturday || w == time.Sunday {
			return nil
		}
		return f(day)
	}
}

func feedKinds(t *testing.T) []feedKind {
	zone := func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return loc
	}
	return []feedKind{
		{"office", `cron: "0 6 * * 1-5", timezone: Europe/Berlin, grace: 1h, minRows: 500, maxRows: 2000`, "", "Europe/Berlin", time.Hour, true,
			weekdays(local(zone("Europe/Berlin"), 6)), 3 * time.Hour},
		{"night", `cron: "0 3 * * *", timezone: America/New_York, grace: 30m`, "", "America/New_York", 30 * time.Minute, false,
			local(zone("America/New_York"), 3), 3 * time.Hour},
		{"daily", `timezone: Europe/London, days: mon-fri, grace: 2h, minRows: 500, maxRows: 2000`, "1 d", "Europe/London", 2 * time.Hour, true,
			weekdays(local(zone("Europe/London"), 9)), 3 * time.Hour},
		{"shift", `grace: 1h`, "6 h", "UTC", time.Hour, false, local(time.UTC, 0, 6, 12, 18), 2 * time.Hour},
		{"plant", `cron: "0 1-23/4 * * *", timezone: Australia/Sydney, grace: 15m, minRows: 500, maxRows: 2000`, "", "Australia/Sydney", 15 * time.Minute, true,
			local(zone("Australia/Sydney"), 1, 5, 9, 13, 17, 21), time.Hour},
	}
}

func (k feedKind) contract(name string) string {
	sla := ""
	if k.sla != "" {
		value, unit, _ := strings.Cut(k.sla, " ")
		sla = fmt.Sprintf("slaProperties:\n  - {property: frequency, value: %s, unit: %s}\n", value, unit)
	}
	return fmt.Sprintf("apiVersion: v3.1.0\nkind: DataContract\nid: %s\nversion: 1.0.0\nstatus: active\ncustomProperties:\n  - {property: assay.schedule, value: {%s}}\n%sschema:\n  - name: %s\n    properties:\n      - {name: a, logicalType: string}\n",
		name, k.schedule, sla, name)
}

// A delivery that was planned, and what became of it.
type planned struct {
	at      time.Time // as planned
	arrives time.Time // zero: never
	rows    int64
	wrong   bool // its rows
	inTime  bool
}

// plan draws a feed's deliveries of so many days.
func plan(k feedKind, rng *rand.Rand, first time.Time, days int) (out []planned) {
	for d := range days {
		for _, at := range k.sends(first.AddDate(0, 0, d)) {
			p := planned{at: at, rows: 800 + rng.Int64N(400), inTime: true}
			p.arrives = at.Add(time.Duration(rng.Int64N(int64(min(k.grace, 20*time.Minute)))) - 10*time.Minute)
			switch n := rng.IntN(100); {
			case d < 6: // so that each feed begins well
			case n < 2:
				p.arrives, p.inTime = time.Time{}, false
			case n < 4:
				p.arrives, p.inTime = at.Add(k.grace+time.Minute+time.Duration(rng.Int64N(int64(k.late)))), false
			case n < 6 && k.volume:
				p.rows, p.wrong = []int64{50, 9000}[rng.IntN(2)], true
			}
			out = append(out, p)
		}
	}
	return out
}

type alarm struct {
	flow.FeedLapse
	at time.Time // of the sweep
}

// simulate runs sweeps over planned feeds and returns what was alarmed.
func simulate(t *testing.T, feeds, days int, every time.Duration) (plans map[string][]planned, kinds map[string]feedKind, alarms []alarm, last time.Time) {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	d, err := dirlake.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC) // the changes of 8 and 29 March and of 5 April lie ahead
	now := first
	clock := func() time.Time { return now }
	set := contract.NewSet()
	plans, kinds = map[string][]planned{}, map[string]feedKind{}
	all := feedKinds(t)
	type arrival struct {
		feed string
		planned
	}
	var arrivals []arrival
	for i := range feeds {
		k := all[i%len(all)]
		name := fmt.Sprintf("%s%03d", k.name, i)
		set.Add(name+".odcs.yaml", []byte(k.contract(name)))
		plans[name] = plan(k, rand.New(rand.NewPCG(uint64(i), 7)), first.AddDate(0, 0, -4), days+6)
		kinds[name] = k
		for _, p := range plans[name] {
			if !p.arrives.IsZero() {
				arrivals = append(arrivals, arrival{name, p})
			}
		}
	}
	slices.SortFunc(arrivals, func(a, b arrival) int { return a.arrives.Compare(b.arrives) })
	if broken := set.Broken(); len(broken) > 0 {
		t.Fatal(broken[0])
	}
	in := &flow.Ingest{Lake: lake.New(d, lake.Options{Now: clock}), Store: db, Contracts: set, Owner: "test", Now: clock, Log: slog.New(slog.DiscardHandler)}
	sweep := &flow.Sweep{Ingest: in, Feeds: set.Feeds(), Zone: time.UTC}
	seq := map[string]int64{}
	for end := first.AddDate(0, 0, days); now.Before(end); now = now.Add(every) {
		last = now
		err := db.Atomic(ctx, func(tx flow.Tx) error {
			for len(arrivals) > 0 && !arrivals[0].arrives.After(now) {
				a := arrivals[0]
				arrivals = arrivals[1:]
				seq[a.feed]++
				at := a.arrives.UTC()
				if err := tx.PutBatch(ctx, flow.Batch{ID: fmt.Sprintf("%s-%d", a.feed, seq[a.feed]), Feed: a.feed, Key: "landing/" + a.feed, Seq: seq[a.feed], Stage: flow.Done,
					Verdict: pipeline.Passed, Decision: pipeline.Publish, Rows: pipeline.Rows{Read: a.rows, Accepted: a.rows}, EventTime: at, Created: at, Updated: at}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// Twice: the second finds nothing new.
		for again := range 2 {
			res, err := sweep.Once(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if again == 1 && len(res.Lapses) > 0 {
				t.Fatalf("a second sweep at %s: %+v", now, res.Lapses)
			}
			for _, l := range res.Lapses {
				alarms = append(alarms, alarm{l, now})
			}
		}
	}
	return plans, kinds, alarms, last
}

// judgeAlarms compares what was alarmed with what was planned.
func judgeAlarms(t *testing.T, plans map[string][]planned, kinds map[string]feedKind, alarms []alarm, every time.Duration, last time.Time) (noticed, total, falseAlarms int) {
	t.Helper()
	used := make([]bool, len(alarms))
	byFeed := map[string][]int{}
	for i, a := range alarms {
		byFeed[a.Feed] = append(byFeed[a.Feed], i)
	}
	said := 0
	complain := func(format string, args ...any) {
		if said++; said <= 10 {
			t.Errorf(format, args...)
		}
	}
	for feed, ps := range plans {
		k := kinds[feed]
		// take finds alarms of a kind that were raised in a time: of a feed with
		// due moments, those for that moment.
		take := func(kind string, after, until, due time.Time) bool {
			hit := false
			for _, i := range byFeed[feed] {
				a := alarms[i]
				if !used[i] && a.Kind == kind && a.at.After(after) && !a.at.After(until) && (k.sla != "" || a.Due.Equal(due)) {
					used[i], hit = true, true
				}
			}
			return hit
		}
		silence := flow.LapseSchedule
		if k.sla != "" {
			silence = flow.LapseFrequency
		}
		var lastArrival time.Time
		open := false // a silence of a frequency goes on until something comes
		for _, p := range ps {
			deadline := p.at.Add(k.grace)
			if k.sla != "" {
				// By the last arrival, whatever was planned.
				deadline = deadline.Add(10 * time.Minute)
			}
			if p.inTime {
				lastArrival, open = p.arrives, false
				// At the end of the simulation some are not due yet.
				hit := p.wrong && take(flow.LapseVolume, p.at, p.at.Add(36*time.Hour), p.at)
				if hit || p.wrong && !last.Before(p.at.Add(48*time.Hour)) {
					total++
					if hit {
						noticed++
					} else {
						complain("%s: %d rows at %s were not noticed", feed, p.rows, p.at)
					}
				}
				continue
			}
			// The first sweep after the deadline at which nothing had come.
			look := deadline.Add(every + 10*time.Minute)
			if k.sla != "" && !lastArrival.IsZero() && lastArrival.After(p.at) {
				// The one before came late, and the next is due from then on.
				look = look.Add(lastArrival.Sub(p.at) + 12*time.Hour)
			}
			if k.sla != "" {
				look = look.Add(4 * time.Hour)
			}
			expect := !last.Before(look) && !open && (p.arrives.IsZero() || p.arrives.After(look))
			if k.sla == "" {
				expect = !last.Before(look) // a due moment is judged by itself
			}
			hit := take(silence, p.at.Add(-10*time.Minute), look, p.at)
			if expect {
				total++
				if hit {
					noticed++
				} else {
					complain("%s: the silence of %s was not noticed by %s (arrived %s)", feed, p.at, look, p.arrives)
				}
			}
			open = open || hit
			if !p.arrives.IsZero() {
				lastArrival, open = p.arrives, false
			}
		}
	}
	for i, a := range alarms {
		if !used[i] {
			falseAlarms++
			complain("false alarm at %s: %+v", a.at, a.FeedLapse)
		}
	}
	return noticed, total, falseAlarms
}

// TestSweepSimulation: every silence is noticed at the first sweep after it is
// due, and nothing else is, over weekends and changes of the clock.
func TestSweepSimulation(t *testing.T) {
	every := time.Hour
	plans, kinds, alarms, last := simulate(t, 15, 60, every)
	noticed, total, wrong := judgeAlarms(t, plans, kinds, alarms, every, last)
	t.Logf("%d of %d noticed, %d false alarms", noticed, total, wrong)
	if total < 30 || noticed != total || wrong != 0 {
		t.Errorf("%d of %d noticed, %d false alarms", noticed, total, wrong)
	}
}

// TestStatusOfMany: listing what waits does not grow with how much waits.
func TestStatusOfMany(t *testing.T) {
	if !*peopleFigures {
		t.Skip("make bench-people measures it")
	}
	if ms := statusTime(t, 10_000); ms > 200 {
		t.Errorf("assay status takes %d ms with 10,000 batches waiting, at most 200 are allowed", ms)
	}
}

// TestPeopleFigures measures at full size; its last line is JSON.
func TestPeopleFigures(t *testing.T) {
	if !*peopleFigures {
		t.Skip("make bench-people measures it")
	}
	every := time.Hour
	plans, kinds, alarms, last := simulate(t, 500, 90, every)
	noticed, total, wrong := judgeAlarms(t, plans, kinds, alarms, every, last)
	hour := webhookHour(t, 40, 25)
	ms := statusTime(t, 10_000)
	w, _, before := forgotten(t)
	left := mentions(t, w.dir, someone)
	if len(before) == 0 {
		t.Error("nothing was to be forgotten")
	}
	line, err := json.Marshal(map[string]any{"silences_noticed": noticed, "silences_total": total, "false_alarms": wrong,
		"webhook_sent": hour.events, "webhook_lost": hour.lost, "webhook_out_of_order": hour.disorder,
		"status_10000_ms": ms, "forget_places": len(before), "forget_found": len(left)})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(line))
}

// statusTime is how long assay status takes with n batches waiting: the median
// of five runs of the program, start included.
func statusTime(t *testing.T, n int) int64 {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	bin := filepath.Join(dir, "assay-under-test")
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/assay").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	project := filepath.Join(dir, "project")
	if err := os.MkdirAll(filepath.Join(project, "lake"), 0o755); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(ctx, filepath.Join(project, ".assay", "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	err = db.Atomic(ctx, func(tx flow.Tx) error {
		for i := range n {
			b := flow.Batch{ID: pipeline.ContentID("status", fmt.Sprint(i)), Feed: fmt.Sprintf("feed%d", i%500), Key: fmt.Sprintf("landing/feed%d/%d.csv", i%500, i), Stage: flow.Waiting, Created: at.Add(time.Duration(i) * time.Second),
				Updated: at, Rows: pipeline.Rows{Read: 1000, Accepted: 990, Rejected: 10}, Verdict: pipeline.Failed, Decision: pipeline.Hold, Files: []string{"a", "b", "c"}, Seq: int64(i)/500 + 1}
			data, err := json.Marshal(flow.Approval{Batch: b.ID, Key: b.Key, Expires: at.Add(24 * time.Hour), Verdict: b.Verdict, Rows: b.Rows})
			if err != nil {
				return err
			}
			if err := tx.PutBatch(ctx, b); err != nil {
				return err
			}
			if err := tx.AddReviews(ctx, []review.Entry{{ID: flow.ApprovalID(b.ID), Kind: review.Batch, Subject: b.ID, Feed: b.Feed, Reason: "waits", Data: data, Created: b.Created}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var took []int64
	for range 5 {
		start := time.Now()
		out, err := exec.Command(bin, "-C", project, "status").CombinedOutput()
		took = append(took, time.Since(start).Milliseconds())
		if err != nil || !strings.Contains(string(out), fmt.Sprintf("%d batches wait for an approval", n)) {
			t.Fatalf("%v: %s", err, out)
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/dirlake"
	"github.com/assay-pipeline/assay/pipeline/notify"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// hourFigures is what became of the notifications of a bad hour.
type hourFigures struct{ events, lost, disorder, repeated int }

// webhookHour sends events of so many feeds to an endpoint that for an hour of
// simulated time fails, hangs until the client gives up, answers twice what it
// had taken (so that it is sent again), or works.
func webhookHour(t *testing.T, feeds, each int) hourFigures {
	t.Helper()
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)
	now := start
	var mu sync.Mutex
	got := map[string][]string{} // by feed: the events, as they were told
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || notify.Verify("key", r.Header, body, now, time.Minute) != nil {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		mode := 3
		if now.Sub(start) < time.Hour {
			mode = rng.IntN(5)
		}
		if mode == 0 {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if mode == 1 { // hangs up in the middle
			if c, _, err := rw.(http.Hijacker).Hijack(); err == nil {
				_ = c.Close()
			}
			return
		}
		var d flow.Dispatch
		if err := json.Unmarshal(body, &d); err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, s := range d.Stories {
			got[d.Feed] = append(got[d.Feed], s.Events...)
		}
		if mode == 2 { // took it, and says that it did not
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()

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
	n := &flow.Notifier{Store: db, Lake: lake.New(d, lake.Options{}), Contracts: contract.NewSet(), Owner: "test", Zone: time.UTC,
		Default: []contract.Channel{{Name: "hook", URL: server.URL, Severity: contract.SeverityInfo}},
		Sender:  notify.NewPeople(notify.PeopleOptions{Key: "key", Loopback: true}), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	sent := map[string][]string{}
	for i := range each {
		for f := range feeds {
			feed := fmt.Sprintf("feed%02d", f)
			e, err := pipeline.NewEvent(pipeline.SLAMissed, "assay/feed/"+feed, feed, feed, now, flow.SLAData{Feed: feed, Kind: "frequency", Due: now, Expected: fmt.Sprint("number ", i), Detail: "nothing"})
			if err != nil {
				t.Fatal(err)
			}
			sent[feed] = append(sent[feed], e.ID)
			// The relay may tell of an event twice.
			if err := n.Take(ctx, []pipeline.Event{e, e}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := n.Deliver(ctx); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour / time.Duration(each))
	}
	for range 40 {
		now = now.Add(30 * time.Minute)
		if _, err := n.Deliver(ctx); err != nil {
			t.Fatal(err)
		}
	}
	dead, err := db.Notices(ctx, flow.NoticeFilter{State: flow.NoticeDead, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	traced := map[string]bool{}
	for _, x := range dead {
		traced[x.Event] = x.Reason != ""
	}
	var fig hourFigures
	for feed, want := range sent {
		var first []string
		for _, e := range got[feed] {
			if slices.Contains(first, e) {
				fig.repeated++
				continue
			}
			first = append(first, e)
		}
		fig.events += len(want)
		for _, e := range want {
			if !slices.Contains(first, e) && !traced[e] {
				fig.lost++
			}
		}
		if !slices.IsSortedFunc(first, func(a, b string) int { return slices.Index(want, a) - slices.Index(want, b) }) {
			fig.disorder++
		}
	}
	return fig
}

func TestWebhookHour(t *testing.T) {
	fig := webhookHour(t, 5, 20)
	if fig.events != 100 || fig.lost != 0 || fig.disorder != 0 || fig.repeated == 0 {
		t.Errorf("%+v", fig)
	}
}

// A recorder keeps what it is sent, and fails as it is told.
type recorder struct {
	mu   sync.Mutex
	fail func(ch contract.Channel, d flow.Dispatch) error
	sent []flow.Dispatch
	to   []string
}

func (r *recorder) Send(_ context.Context, ch contract.Channel, d flow.Dispatch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(ch, d); err != nil {
			return err
		}
	}
	r.sent, r.to = append(r.sent, d), append(r.to, ch.URL)
	return nil
}

func (w *world) recorded() *recorder {
	r := &recorder{}
	w.run.Relay.Notify.Sender = r
	return r
}

const opsChannel = "support:\n  - {channel: ops, url: 'mailto:ops@plant.test', scope: issues}\n"

// TestNotification: what a violation tells people.
func TestNotification(t *testing.T) {
	w := newWorld(t, "  - {property: assay.maxRejectRate, value: 0.9}\n"+opsChannel)
	r := w.recorded()
	w.land("1.csv", "1,screw M8,2", "2,nut M8,2")
	w.once()
	if len(r.sent) != 0 {
		t.Errorf("told of what is well: %+v", r.sent)
	}
	rows := []string{"10,mail ann.example@plant.test about it,-1"}
	for i := range 7 {
		rows = append(rows, fmt.Sprintf("%d,nut M8,-%d", 20+i, i+1))
	}
	w.land("2.csv", append(rows, "11,washer,3", "12,,3")...)
	w.once()
	if len(r.sent) != 1 || len(r.to) != 1 {
		t.Fatalf("%d messages: %+v", len(r.sent), r.sent)
	}
	text := notify.Text(r.sent[0])
	for _, want := range []string{"violates its contract", "price.minimum", "before: 0 of 2 (0 %)", "8 of", "e.g. line 2", "runbook ", "#a-contract-is-violated", "assay report ", "report.html"} {
		if !strings.Contains(text, want) {
			t.Errorf("the message lacks %q:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "e.g."); n != 5 {
		t.Errorf("%d examples, want 5:\n%s", n, text)
	}
	if strings.Contains(text, "ann.example") {
		t.Errorf("personal data left the house:\n%s", text)
	}
	// Nothing is told twice.
	w.once()
	if len(r.sent) != 1 {
		t.Errorf("told again: %+v", r.sent[1:])
	}
}

// TestWatches: a change reaches each watcher once, however many of its watches
// it touches.
func TestWatches(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "  - {property: assay.breaker, value: {minRows: 1}}\n")
	r := w.recorded()
	n := w.run.Relay.Notify
	for _, x := range []struct{ user, kind, subject string }{
		{"ann@plant.test", flow.WatchFeed, "parts"}, {"ann@plant.test", flow.WatchBreaker, "parts"}, {"ann@plant.test", flow.WatchFeed, "parts"},
		{"bob@plant.test", flow.WatchBreaker, "feed:parts"}, {"cyd@plant.test", flow.WatchItem, "parts/nothing"},
	} {
		if _, err := n.Watch(ctx, x.user, x.kind, x.subject, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.run.Ingest.Signal(ctx, "parts", "trip", "dan", "prices in cents"); err != nil {
		t.Fatal(err)
	}
	w.once()
	told := map[string]int{}
	for i, d := range r.sent {
		for _, s := range d.Stories {
			told[r.to[i]] += len(s.Events)
		}
	}
	if want := map[string]int{"mailto:ann@plant.test": 1, "mailto:bob@plant.test": 1}; fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", told, want)
	}
	_, err := n.Watch(ctx, "ann", flow.WatchFeed, "parts", "")
	wantCode(t, "no channel", err, pipeline.CodeInvalid, "nothing says where")
	_, err = n.Watch(ctx, "ann@plant.test", flow.WatchFeed, "nothing", "")
	wantCode(t, "no feed", err, pipeline.CodeNotFound, "nothing")
}

// TestDeadLetter: what can never arrive is given up at once, what fails and
// fails after its last try, both with the reason; and both can be sent again.
func TestDeadLetter(t *testing.T) {
	ctx := context.Background()
	for _, code := range []pipeline.Code{pipeline.CodeDenied, pipeline.CodeUnavailable} {
		w := newWorld(t, opsChannel)
		r := w.recorded()
		r.fail = func(contract.Channel, flow.Dispatch) error { return pipeline.Errorf(code, "the receiver is %s", code) }
		if _, err := w.run.Ingest.Signal(ctx, "parts", "trip", "dan", "x"); err != nil {
			t.Fatal(err)
		}
		w.once()
		n := w.run.Relay.Notify
		tries := 1
		for ; tries < 50; tries++ {
			waiting, err := w.db.Notices(ctx, flow.NoticeFilter{State: flow.NoticeWaiting})
			if err != nil {
				t.Fatal(err)
			}
			if len(waiting) == 0 {
				break
			}
			if !waiting[0].Next.After(w.now) {
				t.Fatal("it is tried again without a pause")
			}
			w.now = waiting[0].Next
			if _, err := n.Deliver(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if want := map[pipeline.Code]int{pipeline.CodeDenied: 1, pipeline.CodeUnavailable: 15}[code]; tries != want {
			t.Errorf("%s: %d tries, want %d", code, tries, want)
		}
		dead, err := w.db.Notices(ctx, flow.NoticeFilter{State: flow.NoticeDead})
		if err != nil || len(dead) != 1 || !strings.Contains(dead[0].Reason, "the receiver is") {
			t.Errorf("%+v %v", dead, err)
		}
		r.fail = nil
		if again, err := n.Retry(ctx, nil); err != nil || again != 1 {
			t.Errorf("%d %v", again, err)
		}
		if _, err := n.Deliver(ctx); err != nil || len(r.sent) != 1 {
			t.Errorf("%+v %v", r.sent, err)
		}
	}
}

// TestQuiet: in the quiet hours only errors are told, and the rest follows in
// order when they end.
func TestQuiet(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "support:\n  - {channel: ops, url: 'mailto:ops@plant.test', customProperties: [{property: assay.notify, value: {severity: info, quiet: '22:00-06:00', timezone: Europe/Berlin}}]}\n")
	r := w.recorded()
	w.now = time.Date(2026, 3, 28, 22, 30, 0, 0, time.UTC) // 23:30; that night the clocks go forward
	w.land("1.csv", "1,screw M8,2")
	w.once()
	if len(r.sent) != 0 {
		t.Fatalf("told at night: %+v", r.sent)
	}
	w.now = time.Date(2026, 3, 29, 3, 59, 0, 0, time.UTC)
	if _, err := w.run.Relay.Notify.Deliver(ctx); err != nil || len(r.sent) != 0 {
		t.Errorf("a minute too early: %+v %v", r.sent, err)
	}
	w.now = time.Date(2026, 3, 29, 4, 0, 0, 0, time.UTC) // 06:00 in summer time
	if _, err := w.run.Relay.Notify.Deliver(ctx); err != nil || len(r.sent) != 1 {
		t.Fatalf("%+v %v", r.sent, err)
	}
	w.now = time.Date(2026, 3, 29, 21, 0, 0, 0, time.UTC)
	if _, err := w.run.Ingest.Signal(ctx, "parts", "trip", "dan", "x"); err != nil {
		t.Fatal(err)
	}
	w.once()
	if len(r.sent) != 2 || r.sent[1].Severity != contract.SeverityError {
		t.Errorf("an error waits for the morning: %+v", r.sent)
	}
}

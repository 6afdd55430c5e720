package model_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/llm"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// A bed is a client over a real store and the protocol server, with a clock
// that moves when somebody sleeps.
type bed struct {
	*model.Client
	server *llmtest.Server
	store  *sqlite.DB
	slept  []time.Duration
	alerts []model.Alert
	mu     sync.Mutex
	now    time.Time
}

func newBed(t *testing.T, mind llmtest.Mind, limits model.Limits) *bed {
	t.Helper()
	b := &bed{server: llmtest.Start(t, mind), now: time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC)}
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b.store = db
	b.Client = b.client(t, limits)
	return b
}

var prices = func() model.Prices {
	p, err := model.ReadPrices("test", []byte("prices:\n- {model: 'openai:gpt-*', in: 1, out: 10, cached: 0.5, source: a page, date: 2026-01-02}\n"))
	if err != nil {
		panic(err)
	}
	return p
}()

// client is another process's client on the same store.
func (b *bed) client(t *testing.T, limits model.Limits) *model.Client {
	t.Helper()
	chat, err := llm.Open("openai:gpt-test", llm.Options{URL: b.server.URL, Key: llmtest.Key})
	if err != nil {
		t.Fatal(err)
	}
	return model.NewClient(model.Client{
		Chat: chat, Store: b.store, Model: "openai:gpt-test", Prices: prices, Limits: limits,
		Now: func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.slept = append(b.slept, d)
			b.now = b.now.Add(d)
			return ctx.Err()
		},
		Rand: func() float64 { return 1 },
		Alert: func(_ context.Context, a model.Alert) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.alerts = append(b.alerts, a)
		},
	})
}

func ask(text string) model.Question {
	return model.Question{Purpose: "extract", Item: "f/1", Batch: "b1", Prompt: "extract/1", Schema: "s1",
		Request: model.Request{System: strings.Repeat("rules ", 100), Messages: []model.Message{{Role: model.User, Text: text}}, MaxTokens: 100}}
}

var open = model.Limits{DayMicros: -1, DayTokens: -1}

func with(l model.Limits, change func(*model.Limits)) model.Limits { change(&l); return l }

func TestNothingIsAskedTwice(t *testing.T) {
	b := newBed(t, llmtest.Always("25"), open)
	ctx := context.Background()
	first, err := b.Ask(ctx, ask("bore?"))
	if err != nil || first.Kept || first.Reply.Text != "25" || first.Usage.Total() == 0 || first.Micros == 0 || !first.Priced {
		t.Fatalf("%v %+v", err, first)
	}
	// Another process, after a crash: the answer is in the store.
	again, err := b.client(t, open).Ask(ctx, ask("bore?"))
	if err != nil || !again.Kept || again.Reply.Text != "25" || again.Call != first.Call || again.Micros != 0 {
		t.Errorf("%v %+v", err, again)
	}
	if n := len(b.server.Asked()); n != 1 {
		t.Errorf("asked %d times", n)
	}
	// Anything that changes the answer changes the question.
	for name, change := range map[string]func(*model.Question){
		"prompt version": func(q *model.Question) { q.Prompt = "extract/2" },
		"schema version": func(q *model.Question) { q.Schema = "s2" },
		"text":           func(q *model.Question) { q.Request.Messages = []model.Message{{Role: model.User, Text: "bore? "}} },
		"fresh":          func(q *model.Question) { q.Fresh = true },
	} {
		q := ask("bore?")
		change(&q)
		if a, err := b.Ask(ctx, q); err != nil || a.Kept {
			t.Errorf("%s: %v %+v", name, err, a)
		}
	}
	// The item it is asked for does not.
	q := ask("bore?")
	q.Item = "f/2"
	if a, err := b.Ask(ctx, q); err != nil || !a.Kept {
		t.Errorf("another item: %v %+v", err, a)
	}
	call, err := model.FindCall(ctx, b.store, first.Call[:8])
	if err != nil || call.Reply.Text != "25" || call.Request.System == "" || call.Item != "f/1" || call.Usage != first.Usage || len(call.Attempts) != 1 {
		t.Errorf("the log: %v %+v", err, call)
	}
}

func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults []llmtest.Fault
		code   pipeline.Code
		asked  int
		slept  []time.Duration
	}{
		{"as Retry-After says", []llmtest.Fault{{Status: 429, RetryAfter: "3"}}, "", 2, []time.Duration{3 * time.Second}},
		{"with growing pauses", []llmtest.Fault{{Status: 500}, {Cut: -1}}, "", 3, []time.Duration{500 * time.Millisecond, time.Second}},
		{"not for ever", []llmtest.Fault{{Status: 500}, {Status: 500}, {Status: 500}, {Status: 500}}, pipeline.CodeUnavailable, 3, []time.Duration{500 * time.Millisecond, time.Second}},
		{"not longer than is patient", []llmtest.Fault{{Status: 429, RetryAfter: "3600"}}, pipeline.CodeLimit, 1, nil},
		{"not what cannot change", []llmtest.Fault{{Status: 400}}, pipeline.CodeInvalid, 1, nil},
		{"not with a wrong key", []llmtest.Fault{{Status: 401}}, pipeline.CodeUnauthorized, 1, nil},
		{"not HTML", []llmtest.Fault{{Type: "text/html", Body: "<html>"}}, pipeline.CodeInvalid, 1, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBed(t, llmtest.Always("x"), open)
			b.server.Misbehave(tc.faults...)
			ans, err := b.Ask(context.Background(), ask("q"))
			if pipeline.ErrorCode(err) != tc.code || len(ans.Attempts) != tc.asked {
				t.Fatalf("%v, %d attempts", err, len(ans.Attempts))
			}
			if len(b.slept) != len(tc.slept) {
				t.Fatalf("slept %v", b.slept)
			}
			for i, d := range tc.slept {
				if b.slept[i] != d {
					t.Errorf("slept %v, want %v", b.slept, tc.slept)
				}
			}
			// Every attempt is in the log, the failed ones too.
			calls, err := b.store.Calls(context.Background(), model.CallFilter{})
			if err != nil || len(calls) != 1 || len(calls[0].Attempts) != tc.asked || (calls[0].Error != "") != (tc.code != "") {
				t.Errorf("%v %+v", err, calls)
			}
		})
	}
}

// What went out and came to nothing may be billed by the provider, so it is
// billed here.
func TestFailedAttemptsAreBilled(t *testing.T) {
	b := newBed(t, llmtest.Always("x"), open)
	ok, err := b.Ask(context.Background(), ask("q"))
	if err != nil {
		t.Fatal(err)
	}
	b.server.Misbehave(llmtest.Fault{Cut: -1}, llmtest.Fault{Status: 429})
	twice, err := b.Ask(context.Background(), ask("other"))
	if err != nil {
		t.Fatal(err)
	}
	if len(twice.Attempts) != 3 || twice.Attempts[0].Usage.In == 0 || twice.Attempts[1].Usage.In != 0 || twice.Usage.In <= ok.Usage.In || twice.Micros <= ok.Micros {
		t.Errorf("%+v", twice)
	}
	sums, err := b.store.SumCalls(context.Background(), "model", time.Time{})
	if err != nil || len(sums) != 1 || sums[0].Micros != ok.Micros+twice.Micros {
		t.Errorf("%v %+v", err, sums)
	}
	spent, err := b.store.Spent(context.Background(), "model.micros", "2026-03-28")
	if err != nil || spent != sums[0].Micros {
		t.Errorf("spent %d of %d: %v", spent, sums[0].Micros, err)
	}
}

func TestTimeout(t *testing.T) {
	b := newBed(t, llmtest.Always("x"), with(open, func(l *model.Limits) { l.Timeout = 50 * time.Millisecond; l.Tries = 2 }))
	b.server.Misbehave(llmtest.Fault{Delay: time.Minute})
	ans, err := b.Ask(context.Background(), ask("q"))
	if err != nil || len(ans.Attempts) != 2 {
		t.Errorf("%v %+v", err, ans)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.server.Misbehave(llmtest.Fault{Delay: time.Minute})
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := b.Ask(ctx, ask("other")); pipeline.ErrorCode(err) != pipeline.CodeCanceled {
		t.Errorf("the caller gave up: %v", err)
	}
}

func TestBudgetOfTheDay(t *testing.T) {
	ctx := context.Background()
	probe := newBed(t, llmtest.Always("12345"), open)
	one, err := probe.Ask(ctx, ask("a"))
	if err != nil {
		t.Fatal(err)
	}
	// Room for three answers and one reservation: a question may cost much more
	// than it does, and it must not be asked if that could not be paid.
	most := 3*one.Micros + 1500
	b := newBed(t, llmtest.Always("12345"), with(open, func(l *model.Limits) { l.DayMicros = most }))
	n := 0
	for ; n < 100; n++ {
		if _, err = b.Ask(ctx, ask(strings.Repeat("x", n+1))); err != nil {
			break
		}
	}
	spent, serr := b.store.Spent(ctx, "model.micros", "2026-03-28")
	if pipeline.ErrorCode(err) != pipeline.CodeLimit || !strings.Contains(err.Error(), "budget") || serr != nil || spent > most || n < 3 {
		t.Errorf("after %d: %v; spent %d of %d, %v", n, err, spent, most, serr)
	}
	asked := len(b.server.Asked())
	if _, err := b.Ask(ctx, ask("once more")); pipeline.ErrorCode(err) != pipeline.CodeLimit || len(b.server.Asked()) != asked {
		t.Errorf("asked without money: %v", err)
	}
	if a, err := b.Ask(ctx, ask("x")); err != nil || !a.Kept {
		t.Errorf("what is known costs nothing: %v", err)
	}
	b.mu.Lock()
	b.now = b.now.Add(time.Hour)
	b.mu.Unlock()
	if _, err := b.Ask(ctx, ask("once more")); err != nil {
		t.Errorf("the next day: %v", err)
	}
	if none := newBed(t, llmtest.Always("x"), model.Limits{DayTokens: -1}); true {
		if _, err := none.Ask(ctx, ask("x")); pipeline.ErrorCode(err) != pipeline.CodeLimit || len(none.server.Asked()) != 0 {
			t.Errorf("a budget of nothing: %v", err)
		}
	}
}

// However many processes ask at once, the day's budget holds.
func TestBudgetAtOnce(t *testing.T) {
	limits := with(open, func(l *model.Limits) { l.DayTokens = 3000; l.Concurrency = 8 })
	b := newBed(t, llmtest.Always("12345"), limits)
	clients := []*model.Client{b.Client, b.client(t, limits), b.client(t, limits)}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			_, err := clients[i%3].Ask(context.Background(), ask(strings.Repeat("y", i+1)))
			if err != nil && pipeline.ErrorCode(err) != pipeline.CodeLimit {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	spent, err := b.store.Spent(context.Background(), "model.tokens", "2026-03-28")
	if err != nil || spent > 3000 || spent == 0 {
		t.Errorf("spent %d of 3000: %v", spent, err)
	}
	var used int
	calls, err := b.store.Calls(context.Background(), model.CallFilter{Limit: 100})
	for _, c := range calls {
		used += c.Usage.Total()
	}
	if err != nil || int64(used) != spent {
		t.Errorf("the log has %d tokens, the budget %d: %v", used, spent, err)
	}
}

func TestAlerts(t *testing.T) {
	b := newBed(t, llmtest.Always("12345"), with(open, func(l *model.Limits) { l.DayTokens = 2000 }))
	for n := range 40 {
		_, _ = b.Ask(context.Background(), ask(strings.Repeat("z", n+1)))
	}
	var levels []int
	for _, a := range b.alerts {
		levels = append(levels, a.Percent)
		if a.Account != "model.tokens" || a.Day != "2026-03-28" || a.Most != 2000 || a.Spent < int64(a.Percent)*20 {
			t.Errorf("%+v", a)
		}
	}
	if len(levels) < 2 || levels[0] != 50 || levels[1] != 80 {
		t.Errorf("told of %v", levels)
	}
}

func TestMeter(t *testing.T) {
	b := newBed(t, llmtest.Always("12345"), open)
	m := &model.Meter{Name: "the questions about f/1", Most: 800}
	n := 0
	var err error
	for ; n < 50; n++ {
		q := ask(strings.Repeat("m", n+1))
		q.Meters = []*model.Meter{m}
		if _, err = b.Ask(context.Background(), q); err != nil {
			break
		}
	}
	if pipeline.ErrorCode(err) != pipeline.CodeLimit || !strings.Contains(err.Error(), "f/1") || n == 0 || m.Used() > 800 {
		t.Errorf("after %d: %v, used %d", n, err, m.Used())
	}
}

// A provider that is down is left alone, and tried again later.
func TestBreaker(t *testing.T) {
	b := newBed(t, llmtest.Always("x"), with(open, func(l *model.Limits) { l.Tries = 1; l.Failures = 3; l.Rest = 300 * time.Millisecond }))
	ctx := context.Background()
	for range 3 {
		b.server.Misbehave(llmtest.Fault{Status: 503})
		if _, err := b.Ask(ctx, ask("q")); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
			t.Fatal(err)
		}
	}
	before := time.Now()
	ans, err := b.Ask(ctx, ask("q"))
	if pipeline.ErrorCode(err) != pipeline.CodeUnavailable || !strings.Contains(err.Error(), "left alone") || len(ans.Attempts) != 0 {
		t.Errorf("%v %+v", err, ans)
	}
	time.Sleep(max(0, 400*time.Millisecond-time.Since(before)))
	if _, err := b.Ask(ctx, ask("q")); err != nil {
		t.Errorf("after its rest: %v", err)
	}
	// A question that the provider refuses says nothing about the provider.
	for range 5 {
		b.server.Misbehave(llmtest.Fault{Status: 400})
		if _, err := b.Ask(ctx, ask("bad")); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Fatal(err)
		}
	}
}

// Without a store there is no budget and no log, so nothing is asked.
func TestStoreGone(t *testing.T) {
	b := newBed(t, llmtest.Always("x"), open)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Ask(ctx, ask("q")); err == nil || len(b.server.Asked()) != 0 {
		t.Errorf("%v, asked %d", err, len(b.server.Asked()))
	}
}

func TestPrices(t *testing.T) {
	for name, text := range map[string]string{
		"no source":  "prices:\n- {model: a, in: 1, out: 1, date: 2026-01-01}",
		"no date":    "prices:\n- {model: a, in: 1, out: 1, source: x}",
		"twice":      "prices:\n- {model: a, source: x, date: 2026-01-01}\n- {model: a, source: x, date: 2026-01-01}",
		"negative":   "prices:\n- {model: a, in: -1, source: x, date: 2026-01-01}",
		"no model":   "prices:\n- {in: 1, source: x, date: 2026-01-01}",
		"a new word": "prices:\n- {model: a, input: 1, source: x, date: 2026-01-01}",
		"not YAML":   "prices: [",
	} {
		if _, err := model.ReadPrices("prices.yaml", []byte(text)); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "prices.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := model.ReadPrices("empty", nil); err != nil {
		t.Error(err)
	} else if _, ok := p.Of("x"); ok {
		t.Error("a price from nowhere")
	}
	p, ok := prices.Of("openai:gpt-5")
	if got := p.Micros(model.Usage{In: 1000, Out: 10, Cached: 400}); !ok || got != 600+200+100 {
		t.Errorf("%v %d", ok, got)
	}
	if _, ok := prices.Of("anthropic:x"); ok {
		t.Error("the price of another")
	}
	if got := p.Micros(model.Usage{In: 1}); got != 1 {
		t.Errorf("rounded to %d", got)
	}
	for n, want := range map[int64]string{0: "0 USD", 1234: "0.001234 USD", 1234567: "1.23 USD"} {
		if got := model.Money(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

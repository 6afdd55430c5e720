package contract

import (
	"testing"
	"time"
)

func TestServiceLevels(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	published := func(event, decided time.Duration) Delivery {
		return Delivery{Event: ago(event), Decided: ago(decided), Published: true}
	}
	held := func(event, decided time.Duration) Delivery {
		return Delivery{Event: ago(event), Decided: ago(decided)}
	}
	lost := func(event, decided time.Duration) Delivery {
		d := published(event, decided)
		d.Lost = true
		return d
	}
	batch := func(event time.Duration) *Delivery { return &Delivery{Event: ago(event)} }
	h := time.Hour
	for _, c := range []struct {
		name string
		sla  SLA
		past []Delivery
		now  *Delivery
		want string // holds, fails, or why not judged
	}{
		{"on the minute", SLA{Property: "latency", Within: 4 * h}, nil, batch(4 * h), "holds: it took 4h"},
		{"a second late", SLA{Property: "latency", Within: 4 * h}, nil, batch(4*h + time.Second), "fails: it took 4h"},
		{"from the future", SLA{Property: "latency", Within: 4 * h}, nil, batch(-h), "holds: it took 0s"},
		{"sweep: the last published", SLA{Property: "latency", Within: h}, []Delivery{published(30*h, 28*h), held(2*h, h)}, nil, "fails: it took 2h"},
		{"sweep: nothing yet", SLA{Property: "latency", Within: h}, []Delivery{held(2*h, h)}, nil, "no batch is published yet"},
		{"daily", SLA{Property: "frequency", Within: 24 * h}, []Delivery{published(24*h, 23*h)}, batch(0), "holds: 1d since the batch before"},
		{"a day missing", SLA{Property: "frequency", Within: 24 * h}, []Delivery{published(48*h, 47*h)}, batch(0), "fails: 2d since the batch before"},
		{"a held one is none", SLA{Property: "frequency", Within: 24 * h}, []Delivery{published(48*h, 47*h), held(24*h, 23*h)}, batch(0), "fails: 2d since the batch before"},
		{"an older one that came later", SLA{Property: "frequency", Within: 24 * h}, []Delivery{published(2*h, h), published(90*h, h)}, batch(0), "holds: 2h since the batch before"},
		{"the first", SLA{Property: "frequency", Within: 24 * h}, nil, batch(0), "no earlier batch is published"},
		{"sweep: overdue", SLA{Property: "frequency", Within: 24 * h}, []Delivery{published(25*h, 25*h)}, nil, "fails: the last batch is 1d 1h old"},
		{"kept", SLA{Property: "retention", Within: 48 * h}, []Delivery{lost(90*h, 89*h), published(5*h, 4*h)}, nil, "holds: 0 of 1 batches of that time are gone"},
		{"gone too soon", SLA{Property: "retention", Within: 48 * h}, []Delivery{lost(40*h, 39*h), published(5*h, 4*h)}, nil, "fails: 1 of 2 batches of that time are gone"},
		{"nothing to keep", SLA{Property: "retention", Within: 48 * h}, []Delivery{held(5*h, 4*h)}, nil, "no batch was published in that time"},
		{"half", SLA{Property: "availability", Percent: 50}, []Delivery{held(4*h, 3*h), published(2*h, h)}, nil, "holds: 1 of 2 batches were published"},
		{"less than half", SLA{Property: "availability", Percent: 50.1}, []Delivery{held(4*h, 3*h), published(2*h, h)}, nil, "fails: 1 of 2 batches were published"},
		{"long ago", SLA{Property: "availability", Percent: 99}, []Delivery{held(721*h, 721*h)}, nil, "there is no batch of the last 30 days"},
		{"another one", SLA{Property: "generalAvailability"}, nil, nil, "the ledger does not answer generalAvailability"},
	} {
		r := c.sla.Judge(Facts{Now: now, Batches: c.past, Batch: c.now})
		got := r.Unjudged
		if got == "" {
			got = map[bool]string{true: "holds: ", false: "fails: "}[r.Holds] + r.Detail
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "0s", 400 * time.Millisecond: "0s", 90 * time.Second: "1m 30s", time.Hour + time.Second: "1h",
		26 * time.Hour: "1d 2h", 7 * 24 * time.Hour: "7d", -time.Minute: "-1m"} {
		if got := Span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

package contract

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t interface {
	Helper()
	Fatal(...any)
}, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestCalendarNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		s      Schedule
		after  string
		want   string
	}{
		{"the same morning", Schedule{Cron: "0 6 * * *"}, "2026-03-02T05:59:59+01:00", "2026-03-02T06:00:00+01:00"},
		{"strictly after", Schedule{Cron: "0 6 * * *"}, "2026-03-02T06:00:00+01:00", "2026-03-03T06:00:00+01:00"},
		{"over the weekend", Schedule{Cron: "0 6 * * 1-5"}, "2026-03-06T06:00:00+01:00", "2026-03-09T06:00:00+01:00"},
		{"over the weekend, by days", Schedule{Cron: "0 6 * * *", Days: "mon-fri"}, "2026-03-06T06:00:00+01:00", "2026-03-09T06:00:00+01:00"},
		{"a holiday", Schedule{Cron: "0 6 * * *", Holidays: []string{"2026-05-01"}}, "2026-04-30T07:00:00+02:00", "2026-05-02T06:00:00+02:00"},
		{"summer time begins: the hour of the day stays", Schedule{Cron: "0 6 * * *"}, "2026-03-28T06:00:00+01:00", "2026-03-29T06:00:00+02:00"},
		{"summer time begins: a time that does not exist", Schedule{Cron: "30 2 * * *"}, "2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00"},
		{"summer time ends: the hour of the day stays", Schedule{Cron: "0 6 * * *"}, "2026-10-24T06:00:00+02:00", "2026-10-25T06:00:00+01:00"},
		{"summer time ends: a time that comes twice is due once", Schedule{Cron: "30 2 * * *"}, "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"the first of the month or a Monday", Schedule{Cron: "0 0 1 * mon"}, "2026-03-30T00:00:00+02:00", "2026-04-01T00:00:00+02:00"},
		{"steps", Schedule{Cron: "*/20 8-9 * jan-mar sun"}, "2026-03-29T08:41:00+02:00", "2026-03-29T09:00:00+02:00"},
		{"Sunday is 7 too", Schedule{Cron: "0 0 * * 7"}, "2026-03-02T00:00:00+01:00", "2026-03-08T00:00:00+01:00"},
		{"a day that never is", Schedule{Cron: "0 0 30 2 *"}, "2026-03-02T00:00:00+01:00", ""},
		{"leap day", Schedule{Cron: "0 0 29 2 *"}, "2026-03-02T00:00:00+01:00", "2028-02-29T00:00:00+01:00"},
		{"another zone", Schedule{Cron: "0 6 * * *", Timezone: "Asia/Tokyo"}, "2026-03-02T00:00:00+01:00", "2026-03-03T06:00:00+09:00"},
		{"no schedule", Schedule{}, "2026-03-02T00:00:00+01:00", ""},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		var want time.Time
		if c.want != "" {
			if want, err = time.Parse(time.RFC3339, c.want); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.s.Calendar(zone(t, "Europe/Berlin")).Next(after); !got.Equal(want) {
			t.Errorf("%s: after %s comes %s, want %s", c.reason, c.after, got, c.want)
		}
	}
}

func TestCalendarAdd(t *testing.T) {
	t.Parallel()
	week := Schedule{Days: "mon-fri"}
	for _, c := range []struct {
		reason string
		s      Schedule
		from   string
		d      time.Duration
		want   string
	}{
		{"a day keeps the time of day into summer", Schedule{}, "2026-03-28T06:00:00+01:00", day, "2026-03-29T06:00:00+02:00"},
		{"and out of it", Schedule{}, "2026-10-24T06:00:00+02:00", day, "2026-10-25T06:00:00+01:00"},
		{"an hour is an hour", Schedule{}, "2026-03-29T01:30:00+01:00", time.Hour, "2026-03-29T03:30:00+02:00"},
		{"Friday and a day is Monday", week, "2026-03-06T06:00:00+01:00", day, "2026-03-09T06:00:00+01:00"},
		{"Friday evening and six hours is Monday morning", week, "2026-03-06T20:00:00+01:00", 6 * time.Hour, "2026-03-09T02:00:00+01:00"},
		{"from a Saturday", week, "2026-03-07T06:00:00+01:00", 2 * time.Hour, "2026-03-09T02:00:00+01:00"},
		{"a day and a half", week, "2026-03-06T12:00:00+01:00", 36 * time.Hour, "2026-03-10T00:00:00+01:00"},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		cal := c.s.Calendar(zone(t, "Europe/Berlin"))
		got := cal.Add(from, c.d)
		if got.In(cal.Location()).Format(time.RFC3339) != c.want {
			t.Errorf("%s: %s, want %s", c.reason, got.In(cal.Location()).Format(time.RFC3339), c.want)
		}
	}
}

// TestCalendarLaws: what is due lies in the future and on a day that counts,
// and what was added has elapsed.
func TestCalendarLaws(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{Cron: rapid.SampledFrom([]string{"0 6 * * *", "30 2 */2 * *", "*/15 * * * *", "0 0 1 * *"}).Draw(t, "cron"),
			Days: rapid.SampledFrom([]string{"", "mon-fri", "sat,sun"}).Draw(t, "days")}
		cal := s.Calendar(zone(t, rapid.SampledFrom(zones).Draw(t, "zone")))
		from := time.Unix(rapid.Int64Range(1760000000, 1800000000).Draw(t, "from"), 0).UTC()
		if next := cal.Next(from); !next.After(from) || !cal.Working(next) {
			t.Fatalf("after %s comes %s", from, next)
		}
		// A clock that skips an hour gives two local times one moment.
		if prev := cal.Prev(cal.Next(from)); prev.After(from) || !cal.Next(prev).Equal(cal.Next(from)) {
			t.Fatalf("before %s was %s", cal.Next(from), prev)
		}
		d := time.Duration(rapid.IntRange(1, 500).Draw(t, "minutes")) * time.Minute
		if got := cal.Elapsed(from, cal.Add(from, d)); got != d {
			t.Fatalf("%s after %s, %s has elapsed", d, from, got)
		}
	})
}

func TestChannels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, support, want, problem string
	}{
		{"an address for issues", "{channel: ops, url: 'mailto:ops@plant.test', scope: issues}", "mailto:ops@plant.test warning", ""},
		{"a chat room is a page for people", "{channel: room, url: 'https://chat.test/room', tool: slack, scope: issues}", "", ""},
		{"its webhook is a secret", "{channel: room, url: 'https://chat.test/room', tool: slack, customProperties: [{property: assay.notify, value: {url: 'env:ROOM_HOOK', severity: error}}]}", "env:ROOM_HOOK slack error", ""},
		{"quiet hours", "{channel: hook, url: 'https://hooks.test/x', customProperties: [{property: assay.notify, value: {quiet: '22:00-06:00', timezone: Europe/Berlin, secret: 'env:KEY'}}]}", "https://hooks.test/x warning quiet 22:00-06:00 key KEY", ""},
		{"a topic", "{channel: topic, url: 'arn:aws:sns:eu-central-1:123456789012:ops', scope: notifications}", "arn:aws:sns:eu-central-1:123456789012:ops warning", ""},
		{"no such thing", "{channel: x, url: 'pigeon:coop', customProperties: [{property: assay.notify, value: info}]}", "", "nothing can be sent to pigeon:"},
		{"half an address", "{channel: x, url: 'mailto:ops', scope: issues}", "", "no single mail address"},
		{"a password", "{channel: x, url: 'https://a:b@hooks.test', customProperties: [{property: assay.notify, value: info}]}", "", "holds a password"},
		{"hours that are none", "{channel: x, url: 'https://hooks.test', customProperties: [{property: assay.notify, value: {quiet: '25-26'}}]}", "https://hooks.test warning quiet 25-26", "are no hours"},
		{"a key in the contract", "{channel: x, url: 'https://hooks.test', customProperties: [{property: assay.notify, value: {secret: hunter2}}]}", "https://hooks.test warning", "does not belong into a contract"},
	} {
		d, err := Parse("x.odcs.yaml", []byte("apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\nsupport:\n  - "+c.support+
			"\nschema:\n  - name: t\n    properties:\n      - {name: a, logicalType: string}\n"))
		if err != nil {
			t.Fatal(err)
		}
		f, found := d.compile(d.root.list("schema")[0])
		got := ""
		for _, ch := range f.Channels {
			got = ch.URL
			if ch.Slack {
				got += " slack"
			}
			got += " " + string(ch.Severity)
			if ch.Quiet != "" {
				got += " quiet " + ch.Quiet
			}
			if ch.Secret != "" {
				got += " key " + ch.Secret
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
		problem := ""
		for _, p := range found {
			if p.Level == LevelError {
				problem += p.What + p.Do
			}
		}
		if (c.problem == "") != (problem == "") || !strings.Contains(problem, c.problem) {
			t.Errorf("%s: problem %q, want %q", c.reason, problem, c.problem)
		}
	}
}

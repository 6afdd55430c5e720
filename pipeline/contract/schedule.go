package contract

import (
	"slices"
	"strings"
	"time"
)

// A Schedule says when batches of a feed are due, for noticing that none came.
// Either Cron names the moments, or Every the longest gap; with neither nothing
// is due.
type Schedule struct {
	// Cron is five fields in local time: minute, hour, day of month, month, day
	// of week (0 or 7 is Sunday; names are taken).
	Cron string
	// Every is the frequency of slaProperties.
	Every time.Duration
	// Timezone is an IANA name, "" for the deployment's.
	Timezone string
	// Days are the days of the week that count, as "mon-fri" or "mon,wed"; ""
	// for all. Holidays are dates (2026-12-25) that do not.
	Days     string
	Holidays []string
	// Grace is how long after it is due a batch is still in time.
	Grace time.Duration
	// MinRows and MaxRows bound the rows of all batches between two due moments
	// (of a day, where Every rules); nil for no bound.
	MinRows, MaxRows *int64
}

// slaSchedule reads the schedule of a service level: a frequency's cron schedule
// says when batches are due. Others are not followed.
func (c *compiler) slaSchedule(n *node, property string) {
	at := n.get("schedule")
	scheduler := n.text("scheduler")
	switch _, ok := parseCron(at.str()); {
	case at == nil:
		if key := n.key("scheduler"); key != nil {
			c.unenforced(key, "sla")
		}
	case property != "frequency" || scheduler != "" && !strings.EqualFold(scheduler, "cron"):
		c.unenforced(n.key("schedule"), "sla")
	case !ok:
		c.errorf(at, "sla", `write five fields, such as "0 6 * * 1-5"`, "%q is not a cron schedule", at.str())
	default:
		c.feed.Schedule.Cron = at.str()
	}
}

// schedule reads assay.schedule, and adds it to the frequency of slaProperties.
func (c *compiler) schedule(f *Feed) {
	s := &f.Schedule
	for _, sla := range f.SLA {
		if sla.Property == "frequency" && sla.Within > 0 {
			s.Every = sla.Within
		}
	}
	m := c.mapping(c.setting("assay.schedule"), "assay.schedule", "cron")
	s.Cron = m.text("cron", s.Cron)
	s.Timezone = m.text("timezone", "")
	s.Days = strings.ToLower(m.text("days", ""))
	if v := m.get("holidays"); v != nil {
		s.Holidays = c.words(v, "assay.schedule.holidays")
	}
	if g := m.duration("grace"); g != "" {
		s.Grace, _ = parseDuration(g) // it was checked
	}
	bound := func(key string) *int64 {
		if m.n.get(key) == nil {
			m.read = append(m.read, key)
			return nil
		}
		n := int64(m.count(key, 0, 0))
		return &n
	}
	s.MinRows, s.MaxRows = bound("minRows"), bound("maxRows")
	m.done()
	at := c.setting("assay.schedule")
	if _, err := time.LoadLocation(s.Timezone); err != nil {
		c.errorf(at, "custom", "use an IANA name such as Europe/Berlin", "assay.schedule.timezone: %q is not a time zone", s.Timezone)
	}
	if _, ok := parseDays(s.Days); !ok {
		c.errorf(at, "custom", "write mon-fri, or mon,wed,fri", "assay.schedule.days: %q are no days of the week", s.Days)
	}
	for _, h := range s.Holidays {
		if _, err := time.Parse(time.DateOnly, h); err != nil {
			c.errorf(at, "custom", "write dates like 2026-12-25", "assay.schedule.holidays: %q is not a date", h)
		}
	}
	if _, ok := parseCron(s.Cron); s.Cron != "" && !ok {
		c.errorf(at, "custom", `write five fields, such as "0 6 * * 1-5"`, "%q is not a cron schedule", s.Cron)
		s.Cron = ""
	}
}

// A Calendar is a schedule in a time zone: a pure function of time.
type Calendar struct {
	s    Schedule
	loc  *time.Location
	cron cron
	days [7]bool
}

// Calendar compiles s; zone is where s names none.
func (s Schedule) Calendar(zone *time.Location) Calendar {
	c := Calendar{s: s, loc: zone}
	if s.Timezone != "" {
		if loc, err := time.LoadLocation(s.Timezone); err == nil {
			c.loc = loc
		}
	}
	if c.loc == nil {
		c.loc = time.UTC
	}
	c.cron, _ = parseCron(s.Cron)
	c.days, _ = parseDays(s.Days)
	return c
}

// Location is the time zone of the calendar.
func (c Calendar) Location() *time.Location { return c.loc }

// Working reports whether the local day of t counts.
func (c Calendar) Working(t time.Time) bool {
	t = t.In(c.loc)
	return c.days[t.Weekday()] && !slices.Contains(c.s.Holidays, t.Format(time.DateOnly))
}

// calendarYears guards against calendars without a working day.
const calendarYears = 5

// Next is the first moment after t at which a batch is due by the cron
// schedule; the zero time where there is none. A local time that a change of
// the clock skips is due an hour later, one that comes twice is due once.
func (c Calendar) Next(t time.Time) time.Time {
	if c.s.Cron == "" {
		return time.Time{}
	}
	local := t.In(c.loc)
	y, mo, d := local.Date()
	for n := range calendarYears * 366 {
		day := time.Date(y, mo, d+n, 12, 0, 0, 0, c.loc)
		if !c.cron.onDay(day) || !c.Working(day) {
			continue
		}
		for h := range 24 {
			if !c.cron.hour[h] {
				continue
			}
			for m := range 60 {
				if !c.cron.minute[m] {
					continue
				}
				at := first(time.Date(y, mo, d+n, h, m, 0, 0, c.loc))
				if at.After(t) {
					return at.UTC()
				}
			}
		}
	}
	return time.Time{}
}

// Prev is the last moment before t at which a batch was due; the zero time
// where there is none.
func (c Calendar) Prev(t time.Time) time.Time {
	if c.s.Cron == "" {
		return time.Time{}
	}
	y, mo, d := t.In(c.loc).Date()
	for n := range calendarYears * 366 {
		day := time.Date(y, mo, d-n, 12, 0, 0, 0, c.loc)
		if !c.cron.onDay(day) || !c.Working(day) {
			continue
		}
		for h := 23; h >= 0; h-- {
			for m := 59; m >= 0 && c.cron.hour[h]; m-- {
				if !c.cron.minute[m] {
					continue
				}
				if at := first(time.Date(y, mo, d-n, h, m, 0, 0, c.loc)); at.Before(t) {
					return at.UTC()
				}
			}
		}
	}
	return time.Time{}
}

// first is the earlier of the two moments that a clock which is set back shows
// the same time, which time.Date leaves open.
func first(t time.Time) time.Time {
	for _, back := range []time.Duration{time.Hour, 30 * time.Minute} {
		if e := t.Add(-back); e.Format(time.DateTime) == t.Format(time.DateTime) {
			return e
		}
	}
	return t
}

// Add is d after from on the days that count: whole days keep the local time of
// day over changes of the clock, and hours run on working days alone.
func (c Calendar) Add(from time.Time, d time.Duration) time.Time {
	t := from.In(c.loc)
	limit := from.AddDate(calendarYears, 0, 0).Add(2 * d)
	if d%day == 0 {
		y, mo, dd := t.Date()
		h, m, s := t.Clock()
		at := t
		for n, i := d/day, 1; n > 0 && at.Before(limit); i++ {
			at = time.Date(y, mo, dd+i, h, m, s, t.Nanosecond(), c.loc)
			if c.Working(at) {
				n--
			}
		}
		return at.UTC()
	}
	for t.Before(limit) {
		y, mo, dd := t.Date()
		midnight := time.Date(y, mo, dd+1, 0, 0, 0, 0, c.loc)
		if c.Working(t) {
			if left := midnight.Sub(t); left < d {
				d -= left
			} else {
				return t.Add(d).UTC()
			}
		}
		t = midnight
	}
	return t.UTC()
}

// Elapsed is how much of the time from from to to lies on days that count.
func (c Calendar) Elapsed(from, to time.Time) time.Duration {
	if c.s.Days == "" && len(c.s.Holidays) == 0 {
		return max(0, to.Sub(from))
	}
	var sum time.Duration
	for t := from.In(c.loc); t.Before(to); {
		y, mo, dd := t.Date()
		end := time.Date(y, mo, dd+1, 0, 0, 0, 0, c.loc)
		if end.After(to) {
			end = to
		}
		if c.Working(t) {
			sum += end.Sub(t)
		}
		t = end.In(c.loc)
	}
	return sum
}

// Midnight is the beginning of the local day of t.
func (c Calendar) Midnight(t time.Time) time.Time {
	y, mo, d := t.In(c.loc).Date()
	return time.Date(y, mo, d, 0, 0, 0, 0, c.loc).UTC()
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseDays reads mon-fri or mon,wed; "" are all seven.
func parseDays(s string) (days [7]bool, ok bool) {
	if s == "" {
		return [7]bool{true, true, true, true, true, true, true}, true
	}
	for part := range strings.SplitSeq(s, ",") {
		a, b, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			b = a
		}
		from, to := slices.Index(weekdays, a), slices.Index(weekdays, b)
		if from < 0 || to < 0 {
			return days, false
		}
		for i := from; ; i = (i + 1) % 7 {
			days[i] = true
			if i == to {
				break
			}
		}
	}
	return days, true
}

package contract

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A cron is five fields as sets, as crontab(5) has them.
type cron struct {
	minute [60]bool
	hour   [24]bool
	dom    [32]bool
	month  [13]bool
	dow    [7]bool
	anyDom bool
	anyDow bool
}

// onDay: where both days are restricted, either is enough, as in crontab(5).
func (c cron) onDay(t time.Time) bool {
	if !c.month[t.Month()] {
		return false
	}
	dom, dow := c.dom[t.Day()], c.dow[t.Weekday()]
	switch {
	case c.anyDom:
		return dow
	case c.anyDow:
		return dom
	}
	return dom || dow
}

var months = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

func parseCron(s string) (c cron, ok bool) {
	fields := strings.Fields(strings.ToLower(s))
	if len(fields) != 5 {
		return c, false
	}
	c.anyDom, c.anyDow = fields[2] == "*", fields[4] == "*"
	var dow [8]bool
	ok = cronField(fields[0], c.minute[:], 0, nil) && cronField(fields[1], c.hour[:], 0, nil) &&
		cronField(fields[2], c.dom[:], 1, nil) && cronField(fields[3], c.month[:], 1, months) &&
		cronField(fields[4], dow[:], 0, weekdays)
	copy(c.dow[:], dow[:7])
	c.dow[0] = dow[0] || dow[7]
	return c, ok
}

// cronField reads *, 5, 1-5, */15, 1-30/2, and lists of them, into set.
func cronField(s string, set []bool, least int, names []string) bool {
	number := func(s string) (int, bool) {
		if i := slices.Index(names, s); i >= 0 && s != "" {
			return i, true
		}
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= least && n < len(set)
	}
	for part := range strings.SplitSeq(s, ",") {
		span, step, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 {
				return false
			}
			by = n
		}
		from, to := least, len(set)-1
		if span != "*" {
			a, b, isRange := strings.Cut(span, "-")
			var ok bool
			if from, ok = number(a); !ok {
				return false
			}
			switch {
			case isRange:
				if to, ok = number(b); !ok || to < from {
					return false
				}
			case !stepped:
				to = from
			}
		}
		for i := from; i <= to; i += by {
			set[i] = true
		}
	}
	return true
}

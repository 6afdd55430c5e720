package pages

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
)

// moment is a time as pages show it, empty of the zero one.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// age is a duration for people, by its largest unit or two.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return ""
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// rate is a share in percent, with so many digits that what is not zero does
// not look so.
func rate(share float64) string {
	p := 100 * share
	switch {
	case math.IsNaN(p):
		return "–"
	case p == 0 || p >= 10:
		return fmt.Sprintf("%.0f %%", p)
	case p >= 1:
		return fmt.Sprintf("%.1f %%", p)
	case p >= 0.01:
		return fmt.Sprintf("%.2f %%", p)
	}
	return "< 0.01 %"
}

// count groups the digits of a number: 1 234 567.
func count(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // a narrow space that does not break
	}
	return sign + s
}

// to is the address of a thing: its path escaped segment by segment, and a query
// of name, value, …; empty values are left out.
func to(segments []string, query ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	if len(segments) == 0 {
		b.WriteByte('/')
	}
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	if len(q) > 0 {
		b.WriteByte('?')
		b.WriteString(q.Encode())
	}
	return b.String()
}

// A pager leads to other pages of a list (template "pages").
type pager struct{ Label, First, Next string }

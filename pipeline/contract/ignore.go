package contract

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// An IgnoreList lets known breaking changes pass until a date. Its file has one
// entry per line: the place (feed or feed.field; * for any part), the kind of
// change (or *), the last day, and why:
//
//	orders.amount   maximum   2026-03-31   agreed with billing
type IgnoreList struct {
	file    string
	entries []ignoreEntry
}

type ignoreEntry struct {
	line        int
	place, kind string
	until       time.Time
	reason      string
}

// ParseIgnore reads an ignore file. Blank lines and those that begin with # are
// skipped. Errors: invalid, with every line that cannot be read.
func ParseIgnore(file string, src []byte) (*IgnoreList, error) {
	l := &IgnoreList{file: file}
	var bad []Finding
	for i, text := range strings.Split(string(src), "\n") {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		fail := func(what, do string) {
			bad = append(bad, Finding{File: file, Line: i + 1, Column: 1, Level: LevelError, Rule: "ignore", What: what, Do: do})
		}
		words := strings.Fields(text)
		if len(words) < 4 {
			fail("an entry has a place, a kind, a last day and a reason", "write: orders.amount maximum 2026-03-31 agreed with billing")
			continue
		}
		until, err := time.Parse(time.DateOnly, words[2])
		if err != nil {
			fail(fmt.Sprintf("%q is not a day", words[2]), "write the last day as 2026-03-31: an entry without an end would hide breaks for good")
			continue
		}
		if _, err := path.Match(words[0], ""); err != nil {
			fail(fmt.Sprintf("%q is not a pattern", words[0]), "use * for any part")
			continue
		}
		l.entries = append(l.entries, ignoreEntry{i + 1, words[0], words[1], until, strings.Join(words[3:], " ")})
	}
	if bad != nil {
		return nil, problemError(bad)
	}
	return l, nil
}

// Apply marks the breaking changes that l lets pass on the day of now, and
// lists in Expired the entries whose day is over and that would still match.
func (c *Comparison) Apply(l *IgnoreList, now time.Time) {
	if l == nil {
		return
	}
	day := now.UTC().Truncate(24 * time.Hour)
	for _, e := range l.entries {
		expired := day.After(e.until)
		used := false
		for i := range c.Changes {
			x := &c.Changes[i]
			place, _ := path.Match(e.place, x.Place())
			if !place || (e.kind != "*" && e.kind != x.Kind) || !x.Breaks(c.Mode) {
				continue
			}
			used = true
			if !expired && x.Ignored == "" {
				x.Ignored = fmt.Sprintf("%s:%d until %s: %s", l.file, e.line, e.until.Format(time.DateOnly), e.reason)
			}
		}
		if expired && used {
			c.Expired = append(c.Expired, fmt.Sprintf("%s:%d: the entry for %s %s ended on %s", l.file, e.line, e.place, e.kind, e.until.Format(time.DateOnly)))
		}
	}
}

// AffectedBy names for each breaking change the consumers that use its field.
// A consumer without a list of fields uses all of them.
func (c *Comparison) AffectedBy(consumers []Consumer) {
	for i := range c.Changes {
		x := &c.Changes[i]
		if !x.Consumers {
			continue
		}
		for _, k := range consumers {
			if k.Uses(x.Feed, x.Field, x.Old) && !slices.Contains(x.Affected, k.Name) {
				x.Affected = append(x.Affected, k.Name)
			}
		}
	}
}

// A Consumer is someone who reads a feed, and which of its fields.
type Consumer struct {
	Name    string `json:"name"`
	Feed    string `json:"feed"`
	Contact string `json:"contact,omitempty"`
	// Fields by their logical names; none means all.
	Fields []string `json:"fields,omitempty"`
	// Contract that the consumer relies on, by id.
	Contract string `json:"contract"`
}

// Uses reports whether k reads the field of the feed. A change of the feed as a
// whole concerns every consumer of it; the empty feed stands for all. former is the field's earlier name.
func (k Consumer) Uses(feed, field, former string) bool {
	if k.Feed != "" && feed != "" && k.Feed != feed {
		return false
	}
	if len(k.Fields) == 0 || field == "" {
		return true
	}
	top, _, _ := strings.Cut(field, ".")
	top = strings.TrimSuffix(top, "[]")
	for _, f := range k.Fields {
		if f == top || f == field || f == former || strings.HasPrefix(field, f+".") {
			return true
		}
	}
	return false
}

// Err is nil, or says that the comparison breaks someone: code conflict.
func (c *Comparison) Err() error {
	if !c.Breaking() {
		return nil
	}
	n := 0
	for _, x := range c.Changes {
		if x.Breaks(c.Mode) && x.Ignored == "" {
			n++
		}
	}
	return pipeline.Errorf(pipeline.CodeConflict, "%s from %s to %s %s %s", map[bool]string{true: "a change", false: fmt.Sprintf("%d changes", n)}[n == 1],
		c.OldVersion, c.NewVersion, map[bool]string{true: "breaks", false: "break"}[n == 1], map[Mode]string{
			ForConsumers: "consumers", ForHistory: "readers of old data", ForBoth: "consumers or readers of old data"}[c.Mode]).
		WithHint("take them back, keep both versions active for a while, or let them pass until a day in the ignore file")
}

package contract

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Channel is where the people of a feed are told of what happens to it.
type Channel struct {
	// Name is what the contract calls it.
	Name string
	// URL is mailto:ADDRESS, https:// (http:// for loopback tests), an SNS
	// topic (arn:aws:sns:…), console:, or env:NAME for an address that is a
	// secret and stands in that environment variable.
	URL string
	// Slack: the address takes messages in the shape of Slack's webhooks.
	Slack bool
	// Secret names the environment variable with the key that signs what is
	// sent; "" is the deployment's.
	Secret string
	// Severity is the least that is told: info, warning (default), error.
	Severity Severity
	// Quiet are the hours of the day in which only errors are told, as
	// "22:00-06:00" in Timezone ("" is the deployment's); "" for none.
	Quiet    string
	Timezone string
	Line     int
}

// channels reads where people are told: the entries of support that say so,
// else the members of the team whose user names are addresses.
//
// An entry of support tells people where it has assay.notify in its
// customProperties, or where its scope is issues or notifications and its url
// is one that a program can write to (mailto:, arn:aws:sns:). An https address
// of a chat room is a page for people: its webhook belongs into assay.notify.
func (c *compiler) channels(f *Feed) {
	for _, n := range c.doc.root.list("support") {
		c.checkCustom(n, "support")
		if ch, ok := c.channel(n); ok {
			f.Channels = append(f.Channels, ch)
		}
	}
	if len(f.Channels) > 0 {
		return
	}
	team := c.doc.root.get("team")
	members := team.list("members")
	if team != nil && team.kind == sequenceNode {
		members = team.items
	}
	for _, m := range members {
		name := m.text("username")
		if strings.Count(name, "@") == 1 && !strings.ContainsAny(name, " /:") && m.text("dateOut") == "" {
			f.Channels = append(f.Channels, Channel{Name: name, URL: "mailto:" + name, Severity: SeverityWarning, Line: m.line})
		}
	}
}

func (c *compiler) channel(n *node) (Channel, bool) {
	v := custom(n, "assay.notify")
	ch := Channel{Name: n.text("channel"), URL: n.text("url"), Severity: SeverityWarning, Line: n.line}
	if v == nil {
		scope := n.text("scope")
		written := strings.HasPrefix(ch.URL, "mailto:") || strings.HasPrefix(ch.URL, "arn:aws:sns:")
		if !written || scope != "issues" && scope != "notifications" {
			if g, listed := gap("links"); listed {
				c.add(LevelNote, n, "unenforced", "to have problems told there, add assay.notify to its customProperties", "not enforced: %s", g.Reason)
			}
			return ch, false
		}
	}
	ch.Slack = n.text("tool") == "slack"
	m := c.mapping(v, "assay.notify", "severity")
	ch.URL = m.text("url", ch.URL)
	ch.Secret = m.text("secret", "")
	ch.Severity = Severity(m.word("severity", string(SeverityWarning), string(SeverityInfo), string(SeverityWarning), string(SeverityError)))
	if m.word("shape", "", "slack", "events") != "" {
		ch.Slack = m.text("shape", "") == "slack"
	}
	ch.Quiet, ch.Timezone = m.text("quiet", ""), m.text("timezone", "")
	m.done()
	if _, _, ok := ParseQuiet(ch.Quiet); !ok {
		c.errorf(v, "custom", `write it like "22:00-06:00"`, "assay.notify.quiet: %q are no hours of the day", ch.Quiet)
	}
	if _, err := time.LoadLocation(ch.Timezone); err != nil {
		c.errorf(v, "custom", "use an IANA name such as Europe/Berlin", "assay.notify.timezone: %q is not a time zone", ch.Timezone)
	}
	if name, env := strings.CutPrefix(ch.Secret, "env:"); ch.Secret != "" && (!env || name == "") {
		c.errorf(v, "custom", "write secret: env:NAME; a key does not belong into a contract", "assay.notify.secret names no environment variable")
		ch.Secret = ""
	} else {
		ch.Secret = name
	}
	if why := CheckChannelURL(ch.URL); why != "" {
		at := n.get("url")
		if at == nil {
			at = n
		}
		c.errorf(at, "channel", "write mailto:ADDRESS, https://…, arn:aws:sns:…, console:, or env:NAME", "the channel %s cannot be reached: %s", ch.Name, why)
		return ch, false
	}
	return ch, true
}

// CheckChannelURL says why nothing can be sent to an address, or "".
func CheckChannelURL(s string) string {
	if s == "" {
		return "it has no url"
	}
	u, err := url.Parse(s)
	if err != nil {
		return "its url does not parse"
	}
	switch {
	case s == "console:":
	case u.Scheme == "env" && u.Opaque != "":
	case u.Scheme == "mailto":
		local, domain, ok := strings.Cut(u.Opaque, "@")
		if !ok || local == "" || domain == "" || strings.ContainsAny(u.Opaque, " ,;\r\n<>") {
			return "it is no single mail address"
		}
	case strings.HasPrefix(s, "arn:aws"):
		parts := strings.Split(s, ":")
		if len(parts) != 6 || parts[2] != "sns" || parts[3] == "" || slices.Contains(parts[4:], "") {
			return "it is no ARN of an SNS topic"
		}
	case u.Scheme == "https" || u.Scheme == "http":
		if u.Hostname() == "" {
			return "its url has no host"
		}
		if u.User != nil {
			return "its url holds a password"
		}
	default:
		return "nothing can be sent to " + u.Scheme + ":"
	}
	return ""
}

// ParseQuiet reads hours of the day such as 22:00-06:00 as minutes from
// midnight; "" are none (0, 0). The end may lie on the next day.
func ParseQuiet(s string) (from, to int, ok bool) {
	if s == "" {
		return 0, 0, true
	}
	a, b, cut := strings.Cut(s, "-")
	f, err1 := time.Parse("15:04", strings.TrimSpace(a))
	t, err2 := time.Parse("15:04", strings.TrimSpace(b))
	if !cut || err1 != nil || err2 != nil {
		return 0, 0, false
	}
	return f.Hour()*60 + f.Minute(), t.Hour()*60 + t.Minute(), true
}

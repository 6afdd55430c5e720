package notify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

var _ flow.Sender = (*People)(nil)

// PeopleOptions say how people are reached.
type PeopleOptions struct {
	// Secret returns what an environment variable holds: addresses and keys
	// that contracts name but do not carry.
	Secret func(name string) (string, bool)
	// Key signs what is sent to webhooks whose channel names no secret.
	Key string
	// Loopback lets webhooks lie on this machine, over http too: for tests and
	// for a receiver beside the program. Other private addresses stay refused.
	Loopback bool
	// SMTP is smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS, or smtps://.
	SMTP string
	// Topics publishes to SNS; nil refuses topics.
	Topics Topics
	// Console is where console: channels write.
	Console io.Writer
}

// People sends messages to the channels of contracts: console, webhooks (signed,
// or in the shape of Slack's), SNS topics, mail.
type People struct {
	opt  PeopleOptions
	http *http.Client
	mu   sync.Mutex // of the console
}

// NewPeople returns the sender.
func NewPeople(opt PeopleOptions) *People {
	if opt.Secret == nil {
		opt.Secret = func(string) (string, bool) { return "", false }
	}
	if opt.Console == nil {
		opt.Console = io.Discard
	}
	return &People{opt: opt, http: client(opt.Loopback)}
}

// Send brings d to one channel. Errors: invalid (the address does not parse, a
// variable that it names is not set), denied (the address is refused, or the
// receiver is gone for good), unavailable.
func (p *People) Send(ctx context.Context, ch contract.Channel, d flow.Dispatch) error {
	address := ch.URL
	if name, ok := strings.CutPrefix(address, "env:"); ok {
		v, set := p.opt.Secret(name)
		if !set || v == "" {
			return pipeline.Errorf(pipeline.CodeInvalid, "channel %s: the variable %s, which holds its address, is not set", ch.Name, name)
		}
		address = v
	}
	if why := contract.CheckChannelURL(address); why != "" || strings.HasPrefix(address, "env:") {
		return pipeline.Errorf(pipeline.CodeInvalid, "channel %s cannot be reached: %s", ch.Name, why)
	}
	switch {
	case address == "console:":
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, err := io.WriteString(p.opt.Console, Text(d)); err != nil {
			return pipeline.Errorf(pipeline.CodeUnavailable, "channel %s: %w", ch.Name, err)
		}
		return nil
	case strings.HasPrefix(address, "mailto:"):
		return p.mail(ctx, ch, strings.TrimPrefix(address, "mailto:"), d)
	case strings.HasPrefix(address, "arn:"):
		return p.topic(ctx, ch, address, d)
	}
	return p.webhook(ctx, ch, address, d)
}

// Text writes a message for people.
func Text(d flow.Dispatch) string {
	var b strings.Builder
	for i, s := range d.Stories {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "[%s] %s", s.Severity, s.Title)
		if n := len(s.Events); n > 1 {
			fmt.Fprintf(&b, " (%d times)", n)
		}
		b.WriteByte('\n')
		line := func(name, text string) {
			if text != "" {
				fmt.Fprintf(&b, "  %s%s\n", name, text)
			}
		}
		line("", s.Text)
		for _, c := range s.Checks {
			fmt.Fprintf(&b, "  %s: %s", c.ID, c.Now)
			if c.Before != "" {
				fmt.Fprintf(&b, "; before: %s", c.Before)
			}
			if c.Expected != "" {
				fmt.Fprintf(&b, "; expected: %s", c.Expected)
			}
			b.WriteByte('\n')
		}
		for _, r := range s.Rejects {
			where := fmt.Sprintf("row %d", r.Row)
			if r.Line > 0 {
				where = fmt.Sprintf("line %d", r.Line)
			}
			fmt.Fprintf(&b, "  e.g. %s, %s: %q\n", where, r.Check, r.Value)
		}
		line("see      ", s.Link)
		line("type     ", s.Command)
		line("runbook  ", s.Runbook)
	}
	return b.String()
}

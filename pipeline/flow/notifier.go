package flow

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A Sender brings a dispatch to one channel. Errors: invalid or denied for what
// can never arrive (an address that is refused, a secret that is not set),
// anything else for what may be tried again.
type Sender interface {
	Send(ctx context.Context, ch contract.Channel, d Dispatch) error
}

// A Dispatch is one message to one channel: what happened to one feed since the
// last one, in order.
type Dispatch struct {
	// ID derives from the notices: the same message sent again has the same.
	ID       string            `json:"id"`
	Feed     string            `json:"feed,omitempty"`
	Severity contract.Severity `json:"severity"`
	Title    string            `json:"title"`
	At       time.Time         `json:"at"`
	Stories  []Story           `json:"stories"`
}

// A Notifier tells people what happens to their feeds. Events become notices
// when they leave the outbox, one for each channel of the feed and each
// watcher; notices become messages when Deliver runs. Nothing is sent where an
// event is made.
type Notifier struct {
	Store     Store
	Lake      *lake.Lake
	Contracts Contracts
	Sender    Sender
	// Default are the channels of feeds whose contract names none, and of what
	// concerns no feed.
	Default []contract.Channel
	// Zone is that of quiet hours that name none.
	Zone *time.Location
	// Runbook is where the pages of the runbook are, Site where the pages of
	// this deployment are ("" where it has none).
	Runbook string
	Site    string
	Owner   string
	Now     func() time.Time
	Log     *slog.Logger
}

const (
	// noticeTries is the dead-letter limit: with the pauses between them, the
	// last try comes about 9 hours after the first.
	noticeTries = 15
	// firstPause doubles with each failed try up to longestPause.
	firstPause   = 30 * time.Second
	longestPause = time.Hour
	// storiesAtOnce bounds one message.
	storiesAtOnce = 20
	// sendFor bounds one try.
	sendFor = 15 * time.Second
	// lanesAtOnce bounds the tries under way.
	lanesAtOnce = 8
)

// Take turns events into notices. Taking an event again changes nothing.
func (n *Notifier) Take(ctx context.Context, events []pipeline.Event) error {
	watches, err := n.Store.Watches(ctx)
	if err != nil {
		return err
	}
	var out []Notice
	for _, e := range events {
		story, touched, err := n.story(ctx, e)
		if err != nil {
			return err
		}
		if story == nil {
			continue
		}
		body, err := json.Marshal(story)
		if err != nil {
			return pipeline.Errorf(pipeline.CodeInternal, "notice of event %s: %w", e.ID, err)
		}
		told := map[string]bool{}
		channels := n.watchers(watches, e, touched)
		if ofFeed(e) {
			channels = append(n.channels(e.Key), channels...)
		}
		for _, ch := range channels {
			if rank(story.Severity) < rank(ch.Severity) || told[ch.URL] {
				continue
			}
			told[ch.URL] = true
			out = append(out, Notice{
				ID: pipeline.ContentID("notice", e.ID, ch.URL), Lane: pipeline.ContentID("lane", ch.URL)[:12] + "/" + e.Key, Feed: e.Key,
				Event: e.ID, Type: e.Type, Severity: story.Severity, Channel: ch, Body: body, State: NoticeWaiting, Created: stamp(n.Now),
			})
		}
	}
	return n.Store.PutNotices(ctx, out...)
}

// ofFeed reports whether those hear of e who hear of its feed. What a batch did
// to one item is for those who watch that item: of the batch the feed's
// channels were told.
func ofFeed(e pipeline.Event) bool { return e.Type != pipeline.ItemChanged }

// channels are those of a feed's contract, else the default ones.
func (n *Notifier) channels(feed string) []contract.Channel {
	if feed != "" {
		if f, err := n.Contracts.Feed(feed); err == nil && len(f.Channels) > 0 {
			return append([]contract.Channel(nil), f.Channels...)
		}
	}
	return append([]contract.Channel(nil), n.Default...)
}

// watchers are the channels of those who watch what e concerns.
func (n *Notifier) watchers(watches []Watch, e pipeline.Event, touched []touch) []contract.Channel {
	var out []contract.Channel
	for _, w := range watches {
		hit := w.Kind == WatchFeed && w.Subject == e.Key && ofFeed(e)
		for _, t := range touched {
			hit = hit || t.kind == w.Kind && t.subject == w.Subject
		}
		if hit {
			out = append(out, contract.Channel{Name: w.User, URL: w.URL, Severity: contract.SeverityInfo})
		}
	}
	return out
}

func rank(s contract.Severity) int {
	switch s {
	case contract.SeverityError:
		return 2
	case contract.SeverityWarning:
		return 1
	}
	return 0
}

// A Delivery is what one Deliver did, in notices.
type Delivery struct {
	Sent    int `json:"sent"`
	Retried int `json:"retried"`
	Dead    int `json:"dead"`
}

// Deliver sends what is due, the lanes side by side and each in order: what
// cannot be sent is tried again after a pause that doubles, while what follows
// it in its lane waits, and is kept as dead after the last try. One process
// delivers at a time; where another does, this one does nothing.
func (n *Notifier) Deliver(ctx context.Context) (Delivery, error) {
	var sum Delivery
	release, err := holdLease(ctx, n.Store, n.Log, n.Now, "notify", n.Owner)
	if pipeline.ErrorCode(err) == pipeline.CodeLocked {
		return sum, nil
	}
	if err != nil {
		return sum, err
	}
	defer release()
	for {
		lanes, err := n.Store.Lanes(ctx, stamp(n.Now), 8*lanesAtOnce)
		if err != nil || len(lanes) == 0 {
			return sum, err
		}
		var mu sync.Mutex
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(lanesAtOnce)
		for _, lane := range lanes {
			g.Go(func() error {
				d, err := n.deliver(gctx, lane)
				mu.Lock()
				defer mu.Unlock()
				sum.Sent, sum.Retried, sum.Dead = sum.Sent+d.Sent, sum.Retried+d.Retried, sum.Dead+d.Dead
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return sum, err
		}
	}
}

// deliver sends one message of a lane.
func (n *Notifier) deliver(ctx context.Context, lane string) (Delivery, error) {
	ns, err := n.Store.Lane(ctx, lane, storiesAtOnce)
	if err != nil || len(ns) == 0 {
		return Delivery{}, err
	}
	now := stamp(n.Now)
	if until, quiet := n.quiet(ns, now); quiet {
		ns[0].Next = until
		return Delivery{}, n.Store.UpdateNotices(ctx, ns[0])
	}
	d, err := dispatch(ns, now)
	if err != nil {
		return Delivery{}, err
	}
	tctx, cancel := context.WithTimeout(ctx, sendFor)
	err = n.Sender.Send(tctx, ns[0].Channel, d)
	cancel()
	if err != nil && ctx.Err() != nil {
		return Delivery{}, ctx.Err() // this process ends; no try was lost
	}
	var sum Delivery
	for i := range ns {
		x := &ns[i]
		x.Tries++
		switch code := pipeline.ErrorCode(err); {
		case err == nil:
			x.State, x.Done, x.Reason = NoticeSent, now, ""
			sum.Sent++
		case code == pipeline.CodeInvalid || code == pipeline.CodeDenied || x.Tries >= noticeTries:
			x.State, x.Done, x.Reason = NoticeDead, now, err.Error()
			sum.Dead++
			n.Log.Error("notice given up", "feed", x.Feed, "notice", x.ID, "tries", x.Tries, "channel", x.Channel.Name, "error", err)
		default:
			x.Next, x.Reason = now.Add(pauseAfter(x.Tries)), err.Error()
			sum.Retried++
		}
	}
	if err != nil {
		n.Log.Warn("notice not sent", "feed", ns[0].Feed, "channel", ns[0].Channel.Name, "tries", ns[0].Tries, "error", err)
	}
	// Even a process that is told to end says what it sent.
	wctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	return sum, n.Store.UpdateNotices(wctx, ns...)
}

func pauseAfter(tries int) time.Duration {
	p := firstPause
	for i := 1; i < tries && p < longestPause; i++ {
		p *= 2
	}
	return min(p, longestPause)
}

// quiet reports until when a lane waits because its channel does not want to
// hear of anything but errors now.
func (n *Notifier) quiet(ns []Notice, now time.Time) (time.Time, bool) {
	ch := ns[0].Channel
	from, to, ok := contract.ParseQuiet(ch.Quiet)
	if !ok || from == to {
		return time.Time{}, false
	}
	for _, x := range ns {
		if x.Severity == contract.SeverityError {
			return time.Time{}, false
		}
	}
	loc := n.Zone
	if l, err := time.LoadLocation(ch.Timezone); ch.Timezone != "" && err == nil {
		loc = l
	}
	if loc == nil {
		loc = time.UTC
	}
	t := now.In(loc)
	minute := t.Hour()*60 + t.Minute()
	inside := from < to && minute >= from && minute < to || from > to && (minute >= from || minute < to)
	if !inside {
		return time.Time{}, false
	}
	y, m, d := t.Date()
	if from > to && minute >= from {
		d++
	}
	return time.Date(y, m, d, to/60, to%60, 0, 0, loc).UTC(), true
}

// dispatch puts notices into one message; stories that say the same are told
// once, with their number.
func dispatch(ns []Notice, now time.Time) (Dispatch, error) {
	d := Dispatch{Feed: ns[0].Feed, Severity: contract.SeverityInfo, At: now}
	parts := []string{"dispatch"}
	same := map[string]int{}
	for _, x := range ns {
		parts = append(parts, x.ID)
		var s Story
		if err := json.Unmarshal(x.Body, &s); err != nil {
			return d, pipeline.Errorf(pipeline.CodeCorrupt, "notice %s does not read: %w", x.ID, err)
		}
		s.Events = []string{x.Event}
		key := s.Type + "\n" + s.Title + "\n" + s.Text
		if i, again := same[key]; again {
			d.Stories[i].Events = append(d.Stories[i].Events, x.Event)
			continue
		}
		same[key] = len(d.Stories)
		d.Stories = append(d.Stories, s)
		if d.Title == "" || rank(s.Severity) > rank(d.Severity) {
			d.Title, d.Severity = s.Title, s.Severity
		}
	}
	d.ID = pipeline.ContentID(parts...)
	return d, nil
}

package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Status is the marker beside the manifest: it tells a consumer of the last
// good data why it is old.
type Status struct {
	Schema int    `json:"schema"`
	Feed   string `json:"feed"`
	// State is the position of the feed's breaker: closed, open, half-open.
	State string `json:"state"`
	// Cause says in a sentence why it is not closed, Since when that began.
	Cause string    `json:"cause,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Fallback is what readers get meanwhile: last_good, degraded, halt.
	// Readers are asked to stop where it says halt and State is not closed.
	Fallback string `json:"fallback,omitempty"`
	// Manifest is the current manifest; DataAt is when it was published, the
	// zero time where nothing was. Degraded repeats its flag.
	Manifest string    `json:"manifest,omitempty"`
	DataAt   time.Time `json:"data_at,omitzero"`
	Degraded bool      `json:"degraded,omitempty"`
	// At is when the marker was written, AgeSeconds the age of the data then.
	At         time.Time `json:"at"`
	AgeSeconds int64     `json:"age_seconds"`
}

// SetStatus writes the marker of feed; it fills in Schema, Feed, Manifest,
// DataAt, Degraded, AgeSeconds, and At where it is zero. It writes nothing
// where the stored marker says the same already, whatever its time.
func (l *Lake) SetStatus(ctx context.Context, feed string, s Status) error {
	m, err := l.Current(ctx, feed)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return err
	}
	return l.setStatus(ctx, feed, m, s)
}

func (l *Lake) setStatus(ctx context.Context, feed string, m *Manifest, s Status) error {
	s.Schema, s.Feed = 1, feed
	if s.State == "" {
		s.State = "closed"
	}
	if s.At.IsZero() {
		s.At = l.now()
	}
	s.At, s.Since = s.At.UTC(), s.Since.UTC()
	s.Manifest, s.DataAt, s.Degraded, s.AgeSeconds = "", time.Time{}, false, 0
	if m != nil {
		s.Manifest, s.DataAt, s.Degraded = m.ID, m.dataAt(), m.Degraded
		s.AgeSeconds = max(0, int64(s.At.Sub(s.DataAt)/time.Second))
	}
	old, err := l.Status(ctx, feed)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound && pipeline.ErrorCode(err) != pipeline.CodeCorrupt {
		return err
	}
	if err == nil {
		same := s
		same.At, same.AgeSeconds = old.At, old.AgeSeconds
		if same == old {
			return nil
		}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "status of feed %s: %w", feed, err)
	}
	return l.put(ctx, statusKey(feed), append(b, '\n'), Condition{})
}

// Status reads the marker of feed. Errors: not_found before the first one;
// corrupt.
func (l *Lake) Status(ctx context.Context, feed string) (Status, error) {
	if err := CheckName("feed", feed); err != nil {
		return Status{}, err
	}
	b, err := l.ReadObject(ctx, statusKey(feed))
	if err != nil {
		return Status{}, err
	}
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return Status{}, pipeline.Errorf(pipeline.CodeCorrupt, "%s is no status marker: %w", l.Location(statusKey(feed)), err).
			WithHint("the next publish or change of the breaker writes it anew")
	}
	return s, nil
}

// Finish writes what follows from a publish: the symlink manifest and the
// marker. It may be called again at any time. Where m is no longer the current
// manifest, the files of the current one are written: Finish never goes back.
func (l *Lake) Finish(ctx context.Context, m *Manifest) error {
	for {
		cur, err := l.Current(ctx, m.Feed)
		if err != nil {
			return err
		}
		want := l.symlink(cur)
		have, err := l.ReadObject(ctx, SymlinkKey(m.Feed))
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			return err
		}
		if err != nil || !bytes.Equal(have, want) {
			if err := l.put(ctx, SymlinkKey(m.Feed), want, Condition{}); err != nil {
				return err
			}
		}
		s, err := l.Status(ctx, m.Feed)
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound && pipeline.ErrorCode(err) != pipeline.CodeCorrupt {
			return err
		}
		s.At = cur.At
		if err := l.setStatus(ctx, m.Feed, cur, s); err != nil {
			return err
		}
		// A publish that came meanwhile may have finished before this one.
		after, err := l.Current(ctx, m.Feed)
		if err != nil {
			return err
		}
		if after.ID == cur.ID {
			return nil
		}
	}
}

// symlink is the content of the symlink manifest: one location per line, as
// Hive's SymlinkTextInputFormat reads it.
func (l *Lake) symlink(m *Manifest) []byte {
	var b bytes.Buffer
	for _, f := range m.Files {
		at := l.Location(f.Key)
		if strings.HasPrefix(at, "/") {
			at = "file://" + at
		}
		b.WriteString(at)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

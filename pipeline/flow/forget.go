package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// Forget erases one subject of a feed, a row by its key and everything that
// came of it: the curated data and every older version of it, quarantine with
// the raw records, reports, landed and archived files, held and waiting
// batches, the catalog with vectors, matches, clusters and reviews, notices, and
// the local log of events. What is left is a tombstone with a hash of the key.
//
// It is for one subject at a time and reads every file of the feed. Doing it
// again finds what is left, so one that was interrupted is simply run again.
type Forget struct {
	Ingest *Ingest
	// Relay empties the outbox first, so that nothing of the subject is in it.
	Relay *Relay
	// Events, where set, is the log of events on this machine.
	Events EventLog
	// Scrubber, where set, makes what was deleted unreadable in the store's
	// files.
	Scrubber Scrubber
}

// An EventLog is a sink of events that can take texts out of what it holds.
type EventLog interface {
	// Erase replaces every JSON string that is one of texts and returns how
	// many lines changed. Errors: denied, unavailable.
	Erase(ctx context.Context, texts []string) (int, error)
}

// Erased stands where a value of the subject stood in a text that is kept.
const Erased = "[erased]"

// SubjectHash is the hash by which a tombstone names its subject.
func SubjectHash(feed string, key []string) string {
	h := sha256.Sum256([]byte(feed + "\x00" + keyOf(key)))
	return hex.EncodeToString(h[:])
}

// A subject is whom to forget.
type subject struct {
	f       *contract.Feed
	key     []string
	columns []string // logical names of the key's fields
	physic  []string // their names in landed files
	items   map[string]bool
	removed map[string]int
	who     string // erases it
}

// Erase forgets the row of feed whose primary key is key. Errors: invalid (no
// contract, no primary key, another number of parts), locked (a run works, or
// messages about the feed are still queued), not_found (nothing anywhere names
// it; no tombstone is left then).
func (fg *Forget) Erase(ctx context.Context, feed string, key []string, who, reason string) (Tombstone, error) {
	in := fg.Ingest
	f, err := in.Contracts.Feed(feed)
	if err != nil {
		return Tombstone{}, err
	}
	s := &subject{f: f, key: key, columns: primaryKey(f), items: map[string]bool{}, removed: map[string]int{}, who: who}
	if err := s.check(who); err != nil {
		return Tombstone{}, err
	}
	run, err := in.alone(ctx, "run")
	if err != nil {
		return Tombstone{}, err
	}
	defer run()
	ctx, done, err := in.lease(ctx, feed)
	if err != nil {
		return Tombstone{}, err
	}
	defer done()
	if fg.Relay != nil {
		if _, err := fg.Relay.Drain(ctx); err != nil {
			return Tombstone{}, err
		}
	}
	for _, topic := range []string{TopicParse, TopicMatch} {
		if n, _, err := in.Store.Depth(ctx, topic); err != nil {
			return Tombstone{}, err
		} else if n > 0 {
			return Tombstone{}, pipeline.Errorf(pipeline.CodeLocked, "%d messages wait to be worked on, which may name the subject", n).WithHint("run assay run first")
		}
	}
	at := stamp(in.Now)
	t := Tombstone{Feed: feed, Key: SubjectHash(feed, key), Actor: who, Reason: reason, At: at}
	t.ID = pipeline.ContentID("tombstone", feed, t.Key)
	for _, step := range []func(context.Context, *subject, string) error{fg.landed, fg.curated, fg.quarantine, fg.reports, fg.store} {
		if err := step(ctx, s, t.ID); err != nil {
			return Tombstone{}, err
		}
	}
	if len(s.removed) == 0 {
		return Tombstone{}, pipeline.Errorf(pipeline.CodeNotFound, "nothing of feed %s names that key", feed).
			WithHint("the key is the value of %s, as it stands in the file", strings.Join(s.columns, ", "))
	}
	t.Removed = s.removed
	event, err := pipeline.NewEvent(pipeline.SubjectErased, source(feed), t.ID, feed, at, ErasedData{Feed: feed, Tombstone: t.ID, By: who, At: at})
	if err != nil {
		return Tombstone{}, err
	}
	err = in.Store.Atomic(ctx, func(tx Tx) error {
		if err := tx.PutTombstone(ctx, t); err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, Outgoing{Event: &event})
	})
	if err != nil {
		return Tombstone{}, err
	}
	if fg.Scrubber != nil {
		if err := fg.Scrubber.Scrub(ctx); err != nil {
			return Tombstone{}, err
		}
	}
	in.Log.Info("subject erased", "feed", feed, "tombstone", t.ID)
	return t, nil
}

func (s *subject) check(who string) error {
	switch {
	case len(s.columns) == 0:
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: schema %s has no primary key: nothing names one subject", s.f.File, s.f.Schema).
			WithHint("mark the key's properties with primaryKey: true")
	case len(s.columns) != len(s.key):
		return pipeline.Errorf(pipeline.CodeInvalid, "the key of %s has %d parts (%s), %d were given", s.f.Name, len(s.columns), strings.Join(s.columns, ", "), len(s.key)).
			WithHint("give --key once for each part, in that order")
	case slices.Contains(s.key, ""):
		return pipeline.Errorf(pipeline.CodeInvalid, "a part of the key is empty")
	case who == "":
		return pipeline.Errorf(pipeline.CodeInvalid, "a subject is not erased without a name").WithHint("say --by NAME")
	}
	for _, c := range s.columns {
		for _, f := range s.f.Fields {
			if f.Name == c {
				s.physic = append(s.physic, f.Column)
			}
		}
	}
	s.items[s.f.Name+"/"+strings.Join(s.key, "/")] = true
	return nil
}

func (s *subject) count(what string, n int) {
	if n > 0 {
		s.removed[what] += n
	}
}

// curated takes the subject out of the published rows, and removes every other
// data file that holds it: older versions, and what unpublished batches staged.
func (fg *Forget) curated(ctx context.Context, s *subject, tomb string) error {
	in := fg.Ingest
	feed := s.f.Name
	m, err := in.Lake.Current(ctx, feed)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return err
	}
	current := map[string]bool{}
	if m != nil {
		next := lake.Manifest{Feed: feed, Batch: "forget-" + pipeline.ContentID(tomb, m.ID)[:24], Batches: m.Batches, Load: "forget", Previous: m.ID, At: stamp(in.Now), DataAt: m.DataAt,
			ContractID: m.ContractID, ContractVersion: m.ContractVersion, ContractHash: m.ContractHash, Breaker: m.Breaker, Degraded: m.Degraded}
		if next.DataAt.IsZero() {
			next.DataAt = m.At
		}
		hit := false
		for _, file := range m.Files {
			n, err := in.rewrite(ctx, Batch{ID: next.Batch, Feed: feed}, file, s.columns, map[string]struct{}{keyOf(s.key): {}})
			if err != nil {
				return err
			}
			if n.Key != file.Key {
				if err := fg.itemsOf(ctx, s, file); err != nil {
					return err
				}
				s.count("curated", int(file.Rows-n.Rows))
				hit = true
			}
			if n.Rows > 0 {
				next.Files = append(next.Files, n)
			}
		}
		if hit {
			if err := stillHeld(ctx); err != nil {
				return err
			}
			if m, err = in.Lake.Publish(ctx, next); err != nil {
				return err
			}
			if err := in.Lake.Finish(ctx, m); err != nil {
				return err
			}
		}
		for _, f := range m.Files {
			current[f.Key] = true
		}
	}
	var gone []string
	for o, err := range in.Lake.List(ctx, lake.Data+"/"+feed+"/") {
		if err != nil {
			return err
		}
		if current[o.Key] {
			continue
		}
		file := lake.File{Key: o.Key, Size: o.Size}
		holds, err := fg.holds(ctx, s, file)
		if err != nil {
			return err
		}
		if holds {
			gone = append(gone, o.Key)
		}
	}
	s.count("data", len(gone))
	return in.Lake.Erase(ctx, feed, gone)
}

// holds reports whether a data file has the subject's row. One without the key
// columns, of an older contract, is looked through for the key's text.
func (fg *Forget) holds(ctx context.Context, s *subject, file lake.File) (bool, error) {
	r, o, err := fg.Ingest.Lake.ReaderAt(ctx, file.Key)
	if err != nil {
		return false, err
	}
	defer r.Close()
	found := false
	err = codec.ReadRows(ctx, r, o.Size, 0, 1<<62, s.columns, func(_ int64, v []string) error {
		found = found || slices.Equal(v, s.key)
		return nil
	})
	if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
		return true, nil // what cannot be read by this key is not kept
	}
	if found {
		err = fg.itemsOf(ctx, s, lake.File{Key: file.Key, Size: o.Size})
	}
	return found, err
}

// itemsOf notes the ids that the subject's rows have in the catalog.
func (fg *Forget) itemsOf(ctx context.Context, s *subject, file lake.File) error {
	if s.f.Catalog == nil {
		return nil
	}
	r, o, err := fg.Ingest.Lake.ReaderAt(ctx, file.Key)
	if err != nil {
		return err
	}
	defer r.Close()
	n := len(s.columns)
	return codec.ReadRows(ctx, r, o.Size, 0, 1<<62, slices.Concat(s.columns, s.f.Catalog.IDs), func(_ int64, v []string) error {
		if slices.Equal(v[:n], s.key) {
			s.items[s.f.Name+"/"+strings.Join(v[n:], "/")] = true
		}
		return nil
	})
}

// reports takes the subject's values out of what the gate wrote about batches.
func (fg *Forget) reports(ctx context.Context, s *subject, _ string) error {
	l := fg.Ingest.Lake
	var keys []string
	for o, err := range l.List(ctx, lake.Reports+"/"+s.f.Name+"/") {
		if err != nil {
			return err
		}
		if strings.HasSuffix(o.Key, ".json") {
			keys = append(keys, o.Key)
		}
	}
	for _, key := range keys {
		r, err := ReadReport(ctx, l, key)
		if err != nil {
			return err
		}
		if !s.cleanReport(r) {
			continue
		}
		s.count("reports", 1)
		var doc, page bytes.Buffer
		if err := r.WriteJSON(&doc); err != nil {
			return err
		}
		if err := r.WriteHTML(&page); err != nil {
			return err
		}
		if err := l.WriteObject(ctx, key, doc.Bytes()); err != nil {
			return err
		}
		if err := l.WriteObject(ctx, strings.TrimSuffix(key, ".json")+".html", page.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) cleanReport(r *gate.Report) (changed bool) {
	clean := func(p *string) {
		if t := s.clean(*p); t != *p {
			*p, changed = t, true
		}
	}
	clean(&r.Reason)
	for i := range r.Notes {
		clean(&r.Notes[i])
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		clean(&c.Detail)
		for j := range c.Samples {
			clean(&c.Samples[j].Value)
		}
	}
	if r.Profile != nil {
		for i := range r.Profile.Fields {
			f := &r.Profile.Fields[i]
			clean(&f.Min)
			clean(&f.Max)
			for j := range f.Top {
				clean(&f.Top[j].Value)
			}
		}
	}
	return changed
}

// clean replaces the parts of the key in a text, where they stand as words.
func (s *subject) clean(text string) string {
	for _, k := range s.key {
		text = replaceWord(text, k, Erased)
	}
	return text
}

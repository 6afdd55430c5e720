package flow

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A Landed is an object in the landing zone that awaits a decision.
type Landed struct {
	Feed      string
	Key       string
	Size      int64
	EventTime time.Time
}

// Scan returns what has landed and is not settled yet, in the order in which
// it is to be judged: by feed, then event time, then key. A settled object
// whose cheap tag has not changed is not read again.
func (in *Ingest) Scan(ctx context.Context, feed string) ([]Landed, error) {
	var found []Landed
	for obj, err := range in.Lake.Landed(ctx, feed) {
		if err != nil {
			return nil, err
		}
		name, ok := lake.FeedOf(obj.Key)
		if !ok {
			if in.Stray != nil {
				in.Stray(obj.Key)
			}
			continue
		}
		if in.partOfFolder(name, obj.Key) {
			continue
		}
		settled, err := in.settled(ctx, name, obj)
		if err != nil {
			return nil, err
		}
		if !settled && in.still(obj) {
			found = append(found, Landed{Feed: name, Key: obj.Key, Size: obj.Size, EventTime: EventTime(obj)})
		}
	}
	slices.SortFunc(found, func(a, b Landed) int {
		if c := strings.Compare(a.Feed, b.Feed); c != 0 {
			return c
		}
		if c := a.EventTime.Compare(b.EventTime); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return found, nil
}

// still reports whether obj has looked the same for in.Still. The process's own
// observations count, since a copied file may carry an old time.
func (in *Ingest) still(obj lake.Object) bool {
	if in.Still == 0 {
		return true
	}
	if in.seen == nil {
		in.seen = make(map[string]sighting)
	}
	s, ok := in.seen[obj.Key]
	if !ok || s.tag != obj.Tag {
		in.seen[obj.Key] = sighting{obj.Tag, in.Now()}
		return false
	}
	if in.Now().Sub(s.at) < in.Still {
		return false
	}
	delete(in.seen, obj.Key)
	return true
}

// A sighting is when an object was first seen with a tag.
type sighting struct {
	tag string
	at  time.Time
}

func (in *Ingest) settled(ctx context.Context, feed string, obj lake.Object) (bool, error) {
	b, found, err := in.latest(ctx, feed, obj.Key)
	if err != nil || !found || b.Tag != obj.Tag || b.Stage == Staged {
		return false, err
	}
	if in.Archive && final(b) {
		return false, nil // a process died before it moved it, or the setting is new
	}
	if b.Stage != Unjudged {
		return true, nil
	}
	// What could not be judged is tried again under another contract.
	f, err := in.feedOf(ctx, b)
	switch code := pipeline.ErrorCode(err); {
	case err == nil:
		return f.Hash == b.ContractHash, nil
	case code == pipeline.CodeNotFound, code == pipeline.CodeInvalid:
		return b.ContractHash == "", nil
	}
	return false, err
}

var dated = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^0-9])((?:19|20)[0-9]{2})[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12][0-9]|3[01])(?:[T_-]?([01][0-9]|2[0-3])[-_]?([0-5][0-9])(?:[-_]?([0-5][0-9]))?)?Z?(?:[^0-9]|$)`)
})

// EventTime is when a landed object's data is from: the date, and the time
// where there is one, in its name or folder (orders-2026-03-01.csv,
// dt=20260301/orders.csv), else when it was stored. Names survive copying,
// which times of storage do not.
func EventTime(obj lake.Object) time.Time {
	key := obj.Key
	for key != "." && key != "/" {
		if m := dated().FindStringSubmatch(path.Base(key)); m != nil {
			clock := "00:00:00"
			if m[4] != "" {
				sec := m[6]
				if sec == "" {
					sec = "00"
				}
				clock = m[4] + ":" + m[5] + ":" + sec
			}
			if t, err := time.Parse(time.DateTime, m[1]+"-"+m[2]+"-"+m[3]+" "+clock); err == nil {
				return t
			}
		}
		key = path.Dir(key)
	}
	return obj.Modified.UTC()
}

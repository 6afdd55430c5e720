package gate

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A KeyHash names the values of a key: 128 bits.
type KeyHash [16]byte

// FeedKeys knows the keys of the rows that a feed has published.
type FeedKeys interface {
	// Known reports for each hash whether a batch published before holds the key.
	// Errors: unavailable.
	Known(ctx context.Context, key string, hashes []KeyHash) ([]bool, error)
	// Covers says from when on the published keys are known. Errors: unavailable.
	Covers(ctx context.Context, key string) (time.Time, error)
}

// DefaultHorizon is how far back a key of scope feed is looked up where the
// contract does not say.
const DefaultHorizon = 30 * 24 * time.Hour

// A FeedKey is a key of scope feed.
type FeedKey struct {
	// Name tells it from other keys of the feed, whatever the contract's version.
	Name    string
	Fields  []string
	Horizon time.Duration
	key     *key
}

// FeedKeys are the keys of the contract that reach over all batches of the feed.
// A feed whose batches replace rows by key, or all rows, has none.
func (g *Gate) FeedKeys() []FeedKey {
	var out []FeedKey
	for _, k := range g.keys {
		if k.reaches {
			out = append(out, FeedKey{Name: k.name(), Fields: k.fieldNames(), Horizon: k.horizon, key: k})
		}
	}
	return out
}

// Hash is the hash of a published row's key, from the values of Fields as
// codec.ReadRows gives them; ok is false where one is null.
func (k FeedKey) Hash(values []string) (h KeyHash, ok bool) {
	ref := reference{relation: &relation{fields: k.key.fields}}
	if f := k.key.fields[0]; len(k.key.fields) == 1 && f.typ == contract.String {
		b, ok := f.canonicalText(values[0], nil)
		return hashOfKey(b).bytes(), ok // as key.hashes takes a text alone
	}
	var b []byte
	x, ok := ref.hashTexts(values, &b)
	return x.bytes(), ok
}

func (k *key) name() string { return strings.Join(k.fieldNames(), "+") }

func (k *key) fieldNames() []string {
	names := make([]string, len(k.fields))
	for i, f := range k.fields {
		names[i] = f.spec.Name
	}
	return names
}

func (h keyHash) bytes() (b KeyHash) {
	binary.BigEndian.PutUint64(b[:], h.lo)
	binary.BigEndian.PutUint64(b[8:], h.hi)
	return b
}

// reach plans a key of scope feed.
func (k *key) reach(spec contract.Key, load contract.LoadMode) {
	if spec.Scope != contract.ScopeFeed {
		return
	}
	k.horizon = DefaultHorizon
	if spec.HorizonDays > 0 {
		k.horizon = time.Duration(spec.HorizonDays) * 24 * time.Hour
	}
	switch load {
	case contract.Upsert:
		k.within = "within the file alone: a later row of an upsert feed replaces the earlier one"
	case contract.Snapshot:
		k.within = "within the file alone: a snapshot replaces what was published"
	default:
		k.reaches = true
	}
}

// A feedKeyRun is a key of scope feed under way.
type feedKeyRun struct {
	unjudged string
	hashes   []KeyHash
}

// startFeedKeys finds out which keys of scope feed can be judged.
func (r *run) startFeedKeys(ctx context.Context) error {
	r.feedKeys = make([]*feedKeyRun, len(r.g.keys))
	for i, k := range r.g.keys {
		if !k.reaches {
			continue
		}
		f := &feedKeyRun{}
		r.feedKeys[i] = f
		if r.opt.Keys == nil {
			f.unjudged = "judged within the file alone: there is no store here that knows the keys of earlier files"
			continue
		}
		if r.opt.Now == nil || r.opt.EventTime.IsZero() {
			continue
		}
		now := r.opt.now()
		days := int(k.horizon.Hours() / 24)
		if r.opt.EventTime.Before(now.Add(-k.horizon)) {
			f.unjudged = fmt.Sprintf("the file is of %s, beyond the horizon of %d days", r.opt.EventTime.UTC().Format(time.DateOnly), days)
			continue
		}
		from, err := r.opt.Keys.Covers(ctx, k.name())
		if err != nil {
			return err
		}
		if from.After(now.Add(-k.horizon)) {
			f.unjudged = fmt.Sprintf("the index of keys is full: it reaches back to %s, not %d days", from.UTC().Format(time.DateTime), days)
		}
	}
	return nil
}

// An openKey is a row whose key may be somewhere else; late says that memory was
// full.
type openKey struct {
	row  int
	late bool
}

// settleKeys judges the open keys of a chunk: by what the feed published, then
// by what lies before the segment or beyond the memory.
func (r *run) settleKeys(ctx context.Context, i int, s *sheet) error {
	if len(s.open) == 0 {
		return nil
	}
	known, err := r.known(ctx, i, s)
	if err != nil {
		return err
	}
	for j, o := range s.open {
		switch {
		case known != nil && known[j]:
			s.fail(o.row, r.g.keys[i].rule)
		case r.part != nil: // what lies before the segment may have it
			r.part.pending = append(r.part.pending, pendingKey{i, o.row})
		case o.late:
			s.undecided = append(s.undecided, undecidedKey{i, o.row})
		}
	}
	return nil
}

// known reports which open keys were published before, nil for none.
func (r *run) known(ctx context.Context, i int, s *sheet) ([]bool, error) {
	f := r.feedKeys[i]
	if f == nil || r.opt.Keys == nil {
		return nil, nil
	}
	f.hashes = f.hashes[:0]
	for _, o := range s.open {
		f.hashes = append(f.hashes, s.keys[i].hash[o.row].bytes())
	}
	have, err := r.opt.Keys.Known(ctx, r.g.keys[i].name(), f.hashes)
	if err == nil && len(have) != len(s.open) {
		err = pipeline.Errorf(pipeline.CodeInternal, "%d answers for %d keys", len(have), len(s.open))
	}
	return have, err
}

// feedKeyResults says in the report how far keys of scope feed were looked up.
func (r *run) feedKeyResults(rep *Report) {
	for i, k := range r.g.keys {
		c := &rep.Checks[k.rule]
		if k.within != "" {
			c.Detail = k.within
		}
		if r.feedKeys == nil || r.feedKeys[i] == nil {
			continue
		}
		f := r.feedKeys[i]
		if f.unjudged == "" {
			c.Detail = fmt.Sprintf("over the feed's last %d days", int(k.horizon.Hours()/24))
			continue
		}
		c.Detail = f.unjudged
		if c.Result == ResultPassed {
			c.Result = ResultNotJudged
		}
	}
}

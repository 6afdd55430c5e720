package flow

import (
	"context"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A KeyIndex keeps the keys of the rows that a feed published, so that one that
// comes in a second file is found. A key of a feed is named by its fields.
// Errors: unavailable.
type KeyIndex interface {
	// PutKeys adds the keys of a batch, published at the time at. A key that is
	// there already moves to the batch that is later; doing it again changes
	// nothing.
	PutKeys(ctx context.Context, feed, key, batch string, at time.Time, hashes []gate.KeyHash) error
	// KnownKeys reports for each hash whether a batch other than batch has it
	// since the time since.
	KnownKeys(ctx context.Context, feed, key, batch string, since time.Time, hashes []gate.KeyHash) ([]bool, error)
	// KeysFrom is the time from which on all keys that were put are there: that
	// of the latest one that TrimKeys removed for want of room, zero if none was.
	KeysFrom(ctx context.Context, feed, key string) (time.Time, error)
	// TrimKeys removes the keys from before the time before, and, where more than
	// most are left, the oldest of them. It returns how many went.
	TrimKeys(ctx context.Context, feed, key string, before time.Time, most int64) (int64, error)
}

// DefaultKeyLimit is how many keys the index keeps for each key of a feed where
// Ingest does not say: about 1 GiB in SQLite.
const DefaultKeyLimit = 10_000_000

// keysAtATime is how many keys go to the store in one transaction.
const keysAtATime = 10_000

// feedKeys is what the gate sees of the index for one batch.
type feedKeys struct {
	index       KeyIndex
	feed, batch string
	since       map[string]time.Time
}

// keysFor are the published keys that batch b is judged against, nil for a
// contract without keys of scope feed.
func (in *Ingest) keysFor(g *gate.Gate, b Batch) gate.FeedKeys {
	keys := g.FeedKeys()
	if len(keys) == 0 {
		return nil
	}
	k := &feedKeys{index: in.Store, feed: b.Feed, batch: b.ID, since: map[string]time.Time{}}
	now := stamp(in.Now)
	for _, key := range keys {
		k.since[key.Name] = now.Add(-key.Horizon)
	}
	return k
}

// Known implements gate.FeedKeys.
func (k *feedKeys) Known(ctx context.Context, key string, hashes []gate.KeyHash) ([]bool, error) {
	return k.index.KnownKeys(ctx, k.feed, key, k.batch, k.since[key], hashes)
}

// Covers implements gate.FeedKeys.
func (k *feedKeys) Covers(ctx context.Context, key string) (time.Time, error) {
	return k.index.KeysFrom(ctx, k.feed, key)
}

// indexKeys puts the keys of the rows that batch b published into the index. It
// runs between the manifest swap and the transaction that ends the batch: a
// process that dies in between does both again.
func (in *Ingest) indexKeys(ctx context.Context, b Batch, f *contract.Feed, m *lake.Manifest) error {
	if f == nil || m == nil || !slices.ContainsFunc(f.Keys, func(k contract.Key) bool { return k.Scope == contract.ScopeFeed }) {
		return nil
	}
	g, err := gate.Compile(f)
	if err != nil {
		return err
	}
	most := in.KeyLimit
	if most <= 0 {
		most = DefaultKeyLimit
	}
	for _, key := range g.FeedKeys() {
		for _, file := range m.Files {
			if file.Batch != b.ID {
				continue
			}
			if err := in.indexFile(ctx, b, key, file, m.At); err != nil {
				return err
			}
		}
		n, err := in.Store.TrimKeys(ctx, b.Feed, key.Name, stamp(in.Now).Add(-key.Horizon), most)
		if err != nil {
			return err
		}
		if n > 0 {
			in.Log.Info("keys left the index", "feed", b.Feed, "key", key.Name, "keys", n)
		}
	}
	return nil
}

func (in *Ingest) indexFile(ctx context.Context, b Batch, key gate.FeedKey, file lake.File, at time.Time) error {
	r, _, err := in.Lake.ReaderAt(ctx, file.Key)
	if err != nil {
		return err
	}
	defer r.Close()
	hashes := make([]gate.KeyHash, 0, keysAtATime)
	put := func() error {
		err := in.Store.PutKeys(ctx, b.Feed, key.Name, b.ID, at, hashes)
		hashes = hashes[:0]
		return err
	}
	err = codec.ReadRows(ctx, r, file.Size, 0, file.Rows, key.Fields, func(_ int64, values []string) error {
		h, ok := key.Hash(values)
		if !ok {
			return nil
		}
		if hashes = append(hashes, h); len(hashes) < cap(hashes) {
			return nil
		}
		return put()
	})
	if err != nil || len(hashes) == 0 {
		return err
	}
	return put()
}

// keysMoved says whether another batch of the feed was decided since a batch
// was planned, where that may change what its keys are judged against.
func (in *Ingest) keysMoved(ctx context.Context, g *gate.Gate, feed string, seq int64) error {
	if len(g.FeedKeys()) == 0 {
		return nil
	}
	last, err := in.Store.LastSeq(ctx, feed)
	if err != nil || last == seq {
		return err
	}
	return pipeline.Errorf(pipeline.CodeConflict, "another batch of %s was decided since the plan, and its keys reach over batches", feed).
		WithHint("plan it again")
}

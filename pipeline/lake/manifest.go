package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// ManifestSchema is the version of the manifest's form that this code writes
// and the newest that it reads.
const ManifestSchema = 1

// A Manifest names the files that are a feed at one moment. It never changes;
// the next publish writes another.
type Manifest struct {
	Schema int    `json:"schema"`
	Feed   string `json:"feed"`
	// ID is a hash of all the other fields; Seq counts the publishes of the
	// feed from 1; Previous is the ID of the manifest with Seq-1, empty for the
	// first.
	ID       string `json:"id"`
	Seq      int64  `json:"seq"`
	Previous string `json:"previous,omitempty"`
	// Batch is the batch (or compaction) that made this manifest; Batches are
	// the ids of the batches whose rows are in it, in order of decision.
	Batch   string   `json:"batch"`
	Batches []string `json:"batches"`
	// Load is the load mode of Batch: append, snapshot, upsert; or compact.
	Load            string `json:"load,omitempty"`
	ContractID      string `json:"contract_id,omitempty"`
	ContractVersion string `json:"contract_version,omitempty"`
	ContractHash    string `json:"contract_hash,omitempty"`
	// Breaker is the position that the decision to publish saw. Degraded: it
	// was open, and its fallback is to publish with a warning.
	Breaker  string    `json:"breaker,omitempty"`
	Degraded bool      `json:"degraded,omitempty"`
	Files    []File    `json:"files"`
	Rows     int64     `json:"rows"`
	At       time.Time `json:"at"`
	// DataAt is when rows were last published, where that is not At: a
	// compaction makes no data younger.
	DataAt time.Time `json:"data_at,omitzero"`
}

// A File is one data file of a manifest.
type File struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // lower-case hexadecimal
	Rows   int64  `json:"rows"`
	Batch  string `json:"batch,omitempty"`
	// Batches are those whose rows are in a file that a compaction made.
	Batches []string `json:"batches,omitempty"`
}

// identify returns the id of m: 32 hexadecimal characters, the first 12 a hash
// of the batch alone, which makes the entries of a batch known by their names,
// and 20 (80 bits) of a hash of every field but ID, so that a manifest changed
// by hand no longer matches its name.
func (m Manifest) identify() (string, error) {
	m.ID = ""
	b, err := json.Marshal(m)
	if err != nil {
		return "", pipeline.Errorf(pipeline.CodeInternal, "manifest of feed %s: %w", m.Feed, err)
	}
	return batchMark(m.Batch) + pipeline.ContentID("manifest", string(b))[:20], nil
}

func batchMark(batch string) string { return pipeline.ContentID("batch of manifest", batch)[:12] }

func (m Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "manifest of feed %s: %w", m.Feed, err)
	}
	return append(b, '\n'), nil
}

// decodeManifest reads and checks a stored manifest. Errors: corrupt, invalid
// (written by a newer version).
func decodeManifest(key string, b []byte) (*Manifest, error) {
	var head struct {
		Schema int `json:"schema"`
	}
	corrupt := func(format string, args ...any) error {
		return pipeline.Errorf(pipeline.CodeCorrupt, key+": "+format, args...).
			WithHint("the chain under _manifests/ holds every manifest: restore from it, then run lake verify")
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, corrupt("not a manifest: %w", err)
	}
	if head.Schema > ManifestSchema {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: manifest schema %d is newer than %d, the newest this version reads", key, head.Schema, ManifestSchema).
			WithHint("use the version of the program that wrote it, or a newer one")
	}
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return nil, corrupt("not a manifest: %w", err)
	}
	id, err := m.identify()
	if err != nil {
		return nil, err
	}
	if id != m.ID {
		return nil, corrupt("manifest %s was changed after it was written (its content has the id %s)", m.ID, id)
	}
	return &m, nil
}

// Current returns the manifest that readers of feed see. Errors: not_found
// before the first publish; corrupt when it was edited; unavailable.
func (l *Lake) Current(ctx context.Context, feed string) (*Manifest, error) {
	m, _, err := l.current(ctx, feed)
	return m, err
}

func (l *Lake) current(ctx context.Context, feed string) (*Manifest, Object, error) {
	if err := CheckName("feed", feed); err != nil {
		return nil, Object{}, err
	}
	key := pointerKey(feed)
	b, o, err := l.readObject(ctx, key)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, Object{}, pipeline.Errorf(pipeline.CodeNotFound, "feed %s has nothing published yet: %w", feed, err)
	}
	if err != nil {
		return nil, Object{}, err
	}
	m, err := decodeManifest(l.Location(key), b)
	if err != nil {
		return nil, Object{}, err
	}
	if m.Feed != feed {
		return nil, Object{}, pipeline.Errorf(pipeline.CodeCorrupt, "%s is a manifest of feed %s", l.Location(key), m.Feed)
	}
	return m, o, nil
}

// Manifests yields the manifests of feed from the current one back to the
// first. It yields nothing before the first publish.
func (l *Lake) Manifests(ctx context.Context, feed string) iter.Seq2[*Manifest, error] {
	return func(yield func(*Manifest, error) bool) {
		m, err := l.Current(ctx, feed)
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			return
		}
		for err == nil {
			if !yield(m, nil) || m.Previous == "" {
				return
			}
			m, err = l.chained(ctx, feed, m.Seq-1, m.Previous)
		}
		yield(nil, err)
	}
}

// chained reads one entry of the chain, which has to be there.
func (l *Lake) chained(ctx context.Context, feed string, seq int64, id string) (*Manifest, error) {
	key := chainKey(feed, seq, id)
	b, err := l.ReadObject(ctx, key)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "the manifest chain of feed %s is broken: %w", feed, err).
			WithHint("restore %s from a backup; the current data can still be read", l.Location(key))
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(l.Location(key), b)
	if err != nil {
		return nil, err
	}
	if m.ID != id || m.Seq != seq || m.Feed != feed {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s holds manifest %s with number %d of feed %s", l.Location(key), m.ID, m.Seq, m.Feed)
	}
	return m, nil
}

// HasBatch reports whether batch was ever published to feed, and by which
// manifest: the question of recovery. It needs one listing of the chain and,
// in the common case, no more than two reads.
func (l *Lake) HasBatch(ctx context.Context, feed, batch string) (*Manifest, bool, error) {
	if err := CheckName("batch", batch); err != nil {
		return nil, false, err
	}
	cur, err := l.Current(ctx, feed)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if cur.Batch == batch {
		return cur, true, nil
	}
	// The name of an entry carries the batch that made it, but a publish that
	// lost the race for the pointer leaves an entry too: only the walk through
	// Previous tells which of them count.
	candidates, rivals, err := l.candidates(ctx, feed, batch, cur.Seq)
	if err != nil {
		return nil, false, err
	}
	contested := false
	for seq, id := range candidates {
		if rivals[seq] {
			contested = true
			continue
		}
		m, err := l.chained(ctx, feed, seq, id)
		if err != nil {
			return nil, false, err
		}
		if m.Batch == batch {
			return m, true, nil
		}
	}
	if !contested {
		return nil, false, nil
	}
	for m, err := range l.Manifests(ctx, feed) {
		if err != nil {
			return nil, false, err
		}
		if m.Batch == batch {
			return m, true, nil
		}
	}
	return nil, false, nil
}

// candidates lists the entries of the chain that batch made, up to number
// last, and the numbers that more than one entry has.
func (l *Lake) candidates(ctx context.Context, feed, batch string, last int64) (found map[int64]string, rivals map[int64]bool, err error) {
	found, rivals = map[int64]string{}, map[int64]bool{}
	mark := batchMark(batch)
	var before int64
	for o, err := range l.d.List(ctx, chainPrefix(feed), "") {
		if err != nil {
			return nil, nil, l.wrap("list", chainPrefix(feed), err)
		}
		seq, id, ok := parseChainKey(o.Key)
		if !ok || seq > last {
			continue
		}
		if seq == before {
			rivals[seq] = true
		}
		before = seq
		if strings.HasPrefix(id, mark) {
			found[seq] = id
		}
	}
	return found, rivals, nil
}

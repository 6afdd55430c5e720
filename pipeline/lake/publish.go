package lake

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// Publish makes m the current manifest of m.Feed. The caller fills everything
// but Schema, ID, Seq and Rows; m.Previous is the ID of the manifest that the
// caller built upon, empty for the first. Batches defaults to the batches of
// the files and m.Batch, At to now.
//
// The swap of the pointer is the commit point; call Finish afterwards. It is
// idempotent: a batch that was published before returns the manifest that did
// it and changes nothing. Errors: conflict when another publish came between
// (build on Current again); invalid; corrupt when a file of m is absent or
// has another size; denied, limit, unavailable.
func (l *Lake) Publish(ctx context.Context, m Manifest) (*Manifest, error) {
	cur, at, err := l.current(ctx, m.Feed)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return nil, err
	}
	if err := CheckName("batch", m.Batch); err != nil {
		return nil, err
	}
	base, cond := "", Condition{IfAbsent: true}
	if cur != nil {
		if cur.Batch == m.Batch {
			return cur, nil
		}
		base, cond = cur.ID, Condition{IfTag: at.Tag}
		m.Seq = cur.Seq + 1
	} else {
		m.Seq = 1
	}
	if m.Previous != base {
		return l.published(ctx, m, cur)
	}
	if err := l.complete(&m); err != nil {
		return nil, err
	}
	if err := l.staged(ctx, m, cur); err != nil {
		return nil, err
	}
	if m.ID, err = m.identify(); err != nil {
		return nil, err
	}
	b, err := m.encode()
	if err != nil {
		return nil, err
	}
	// The entry's name holds its content hash: one that is there already is
	// this one.
	entry := chainKey(m.Feed, m.Seq, m.ID)
	if err := l.put(ctx, entry, b, Condition{IfAbsent: true}); err != nil && pipeline.ErrorCode(err) != pipeline.CodeConflict {
		return nil, err
	}
	err = l.put(ctx, pointerKey(m.Feed), b, cond)
	if pipeline.ErrorCode(err) == pipeline.CodeConflict {
		// Lost the race, or won it with a write whose answer was lost and that
		// the driver tried again.
		cur, err := l.Current(ctx, m.Feed)
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			return nil, err
		}
		return l.published(ctx, m, cur)
	}
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// published answers a publish whose Previous is not the current manifest: with
// the manifest that published the batch, or with conflict.
func (l *Lake) published(ctx context.Context, m Manifest, cur *Manifest) (*Manifest, error) {
	old, ok, err := l.HasBatch(ctx, m.Feed, m.Batch)
	if err != nil || ok {
		return old, err
	}
	have := "no manifest"
	if cur != nil {
		have = "manifest " + cur.ID
	}
	return nil, pipeline.Errorf(pipeline.CodeConflict, "feed %s has %s now, batch %s was to follow %q", m.Feed, have, m.Batch, m.Previous).
		WithHint("another publish came between; build on the current manifest and publish again")
}

// complete checks what the caller filled in and computes the rest.
func (l *Lake) complete(m *Manifest) error {
	m.Schema = ManifestSchema
	if m.At.IsZero() {
		m.At = l.now()
	}
	m.At, m.DataAt = m.At.UTC(), m.DataAt.UTC()
	for _, s := range []*string{&m.Load, &m.ContractID, &m.ContractVersion, &m.ContractHash, &m.Breaker} {
		*s = strings.ToValidUTF8(*s, "\uFFFD") // what JSON would make of it
	}
	m.Rows = 0
	m.Files = append([]File{}, m.Files...)
	m.Batches = append([]string{}, m.Batches...)
	derive := len(m.Batches) == 0
	seen := map[string]bool{}
	for i := range m.Files {
		f := &m.Files[i]
		bad := func(why string) error {
			return pipeline.Errorf(pipeline.CodeInvalid, "publish of batch %s to feed %s: file %q %s", m.Batch, m.Feed, f.Key, why)
		}
		if err := checkWritable(f.Key); err != nil {
			return err
		}
		elems := strings.Split(f.Key, "/")
		if elems[0] != Data || elems[1] != m.Feed {
			return bad("is no data file of the feed")
		}
		if f.Batch == "" {
			f.Batch = elems[2]
		}
		if raw, err := hex.DecodeString(f.SHA256); err != nil || len(raw) != 32 || f.SHA256 != strings.ToLower(f.SHA256) {
			return bad("has no SHA-256 in lower-case hexadecimal")
		}
		if f.Size < 0 || f.Rows < 0 {
			return bad("has a negative size or row count")
		}
		if seen[f.Key] {
			return bad("is named twice")
		}
		seen[f.Key] = true
		m.Rows += f.Rows
		if derive {
			for _, b := range f.From() {
				if !slices.Contains(m.Batches, b) {
					m.Batches = append(m.Batches, b)
				}
			}
		}
	}
	if derive && !slices.Contains(m.Batches, m.Batch) {
		m.Batches = append(m.Batches, m.Batch)
	}
	return nil
}

// staged checks that the files which are new with m are there whole: a
// manifest never names what a reader could not open.
func (l *Lake) staged(ctx context.Context, m Manifest, prev *Manifest) error {
	known := map[string]bool{}
	if prev != nil {
		for _, f := range prev.Files {
			known[f.Key] = true
		}
	}
	for _, f := range m.Files {
		if known[f.Key] {
			continue
		}
		o, err := l.Stat(ctx, f.Key)
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			return pipeline.Errorf(pipeline.CodeCorrupt, "publish of batch %s to feed %s: staged file is absent: %w", m.Batch, m.Feed, err).
				WithHint("stage the batch again")
		}
		if err != nil {
			return err
		}
		if o.Size != f.Size {
			return pipeline.Errorf(pipeline.CodeCorrupt, "publish of batch %s to feed %s: %s has %d bytes, %d were written", m.Batch, m.Feed, l.Location(f.Key), o.Size, f.Size).
				WithHint("stage the batch again")
		}
	}
	return nil
}

// put stores b at a key of the curated zone.
func (l *Lake) put(ctx context.Context, key string, b []byte, cond Condition) error {
	_, err := l.d.Put(ctx, key, bytes.NewReader(b), cond)
	return l.wrap("write", key, err)
}

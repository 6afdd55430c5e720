package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline/gate"
)

// keyScope is the number of a key of a feed, 0 if it has none yet.
func keyScope(ctx context.Context, s session, feed, key string) (id int64, err error) {
	_, err = one(ctx, s, []any{&id}, `SELECT id FROM key_scopes WHERE feed = $1 AND key = $2`, feed, key)
	return id, err
}

// byteHashes are the hashes, each once, in their order: two transactions that
// write the same keys meet in one order.
func byteHashes(hashes []gate.KeyHash) [][]byte {
	sorted := slices.Clone(hashes)
	slices.SortFunc(sorted, func(a, b gate.KeyHash) int { return slices.Compare(a[:], b[:]) })
	sorted = slices.Compact(sorted)
	out := make([][]byte, len(sorted))
	for i := range sorted {
		out[i] = sorted[i][:]
	}
	return out
}

// PutKeys adds the keys of a batch, as one array.
func (p *ports) PutKeys(ctx context.Context, feed, key, batch string, at time.Time, hashes []gate.KeyHash) error {
	for what, id := range map[string]string{"feed": feed, "key": key, "batch id": batch} {
		if err := goodID(what, id); err != nil {
			return err
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	return p.bulk(ctx, func(s session) error {
		if _, err := s.Exec(ctx, `INSERT INTO key_scopes (feed, key) VALUES ($1, $2) ON CONFLICT DO NOTHING`, feed, key); err != nil {
			return err
		}
		scope, err := keyScope(ctx, s, feed, key)
		if err != nil {
			return err
		}
		_, err = s.Exec(ctx, `INSERT INTO seen_keys (scope, hash, batch, at) SELECT $1, h, $2, $3 FROM unnest($4::bytea[]) AS h
			ON CONFLICT (scope, hash) DO UPDATE SET batch = excluded.batch, at = excluded.at WHERE excluded.at > seen_keys.at`,
			scope, batch, stamp(at), byteHashes(hashes))
		return err
	})
}

// KnownKeys looks keys up.
func (p *ports) KnownKeys(ctx context.Context, feed, key, batch string, since time.Time, hashes []gate.KeyHash) ([]bool, error) {
	out := make([]bool, len(hashes))
	if len(hashes) == 0 {
		return out, nil
	}
	err := p.reading(ctx, func(s session) error {
		scope, err := keyScope(ctx, s, feed, key)
		if err != nil || scope == 0 {
			return err
		}
		have := map[gate.KeyHash]bool{}
		err = each(ctx, s, func(r pgx.Rows) error {
			var b []byte
			if err := r.Scan(&b); err != nil {
				return err
			}
			have[gate.KeyHash(b)] = true
			return nil
		}, `SELECT hash FROM seen_keys WHERE scope = $1 AND batch <> $2 AND at >= $3 AND hash = ANY($4::bytea[])`,
			scope, batch, since, byteHashes(hashes))
		for i, h := range hashes {
			out[i] = have[h]
		}
		return err
	})
	return out, err
}

// KeysFrom is from when on keys are complete.
func (p *ports) KeysFrom(ctx context.Context, feed, key string) (from time.Time, err error) {
	err = p.reading(ctx, func(s session) error {
		var at *time.Time
		_, err := one(ctx, s, []any{&at}, `SELECT since FROM key_scopes WHERE feed = $1 AND key = $2`, feed, key)
		from = moment(at)
		return err
	})
	return from, err
}

// TrimKeys removes old keys, and the oldest of too many.
func (p *ports) TrimKeys(ctx context.Context, feed, key string, before time.Time, most int64) (n int64, err error) {
	err = p.bulk(ctx, func(s session) error {
		n = 0
		scope, err := keyScope(ctx, s, feed, key)
		if err != nil || scope == 0 {
			return err
		}
		tag, err := s.Exec(ctx, `DELETE FROM seen_keys WHERE scope = $1 AND at < $2`, scope, before)
		if err != nil {
			return err
		}
		n = tag.RowsAffected()
		// Keys of one moment go together: the index is whole from a time on.
		var last *time.Time
		found, err := one(ctx, s, []any{&last}, `SELECT at FROM seen_keys WHERE scope = $1 ORDER BY at DESC LIMIT 1 OFFSET $2`, scope, most)
		if err != nil || !found {
			return err
		}
		if tag, err = s.Exec(ctx, `DELETE FROM seen_keys WHERE scope = $1 AND at <= $2`, scope, last); err != nil {
			return err
		}
		n += tag.RowsAffected()
		_, err = s.Exec(ctx, `UPDATE key_scopes SET since = $1 WHERE id = $2`, last, scope)
		return err
	})
	return n, err
}

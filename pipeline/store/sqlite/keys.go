package sqlite

import (
	"context"
	"database/sql"
	"iter"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/gate"
)

// keysPerStatement bounds the parameters of one statement.
const keysPerStatement = 500

// keyScope is the number of a key of a feed, 0 if it has none yet.
func keyScope(ctx context.Context, s session, feed, key string) (id int64, err error) {
	_, err = one(ctx, s, []any{&id}, `SELECT id FROM key_scopes WHERE feed = ? AND key = ?`, feed, key)
	return id, err
}

// forms cuts hashes into parts of few lengths, so that few statements are
// prepared: as many of the first as there are, then of the next.
func forms(hashes []gate.KeyHash, lengths ...int) iter.Seq[[]gate.KeyHash] {
	return func(yield func([]gate.KeyHash) bool) {
		for _, n := range lengths {
			for len(hashes) >= n {
				if !yield(hashes[:n]) {
					return
				}
				hashes = hashes[n:]
			}
		}
	}
}

// PutKeys adds the keys of a batch.
func (p *ports) PutKeys(ctx context.Context, feed, key, batch string, at time.Time, hashes []gate.KeyHash) error {
	for what, id := range map[string]string{"feed": feed, "key": key, "batch id": batch} {
		if err := goodID(what, id); err != nil {
			return err
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		if _, err := s.exec(ctx, `INSERT INTO key_scopes (feed, key) VALUES (?, ?) ON CONFLICT DO NOTHING`, feed, key); err != nil {
			return err
		}
		scope, err := keyScope(ctx, s, feed, key)
		if err != nil {
			return err
		}
		for part := range forms(hashes, keysPerStatement/4, 1) {
			args := make([]any, 0, 4*len(part))
			for _, h := range part {
				args = append(args, scope, h[:], batch, micros(at))
			}
			_, err := s.exec(ctx, `INSERT INTO seen_keys (scope, hash, batch, at) VALUES (?, ?, ?, ?)`+strings.Repeat(`, (?, ?, ?, ?)`, len(part)-1)+
				` ON CONFLICT (scope, hash) DO UPDATE SET batch = excluded.batch, at = excluded.at WHERE excluded.at > seen_keys.at`, args...)
			if err != nil {
				return err
			}
		}
		return nil
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
		at := make(map[gate.KeyHash][]int, len(hashes))
		for i, h := range hashes {
			at[h] = append(at[h], i)
		}
		for part := range forms(hashes, keysPerStatement, 64, 8, 1) {
			args := make([]any, 0, len(part)+3)
			args = append(args, scope, batch, micros(since))
			for _, h := range part {
				args = append(args, h[:])
			}
			err := each(ctx, s, func(r *sql.Rows) error {
				var b []byte
				if err := r.Scan(&b); err != nil {
					return err
				}
				for _, i := range at[gate.KeyHash(b)] {
					out[i] = true
				}
				return nil
			}, `SELECT hash FROM seen_keys WHERE scope = ? AND batch <> ? AND at >= ? AND hash IN (?`+strings.Repeat(`, ?`, len(args)-4)+`)`, args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// KeysFrom is from when on keys are complete.
func (p *ports) KeysFrom(ctx context.Context, feed, key string) (from time.Time, err error) {
	err = p.reading(ctx, func(s session) error {
		var at sql.NullInt64
		_, err := one(ctx, s, []any{&at}, `SELECT since FROM key_scopes WHERE feed = ? AND key = ?`, feed, key)
		from = moment(at)
		return err
	})
	return from, err
}

// TrimKeys removes old keys, and the oldest of too many.
func (p *ports) TrimKeys(ctx context.Context, feed, key string, before time.Time, most int64) (n int64, err error) {
	err = p.writing(ctx, func(s session) error {
		n = 0
		scope, err := keyScope(ctx, s, feed, key)
		if err != nil || scope == 0 {
			return err
		}
		if n, err = changed(ctx, s, `DELETE FROM seen_keys WHERE scope = ? AND at < ?`, scope, micros(before)); err != nil {
			return err
		}
		// Keys of one moment go together: the index is whole from a time on.
		var last sql.NullInt64
		_, err = one(ctx, s, []any{&last}, `SELECT at FROM seen_keys WHERE scope = ? ORDER BY at DESC LIMIT 1 OFFSET ?`, scope, most)
		if err != nil || !last.Valid {
			return err
		}
		more, err := changed(ctx, s, `DELETE FROM seen_keys WHERE scope = ? AND at <= ?`, scope, last.Int64)
		n += more
		if err != nil {
			return err
		}
		_, err = s.exec(ctx, `UPDATE key_scopes SET since = ? WHERE id = ?`, last.Int64, scope)
		return err
	})
	return n, err
}

package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/catalog/postings"
)

// There is one writer, so every transaction takes what it changes into the search
// index itself; only items from before the index wait for it.

// indexItems brings the index up to date with entries, each named once, and takes
// the items gone out of it.
func indexItems(ctx context.Context, s session, entries []catalog.Entry, gone []string) error {
	ids := slices.Clone(gone)
	for i := range entries {
		ids = append(ids, entries[i].Item.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	type known struct {
		n    int
		keys []string
	}
	was := map[string]known{}
	if err := each(ctx, s, func(r *sql.Rows) error {
		var k known
		var id, keys string
		err := r.Scan(&k.n, &id, &keys)
		k.keys = strings.Split(keys, "\n")
		was[id] = k
		return err
	}, `SELECT n, item, keys FROM search_items WHERE item IN (SELECT value FROM json_each(?))`, list(ids)); err != nil {
		return err
	}
	next := 0
	if _, err := one(ctx, s, []any{&next}, `SELECT coalesce(max(n) + 1, 0) FROM search_items`); err != nil {
		return err
	}
	changes := postings.Edits{}
	var put []any // rows of search_items
	for i := range entries {
		id, now := entries[i].Item.ID, catalog.IndexKeys(&entries[i])
		k, ok := was[id]
		switch {
		case len(now) == 0:
			gone = append(gone, id)
			continue
		case !ok:
			k.n, next = next, next+1
		case slices.Equal(k.keys, now):
			continue
		}
		changes.Move(k.n, k.keys, now)
		put = append(put, k.n, id, strings.Join(now, "\n"))
	}
	left := false
	for _, id := range gone {
		if k, ok := was[id]; ok {
			changes.Move(k.n, k.keys, nil)
			left = true
		}
	}
	for part := range slices.Chunk(put, 3*chunk) {
		if _, err := s.exec(ctx, `INSERT INTO search_items (n, item, keys) VALUES `+values(len(part)/3, 3)+`
			ON CONFLICT (n) DO UPDATE SET keys = excluded.keys`, part...); err != nil {
			return err
		}
	}
	if left {
		if _, err := s.exec(ctx, `DELETE FROM search_items WHERE item IN (SELECT value FROM json_each(?))`, list(gone)); err != nil {
			return err
		}
	}
	return change(ctx, s, changes)
}

// change applies edits to the rows of the index, in the order of their keys.
func change(ctx context.Context, s session, changes postings.Edits) error {
	var put []any
	flush := func(least int) error {
		for len(put) >= 3*least && len(put) > 0 {
			n := min(len(put)/3, chunk)
			if _, err := s.exec(ctx, `INSERT INTO search_postings (key, block, bits) VALUES `+values(n, 3)+`
				ON CONFLICT (key, block) DO UPDATE SET bits = excluded.bits`, put[:3*n]...); err != nil {
				return err
			}
			put = put[3*n:]
		}
		return nil
	}
	for _, block := range slices.Sorted(maps.Keys(changes)) {
		keys := slices.Sorted(maps.Keys(changes[block]))
		was := make(map[string][]byte, len(keys))
		if err := each(ctx, s, func(r *sql.Rows) error {
			var key string
			var bits []byte
			err := r.Scan(&key, &bits)
			was[key] = bits
			return err
		}, `SELECT key, bits FROM search_postings WHERE block = ? AND key IN (SELECT value FROM json_each(?))`, block, list(keys)); err != nil {
			return err
		}
		var gone []string
		for _, key := range keys {
			bits, err := changes[block][key].Apply(was[key])
			if err != nil {
				return err
			}
			if bits == nil {
				gone = append(gone, key)
				continue
			}
			put = append(put, key, block, bits)
		}
		if err := flush(chunk); err != nil {
			return err
		}
		if gone != nil {
			if _, err := s.exec(ctx, `DELETE FROM search_postings WHERE block = ? AND key IN (SELECT value FROM json_each(?))`, block, list(gone)); err != nil {
				return err
			}
		}
	}
	return flush(1)
}

// unindex leaves nothing of ids in the index.
func unindex(ctx context.Context, s session, ids []string) error {
	if _, err := s.exec(ctx, `DELETE FROM search_waiting WHERE item IN (SELECT value FROM json_each(?))`, list(ids)); err != nil {
		return err
	}
	return indexItems(ctx, s, nil, ids)
}

// Postings returns the rows of keys.
func (db *DB) Postings(ctx context.Context, keys []string) ([]postings.Row, error) {
	return db.rows(ctx, `SELECT key, block, bits FROM search_postings WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key, block`, list(keys))
}

// PostingsIn returns the rows of a stretch of keys.
func (db *DB) PostingsIn(ctx context.Context, from, to string, n int) ([]postings.Row, error) {
	return db.rows(ctx, `SELECT key, block, bits FROM search_postings WHERE key >= ? AND key < ? ORDER BY key, block LIMIT ?`, from, to, n)
}

func (db *DB) rows(ctx context.Context, query string, args ...any) (out []postings.Row, err error) {
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var x postings.Row
			err := r.Scan(&x.Key, &x.Block, &x.Raw)
			out = append(out, x)
			return err
		}, query, args...)
	})
	return out, err
}

// KeysIn returns the different keys of a stretch: each is looked for behind the
// one before, past its rows.
func (db *DB) KeysIn(ctx context.Context, from, to string, n int) (out []string, err error) {
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var key string
			err := r.Scan(&key)
			out = append(out, key)
			return err
		}, `WITH RECURSIVE k(key) AS (
				SELECT (SELECT min(key) FROM search_postings WHERE key >= ?1 AND key < ?2)
				UNION ALL
				SELECT (SELECT min(p.key) FROM search_postings p WHERE p.key > k.key AND p.key < ?2) FROM k WHERE k.key IS NOT NULL)
			SELECT key FROM k WHERE key IS NOT NULL LIMIT ?3`, from, to, n)
	})
	return out, err
}

// IndexedItems returns the ids of numbers.
func (db *DB) IndexedItems(ctx context.Context, numbers []int) (ids []string, err error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	arg, err := encode(numbers)
	if err != nil {
		return nil, err
	}
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, `SELECT item FROM search_items WHERE n IN (SELECT value FROM json_each(?))`, arg)
	})
	return ids, err
}

// Unindexed returns the items that wait.
func (db *DB) Unindexed(ctx context.Context, n int) (out []catalog.Unindexed, err error) {
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var x catalog.Unindexed
			err := r.Scan(&x.ID, &x.Number)
			out = append(out, x)
			return err
		}, `SELECT w.item, coalesce((SELECT n FROM search_items i WHERE i.item = w.item), -1)
			FROM (SELECT item, min(seq) AS seq FROM (SELECT seq, item FROM search_waiting ORDER BY seq LIMIT ?) GROUP BY item) AS w ORDER BY w.seq`, n)
	})
	return out, err
}

// IndexSize counts the items of the index and those that wait.
func (db *DB) IndexSize(ctx context.Context) (indexed, waiting int, err error) {
	rows, err := db.Postings(ctx, []string{catalog.IndexedAll})
	if err != nil {
		return 0, 0, err
	}
	if indexed, err = postings.Count(rows); err != nil {
		return 0, 0, err
	}
	err = db.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&waiting}, `SELECT count(*) FROM search_waiting`)
		return err
	})
	return indexed, waiting, err
}

// IndexItems takes in items that wait.
func (db *DB) IndexItems(ctx context.Context, n int) (taken int, err error) {
	for taken < n {
		k := 0
		if err := db.writing(ctx, func(s session) (err error) {
			k, err = indexWaiting(ctx, s, min(n-taken, indexedAtOnce))
			return err
		}); err != nil || k == 0 {
			return taken, err
		}
		taken += k
	}
	return taken, nil
}

// indexedAtOnce is how many items one transaction takes in: other writers wait no
// longer than that.
const indexedAtOnce = 2000

func indexWaiting(ctx context.Context, s session, n int) (int, error) {
	var seqs []int64
	items := map[string]bool{}
	if err := each(ctx, s, func(r *sql.Rows) error {
		var seq int64
		var id string
		err := r.Scan(&seq, &id)
		seqs, items[id] = append(seqs, seq), true
		return err
	}, `SELECT seq, item FROM search_waiting ORDER BY seq LIMIT ?`, n); err != nil || len(seqs) == 0 {
		return 0, err
	}
	var entries []catalog.Entry
	if err := each(ctx, s, func(r *sql.Rows) error {
		e, err := scanEntry(r)
		delete(items, e.Item.ID)
		entries = append(entries, e)
		return err
	}, `SELECT `+itemColumns+`, NULL FROM items WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`, list(slices.Sorted(maps.Keys(items)))); err != nil {
		return 0, err
	}
	if err := indexItems(ctx, s, entries, slices.Sorted(maps.Keys(items))); err != nil {
		return 0, err
	}
	arg, err := encode(seqs)
	if err != nil {
		return 0, err
	}
	_, err = s.exec(ctx, `DELETE FROM search_waiting WHERE seq IN (SELECT value FROM json_each(?))`, arg)
	return len(seqs), err
}

package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/catalog/postings"
)

// Two transactions that put items into the search index would change the same
// blocks, and one of them would have to begin again. So what a transaction changes
// is left in search_waiting, by triggers, and what waits is taken in under a lock by one
// process at a time: by whoever wrote it, as soon as it is committed, by a search,
// and by the sweep.

// indexing is held, to the end of the transaction, by who changes the index.
const indexing = `hashtextextended('assay search index ' || current_schema(), 0)`

// indexedAtOnce is how many items one transaction takes into the index.
const indexedAtOnce = 2000

// catchUp takes in what this process left to wait, a bounded part of what others
// did too. It is no error of the write that another process is at it, or that it
// fails: what waits is taken in later.
func (db *DB) catchUp(ctx context.Context) {
	for range 3 {
		if n, err := db.IndexItems(ctx, indexedAtOnce); err != nil || n < indexedAtOnce {
			return
		}
	}
}

// PutEntries puts entries, and has the search index take them in.
func (db *DB) PutEntries(ctx context.Context, entries []catalog.Entry) error {
	if err := db.ports.PutEntries(ctx, entries); err != nil {
		return err
	}
	db.catchUp(ctx)
	return nil
}

// PutEntries puts entries; the search index takes them in after the commit.
func (t *tx) PutEntries(ctx context.Context, entries []catalog.Entry) error {
	t.items = true
	return t.ports.PutEntries(ctx, entries)
}

// RetireItems retires items, and has the search index take that in.
func (db *DB) RetireItems(ctx context.Context, ids []string, at time.Time) error {
	if err := db.ports.RetireItems(ctx, ids, at); err != nil {
		return err
	}
	db.catchUp(ctx)
	return nil
}

// RetireItems retires items; the search index takes that in after the commit.
func (t *tx) RetireItems(ctx context.Context, ids []string, at time.Time) error {
	t.items = true
	return t.ports.RetireItems(ctx, ids, at)
}

// IndexItems takes in items that wait.
func (db *DB) IndexItems(ctx context.Context, n int) (taken int, err error) {
	for taken < n {
		k := 0
		if err := db.atomic(ctx, pgx.ReadCommitted, func(s session) (err error) {
			k, err = indexWaiting(ctx, s, min(n-taken, indexedAtOnce))
			return err
		}); err != nil || k == 0 {
			return taken, err
		}
		taken += k
	}
	return taken, nil
}

func indexWaiting(ctx context.Context, s session, n int) (int, error) {
	var mine bool
	if _, err := one(ctx, s, []any{&mine}, `SELECT pg_try_advisory_xact_lock(`+indexing+`)`); err != nil || !mine {
		return 0, err
	}
	var seqs []int64
	items := map[string]bool{}
	if err := each(ctx, s, func(r pgx.Rows) error {
		var seq int64
		var id string
		err := r.Scan(&seq, &id)
		seqs, items[id] = append(seqs, seq), true
		return err
	}, `SELECT seq, item FROM search_waiting ORDER BY seq LIMIT $1`, n); err != nil || len(seqs) == 0 {
		return 0, err
	}
	// Read after the waiting rows: as those who wrote them left the items, or later.
	var entries []catalog.Entry
	if err := each(ctx, s, func(r pgx.Rows) error {
		e, err := scanEntry(r)
		delete(items, e.Item.ID)
		entries = append(entries, e)
		return err
	}, `SELECT `+itemList+`, NULL::vector FROM items WHERE id = ANY($1) ORDER BY id`, slices.Sorted(maps.Keys(items))); err != nil {
		return 0, err
	}
	if err := indexItems(ctx, s, entries, slices.Sorted(maps.Keys(items))); err != nil {
		return 0, err
	}
	_, err := s.Exec(ctx, `DELETE FROM search_waiting WHERE seq = ANY($1)`, seqs)
	return len(seqs), err
}

// indexItems brings the index up to date with entries, each named once, and takes
// the items gone out of it. The caller holds the lock.
func indexItems(ctx context.Context, s session, entries []catalog.Entry, gone []string) error {
	ids := slices.Clone(gone)
	for i := range entries {
		ids = append(ids, entries[i].Item.ID)
	}
	type known struct {
		n    int
		keys []string
	}
	was := map[string]known{}
	if err := each(ctx, s, func(r pgx.Rows) error {
		var k known
		var id, keys string
		err := r.Scan(&k.n, &id, &keys)
		k.keys = strings.Split(keys, "\n")
		was[id] = k
		return err
	}, `SELECT n, item, keys FROM search_items WHERE item = ANY($1)`, ids); err != nil {
		return err
	}
	next := 0
	if _, err := one(ctx, s, []any{&next}, `SELECT coalesce(max(n) + 1, 0) FROM search_items`); err != nil {
		return err
	}
	changes := postings.Edits{}
	var fresh [][]any
	b := &pgx.Batch{}
	for i := range entries {
		id, now := entries[i].Item.ID, catalog.IndexKeys(&entries[i])
		k, ok := was[id]
		switch {
		case len(now) == 0:
			gone = append(gone, id)
			continue
		case !ok:
			k.n, next = next, next+1
			fresh = append(fresh, []any{k.n, id, strings.Join(now, "\n")})
		case slices.Equal(k.keys, now):
			continue
		default:
			b.Queue(`UPDATE search_items SET keys = $2 WHERE n = $1`, k.n, strings.Join(now, "\n"))
		}
		changes.Move(k.n, k.keys, now)
	}
	for _, id := range gone {
		if k, ok := was[id]; ok {
			changes.Move(k.n, k.keys, nil)
			b.Queue(`DELETE FROM search_items WHERE n = $1`, k.n)
		}
	}
	if len(fresh) > 0 {
		if _, err := s.CopyFrom(ctx, pgx.Identifier{"search_items"}, []string{"n", "item", "keys"}, pgx.CopyFromRows(fresh)); err != nil {
			return err
		}
	}
	for _, block := range slices.Sorted(maps.Keys(changes)) {
		if err := change(ctx, s, b, block, changes[block]); err != nil {
			return err
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return s.SendBatch(ctx, b).Close()
}

// change queues what edits make of the rows of a block.
func change(ctx context.Context, s session, b *pgx.Batch, block int, edits map[string]*postings.Edit) error {
	keys := slices.Sorted(maps.Keys(edits))
	was := make(map[string][]byte, len(keys))
	if err := each(ctx, s, func(r pgx.Rows) error {
		var key string
		var bits []byte
		err := r.Scan(&key, &bits)
		was[key] = bits
		return err
	}, `SELECT p.key, p.bits FROM unnest($1::text[]) AS k(key) JOIN search_postings p ON p.key = k.key COLLATE "C" AND p.block = $2`, keys, block); err != nil {
		return err
	}
	var put, gone []string
	var rows [][]byte
	for _, key := range keys {
		bits, err := edits[key].Apply(was[key])
		switch {
		case err != nil:
			return err
		case bits == nil:
			gone = append(gone, key)
		default:
			put, rows = append(put, key), append(rows, bits)
		}
	}
	if put != nil {
		b.Queue(`INSERT INTO search_postings (key, block, bits) SELECT k.key, $3, k.bits FROM unnest($1::text[], $2::bytea[]) AS k(key, bits)
			ON CONFLICT (key, block) DO UPDATE SET bits = excluded.bits`, put, rows, block)
	}
	if gone != nil {
		b.Queue(`DELETE FROM search_postings WHERE key = ANY($1) AND block = $2`, gone, block)
	}
	return nil
}

// unindex leaves nothing of ids in the index. It waits for who is changing it.
func unindex(ctx context.Context, s session, ids []string) error {
	if _, err := s.Exec(ctx, `SELECT pg_advisory_xact_lock(`+indexing+`)`); err != nil {
		return err
	}
	if _, err := s.Exec(ctx, `DELETE FROM search_waiting WHERE item = ANY($1)`, ids); err != nil {
		return err
	}
	return indexItems(ctx, s, nil, ids)
}

// Postings returns the rows of keys.
func (db *DB) Postings(ctx context.Context, keys []string) ([]postings.Row, error) {
	return db.rows(ctx, `SELECT p.key, p.block, p.bits FROM unnest($1::text[]) AS k(key)
		JOIN search_postings p ON p.key = k.key COLLATE "C" ORDER BY p.key, p.block`, keys)
}

// PostingsIn returns the rows of a stretch of keys.
func (db *DB) PostingsIn(ctx context.Context, from, to string, n int) ([]postings.Row, error) {
	return db.rows(ctx, `SELECT key, block, bits FROM search_postings WHERE key >= $1 AND key < $2 ORDER BY key, block LIMIT $3`, from, to, n)
}

func (db *DB) rows(ctx context.Context, query string, args ...any) (out []postings.Row, err error) {
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
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
		return each(ctx, s, func(r pgx.Rows) error {
			var key string
			err := r.Scan(&key)
			out = append(out, key)
			return err
		}, `WITH RECURSIVE k(key) AS (
				(SELECT key FROM search_postings WHERE key >= $1 AND key < $2 ORDER BY key LIMIT 1)
				UNION ALL
				SELECT x.key FROM k CROSS JOIN LATERAL (SELECT p.key FROM search_postings p WHERE p.key > k.key AND p.key < $2 ORDER BY p.key LIMIT 1) AS x)
			SELECT key FROM k LIMIT $3`, from, to, n)
	})
	return out, err
}

// IndexedItems returns the ids of numbers.
func (db *DB) IndexedItems(ctx context.Context, numbers []int) (ids []string, err error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, `SELECT item FROM search_items WHERE n = ANY($1)`, numbers)
	})
	return ids, err
}

// Unindexed returns the items that wait.
func (db *DB) Unindexed(ctx context.Context, n int) (out []catalog.Unindexed, err error) {
	err = db.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var x catalog.Unindexed
			err := r.Scan(&x.ID, &x.Number)
			out = append(out, x)
			return err
		}, `SELECT w.item, coalesce(i.n, -1) FROM (SELECT item, min(seq) AS seq
			FROM (SELECT seq, item FROM search_waiting ORDER BY seq LIMIT $1) AS first GROUP BY item) AS w
			LEFT JOIN search_items i ON i.item = w.item ORDER BY w.seq`, n)
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

package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// chunk is how many rows one INSERT carries. Larger ones gain nothing more.
const chunk = 64

const itemColumns = `id, feed, category, batch, seq, source, meta_json, record_json, degraded, retired, updated`

// PutEntries inserts or replaces entries with their vectors.
func (p *ports) PutEntries(ctx context.Context, entries []catalog.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		spaces := map[string]space{}
		var put []catalog.Entry // the last of each item
		at := map[string]int{}
		for part := range slices.Chunk(entries, chunk) {
			part, err := arrange(ctx, s, part)
			if err != nil {
				return err
			}
			if len(part) == 0 {
				continue
			}
			if err := putItems(ctx, s, part); err != nil {
				return err
			}
			if err := putVectors(ctx, s, part, spaces); err != nil {
				return err
			}
			for _, e := range part {
				if i, twice := at[e.Item.ID]; twice {
					put[i] = e
					continue
				}
				at[e.Item.ID] = len(put)
				put = append(put, e)
			}
		}
		return indexItems(ctx, s, put, nil)
	})
}

// arrange leaves out entries that arrived late (the stored Seq, or that of
// another entry of the same id, is higher) and removes the vectors of items
// whose text is about to change: what was embedded is gone, in every space.
func arrange(ctx context.Context, s session, entries []catalog.Entry) ([]catalog.Entry, error) {
	at := make(map[string]int, len(entries)) // id → place in keep
	keep := make([]catalog.Entry, 0, len(entries))
	for _, e := range entries {
		if err := goodID("item id", e.Item.ID); err != nil {
			return nil, err
		}
		if i, twice := at[e.Item.ID]; !twice {
			at[e.Item.ID] = len(keep)
			keep = append(keep, e)
		} else if e.Seq >= keep[i].Seq {
			keep[i] = e
		}
	}
	ids := make([]string, len(keep))
	for i, e := range keep {
		ids[i] = e.Item.ID
	}
	var stale []string
	late := map[string]bool{}
	if err := each(ctx, s, func(r *sql.Rows) error {
		var id, source string
		var seq int64
		if err := r.Scan(&id, &source, &seq); err != nil {
			return err
		}
		switch e := keep[at[id]]; {
		case e.Seq < seq:
			late[id] = true
		case e.Item.Source != source:
			stale = append(stale, id)
		}
		return nil
	}, `SELECT id, source, seq FROM items WHERE id IN (SELECT value FROM json_each(?))`, list(ids)); err != nil {
		return nil, err
	}
	if stale != nil {
		if _, err := s.exec(ctx, `DELETE FROM embeddings WHERE item IN (SELECT value FROM json_each(?))`, list(stale)); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(keep, func(e catalog.Entry) bool { return late[e.Item.ID] }), nil
}

func putItems(ctx context.Context, s session, entries []catalog.Entry) error {
	args := make([]any, 0, 11*len(entries))
	for _, e := range entries {
		if e.Record.Source == e.Item.Source {
			e.Record.Source = "" // stands in its own column
		}
		meta, err := encode(e.Item.Meta)
		if err != nil {
			return err
		}
		record, err := encode(e.Record)
		if err != nil {
			return err
		}
		args = append(args, e.Item.ID, e.Item.Meta.Feed, e.Record.Category, e.Batch, e.Seq, e.Item.Source,
			meta, record, e.Item.Degraded, e.Retired, micros(e.Updated))
	}
	_, err := s.exec(ctx, `INSERT INTO items (`+itemColumns+`) VALUES `+values(len(entries), 11)+`
		ON CONFLICT (id) DO UPDATE SET feed = excluded.feed, category = excluded.category, batch = excluded.batch, seq = excluded.seq,
		source = excluded.source, meta_json = excluded.meta_json, record_json = excluded.record_json,
		degraded = excluded.degraded, retired = excluded.retired, updated = excluded.updated`, args...)
	return err
}

// A space is one embedding space as stored.
type space struct {
	n    int64
	dims int
}

func putVectors(ctx context.Context, s session, entries []catalog.Entry, spaces map[string]space) error {
	args := make([]any, 0, 3*len(entries))
	for _, e := range entries {
		if len(e.Vector) == 0 {
			continue
		}
		sp, ok := spaces[e.Space]
		if !ok {
			var err error
			if sp, err = findSpace(ctx, s, e.Space, len(e.Vector)); err != nil {
				return err
			}
			spaces[e.Space] = sp
		}
		if sp.dims != len(e.Vector) {
			return pipeline.Errorf(pipeline.CodeInvalid, "item %s: a vector of %d dimensions does not belong in space %s, which has %d", e.Item.ID, len(e.Vector), e.Space, sp.dims)
		}
		args = append(args, e.Item.ID, sp.n, packVector(e.Vector))
	}
	if len(args) == 0 {
		return nil
	}
	_, err := s.exec(ctx, `INSERT INTO embeddings (item, space, vector) VALUES `+values(len(args)/3, 3)+`
		ON CONFLICT (item, space) DO UPDATE SET vector = excluded.vector`, args...)
	return err
}

// findSpace returns the space of that name, made with dims where it is new.
func findSpace(ctx context.Context, s session, name string, dims int) (sp space, err error) {
	if err := goodID("embedding space", name); err != nil {
		return sp, err
	}
	if _, err := s.exec(ctx, `INSERT INTO spaces (name, dims) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`, name, dims); err != nil {
		return sp, err
	}
	_, err = one(ctx, s, []any{&sp.n, &sp.dims}, `SELECT n, dims FROM spaces WHERE name = ?`, name)
	return sp, err
}

// Entries selects entries in the order of their ids.
func (p *ports) Entries(ctx context.Context, q catalog.Query) (out []catalog.Entry, err error) {
	columns, from := itemColumns+`, NULL`, ` FROM items`
	var w where
	if q.Vectors != "" {
		columns = itemColumns + `, vector`
		from += ` LEFT JOIN embeddings ON item = id AND space = (SELECT n FROM spaces WHERE name = ?)`
		w.args = append(w.args, q.Vectors)
	}
	switch {
	case len(q.IDs) == 1:
		w.add(`id = ?`, q.IDs[0])
	case q.IDs != nil:
		w.add(`id IN (SELECT value FROM json_each(?))`, list(q.IDs))
	}
	if q.Feed != "" {
		w.add(`feed = ?`, q.Feed)
	}
	if q.Category != "" {
		w.add(`category = ?`, q.Category)
	}
	if q.Batch != "" {
		w.add(`batch = ?`, q.Batch)
	}
	if q.Live {
		w.add(`retired = 0`)
	}
	if !q.Since.IsZero() {
		w.add(`updated >= ?`, micros(q.Since))
	}
	if q.After != "" {
		w.add(`id > ?`, q.After)
	}
	if q.Limit <= 0 {
		q.Limit = max(1000, len(q.IDs))
	}
	w.args = append(w.args, q.Limit)
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			e, err := scanEntry(r)
			if e.Vector != nil {
				e.Space = q.Vectors
			}
			out = append(out, e)
			return err
		}, `SELECT `+columns+from+w.String()+` ORDER BY id LIMIT ?`, w.args...)
	})
	return out, err
}

func scanEntry(r *sql.Rows) (catalog.Entry, error) {
	var e catalog.Entry
	var feed, category, meta, record string
	var updated sql.NullInt64
	var vector sql.RawBytes
	if err := r.Scan(&e.Item.ID, &feed, &category, &e.Batch, &e.Seq, &e.Item.Source, &meta, &record,
		&e.Item.Degraded, &e.Retired, &updated, &vector); err != nil {
		return e, err
	}
	e.Updated = moment(updated)
	if err := decode("the metadata of item "+e.Item.ID, meta, &e.Item.Meta); err != nil {
		return e, err
	}
	if err := decode("the record of item "+e.Item.ID, record, &e.Record); err != nil {
		return e, err
	}
	if e.Record.Source == "" {
		e.Record.Source = e.Item.Source
	}
	var err error
	if vector != nil {
		e.Vector, err = unpackVector(vector)
	}
	return e, err
}

// RetireItems marks items as gone from their feed.
func (p *ports) RetireItems(ctx context.Context, ids []string, at time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		if _, err := s.exec(ctx, `UPDATE items SET retired = 1, updated = ? WHERE retired = 0 AND id IN (SELECT value FROM json_each(?))`, micros(at), list(ids)); err != nil {
			return err
		}
		return indexItems(ctx, s, nil, ids)
	})
}

// ReplaceMatches puts ms in place of every match that touches ids.
func (p *ports) ReplaceMatches(ctx context.Context, ids []string, ms []catalog.Match) error {
	if len(ids) == 0 && len(ms) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		if len(ids) > 0 {
			for _, side := range []string{"a", "b"} {
				if _, err := s.exec(ctx, `DELETE FROM matches WHERE `+side+` IN (SELECT value FROM json_each(?))`, list(ids)); err != nil {
					return err
				}
			}
		}
		for part := range slices.Chunk(ms, chunk) {
			args := make([]any, 0, 6*len(part))
			for _, m := range part {
				if m.A >= m.B {
					return pipeline.Errorf(pipeline.CodeInvalid, "match of %q and %q: the first id must be the lesser", m.A, m.B)
				}
				reasons, err := encode(m.Reasons)
				if err != nil {
					return err
				}
				args = append(args, m.A, m.B, string(m.Verdict), m.Score, reasons, m.Veto)
			}
			if _, err := s.exec(ctx, `INSERT INTO matches (a, b, verdict, score, reasons_json, veto) VALUES `+values(len(part), 6)+`
				ON CONFLICT (a, b) DO UPDATE SET verdict = excluded.verdict, score = excluded.score,
				reasons_json = excluded.reasons_json, veto = excluded.veto`, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Matches returns the stored matches that touch ids, by (A, B).
func (p *ports) Matches(ctx context.Context, ids []string) ([]catalog.Match, error) {
	query, args := `SELECT `+matchColumns+` FROM matches ORDER BY a, b`, []any(nil)
	if ids != nil {
		query = `SELECT ` + matchColumns + ` FROM matches WHERE a IN (SELECT value FROM json_each(?1))
			UNION SELECT ` + matchColumns + ` FROM matches WHERE b IN (SELECT value FROM json_each(?1))
			ORDER BY a, b`
		args = []any{list(ids)}
	}
	return p.matches(ctx, query, args)
}

// PutClusters drops the clusters named in remove and stores put.
func (p *ports) PutClusters(ctx context.Context, remove []string, put []catalog.Cluster) error {
	if len(remove) == 0 && len(put) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		gone := slices.Clone(remove)
		for _, c := range put {
			if err := goodID("cluster id", c.ID); err != nil {
				return err
			}
			gone = append(gone, c.ID)
		}
		if _, err := s.exec(ctx, `DELETE FROM cluster_items WHERE cluster IN (SELECT value FROM json_each(?))`, list(gone)); err != nil {
			return err
		}
		for _, c := range put {
			for part := range slices.Chunk(c.Items, chunk) {
				args := make([]any, 0, 2*len(part))
				for _, item := range part {
					args = append(args, item, c.ID)
				}
				if _, err := s.exec(ctx, `INSERT INTO cluster_items (item, cluster) VALUES `+values(len(part), 2)+`
					ON CONFLICT (item) DO UPDATE SET cluster = excluded.cluster`, args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Clusters returns clusters with all of their items, by id.
func (p *ports) Clusters(ctx context.Context, items []string) ([]catalog.Cluster, error) {
	var w where
	if items != nil {
		w.add(`cluster IN (SELECT cluster FROM cluster_items WHERE item IN (SELECT value FROM json_each(?)))`, list(items))
	}
	return p.clusters(ctx, `SELECT cluster, item FROM cluster_items`+w.String()+` ORDER BY cluster, item`, w.args)
}
